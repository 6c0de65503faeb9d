/* SPDX-License-Identifier: MIT */
/*
 * A child process that works for its parent: two joined ends without a name, made before fork(). Each process uses one
 * end and closes the other.
 *
 *     $ cc child.c $(pkg-config --cflags --libs tong) -o child
 *     $ ./child one three eleven
 *     one has 3 letters
 *     three has 5 letters
 *     eleven has 6 letters
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <tong/tong.h>
#include <unistd.h>

static int complain(void)
{
    fprintf(stderr, "%s\n", tong_error_detail());
    return 1;
}

/* The child: answers until the parent has finished, which is TONG_E_END. */
static int work(tong_channel *ch)
{
    char word[64], answer[128];
    int64_t n;

    while ((n = tong_recv(ch, word, sizeof word, tong_forever())) >= 0) {
        int len = snprintf(answer, sizeof answer, "%.*s has %d letters", (int)n, word, (int)n);
        if (tong_send(ch, answer, (size_t)len, tong_forever()) < 0)
            return complain();
    }
    return n == TONG_E_END ? 0 : complain();
}

/* The parent: asks word by word. A child that dies is an error here (TONG_E_GONE), and no endless wait. */
static int ask(tong_channel *ch, char **words)
{
    char answer[128];

    for (; *words; words++) {
        if (tong_send(ch, *words, strlen(*words), tong_in_ms(5000)) < 0)
            return complain();
        int64_t n = tong_recv(ch, answer, sizeof answer, tong_in_ms(5000));
        if (n < 0)
            return complain();
        printf("%.*s\n", (int)n, answer);
    }
    return tong_finish(ch, tong_in_ms(5000)) < 0 ? complain() : 0;
}

int main(int argc, char **argv)
{
    tong_channel *ends[2];
    int status = 1;

    (void)argc;
    if (tong_pair(ends, "unix:") < 0)
        return complain();
    pid_t child = fork();
    if (child == 0) {
        tong_close(ends[0]);
        int code = work(ends[1]);
        tong_close(ends[1]);
        return code;
    }
    tong_close(ends[1]);
    int code = child < 0 ? 1 : ask(ends[0], argv + 1);
    tong_close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    return code || status;
}

/* SPDX-License-Identifier: MIT */
/*
 * Two threads, each with an end of its own. The address decides what carries the message, and nothing else changes.
 *
 *     $ cc threads.c $(pkg-config --cflags --libs tong) -o threads
 *     $ ./threads inproc:greeting
 *     good morning
 *     $ ./threads unix:greeting.sock
 *     good morning
 *     $ ./threads unix:missing/greeting.sock || echo "exit code $?"
 *     unix:missing/greeting.sock: its directory cannot be used: No such file or directory
 *     exit code 1
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <tong/tong.h>

static const char text[] = "good morning";

static int complain(void)
{
    fprintf(stderr, "%s\n", tong_error_detail());
    return 1;
}

/* The sending thread. It returns NULL when all went well. */
static void *greet(void *address)
{
    static int failed;
    tong_channel *ch;

    if (tong_open(&ch, address, TONG_PUSH, NULL, tong_in_ms(5000)) < 0) {
        failed = complain();
        return &failed;
    }
    if (tong_send(ch, text, strlen(text), tong_in_ms(5000)) < 0 || tong_finish(ch, tong_in_ms(5000)) < 0)
        failed = complain();
    tong_close(ch);
    return failed ? &failed : NULL;
}

static int listen_once(tong_channel *ch)
{
    char room[64];
    int64_t n = tong_recv(ch, room, sizeof room, tong_in_ms(5000));

    if (n < 0)
        return complain();
    printf("%.*s\n", (int)n, room);
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    tong_channel *ch;
    void *failed = NULL;

    if (argc != 2)
        return fprintf(stderr, "usage: threads ADDRESS\n"), 2;
    /* The receiving end is there before the other thread is, so neither has to wait for the other. */
    if (tong_open(&ch, argv[1], TONG_PULL, NULL, tong_now()) < 0)
        return complain();
    if (pthread_create(&thread, NULL, greet, argv[1]) != 0) {
        tong_close(ch);
        return 1;
    }
    int code = listen_once(ch);
    pthread_join(thread, &failed);
    tong_close(ch);
    return code || failed;
}

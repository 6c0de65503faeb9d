/* SPDX-License-Identifier: MIT */
/*
 * A channel in an event loop: tong_fd gives a descriptor that is readable while something may be received. It is valid
 * until the channel is closed, so it is added once.
 *
 *     $ cc loop.c $(pkg-config --cflags --libs tong) -o loop
 *     $ ./loop 'unix:loop.sock?end=last' &
 *     $ printf 'one\ntwo\n' | tong send --lines unix:loop.sock
 *     one
 *     two
 *     all senders have finished
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <tong/tong.h>
#include <unistd.h>

/* Takes everything that is there. Returns 0 to go on, or why not. */
static int64_t take_all(tong_channel *ch)
{
    char text[4096];
    int64_t n;

    while ((n = tong_recv(ch, text, sizeof text, tong_now())) >= 0)
        printf("%.*s\n", (int)n, text);
    return n == -EAGAIN ? 0 : n;
}

static int64_t run(tong_channel *ch, int epoll)
{
    int fd = tong_fd(ch, TONG_IN);
    struct epoll_event event = {.events = EPOLLIN};

    if (fd < 0)
        return fd;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    for (;;) {
        if (epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR)
            return -errno;
        int64_t r = take_all(ch);
        if (r < 0)
            return r;
    }
}

int main(int argc, char **argv)
{
    tong_channel *ch;

    if (argc != 2)
        return fprintf(stderr, "usage: loop ADDRESS\n"), 2;
    if (tong_open(&ch, argv[1], TONG_PULL, NULL, tong_now()) < 0)
        return fprintf(stderr, "%s\n", tong_error_detail()), 1;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t r = epoll < 0 ? -errno : run(ch, epoll);
    if (r == TONG_E_END)
        printf("all senders have finished\n");
    else
        fprintf(stderr, "%s\n", tong_error_text((int)r));
    tong_close(ch);
    if (epoll >= 0)
        close(epoll);
    return r != TONG_E_END;
}

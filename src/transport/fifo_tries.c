/* SPDX-License-Identifier: MIT */
#include "transport/fifo_tries.h"

#include <sys/timerfd.h>

#include "base/limits.h"
#include "sys/clock.h"
#include "sys/sys.h"

void tongi_fifo_tries_init(struct tongi_fifo_tries *tries, uint32_t events)
{
    *tries = (struct tongi_fifo_tries){.events = events,
                                       .backoff_ns = TONGI_BACKOFF_FIRST_NS,
                                       .jitter = (uint32_t)(uintptr_t)tries,
                                       .epoll = -1,
                                       .timer = -1};
}

void tongi_fifo_tries_fini(struct tongi_fifo_tries *tries)
{
    tries->epoll = tongi_sys_close(tries->epoll);
    tries->timer = tongi_sys_close(tries->timer);
}

/* Wakes the event loop when it is time to try again; 0: not at all. */
static void arm(const struct tongi_fifo_tries *tries, int64_t at_ns)
{
    const struct itimerspec value = {.it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};

    if (tries->timer >= 0)
        tongi_sys_timerfd_settime(tries->timer, TFD_TIMER_ABSTIME, &value, NULL);
}

/* Between half and one and a half of the interval, so that many who wait for the same do not come at once. */
bool tongi_fifo_tries_due(struct tongi_fifo_tries *tries)
{
    int64_t now_ns = tongi_clock_ns();

    if (now_ns < tries->next_ns)
        return false;
    tries->jitter = tries->jitter * 1664525u + 1013904223u;
    tries->next_ns =
        now_ns + tries->backoff_ns / 2 + (int64_t)((uint64_t)tries->backoff_ns * (tries->jitter >> 16) >> 16);
    tries->backoff_ns = tries->backoff_ns * 2 < TONGI_BACKOFF_LAST_NS ? tries->backoff_ns * 2 : TONGI_BACKOFF_LAST_NS;
    arm(tries, tries->next_ns);
    return true;
}

static int watch(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};

    return tongi_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int tongi_fifo_tries_won(struct tongi_fifo_tries *tries, int fd)
{
    if (tries->epoll >= 0) {
        int r = watch(tries->epoll, fd, tries->events);
        if (r < 0)
            return r;
    }
    arm(tries, 0);
    tries->backoff_ns = TONGI_BACKOFF_FIRST_NS;
    return 0;
}

void tongi_fifo_tries_lost(struct tongi_fifo_tries *tries, int fd)
{
    if (tries->epoll >= 0)
        tongi_sys_epoll_ctl(tries->epoll, EPOLL_CTL_DEL, fd, NULL);
    arm(tries, tries->next_ns);
}

int tongi_fifo_tries_fd(struct tongi_fifo_tries *tries, int fd)
{
    if (tries->epoll >= 0)
        return tries->epoll;
    int epoll = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
    int r = epoll < 0 ? epoll : 0;
    if (r >= 0)
        r = tries->timer = tongi_sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (r >= 0)
        r = watch(epoll, tries->timer, EPOLLIN);
    if (r >= 0 && fd >= 0)
        r = watch(epoll, fd, tries->events);
    if (r < 0) {
        tongi_sys_close(epoll);
        tries->timer = tongi_sys_close(tries->timer);
        return r;
    }
    tries->epoll = epoll;
    /* A moment that has passed wakes at once, as it should: 0 would disarm. */
    if (fd < 0)
        arm(tries, tries->next_ns ? tries->next_ns : 1);
    return epoll;
}

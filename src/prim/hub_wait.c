/* SPDX-License-Identifier: MIT */
/* What a hub is waited for with: descriptors for calls that sleep, and for event loops. */
#include "prim/hub_parts.h"

#include <sys/timerfd.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/clock.h"
#include "sys/sys.h"

int tongi_hub_watch(int epoll, int fd, uint32_t events, void *who)
{
    struct epoll_event event = {.events = events, .data.ptr = who};

    return epoll < 0 ? 0 : tongi_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void tongi_hub_unwatch(int epoll, int fd)
{
    struct epoll_event none = {0};

    if (epoll >= 0)
        tongi_sys_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &none);
}

void tongi_hub_arm(struct tongi_hub *hub)
{
    int64_t due_ns = TONGI_NEVER;

    if (hub->timer < 0)
        return;
    if (tongi_hub_many(hub)) {
        if (hub->greet_first)
            due_ns = hub->greet_first->greet_until_ns;
        if (hub->resting && hub->rest_until_ns < due_ns)
            due_ns = hub->rest_until_ns;
    } else if (hub->setup.net && (!hub->current || hub->current->lost)) {
        due_ns = hub->next_try_ns ? hub->next_try_ns : 1;
    }
    if (due_ns == hub->timer_ns)
        return;
    struct itimerspec when = {0};
    if (due_ns != TONGI_NEVER)
        when.it_value = (struct timespec){.tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000};
    tongi_sys_timerfd_settime(hub->timer, TFD_TIMER_ABSTIME, &when, NULL);
    hub->timer_ns = due_ns;
}

static int timer_make(struct tongi_hub *hub)
{
    int fd = tongi_sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int r = fd < 0 ? fd : tongi_hub_watch(hub->in_epoll, fd, EPOLLIN, &hub->timer);

    if (r >= 0)
        r = tongi_hub_watch(hub->out_epoll, fd, EPOLLIN, &hub->timer);
    if (r < 0) {
        tongi_sys_close(fd);
        return r;
    }
    hub->timer = fd;
    return 0;
}

/* The half may still be emptying a link that the other half has replaced already, so both are watched. */
static int single_watch(struct tongi_hub *hub, uint32_t direction, int epoll)
{
    struct tongi_link *half = direction == TONG_IN ? hub->in : hub->out;
    uint32_t events = direction == TONG_IN ? EPOLLIN : EPOLLOUT;
    int r = half ? tongi_hub_watch(epoll, tongi_link_fd(half, direction), events, half) : 0;

    if (r >= 0 && hub->current && hub->current != half && !hub->current->lost)
        r = tongi_hub_watch(epoll, tongi_link_fd(hub->current, direction), events, hub->current);
    return r;
}

/* Puts every link into in_epoll, which they need as soon as they are several. */
int tongi_hub_watch_links(struct tongi_hub *hub)
{
    for (uint32_t i = 0; i < hub->count; i++) {
        struct tongi_link *link = hub->links[i];
        int r = link->watched ? 0 : tongi_hub_watch(hub->in_epoll, link->in_fd, EPOLLIN, link);
        if (r < 0)
            return r;
        link->watched = true;
    }
    return 0;
}

static int fd_make(struct tongi_hub *hub, uint32_t direction)
{
    int *epoll = direction == TONG_IN ? &hub->in_epoll : &hub->out_epoll;
    int r = hub->timer < 0 ? timer_make(hub) : 0;

    if (r < 0)
        return r;
    if (*epoll < 0) {
        int fd = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
        if (fd < 0)
            return fd;
        r = tongi_hub_watch(fd, hub->timer, EPOLLIN, &hub->timer);
        if (r >= 0)
            r = single_watch(hub, direction, fd);
        if (r < 0) {
            tongi_sys_close(fd);
            return r;
        }
        *epoll = fd;
    }
    tongi_hub_arm(hub);
    return *epoll;
}

int tongi_hub_fd(struct tongi_hub *hub, uint32_t direction)
{
    pthread_mutex_lock(&hub->lock);
    int r = fd_make(hub, direction);
    if (r >= 0 && direction == TONG_IN && tongi_hub_many(hub)) {
        hub->watch_all = true;
        int watched = tongi_hub_watch_links(hub);
        r = watched < 0 ? watched : r;
    }
    pthread_mutex_unlock(&hub->lock);
    return r < 0 ? TONG_FAIL(r, "%s: no descriptor for an event loop: %s", hub->setup.address, tong_error_text(r)) : r;
}

static void lower(int64_t *until_ns, int64_t due_ns)
{
    if (due_ns < *until_ns)
        *until_ns = due_ns;
}

/* A foreign peer may stop reading until somebody takes what it writes. */
static short out_events(const struct tongi_hub *hub, const struct tongi_link *link)
{
    return tongi_hub_foreign(hub) && tongi_hub_sends_only(hub) && !link->ended ? POLLOUT | POLLIN : POLLOUT;
}

int tongi_hub_pollset(struct tongi_hub *hub, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    int n = 0;

    if (tongi_hub_many(hub)) {
        if (hub->greet_first)
            lower(until_ns, hub->greet_first->greet_until_ns);
        if (hub->resting)
            lower(until_ns, hub->rest_until_ns);
        if (direction == TONG_OUT && hub->wait_link) {
            set[n++] = (struct pollfd){.fd = hub->wait_link->out_fd, .events = out_events(hub, hub->wait_link)};
            return n;
        }
        if (direction == TONG_OUT)
            set[n++] = (struct pollfd){.fd = hub->out_epoll, .events = POLLIN};
        else if (tongi_hub_sole(hub))
            set[n++] = (struct pollfd){.fd = hub->links[0]->in_fd, .events = POLLIN};
        set[n++] = (struct pollfd){.fd = hub->in_epoll, .events = POLLIN};
        return n;
    }
    struct tongi_link *link = direction == TONG_IN ? hub->in : hub->out;
    if (link) {
        set[n++] = (struct pollfd){.fd = tongi_link_fd(link, direction),
                                   .events = direction == TONG_IN ? POLLIN : out_events(hub, link)};
        return n;
    }
    pthread_mutex_lock(&hub->lock);
    /* The other half may have connected since this one tried. */
    lower(until_ns, hub->current && !hub->current->lost ? 0 : hub->next_try_ns);
    pthread_mutex_unlock(&hub->lock);
    return n;
}

bool tongi_hub_ready(struct tongi_hub *hub, uint32_t direction)
{
    return direction == TONG_IN ? tongi_hub_in_ready(hub) : tongi_hub_out_ready(hub);
}

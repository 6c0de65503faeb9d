/* SPDX-License-Identifier: MIT */
/* Connecting again and again, greeting, and letting links go. */
#include "prim/hub_parts.h"

#include "base/error.h"
#include "base/limits.h"
#include "sys/clock.h"
#include "sys/sys.h"

/* Says hello, unless the peer would not know what that is. What does not go in now goes before the first message; a
 * peer that is gone already is noticed later. */
static int greet(struct tongi_hub *hub, struct tongi_link *link)
{
    uint8_t bytes[TONGI_HELLO_BYTES];

    if (tongi_hub_foreign(hub)) {
        link->framing = hub->setup.framing;
        link->least = 1;
        link->greeted = !tongi_hub_many(hub);
        return 0;
    }
    tongi_hello_encode(bytes, &(struct tongi_hello){hub->setup.role, hub->setup.size_max, hub->setup.descriptors});
    int r = tongi_link_keep_bytes(link, bytes, sizeof bytes);
    if (r >= 0)
        (void)tongi_link_push(link);
    return r;
}

/* What comes beside the bytes is read only where somebody asked for it. */
static int attend(const struct tongi_hub *hub, struct tongi_link *link)
{
    if (!hub->setup.descriptors && !hub->setup.credentials)
        return 0;
    link->ancillary = tongi_ancillary_new(hub->setup.descriptors, hub->setup.credentials);
    return link->ancillary ? 0 : -ENOMEM;
}

/* The descriptors stay the caller's on failure: -ENOMEM, -EMFILE, or whoever is there is not to be talked to. */
static int link_make(struct tongi_hub *hub, int in_fd, int out_fd, struct tongi_link **ret_link)
{
    struct tongi_link *link = tongi_link_new(in_fd, out_fd, hub->setup.wire);
    int r = -ENOMEM;

    if (link) {
        link->peer = tongi_report_peer(hub->setup.report);
        r = tongi_link_arm(link);
        if (r < 0)
            TONG_FAIL(r, "%s: no descriptor for a conversation: %s (raise 'ulimit -n')", hub->setup.address,
                      tong_error_text(r));
    }
    if (link && r >= 0) {
        r = hub->setup.net && hub->setup.net->identify ? hub->setup.net->identify(hub->setup.place, link) : 0;
        if (r >= 0)
            r = attend(hub, link);
        if (r >= 0)
            r = greet(hub, link);
    }
    if (r == -ENOMEM)
        TONG_FAIL(r, "%s: no memory for a connection", hub->setup.address);
    if (r < 0 && link) {
        link->in_fd = link->out_fd = -1;
        tongi_link_free(link, false);
    }
    if (r >= 0)
        *ret_link = link;
    return r;
}

int tongi_hub_link_make(struct tongi_hub *hub, int fd, struct tongi_link **ret_link)
{
    return link_make(hub, fd, fd, ret_link);
}

/* Between half and one and a half of the interval, from a sequence of this hub's own. */
static int64_t jittered(struct tongi_hub *hub)
{
    hub->jitter = hub->jitter * 1664525u + 1013904223u;
    return hub->backoff_ns / 2 + (int64_t)((uint64_t)hub->backoff_ns * (hub->jitter >> 16) >> 16);
}

static void replace_current(struct tongi_hub *hub, struct tongi_link *link)
{
    tongi_link_unref(hub->current, true);
    hub->current = link;
    hub->had_link = true;
    tongi_hub_tell(hub, TONG_JOINED, link, 0);
}

static int connect_once(struct tongi_hub *hub)
{
    int64_t now_ns = tongi_clock_ns();

    if (hub->refused)
        return tongi_hub_fate_fail(hub, TONGI_FATE_REFUSED);
    if (!hub->setup.net || (hub->had_link && !hub->setup.reconnect))
        return tongi_hub_fate_fail(hub, TONGI_FATE_GONE);
    if (now_ns < hub->next_try_ns)
        return -EAGAIN;
    /* The next try is spaced even if this one connects, so that a listener which cuts everyone off is not hammered; a
     * greeting sets the interval back. */
    hub->next_try_ns = now_ns + jittered(hub);
    hub->backoff_ns = hub->backoff_ns * 2 < TONGI_BACKOFF_LAST_NS ? hub->backoff_ns * 2 : TONGI_BACKOFF_LAST_NS;

    int fd = hub->setup.net->connect(hub->setup.place);
    if (fd < 0)
        return fd == -EAGAIN ? fd : TONG_TRACE(fd);
    struct tongi_link *link;
    int r = tongi_hub_link_make(hub, fd, &link);
    if (r < 0) {
        tongi_sys_close(fd);
        return TONG_TRACE(r);
    }
    r = tongi_hub_watch(hub->in_epoll, fd, EPOLLIN, link);
    if (r >= 0)
        r = tongi_hub_watch(hub->out_epoll, fd, EPOLLOUT, link);
    if (r < 0) {
        /* A link that an event loop is not told of would be silent for ever. */
        tongi_link_free(link, true);
        return TONG_FAIL(r, "%s: the connection cannot be watched: %s", hub->setup.address, tong_error_text(r));
    }
    replace_current(hub, link);
    return 0;
}

int tongi_hub_hold(struct tongi_hub *hub, struct tongi_link **half, enum tongi_fate fate)
{
    int r = 0;

    if (*half)
        return 0;
    if (fate != TONGI_FATE_OPEN)
        return tongi_hub_fate_fail(hub, fate);
    pthread_mutex_lock(&hub->lock);
    if (!hub->current || hub->current->lost)
        r = connect_once(hub);
    if (r >= 0) {
        *half = hub->current;
        hub->current->refs++;
    }
    tongi_hub_arm(hub);
    pthread_mutex_unlock(&hub->lock);
    return r;
}

void tongi_hub_let_go(struct tongi_hub *hub, struct tongi_link **half, enum tong_event_what what)
{
    struct tongi_link *link = *half;

    pthread_mutex_lock(&hub->lock);
    *half = NULL;
    link->lost = true;
    if (!link->told)
        tongi_hub_tell(hub, what, link, 0);
    link->told = true;
    /* Also for the other half, unless it holds the link and so will find out by itself. */
    if (hub->in != link)
        tongi_hub_unwatch(hub->in_epoll, link->in_fd);
    if (hub->out != link)
        tongi_hub_unwatch(hub->out_epoll, link->out_fd);
    tongi_link_unref(link, true);
    tongi_hub_arm(hub);
    pthread_mutex_unlock(&hub->lock);
}

int tongi_hub_join_pipes(struct tongi_hub *hub, int in_fd, int out_fd)
{
    struct tongi_link *link;
    int r = link_make(hub, in_fd < 0 ? out_fd : in_fd, out_fd < 0 ? in_fd : out_fd, &link);

    if (r < 0)
        return TONG_TRACE(r);
    replace_current(hub, link);
    /* There is no other link to come, so what this one brought is received also if sending finds it lost before. */
    if (hub->setup.role == TONG_PAIR && tongi_hub_foreign(hub)) {
        hub->in = link;
        link->refs++;
    }
    return 0;
}

/*
 * Ends a link by cut or end. With pipes its numbers then mean another pipe, so they leave their epoll before:
 * afterwards nobody could take the old ones out, which live on while a forked child has them. They come back, to be
 * found at an end; what was just taken out has room to.
 */
static void end_by(struct tongi_hub *hub, struct tongi_link *link, void (*how)(struct tongi_link *link))
{
    bool pipes = link->wire == TONGI_WIRE_PIPE;

    pthread_mutex_lock(&hub->lock);
    if (pipes) {
        tongi_hub_unwatch(hub->in_epoll, link->in_fd);
        tongi_hub_unwatch(hub->out_epoll, link->out_fd);
    }
    how(link);
    if (pipes) {
        (void)tongi_hub_watch(hub->in_epoll, link->in_fd, EPOLLIN, link);
        (void)tongi_hub_watch(hub->out_epoll, link->out_fd, EPOLLOUT, link);
    }
    pthread_mutex_unlock(&hub->lock);
}

void tongi_hub_cut(struct tongi_hub *hub, struct tongi_link *link)
{
    end_by(hub, link, tongi_link_cut);
}

void tongi_hub_end(struct tongi_hub *hub, struct tongi_link *link)
{
    end_by(hub, link, tongi_link_end);
}

int tongi_hub_join(struct tongi_hub *hub, int fd, bool shared)
{
    struct tongi_link *link;
    int r = tongi_hub_link_make(hub, fd, &link);

    if (r < 0)
        return TONG_TRACE(r);
    link->shared = shared;
    replace_current(hub, link);
    return 0;
}

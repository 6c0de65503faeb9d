/* SPDX-License-Identifier: MIT */
/*
 * Readiness for other people's event loops. What tong_fd gives is an epoll of three: the transport's descriptor, an
 * eventfd that stands for what only the transport knows (messages already read), and the one that shutdown rings.
 */
#include "channel/channel.h"

#include <sys/eventfd.h>

#include "sys/clock.h"
#include "sys/sys.h"

void tongi_ready_update(tong_channel *ch, uint32_t direction)
{
    struct tongi_half *half = tongi_half_of(ch, direction);
    bool ready = ch->ops->ready && ch->ops->ready(ch->state, direction);

    if (ready == half->rung)
        return;
    uint64_t one = 1;
    if (ready)
        tongi_sys_write(half->pending, &one, sizeof one);
    else
        tongi_sys_read(half->pending, &one, sizeof one);
    half->rung = ready;
}

static int epoll_add(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return tongi_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int descriptor_fail(tong_channel *ch, int error)
{
    return TONG_FAIL(error, "%s: no descriptor for an event loop: %s (raise 'ulimit -n')", ch->address,
                     tong_error_text(error));
}

static int fd_make(tong_channel *ch, uint32_t direction)
{
    struct tongi_half *half = tongi_half_of(ch, direction);
    int transport = ch->ops->fd(ch->state, direction);
    if (transport < 0)
        return TONG_TRACE(transport);
    int bell = tongi_stop_bell(ch);
    if (bell < 0)
        return TONG_TRACE(bell);

    int epoll = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
    int pending = tongi_sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = epoll < 0 ? epoll : pending < 0 ? pending : 0;
    if (r >= 0)
        r = epoll_add(epoll, transport);
    if (r >= 0)
        r = epoll_add(epoll, pending);
    if (r >= 0)
        r = epoll_add(epoll, bell);
    if (r < 0) {
        tongi_sys_close(epoll);
        tongi_sys_close(pending);
        return descriptor_fail(ch, r);
    }
    half->fd = epoll;
    half->pending = pending;
    half->rung = false;
    tongi_ready_update(ch, direction);
    return epoll;
}

int tong_fd(tong_channel *ch, enum tong_direction direction)
{
    if (direction != TONG_IN && direction != TONG_OUT)
        return TONG_FAIL(-EINVAL, "the direction is TONG_IN or TONG_OUT");
    int r = tongi_enter(ch, direction);

    if (r < 0)
        return r;
    if (!ch->ops->fd)
        return tongi_nocap(ch, TONG_CAP_POLLABLE, "descriptor to poll");
    struct tongi_half *half = tongi_half_of(ch, direction);
    return half->fd >= 0 ? half->fd : fd_make(ch, direction);
}

/* ---- several channels ------------------------------------------------------------------------------------------ */

struct poll_round {
    tong_pollitem *items;
    uint32_t n;
    struct pollfd *set;
    uint32_t used;
    int64_t until_ns;
};

/* What the descriptors say for which a call in that direction sleeps, once the transport has done its own work. */
static bool descriptors_ready(tong_channel *ch, uint32_t direction)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = TONGI_NEVER;

    int r = ch->ops->step ? ch->ops->step(ch->state, direction) : 0;
    if (r < 0)
        return r != -EAGAIN;
    int n = ch->ops->pollset(ch->state, direction, set, &until_ns);
    const struct timespec at_once = {0};
    if (n <= 0)
        return false;
    do
        r = tongi_sys_ppoll(set, (nfds_t)n, &at_once, NULL);
    while (r == -EINTR);
    return r > 0;
}

static bool in_ready(tong_channel *ch)
{
    if (ch->ops->ready && ch->ops->ready(ch->state, TONG_IN))
        return true;
    int64_t size = ch->ops->next_size ? ch->ops->next_size(ch->state) : -EAGAIN;
    /* A listening pair has no messages of its own; its descriptors tell of newcomers. */
    return size == TONG_E_STATE ? descriptors_ready(ch, TONG_IN) : size != -EAGAIN;
}

/* Is there room? The transport says so by itself, or its descriptors do. */
static bool out_ready(tong_channel *ch)
{
    if (ch->ops->ready && ch->ops->ready(ch->state, TONG_OUT))
        return true;
    return descriptors_ready(ch, TONG_OUT);
}

static bool stopped(const tong_channel *ch)
{
    /* Total: after tongi_stop_bell it stands in the same order as sleep_until's. */
    return tongi_load_total_u32(&ch->stopped);
}

static int64_t count_ready(struct poll_round *round)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < round->n; i++) {
        tong_pollitem *item = &round->items[i];
        item->ready = 0;
        if (item->want & TONG_IN && (stopped(item->ch) || in_ready(item->ch)))
            item->ready |= TONG_IN;
        if (item->want & TONG_OUT && (stopped(item->ch) || out_ready(item->ch)))
            item->ready |= TONG_OUT;
        count += item->ready != 0;
    }
    return count;
}

static int gather(struct poll_round *round)
{
    round->used = 0;
    for (uint32_t i = 0; i < round->n; i++) {
        tong_channel *ch = round->items[i].ch;
        int bell = tongi_stop_bell(ch);
        if (bell < 0)
            return TONG_TRACE(bell);
        round->set[round->used++] = (struct pollfd){.fd = bell, .events = POLLIN};
        for (uint32_t direction = TONG_IN; direction <= TONG_OUT; direction++) {
            if (!(round->items[i].want & direction))
                continue;
            int n = ch->ops->pollset(ch->state, direction, round->set + round->used, &round->until_ns);
            if (n < 0)
                return TONG_TRACE(n);
            round->used += (uint32_t)n;
        }
    }
    return 0;
}

static int poll_sleep(struct poll_round *round, tong_deadline deadline, int64_t now_ns)
{
    struct timespec timeout, *limit = NULL;

    round->until_ns = deadline.ns;
    int r = gather(round);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < round->n; i++)
        if (stopped(round->items[i].ch))
            return 0;
    if (round->until_ns != TONGI_NEVER) {
        int64_t left_ns = round->until_ns > now_ns ? round->until_ns - now_ns : 0;
        timeout = (struct timespec){.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
        limit = &timeout;
    }
    r = tongi_sys_ppoll(round->set, round->used, limit, NULL);
    return r < 0 && r != -EINTR ? TONG_FAIL(r, "waiting failed: %s", tong_error_text(r)) : 0;
}

static int64_t poll_round_run(struct poll_round *round, tong_deadline deadline)
{
    /* One learner serves the whole set: that of its first channel, in a direction that is this thread's. */
    struct tongi_spin *spin = &tongi_half_of(round->items[0].ch, round->items[0].want & TONG_IN)->spin;
    int64_t spin_until_ns = 0, begun_ns = 0;
    bool slept = false;

    for (;;) {
        int64_t count = count_ready(round);
        if (count) {
            if (begun_ns)
                tongi_spin_learn(spin, !slept, slept ? tongi_clock_ns() - begun_ns : 0);
            return count;
        }
        if (deadline.ns == 0)
            return TONG_FAIL_FAST(-EAGAIN, "none of the channels is ready just now");
        int64_t now_ns = tongi_clock_ns();
        if (now_ns >= deadline.ns)
            return TONG_FAIL(-ETIMEDOUT, "none of %u channels became ready before the deadline", round->n);
        if (!begun_ns) {
            begun_ns = now_ns;
            spin_until_ns = tongi_clock_add(now_ns, tongi_spin_budget_ns(spin, round->items[0].ch->start.opts.wait));
        }
        if (now_ns < spin_until_ns) {
            tongi_pause();
            continue;
        }
        int r = poll_sleep(round, deadline, now_ns);
        slept = true;
        if (r < 0)
            return TONG_TRACE(r);
    }
}

int64_t tong_poll(tong_pollitem *items, uint32_t n, tong_deadline deadline)
{
    enum { FEW = 16, PER_ITEM = 2 * TONGI_POLLSET_MAX + 1 };
    struct pollfd few[FEW * PER_ITEM];
    struct poll_round round = {.items = items, .n = n, .set = few};

    if (n == 0 || !items)
        return TONG_FAIL(-EINVAL, "tong_poll needs at least one item");
    for (uint32_t i = 0; i < n; i++) {
        if (!items[i].want || items[i].want & ~(uint32_t)(TONG_IN | TONG_OUT))
            return TONG_FAIL(-EINVAL, "item %u: want is TONG_IN, TONG_OUT or both", i);
        for (uint32_t direction = TONG_IN; direction <= TONG_OUT; direction++) {
            int r = items[i].want & direction ? tongi_enter(items[i].ch, direction) : 0;
            if (r < 0 && r != TONG_E_SHUTDOWN)
                return r;
        }
    }
    if (n > FEW) {
        round.set = tongi_sys_alloc((size_t)n * PER_ITEM * sizeof *round.set);
        if (!round.set)
            return TONG_FAIL(-ENOMEM, "no memory to poll %u channels", n);
    }
    int64_t r = poll_round_run(&round, deadline);
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].want & TONG_IN)
            tongi_leave(items[i].ch, TONG_IN);
        if (items[i].want & TONG_OUT)
            tongi_leave(items[i].ch, TONG_OUT);
    }
    if (round.set != few)
        tongi_sys_free(round.set);
    return r;
}

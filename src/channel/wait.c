/* SPDX-License-Identifier: MIT */
/*
 * The only place that waits. A wait first spins, by repeating the attempt, for as long as waits of this channel and
 * direction have paid lately, then sleeps on the transport's descriptors and the channel's own.
 */
#include "channel/channel.h"

#include <sys/eventfd.h>

#include "sys/clock.h"
#include "sys/sys.h"

/* The longest sleep of a call that nothing can wake at shutdown, because the process has no descriptor left. */
#define BELL_LESS_NS INT64_C(50000000)

int tongi_stop_bell(tong_channel *ch)
{
    uint32_t bell = tongi_load_total_u32(&ch->stop_bell);

    if (bell)
        return (int)bell - 1;
    int fd = tongi_sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return TONG_FAIL(fd, "%s: no descriptor to sleep on: %s (raise 'ulimit -n')", ch->address, tong_error_text(fd));
    /* Total order with tong_shutdown, which stores stopped and then loads stop_bell: either it sees this bell, or the
     * sleeper, who looks at stopped after this store, sees stopped. Both threads may come here: the first one wins. */
    if (tongi_swap_total_u32(&ch->stop_bell, &bell, (uint32_t)fd + 1))
        return fd;
    tongi_sys_close(fd);
    return (int)bell - 1;
}

void tong_shutdown(tong_channel *ch)
{
    if (!ch)
        return;
    /* Partner: the total load in sleep_until, see tongi_stop_bell. */
    tongi_store_total_u32(&ch->stopped, 1);
    if (ch->ops->shutdown)
        ch->ops->shutdown(ch->state);
    uint32_t bell = tongi_load_total_u32(&ch->stop_bell);
    if (bell) {
        int saved = errno; /* a signal handler must not change it */
        tongi_sys_write((int)bell - 1, &(uint64_t){1}, sizeof(uint64_t));
        errno = saved;
    }
}

/* A spinning wait looks at the clock, 25 to 40 ns, every so many attempts: an attempt takes a few hundred on a socket,
 * so that a deadline is overrun by a microsecond, and a few on memory. */
#define CLOCK_EVERY 4u

struct wait {
    tong_channel *ch;
    uint32_t direction;
    int64_t deadline_ns;
    int64_t begun_ns;
    int64_t spin_until_ns;
    uint32_t spins; /* attempts of the present spin */
    bool slept;
};

static int sleep_until(struct wait *wait, int64_t now_ns)
{
    tong_channel *ch = wait->ch;
    struct pollfd set[TONGI_POLLSET_MAX + 1];
    int64_t until_ns = wait->deadline_ns;

    /* Without a descriptor for the bell, shutdown is noticed by looking now and then. */
    int bell = tongi_stop_bell(ch);
    if (bell < 0 && until_ns > now_ns + BELL_LESS_NS)
        until_ns = now_ns + BELL_LESS_NS;
    int n = ch->ops->pollset(ch->state, wait->direction, set, &until_ns);
    if (n < 0)
        return TONG_TRACE(n);
    set[n] = (struct pollfd){.fd = bell, .events = POLLIN};
    if (tongi_load_total_u32(&ch->stopped))
        return 0;

    struct timespec timeout, *limit = NULL;
    if (until_ns != TONGI_NEVER) {
        int64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        timeout = (struct timespec){.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
        limit = &timeout;
    }
    struct tongi_half *half = tongi_half_of(ch, wait->direction);
    tongi_count_u64(&half->sleeps, 1);
    wait->slept = true;
    int r = tongi_sys_ppoll(set, (nfds_t)n + 1, limit, NULL);
    return r < 0 && r != -EINTR ? TONG_FAIL(r, "%s: waiting failed: %s", ch->address, tong_error_text(r)) : 0;
}

/* Passes a little time; 0: try again. */
static int pass_time(struct wait *wait)
{
    tong_channel *ch = wait->ch;

    if (tongi_load_acquire_u32(&ch->stopped))
        return TONG_FAIL(TONG_E_SHUTDOWN, "%s: the channel was shut down", ch->address);
    if (wait->spins && wait->spins++ % CLOCK_EVERY) {
        tongi_pause();
        return 0;
    }
    int64_t now_ns = tongi_clock_ns();
    if (now_ns >= wait->deadline_ns)
        return -ETIMEDOUT;
    if (wait->begun_ns == 0) {
        int64_t budget_ns = tongi_spin_budget_ns(&tongi_half_of(ch, wait->direction)->spin, ch->start.opts.wait);
        wait->begun_ns = now_ns;
        wait->spin_until_ns = tongi_clock_add(now_ns, budget_ns);
    }
    if (now_ns < wait->spin_until_ns) {
        wait->spins = wait->spins ? wait->spins : 1;
        tongi_pause();
        return 0;
    }
    wait->spins = 0;
    return sleep_until(wait, now_ns);
}

static int timeout_fail(const struct wait *wait, const char *what)
{
    /* A deadline that had passed before the call was not waited for at all. */
    int64_t ms = wait->begun_ns ? (wait->deadline_ns - wait->begun_ns + 500000) / 1000000 : 0;

    if (ms > 0)
        return TONG_FAIL(-ETIMEDOUT, "%s: %s within %lldms", wait->ch->address, what, (long long)ms);
    return TONG_FAIL(-ETIMEDOUT, "%s: %s before the deadline", wait->ch->address, what);
}

int64_t tongi_wait(tong_channel *ch, uint32_t direction, tong_deadline deadline, tongi_attempt *attempt, void *context,
                   const char *what)
{
    struct wait wait = {.ch = ch, .direction = direction, .deadline_ns = deadline.ns};

    if (deadline.ns == 0)
        return TONG_FAIL_FAST(-EAGAIN, "nothing to be had just now");
    for (;;) {
        int r = pass_time(&wait);
        if (r == -ETIMEDOUT) {
            tongi_spin_learn(&tongi_half_of(ch, direction)->spin, false, TONGI_NEVER);
            return timeout_fail(&wait, what);
        }
        if (r < 0)
            return TONG_TRACE(r);
        int64_t result = attempt(ch, context);
        if (result == -EAGAIN)
            continue;
        tongi_spin_learn(&tongi_half_of(ch, direction)->spin, !wait.slept,
                         wait.slept ? tongi_clock_ns() - wait.begun_ns : 0);
        return result;
    }
}

tong_deadline tong_now(void)
{
    return (tong_deadline){0};
}

tong_deadline tong_forever(void)
{
    return (tong_deadline){TONGI_NEVER};
}

tong_deadline tong_in_ns(int64_t ns)
{
    return (tong_deadline){tongi_clock_add(tongi_clock_ns(), ns < 0 ? 0 : ns)};
}

tong_deadline tong_in_ms(int64_t ms)
{
    int64_t ns;

    return __builtin_mul_overflow(ms, 1000000, &ns) && ms > 0 ? tong_forever() : tong_in_ns(ms < 0 ? 0 : ns);
}

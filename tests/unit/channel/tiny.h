/* SPDX-License-Identifier: MIT */
/*
 * A transport that does what the test says: it has the slots that no transport may leave out, and answers every call
 * with what stands in `tiny`. What it "receives" are the bytes of tiny.incoming, one message at a time.
 */
#ifndef TESTS_UNIT_CHANNEL_TINY_H
#define TESTS_UNIT_CHANNEL_TINY_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "channel/channel.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/sys.h"

#define MS INT64_C(1000000)

static struct {
    int64_t send_answer, recv_answer; /* 0: done */
    uint32_t sends, recvs, steps;
    uint32_t settles[3]; /* by direction */
    int settle_answer, step_answer, pollset_answer;
    const char *incoming[8];
    uint32_t n_incoming, taken;
    char sent[100];
    size_t sent_len, largest;
    bool ready[3]; /* by direction */
    int64_t until_ns;
    int fd; /* what is polled for */
    short events;
} tiny;

static inline int tiny_start(void *state, const struct tongi_start *start)
{
    (void)state, (void)start;
    return 0;
}

static inline int tiny_step(void *state, uint32_t direction)
{
    (void)state, (void)direction;
    tiny.steps++;
    return tiny.step_answer;
}

static inline void tiny_close(void *state, bool owner)
{
    (void)state, (void)owner;
}

static inline int64_t tiny_send(void *state, const tong_view *msgs, uint32_t n)
{
    (void)state;
    tiny.sends++;
    if (tiny.send_answer < 0)
        return tiny.send_answer;
    for (uint32_t i = 0; i < n; i++)
        tiny.largest = msgs[i].len > tiny.largest ? msgs[i].len : tiny.largest;
    return n;
}

static inline int tiny_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    (void)state, (void)meta;
    tiny.sends++;
    if (tiny.send_answer < 0)
        return (int)tiny.send_answer;
    tiny.sent_len = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(tiny.sent + tiny.sent_len, parts[i].data, parts[i].len);
        tiny.sent_len += parts[i].len;
    }
    return 0;
}

static inline int64_t tiny_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    (void)state, (void)n;
    tiny.recvs++;
    if (tiny.recv_answer < 0)
        return tiny.recv_answer;
    if (tiny.taken == tiny.n_incoming)
        return -EAGAIN;
    const char *text = tiny.incoming[tiny.taken];
    if (strlen(text) > msgs[0].len)
        return TONG_E_TOOBIG;
    memcpy(msgs[0].data, text, strlen(text));
    msgs[0].len = strlen(text);
    tiny.taken++;
    if (meta)
        *meta = (tong_meta){.struct_size = sizeof *meta, .sequence = tiny.taken, .peer = 7, .call = 9};
    return 1;
}

static inline int64_t tiny_next_size(void *state)
{
    (void)state;
    if (tiny.recv_answer < 0)
        return tiny.recv_answer;
    return tiny.taken < tiny.n_incoming ? (int64_t)strlen(tiny.incoming[tiny.taken]) : -EAGAIN;
}

static inline int tiny_settle(void *state, uint32_t direction)
{
    (void)state;
    tiny.settles[direction]++;
    return tiny.settle_answer;
}

static inline int tiny_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    (void)state, (void)direction;
    if (tiny.until_ns && tiny.until_ns < *until_ns)
        *until_ns = tiny.until_ns;
    if (tiny.pollset_answer < 0)
        return tiny.pollset_answer;
    set[0] = (struct pollfd){.fd = tiny.fd, .events = tiny.events};
    return tiny.fd >= 0;
}

static inline bool tiny_ready(void *state, uint32_t direction)
{
    (void)state;
    return tiny.ready[direction];
}

static const struct tongi_transport_ops tiny_ops = {
    .ops_bytes = sizeof tiny_ops,
    .scheme = "tiny",
    .caps = {.level = TONG_ACCEPTED},
    .start = tiny_start,
    .step = tiny_step,
    .close = tiny_close,
    .send = tiny_send,
    .send_parts = tiny_send_parts,
    .recv = tiny_recv,
    .settle = tiny_settle,
    .next_size = tiny_next_size,
    .pollset = tiny_pollset,
    .ready = tiny_ready,
};

static inline tong_channel *tiny_channel(uint32_t role)
{
    memset(&tiny, 0, sizeof tiny);
    tiny.fd = -1;
    tong_channel *ch = tongi_channel_new(&tiny_ops, "x", role);
    ck_assert_ptr_nonnull(ch);
    ch->size_max = 1000;
    ch->start.opts.wait = TONG_WAIT_BLOCK;
    return ch;
}

/* ---- the clock, and sleeping under it --------------------------------------------------------------------------- */

static int64_t tiny_now_ns = 1000 * MS;
static int64_t tiny_tick_ns; /* passes with every look at the clock */
static uint32_t tiny_sleeps;
static int64_t tiny_slept_ns[64];
static bool (*tiny_wakes)(void); /* called in each sleep: does anything happen? NULL: no */

static inline int tiny_clock(clockid_t clock, struct timespec *ret_time)
{
    (void)clock;
    tiny_now_ns += tiny_tick_ns;
    *ret_time = (struct timespec){.tv_sec = tiny_now_ns / 1000000000, .tv_nsec = tiny_now_ns % 1000000000};
    return 0;
}

/* Sleeps by setting the clock. A sleep that nothing would ever end fails the test. */
static inline int tiny_ppoll(struct pollfd *set, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    static const struct timespec at_once;
    bool wakes = tiny_wakes && tiny_wakes();
    int ready = tongi_sys_real.ppoll(set, n, &at_once, mask);

    if (!timeout && ready == 0 && !wakes)
        ck_abort_msg("slept for ever");
    int64_t slept_ns = timeout && !ready ? (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec : 0;
    if (tiny_sleeps < 64)
        tiny_slept_ns[tiny_sleeps] = slept_ns;
    tiny_sleeps++;
    tiny_now_ns += slept_ns;
    return ready;
}

static inline void tiny_time(void)
{
    faulty_install();
    tongi_sys_table.clock_gettime = tiny_clock;
    tongi_sys_table.ppoll = tiny_ppoll;
}

#endif

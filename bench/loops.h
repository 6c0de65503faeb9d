/* SPDX-License-Identifier: MIT */
/*
 * What is measured, written once for both sides of a comparison: the bare twins and tong run these same loops, stamped
 * out around their own send and receive, which the compiler can inline.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"

enum bench_wait { BENCH_ADAPTIVE = 1, BENCH_SPIN, BENCH_BLOCK };

/* An adaptive bare end spins as long as tong does at most, then blocks. */
#define BENCH_SPIN_NS 25000

enum { BENCH_SAMPLES_MAX = 1 << 16, BENCH_WHY_MAX = 256 };

/* What two ends do with each other. */
struct bench_job {
    size_t size;          /* bytes of a message */
    uint32_t batch;       /* messages per call */
    enum bench_wait wait; /* the same on both sides of a comparison */
    uint64_t warmup;      /* messages before the clock starts */
    uint64_t count;       /* messages under the clock; round trips at most BENCH_SAMPLES_MAX */
};

/* Shared by the two ends and the process that started them. */
struct bench_result {
    uint64_t elapsed_ns, elapsed_ticks; /* for count messages, by the receiver or the one who pings */
    char why[2][BENCH_WHY_MAX];         /* the sentence of each end that failed */
    uint32_t ticks[BENCH_SAMPLES_MAX];  /* one per round trip */
};

/* One end at work. out and in hold batch messages each. */
struct bench_seat {
    void *end;
    const struct bench_job *job;
    unsigned char *out, *in;
    struct bench_result *result;
};

/* Success is 0. A failure is less than 0 and ends the loop. */
typedef int bench_loop_fn(struct bench_seat *seat);
typedef int bench_send_fn(void *end, const void *data, size_t len);
typedef int bench_recv_fn(void *end, void *data, size_t len);

#define BENCH_INLINE static inline __attribute__((always_inline))

BENCH_INLINE int bench_ping(struct bench_seat *seat, bench_send_fn *send, bench_recv_fn *recv)
{
    const struct bench_job *job = seat->job;
    struct bench_result *result = seat->result;
    uint64_t start_ns = 0, start_ticks = 0, last = 0;

    for (uint64_t i = 0; i < job->warmup + job->count; i++) {
        if (i == job->warmup) {
            start_ns = bench_now_ns();
            last = start_ticks = bench_ticks();
        }
        int r = send(seat->end, seat->out, job->size);
        if (r == 0)
            r = recv(seat->end, seat->in, job->size);
        if (r < 0)
            return r;
        if (i >= job->warmup) {
            uint64_t now = bench_ticks(), took = now - last;
            result->ticks[i - job->warmup] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
            last = now;
        }
    }
    result->elapsed_ticks = last - start_ticks;
    result->elapsed_ns = bench_now_ns() - start_ns;
    return 0;
}

BENCH_INLINE int bench_echo(struct bench_seat *seat, bench_send_fn *send, bench_recv_fn *recv)
{
    const struct bench_job *job = seat->job;
    int r = 0;

    for (uint64_t i = 0; i < job->warmup + job->count && r == 0; i++) {
        r = recv(seat->end, seat->in, job->size);
        if (r == 0)
            r = send(seat->end, seat->in, job->size);
    }
    return r;
}

BENCH_INLINE int bench_source(struct bench_seat *seat, bench_send_fn *send)
{
    const struct bench_job *job = seat->job;
    int r = 0;

    for (uint64_t i = 0; i < job->warmup + job->count && r == 0; i++)
        r = send(seat->end, seat->out, job->size);
    return r;
}

BENCH_INLINE int bench_sink(struct bench_seat *seat, bench_recv_fn *recv)
{
    const struct bench_job *job = seat->job;
    uint64_t start_ns = 0;
    int r = 0;

    for (uint64_t i = 0; i < job->warmup + job->count && r == 0; i++) {
        if (i == job->warmup)
            start_ns = bench_now_ns();
        r = recv(seat->end, seat->in, job->size);
    }
    seat->result->elapsed_ns = bench_now_ns() - start_ns;
    return r;
}

#endif

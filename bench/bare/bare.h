/* SPDX-License-Identifier: MIT */
/*
 * A bare twin: what a transport of tong is measured against. The same mechanism in the tightest C that still delivers
 * whole messages from a sender's memory into a receiver's, with the raw calls and nothing of the library.
 * A new one is a file in this directory and a row in twins.def.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdbool.h>

#include "loops.h"

struct bare_twin {
    const char *scheme;
    const char *query;        /* the options that make the scheme this mechanism; NULL: it is what it is without */
    bool threads;             /* the ends are used by two threads of one process */
    bool in_directory;        /* the address of the default run is a path in a private directory */
    bool nameless;            /* it has no names: its ends are inherited */
    bool one_way;             /* there is no pair: round trips go over two pipelines */
    size_t size_max;          /* what the mechanism takes on a machine nobody has tuned; 0: any size */
    double rtt_max, rate_min; /* what tong must reach, as ratios to this twin, one message at a time; 0: no bar */
    double rtt_one_core_max;  /* instead of rtt_max where both ends share a core; 0: the same */
    double large_min;         /* the same as rate_min for messages of 1 MiB */
    /* 64-byte messages in batches, against this twin's one call per message */
    double batch_16_min, batch_64_min, batch_256_min;
    /* Makes both ends, before the process that uses them forks. 0, or -errno with nothing left behind. */
    int (*open)(void *ret_ends[2], const struct bench_job *job);
    /* Both ends are given back by the process that made them. */
    void (*close)(void *ends[2]);
    /* ends[1] pings and is the source, ends[0] echoes and is the sink. */
    bench_loop_fn *ping, *echo, *source, *sink;
};

/* Defines the four loops of a twin around its send and recv, which are called name_send and name_recv. */
#define BARE_LOOPS(name)                                                                                               \
    static int name##_ping(struct bench_seat *seat)                                                                    \
    {                                                                                                                  \
        return bench_ping(seat, name##_send, name##_recv);                                                             \
    }                                                                                                                  \
    static int name##_echo(struct bench_seat *seat)                                                                    \
    {                                                                                                                  \
        return bench_echo(seat, name##_send, name##_recv);                                                             \
    }                                                                                                                  \
    static int name##_source(struct bench_seat *seat)                                                                  \
    {                                                                                                                  \
        return bench_source(seat, name##_send);                                                                        \
    }                                                                                                                  \
    static int name##_sink(struct bench_seat *seat)                                                                    \
    {                                                                                                                  \
        return bench_sink(seat, name##_recv);                                                                          \
    }

#define BARE_SLOTS(name)                                                                                               \
    .open = name##_open, .close = name##_close, .ping = name##_ping, .echo = name##_echo, .source = name##_source,     \
    .sink = name##_sink

#define BARE_TWIN(name) extern const struct bare_twin bare_##name;
#include "bare/twins.def"
#undef BARE_TWIN

/* One cache line going to and fro between two spinning processes: tells how far apart the two cores are just now. */
extern const struct bare_twin bare_line;

/* The twin at place i of twins.def, or NULL behind the last. */
const struct bare_twin *bare_twin_at(size_t i);

/* The twin of an address: of its scheme, and of its options where the scheme has several; or NULL. */
const struct bare_twin *bare_twin_find(const char *address);

#endif

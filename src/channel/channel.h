/* SPDX-License-Identifier: MIT */
/* What a channel is inside: a transport's state, and around it everything that is written once for all transports. */
#ifndef TONGI_CHANNEL_CHANNEL_H
#define TONGI_CHANNEL_CHANNEL_H

#include <stdbool.h>
#include <string.h>

#include <tong/tong.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/order.h"
#include "sys/process.h"
#include "transport/transport.h"

#define TONGI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TONGI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* What a direction's waits have taught (spin.c). */
struct tongi_spin {
    uint32_t hits;     /* moving average of "a spin pays", 0 to TONGI_SPIN_ONE */
    uint32_t unprobed; /* waits since the last probe */
    uint32_t looked;   /* waits until the processors are counted again */
    uint32_t cpus;     /* that this thread may use */
    uint32_t machine_cpus;
    bool probing;
};
#define TONGI_SPIN_ONE 1024u

/* One direction of a channel. Only its own thread writes here, but for the counters' readers. */
struct tongi_half {
    tongi_u64 messages, bytes, sleeps;
    struct tongi_spin spin;
    int fd;      /* what tong_fd gave, or -1 */
    int pending; /* an eventfd inside it: readable while the transport is ready by itself; or -1 */
    bool rung;   /* pending is readable */
    bool legal;  /* the role has this direction */
};

/* A message lent by copy, where the transport lends nothing: the body follows. */
struct tongi_loan {
    struct tongi_loan *next;
    size_t len;
    max_align_t body[];
};

struct tong_channel {
    const struct tongi_transport_ops *ops;
    void *state;          /* follows in the same block */
    tongi_u32 generation; /* the process it belongs to; 0: nobody's yet (tong_pair) */
    uint32_t born;        /* the process that made it */
    tongi_u32 stopped;
    tongi_u32 stop_bell; /* 1 + an eventfd that shutdown makes readable for ever; 0: nobody slept yet */
    bool finished;       /* the sending thread's: nothing more is sent */
    bool claimed;
    uint32_t loans; /* peeked and not yet given back; the receiving thread's */
    uint64_t size_max;
    uint64_t next_call;
    struct tongi_half in, out;
    void *bounce; /* what claim lends where the transport lends nothing */
    size_t bounce_bytes;
    struct tongi_loan *copies;
    struct tongi_start start, inner_start;
    struct tongi_report report;
    char *address; /* scheme:rest as sentences name it; rest and the inner strings follow in the same block */
};

/* ---- entering (enter.c) ---------------------------------------------------------------------------------------- */

/* The slow answers of tongi_enter. */
int tongi_enter_fail(tong_channel *ch, uint32_t direction);

static inline struct tongi_half *tongi_half_of(tong_channel *ch, uint32_t direction)
{
    return direction == TONG_IN ? &ch->in : &ch->out;
}

/* Is this call legal: in this process, in this direction, before shutdown? The first use of an unbound end binds it. */
static inline int tongi_enter(tong_channel *ch, uint32_t direction)
{
    /* stopped is acquired: what the thread that shut down wrote before is visible to who learns of it. */
    if (TONGI_LIKELY(ch && tongi_load_relaxed_u32(&ch->generation) == tongi_process_generation() &&
                     tongi_half_of(ch, direction)->legal && !tongi_load_acquire_u32(&ch->stopped)))
        return 0;
    return tongi_enter_fail(ch, direction);
}

/* As tongi_enter for calls without a direction. */
int tongi_enter_any(tong_channel *ch);

/* "unix: has no ...; inproc: has": who has that capability, or 0 for what has no bit. */
int tongi_nocap(const tong_channel *ch, uint32_t bit, const char *what);

/* ---- waiting (wait.c) ------------------------------------------------------------------------------------------ */

typedef int64_t tongi_attempt(tong_channel *ch, void *context);

/*
 * After an attempt returned -EAGAIN: passes time and repeats it until it returns something else, the deadline passes
 * (-EAGAIN or -ETIMEDOUT) or the channel is shut down. what begins the sentence of a timeout: "nothing arrived".
 */
int64_t tongi_wait(tong_channel *ch, uint32_t direction, tong_deadline deadline, tongi_attempt *attempt, void *context,
                   const char *what);

/* The same from the first attempt on. */
static inline int64_t tongi_try(tong_channel *ch, uint32_t direction, tong_deadline deadline, tongi_attempt *attempt,
                                void *context, const char *what)
{
    int64_t result = attempt(ch, context);

    return result == -EAGAIN ? tongi_wait(ch, direction, deadline, attempt, context, what) : result;
}

/* The descriptor that becomes readable at shutdown, made now if need be. */
int tongi_stop_bell(tong_channel *ch);

/* ---- spinning (spin.c) ----------------------------------------------------------------------------------------- */

/* How long a wait may spin. */
int64_t tongi_spin_budget_ns(struct tongi_spin *spin, uint32_t mode);
/* How it went: ended while spinning, or asleep, so long after it began. */
void tongi_spin_learn(struct tongi_spin *spin, bool spun, int64_t slept_ns);

/* ---- readiness (ready.c) --------------------------------------------------------------------------------------- */

void tongi_ready_update(tong_channel *ch, uint32_t direction);

/* After every call in a direction: whoever polls learns what only the transport knows. Costs nothing before tong_fd. */
static inline void tongi_leave(tong_channel *ch, uint32_t direction)
{
    if (TONGI_UNLIKELY(tongi_half_of(ch, direction)->pending >= 0))
        tongi_ready_update(ch, direction);
}

/* ---- pieces shared by the files of this layer ------------------------------------------------------------------ */

struct tongi_address;

/* The transports of this build, ended by NULL. */
extern const struct tongi_transport_ops *const tongi_transports[];

/* NULL with a sentence (TONG_E_ADDRESS) if there is none. */
const struct tongi_transport_ops *tongi_transport_find(const struct tongi_address *parsed);

/* A channel around a zeroed state, with no options yet; NULL without memory. tong_close takes it in any condition. */
tong_channel *tongi_channel_new(const struct tongi_transport_ops *ops, const char *rest, uint32_t role);
int tongi_no_memory(const char *address);

/* Parses an address into fresh memory, the caller's to free; the fork handler is installed on the way. */
int tongi_address_take(struct tongi_address **ret_parsed, const char *address);
/* A channel that has its options and role, which fit, and whose state is still zeroed. */
int tongi_channel_make(tong_channel **ret_ch, const struct tongi_address *parsed, uint32_t role, const tong_opts *opts);
int tongi_role_check(const struct tongi_transport_ops *ops, const char *address, uint32_t role);
/* Where the transport wraps another: finds and describes the inner one; then passes on what was decided since. */
int tongi_wrap_prepare(tong_channel *ch);
void tongi_wrap_follow(tong_channel *ch);
void tongi_start_fill(struct tongi_start *start, uint32_t role);
/* Checks the options, chooses the variant that they mean, and fills in what was not given. */
int tongi_options_fill(tong_channel *ch, const tong_opts *opts, const char *query, size_t query_len);

/* Frees what claim and peek lent by copy. */
void tongi_spans_free(tong_channel *ch);

static inline void tongi_count(struct tongi_half *half, uint64_t messages, uint64_t bytes)
{
    tongi_count_u64(&half->messages, messages);
    tongi_count_u64(&half->bytes, bytes);
}

/* The caller's tong_meta, of whatever version, as this library's; -EINVAL for a senseless struct_size. */
int tongi_meta_take(const tong_channel *ch, const tong_meta *given, tong_meta *ret_meta);
/* And back: no more than the caller's version has room for. */
void tongi_meta_give(const tong_meta *meta, tong_meta *ret_meta);
/* Takes metadata to be sent and checks that the mechanism can carry it. given may be NULL, then *ret_used is NULL. */
int tongi_meta_send(const tong_channel *ch, const tong_meta *given, tong_meta *storage, const tong_meta **ret_used);

int tongi_toobig(const tong_channel *ch, uint64_t len);

#endif

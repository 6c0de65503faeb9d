/* SPDX-License-Identifier: MIT */
/*
 * fault: wraps any transport and spoils its work by seed; in test builds only.
 *
 *     fault:seed=7,drop=5,delay=10,truncate=3,split=20,cut=1:unix:x.sock?size=64k
 *
 * Every message in each direction draws one number, and with so many per cent chance one thing happens to it:
 *   drop      (sending)  it is reported as sent and never leaves; report->lost counts it
 *   truncate  (sending)  it is cut short before it leaves, inside its first part that is not empty; an empty one stays
 *   delay                for 1 ms the slot answers -EAGAIN although it could go; pollset then names no descriptor and
 *                        the end of the delay. A receive is delayed from when there is something to receive
 *   split                it ends the batch before it and travels in a batch of its own
 *   cut                  the conversation ends: the wrapped state is closed, the peer sees what it sees of a crash.
 *                        Connectors begin it again unless reconnect=no; pairs are TONG_E_GONE from then on. Listeners
 *                        and objects are not cut: nothing happens to them
 * The same seed makes the same faults: the n-th message of a direction draws the n-th number (fault_plan.h). The two
 * directions and each accepted peer have sequences of their own.
 *
 * What fd() says of the wrapped state stays true through everything but a cut (during a delay it may be readable a
 * millisecond early). After a cut it would be a stale descriptor, so with cut= there is no fd(), and calls that sleep
 * while another thread may cut look again every 10 ms. For the same reason, with cut= the depth is unknown and shutdown
 * is left to the channel.
 *
 * The table is const: a slot that the wrapped transport lacks is TONG_E_NOCAP where its absence means that, and does
 * nothing where it means that. Nothing is lent in place, so that no loan points into what a cut takes away; the channel
 * stands in with copies. adopt, list and remove are missing: no address says there what to wrap.
 */
#include "transport/transport.h"

#if TONG_SEAMS

#include <string.h>

#include "base/error.h"
#include "sys/clock.h"
#include "sys/sys.h"
#include "transport/fault_plan.h"

#define DELAY_NS INT64_C(1000000)
#define LOOK_AGAIN_NS INT64_C(10000000)

enum after_cut { CUT_NEVER, CUT_RESTARTS, CUT_ENDS };

/* One direction, its own thread's. */
struct lane {
    struct tongi_fault_lane plan;
    int64_t delayed_until_ns; /* 0: no delay has begun */
    tong_view truncated;      /* what goes on instead; here, since the wrapped transport may borrow it */
};

struct fault {
    const struct tongi_transport_ops *inner;
    void *inner_state;
    struct tongi_start inner_start;
    const struct tongi_start *start;
    bool cuts;
    enum after_cut after_cut;
    struct lane in, out;
    uint64_t accepted;
    /* Read-held inside every inner slot, write-held while a cut replaces the inner state: a cut waits only until the
     * other direction has left its slot. */
    pthread_rwlock_t lock;
    bool gone;
};

/* ---- the wrapped transport ------------------------------------------------------------------------------------- */

/* Keeps the inner state as it is until leave(); false: it was cut off for good. */
static bool enter(struct fault *fault)
{
    pthread_rwlock_rdlock(&fault->lock);
    if (!fault->gone)
        return true;
    pthread_rwlock_unlock(&fault->lock);
    return false;
}

static int gone(const struct fault *fault)
{
    return TONG_FAIL(TONG_E_GONE, "%s: the conversation was cut by its settings", fault->start->address);
}

static void leave(struct fault *fault)
{
    pthread_rwlock_unlock(&fault->lock);
}

static int lacks(const struct fault *fault, const char *slot)
{
    return TONG_FAIL(TONG_E_NOCAP, "%s: %s: has no %s", fault->start->address, fault->inner->scheme, slot);
}

/* Calls a slot of the wrapped transport: INNER(result, fault, slot, (arguments)). */
#define INNER(result, fault, slot, arguments)                                                                          \
    do {                                                                                                               \
        if (!(fault)->inner->slot) {                                                                                   \
            (result) = lacks((fault), #slot);                                                                          \
        } else if (!enter(fault)) {                                                                                    \
            (result) = gone(fault);                                                                                    \
        } else {                                                                                                       \
            (result) = (fault)->inner->slot arguments;                                                                 \
            leave(fault);                                                                                              \
        }                                                                                                              \
    } while (0)

/* A slot to which nothing happens. */
#define FORWARD(type, slot, parameters, arguments)                                                                     \
    static type fault_##slot parameters                                                                                \
    {                                                                                                                  \
        struct fault *fault = state;                                                                                   \
        type result;                                                                                                   \
        INNER(result, fault, slot, arguments);                                                                         \
        return result;                                                                                                 \
    }

/* The same, where a transport without the slot has nothing to do. */
#define FORWARD_OPTIONAL(slot, parameters, arguments)                                                                  \
    static int fault_##slot parameters                                                                                 \
    {                                                                                                                  \
        struct fault *fault = state;                                                                                   \
        int result = 0;                                                                                                \
        if (fault->inner->slot)                                                                                        \
            INNER(result, fault, slot, arguments);                                                                     \
        return result;                                                                                                 \
    }

/* ---- fate ------------------------------------------------------------------------------------------------------ */

/* What is cut is always one conversation with one peer, the last one that was numbered. */
static void report_cut(struct tongi_report *report)
{
    pthread_mutex_lock(&report->lock);
    uint64_t peer = report->next_peer;
    pthread_mutex_unlock(&report->lock);
    if (tongi_load_relaxed_u64(&report->peers))
        tongi_report_event(report, TONG_CUT, peer);
}

/* 1: the conversation begins again; 0: this one is not cut. */
static int cut(struct fault *fault)
{
    int r = 0;

    pthread_rwlock_wrlock(&fault->lock);
    if (!fault->gone && fault->after_cut != CUT_NEVER) {
        fault->inner->close(fault->inner_state, true);
        memset(fault->inner_state, 0, fault->inner->state_bytes);
        report_cut(fault->start->report);
        if (fault->after_cut == CUT_RESTARTS)
            r = fault->inner->start(fault->inner_state, &fault->inner_start);
        fault->gone = fault->after_cut == CUT_ENDS || r < 0;
        r = r < 0 ? r : 1;
    }
    pthread_rwlock_unlock(&fault->lock);
    return r < 0 ? TONG_TRACE(r) : r;
}

/* Is there certainly nothing to receive? */
static bool is_empty(struct fault *fault)
{
    if (!fault->inner->next_size || !enter(fault))
        return false;
    int64_t r = fault->inner->next_size(fault->inner_state);
    leave(fault);
    return r == -EAGAIN;
}

static bool is_delayed(struct fault *fault, struct lane *lane)
{
    int64_t now_ns = tongi_clock_ns();

    if (!lane->delayed_until_ns) {
        if (lane == &fault->in && is_empty(fault))
            return false;
        lane->delayed_until_ns = now_ns + DELAY_NS;
    }
    return now_ns < lane->delayed_until_ns;
}

/* Cuts and goes on: -EAGAIN, or 1 if this conversation is not cut. */
static int64_t cut_and_retry(struct fault *fault, struct lane *lane)
{
    int r = cut(fault);

    lane->plan.next = FAULT_NONE;
    if (r < 0)
        return TONG_TRACE(r);
    if (r > 0) {
        /* At once: nothing in the new conversation knows of this call and would end its sleep. */
        lane->delayed_until_ns = tongi_clock_ns();
        return -EAGAIN;
    }
    lane->plan.clean = 1;
    return 1;
}

/* How many of the next n messages go on together, at least 1; *ret_what happens to the first. -EAGAIN: none yet. */
static int64_t decide(struct fault *fault, struct lane *lane, uint32_t n, enum tongi_fault *ret_what)
{
    if (lane->plan.next == FAULT_NONE)
        lane->delayed_until_ns = 0;
    uint32_t clean = tongi_fault_look(&lane->plan, n);
    *ret_what = clean ? FAULT_NONE : lane->plan.next;
    if (clean)
        return clean;
    if (*ret_what == FAULT_CUT)
        return cut_and_retry(fault, lane);
    return *ret_what == FAULT_DELAY && is_delayed(fault, lane) ? -EAGAIN : 1;
}

static void pass(struct lane *lane, int64_t n)
{
    tongi_fault_pass(&lane->plan, (uint32_t)n);
    lane->delayed_until_ns = 0;
}

static void drop(struct fault *fault)
{
    pass(&fault->out, 1);
    tongi_report_count(&fault->start->report->lost, 1);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* Makes a zeroed state; number tells the ends of one address apart. */
static int make(struct fault *fault, const struct tongi_start *start, enum after_cut after_cut, uint64_t number)
{
    if (!start->inner || !start->inner_start)
        return TONG_FAIL(TONG_E_STATE, "%s: wraps no transport here", start->address);
    struct tongi_fault_settings settings;
    int r = tongi_fault_parse(start->address, start->rest, &settings);
    if (r < 0)
        return TONG_TRACE(r);
    fault->start = start;
    fault->inner = start->inner;
    fault->inner_start = *start->inner_start;
    fault->inner_start.report = start->report;
    fault->after_cut = fault->inner->caps.bits & TONG_CAP_OBJECT ? CUT_NEVER : after_cut;
    fault->cuts = settings.percent[FAULT_CUT] > 0;
    tongi_fault_lane_init(&fault->in.plan, &settings, number, false);
    tongi_fault_lane_init(&fault->out.plan, &settings, number, true);
    fault->inner_state = tongi_sys_alloc(fault->inner->state_bytes);
    if (!fault->inner_state)
        return TONG_FAIL(-ENOMEM, "%s: no memory for the wrapped channel", start->address);
    pthread_rwlock_init(&fault->lock, NULL);
    return 0;
}

static void fault_close(void *state, bool owner)
{
    struct fault *fault = state;

    if (!fault->inner_state)
        return;
    fault->inner->close(fault->inner_state, owner);
    fault->inner_state = tongi_sys_free(fault->inner_state);
    /* In a forked child a thread that does not exist there may hold the lock. */
    if (owner)
        pthread_rwlock_destroy(&fault->lock);
}

/* Undoes make after a failed slot that may be called again with the same state. */
static void unmake(struct fault *fault)
{
    fault_close(fault, true);
    memset(fault, 0, sizeof *fault);
}

static int fault_start(void *state, const struct tongi_start *start)
{
    struct fault *fault = state;
    enum after_cut after_cut = start->role == TONG_PAIR           ? CUT_ENDS
                               : start->side != TONG_CONNECT      ? CUT_NEVER
                               : start->opts.reconnect == TONG_NO ? CUT_ENDS
                                                                  : CUT_RESTARTS;
    int r = make(fault, start, after_cut, 0);

    if (r >= 0)
        r = fault->inner->start(fault->inner_state, &fault->inner_start);
    return r < 0 ? TONG_TRACE(r) : r;
}

FORWARD_OPTIONAL(step, (void *state, uint32_t direction), (fault->inner_state, direction))

static int fault_accept(void *state, void *peer_state, const struct tongi_start *peer_start)
{
    struct fault *fault = state, *peer = peer_state;
    int r = make(peer, peer_start, CUT_ENDS, fault->accepted + 1);

    if (r >= 0)
        INNER(r, fault, accept, (fault->inner_state, peer->inner_state, &peer->inner_start));
    if (r < 0)
        unmake(peer);
    else
        fault->accepted++;
    return r;
}

static int fault_pair(void *state, const struct tongi_start *start, void *other_state,
                      const struct tongi_start *other_start)
{
    struct fault *fault = state, *other = other_state;
    int r = make(fault, start, CUT_ENDS, 0);

    if (r >= 0)
        r = make(other, other_start, CUT_ENDS, 1);
    if (r >= 0)
        INNER(r, fault, pair, (fault->inner_state, &fault->inner_start, other->inner_state, &other->inner_start));
    if (r < 0) {
        unmake(fault);
        unmake(other);
    }
    return r;
}

FORWARD_OPTIONAL(finish, (void *state), (fault->inner_state))

static void fault_shutdown(void *state)
{
    struct fault *fault = state;

    /* Any thread and signal handlers come here, so no lock may be taken, and without one a cut would be in the way. */
    if (fault->inner_state && fault->inner->shutdown && !fault->cuts)
        fault->inner->shutdown(fault->inner_state);
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static int64_t fault_send(void *state, const tong_view *msgs, uint32_t n)
{
    struct fault *fault = state;
    enum tongi_fault what;
    int64_t r = decide(fault, &fault->out, n, &what);

    if (r < 0)
        return r;
    if (what == FAULT_DROP) {
        drop(fault);
        return 1;
    }
    tong_view *truncated = &fault->out.truncated;
    if (what == FAULT_TRUNCATE)
        *truncated = (tong_view){msgs[0].data, tongi_fault_truncate(&fault->out.plan, msgs[0].len)};
    uint32_t together = (uint32_t)r;
    INNER(r, fault, send, (fault->inner_state, what == FAULT_TRUNCATE ? truncated : msgs, together));
    if (r > 0)
        pass(&fault->out, r);
    return r;
}

static int fault_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    struct fault *fault = state;
    tong_view *truncated = &fault->out.truncated;
    enum tongi_fault what;
    int r = (int)decide(fault, &fault->out, 1, &what);

    if (r < 0)
        return r;
    if (what == FAULT_DROP) {
        drop(fault);
        return 0;
    }
    if (what == FAULT_TRUNCATE) {
        uint32_t i = 0;
        while (i < n && parts[i].len == 0)
            i++;
        if (i < n) {
            *truncated = (tong_view){parts[i].data, tongi_fault_truncate(&fault->out.plan, parts[i].len)};
            parts = truncated;
            n = 1;
        }
    }
    INNER(r, fault, send_parts, (fault->inner_state, parts, n, meta));
    if (r >= 0)
        pass(&fault->out, 1);
    return r;
}

static int64_t fault_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    struct fault *fault = state;
    enum tongi_fault what;
    int64_t r = decide(fault, &fault->in, n, &what);

    if (r < 0)
        return r;
    uint32_t together = (uint32_t)r;
    INNER(r, fault, recv, (fault->inner_state, msgs, together, meta));
    if (r > 0)
        pass(&fault->in, r);
    return r;
}

static int fault_settle(void *state, uint32_t direction)
{
    struct fault *fault = state;
    int r = 0;

    if (fault->inner->settle)
        INNER(r, fault, settle, (fault->inner_state, direction));
    if (r == 1)
        pass(&fault->out, 1);
    /* What a cut ended has no loans. */
    return r == TONG_E_GONE ? 0 : r;
}

FORWARD(int64_t, next_size, (void *state), (fault->inner_state))

static int fault_flush(void *state, enum tong_level level)
{
    struct fault *fault = state;
    int r = 0;

    /* Without the slot, send leaves nothing behind and the transport's own level is all there is. */
    if (fault->inner->flush || (uint32_t)level > fault->inner->caps.level)
        INNER(r, fault, flush, (fault->inner_state, level));
    return r;
}

/* ---- request, publish, waiting, knowing ------------------------------------------------------------------------ */

FORWARD(int, cancel, (void *state, uint64_t call), (fault->inner_state, call))
FORWARD(int, subscribe, (void *state, const void *prefix, size_t len, bool wanted),
        (fault->inner_state, prefix, len, wanted))

static int fault_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    struct fault *fault = state;
    struct lane *lane = direction == TONG_IN ? &fault->in : &fault->out;
    int64_t now_ns = tongi_clock_ns();

    if (lane->delayed_until_ns) {
        *until_ns = *until_ns < lane->delayed_until_ns ? *until_ns : lane->delayed_until_ns;
        if (now_ns < lane->delayed_until_ns)
            return 0;
    }
    if (fault->cuts && *until_ns > now_ns + LOOK_AGAIN_NS)
        *until_ns = now_ns + LOOK_AGAIN_NS;
    if (!enter(fault)) {
        /* The call that wants to sleep learns it from its slot. */
        *until_ns = now_ns;
        return 0;
    }
    int r = fault->inner->pollset(fault->inner_state, direction, set, until_ns);
    leave(fault);
    return r;
}

static int fault_fd(void *state, uint32_t direction)
{
    struct fault *fault = state;
    int r;

    if (fault->cuts)
        return TONG_FAIL(TONG_E_NOCAP, "%s: a conversation that is cut has no descriptor that lasts; leave out cut=",
                         fault->start->address);
    INNER(r, fault, fd, (fault->inner_state, direction));
    return r;
}

static bool fault_ready(void *state, uint32_t direction)
{
    struct fault *fault = state;

    if (!enter(fault))
        return true;
    bool is_ready = fault->inner->ready && fault->inner->ready(fault->inner_state, direction);
    leave(fault);
    return is_ready;
}

static uint64_t fault_depth(const void *state)
{
    const struct fault *fault = state;

    if (!fault->inner_state || !fault->inner->depth || fault->cuts)
        return 0;
    return fault->inner->depth(fault->inner_state);
}

#define ROLES (TONGI_ROLE_BIT(TONG_REP + 1) - TONGI_ROLE_BIT(TONG_PUSH))

const struct tongi_transport_ops tongi_fault_ops = {
    .ops_bytes = sizeof(struct tongi_transport_ops),
    .scheme = "fault",
    .state_bytes = sizeof(struct fault),
    .caps = {.level = TONG_ACCEPTED, .bits = TONG_CAP_LOSSY, .roles = ROLES},
    .wraps = true,
    .start = fault_start,
    .step = fault_step,
    .accept = fault_accept,
    .pair = fault_pair,
    .finish = fault_finish,
    .shutdown = fault_shutdown,
    .close = fault_close,
    .send = fault_send,
    .send_parts = fault_send_parts,
    .recv = fault_recv,
    .settle = fault_settle,
    .next_size = fault_next_size,
    .flush = fault_flush,
    .cancel = fault_cancel,
    .subscribe = fault_subscribe,
    .pollset = fault_pollset,
    .fd = fault_fd,
    .ready = fault_ready,
    .depth = fault_depth,
};

#endif

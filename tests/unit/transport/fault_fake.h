/* SPDX-License-Identifier: MIT */
/* fault: around a transport made of counters and two short queues, whose every answer the test decides. */
#ifndef TESTS_UNIT_TRANSPORT_FAULT_FAKE_H
#define TESTS_UNIT_TRANSPORT_FAULT_FAKE_H

#include <errno.h>
#include <string.h>

#include "runner/runner.h"
#include "support/faulty.h"
#include "transport/transport.h"

#define ADDRESS "fault:..."

/* ---- the wrapped transport ------------------------------------------------------------------------------------- */

enum { LOG = 4096 };

struct inner {
    const struct tongi_start *start;
    uint32_t number; /* which start of all this is */
};

/* What the test decides, and what it sees. */
static struct {
    int fail_start, answer; /* an error instead of what would be */
    uint32_t starts, closes, calls;
    bool closed_by_owner;
    size_t sent[LOG]; /* lengths */
    uint32_t n_sent, batch_max;
    uint32_t to_receive; /* messages that wait; their length is their number */
    uint32_t received;
    int fd;
} fake;

static inline int inner_begin(void *state, const struct tongi_start *start)
{
    struct inner *inner = state;

    ck_assert_ptr_null(inner->start);
    fake.calls++;
    if (fake.fail_start)
        return fake.fail_start;
    inner->start = start;
    inner->number = ++fake.starts;
    tongi_report_event(start->report, TONG_JOINED, tongi_report_peer(start->report));
    return 0;
}

static inline int inner_accept(void *state, void *peer_state, const struct tongi_start *peer_start)
{
    ck_assert_ptr_nonnull(((struct inner *)state)->start);
    return inner_begin(peer_state, peer_start);
}

static inline int inner_pair(void *state, const struct tongi_start *start, void *other,
                             const struct tongi_start *other_start)
{
    int r = inner_begin(state, start);

    return r < 0 ? r : inner_begin(other, other_start);
}

static inline void inner_close(void *state, bool owner)
{
    struct inner *inner = state;

    fake.closes += inner->start != NULL;
    fake.closed_by_owner = owner;
    inner->start = NULL;
}

static inline int64_t inner_send(void *state, const tong_view *msgs, uint32_t n)
{
    ck_assert_ptr_nonnull(((struct inner *)state)->start);
    fake.calls++;
    if (fake.answer)
        return fake.answer;
    fake.batch_max = n > fake.batch_max ? n : fake.batch_max;
    for (uint32_t i = 0; i < n; i++)
        fake.sent[fake.n_sent++] = msgs[i].len;
    return n;
}

static inline int inner_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    tong_view whole = {.len = 0};

    ck_assert_ptr_null(meta);
    for (uint32_t i = 0; i < n; i++)
        whole.len += parts[i].len;
    int64_t r = inner_send(state, &whole, 1);
    return r < 0 ? (int)r : 0;
}

static inline int64_t inner_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    ck_assert_ptr_nonnull(((struct inner *)state)->start);
    ck_assert_ptr_null(meta);
    fake.calls++;
    if (fake.answer)
        return fake.answer;
    if (fake.received == fake.to_receive)
        return -EAGAIN;
    fake.batch_max = n > fake.batch_max ? n : fake.batch_max;
    uint32_t i = 0;
    while (i < n && fake.received < fake.to_receive)
        msgs[i++].len = ++fake.received;
    return i;
}

static inline int inner_settle(void *state, uint32_t direction)
{
    (void)state;
    return direction == TONG_OUT;
}

static inline int64_t inner_next_size(void *state)
{
    (void)state;
    return fake.received == fake.to_receive ? -EAGAIN : (int64_t)fake.received + 1;
}

static inline int inner_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    (void)state, (void)direction, (void)until_ns;
    set[0] = (struct pollfd){.fd = fake.fd, .events = POLLIN};
    return 1;
}

static inline int inner_fd(void *state, uint32_t direction)
{
    (void)state, (void)direction;
    return fake.fd;
}

static inline uint64_t inner_depth(const void *state)
{
    (void)state;
    return 5;
}

static inline void inner_shutdown(void *state)
{
    (void)state;
    fake.calls++;
}

static const struct tongi_transport_ops full = {
    .scheme = "full",
    .state_bytes = sizeof(struct inner),
    .caps = {.level = TONG_ACCEPTED},
    .start = inner_begin,
    .accept = inner_accept,
    .pair = inner_pair,
    .shutdown = inner_shutdown,
    .close = inner_close,
    .send = inner_send,
    .send_parts = inner_send_parts,
    .recv = inner_recv,
    .settle = inner_settle,
    .next_size = inner_next_size,
    .pollset = inner_pollset,
    .fd = inner_fd,
    .depth = inner_depth,
};

/* What no transport may leave out, and nothing else. */
static const struct tongi_transport_ops bare = {
    .scheme = "bare",
    .state_bytes = sizeof(struct inner),
    .caps = {.level = TONG_ACCEPTED},
    .start = inner_begin,
    .close = inner_close,
    .pollset = inner_pollset,
};

/* ---- ends ------------------------------------------------------------------------------------------------------ */

static const struct tongi_transport_ops *const ops = &tongi_fault_ops;

struct end {
    void *state;
    struct tongi_report report;
    struct tongi_start start, inner_start;
};

static inline void end_init(struct end *end, const struct tongi_transport_ops *inner, const char *rest, uint32_t role,
                            uint32_t side)
{
    memset(end, 0, sizeof *end);
    tongi_report_init(&end->report);
    end->state = tongi_sys_alloc(ops->state_bytes);
    ck_assert_ptr_nonnull(end->state);
    end->inner_start = (struct tongi_start){.address = "full:x", .rest = "x", .role = role, .side = side};
    end->start = (struct tongi_start){
        .address = ADDRESS,
        .rest = rest,
        .role = role,
        .side = side,
        .report = &end->report,
        .inner = inner,
        .inner_start = &end->inner_start,
    };
}

static inline void end_fini(struct end *end)
{
    ops->close(end->state, true);
    end->state = tongi_sys_free(end->state);
    tongi_report_fini(&end->report);
}

static inline void end_open(struct end *end, const char *rest, uint32_t role)
{
    end_init(end, &full, rest, role, role == TONG_PULL ? TONG_LISTEN : TONG_CONNECT);
    ck_ok(ops->start(end->state, &end->start));
}

static inline uint64_t lost(const struct end *end)
{
    return tongi_load_relaxed_u64(&end->report.lost);
}

/* Sends n messages of 100 bytes in batches, repeating what is delayed or cut. */
static inline void send_all(struct end *end, uint32_t n, uint32_t batch)
{
    tong_view msgs[32];

    for (uint32_t i = 0; i < 32; i++)
        msgs[i] = (tong_view){"", 100};
    for (uint32_t sent = 0; sent < n;) {
        int64_t r = ops->send(end->state, msgs, batch < n - sent ? batch : n - sent);
        ck_assert(r > 0 || r == -EAGAIN);
        sent += r > 0 ? (uint32_t)r : 0;
    }
}

static inline int64_t attempt_send(struct end *end)
{
    return ops->send(end->state, &(tong_view){"", 9}, 1);
}

static inline int64_t attempt_recv(struct end *end)
{
    return ops->recv(end->state, &(tong_bytes){0}, 1, NULL);
}

#endif

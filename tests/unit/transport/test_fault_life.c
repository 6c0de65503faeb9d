/* SPDX-License-Identifier: MIT */
/* How fault: begins, ends, is cut, and passes on the rest. */
#include "fault_fake.h"
#include "support/faulty.h"
#include "sys/clock.h"

/* ---- cuts ------------------------------------------------------------------------------------------------------ */

static void next_event(struct end *end, uint32_t what, uint64_t peer)
{
    tong_event event;

    ck_assert_uint_eq(tongi_report_take(&end->report, &event, 1), 1);
    ck_assert_uint_eq(event.what, what);
    ck_assert_uint_eq(event.peer, peer);
}

TONG_TEST(a_cut_connector_begins_again)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    struct end end;
    int64_t until_ns = TONGI_NEVER;

    end_open(&end, "cut=100:full:x", TONG_PUSH);
    ck_error(attempt_send(&end), -EAGAIN);
    ck_assert_uint_eq(fake.starts, 2);
    ck_assert_uint_eq(fake.closes, 1);
    ck_assert(fake.closed_by_owner);
    next_event(&end, TONG_JOINED, 1);
    next_event(&end, TONG_CUT, 1);
    next_event(&end, TONG_JOINED, 2);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&end.report.peers), 1);
    /* Whoever sleeps now wakes at once. */
    ck_assert_int_eq(ops->pollset(end.state, TONG_OUT, set, &until_ns), 1);
    ck_assert_int_le(until_ns, tongi_clock_ns());
    end_fini(&end);
    ck_assert_uint_eq(fake.closes, 2);
}

TONG_TEST(traffic_goes_on_through_cuts)
{
    struct end end;

    end_open(&end, "seed=3,cut=10:full:x", TONG_PUSH);
    send_all(&end, 1000, 8);
    ck_assert_uint_eq(fake.n_sent, 1000);
    ck_assert_uint_gt(fake.starts, 50);
    ck_assert_uint_eq(fake.closes, fake.starts - 1);
    end_fini(&end);
}

static void is_gone(struct end *end)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = TONGI_NEVER;

    for (int i = 0; i < 3; i++) {
        ck_error(attempt_send(end), TONG_E_GONE);
        ck_error(attempt_recv(end), TONG_E_GONE);
    }
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), ADDRESS));
    ck_error(ops->next_size(end->state), TONG_E_GONE);
    ck_assert_int_eq(ops->settle(end->state, TONG_IN), 0);
    ck_assert(ops->ready(end->state, TONG_IN) && ops->ready(end->state, TONG_OUT));
    ck_assert_int_eq(ops->pollset(end->state, TONG_IN, set, &until_ns), 0);
    ck_assert_int_le(until_ns, tongi_clock_ns());
    ck_assert_uint_eq(tongi_load_relaxed_u64(&end->report.peers), 0);
    next_event(end, TONG_JOINED, 1);
    next_event(end, TONG_CUT, 1);
}

static void cut_once(struct end *end)
{
    int64_t r = attempt_send(end);

    ck_assert(r == -EAGAIN || r == TONG_E_GONE);
}

TONG_TEST(a_cut_pair_is_gone)
{
    struct end end;

    end_open(&end, "cut=100:full:x", TONG_PAIR);
    cut_once(&end);
    is_gone(&end);
    ck_assert_uint_eq(fake.starts, 1);
    ck_assert_uint_eq(fake.closes, 1);
    end_fini(&end);
    ck_assert_uint_eq(fake.closes, 1);
}

TONG_TEST(reconnect_no)
{
    struct end end;

    end_init(&end, &full, "cut=100:full:x", TONG_PUSH, TONG_CONNECT);
    end.start.opts.reconnect = TONG_NO;
    ck_ok(ops->start(end.state, &end.start));
    cut_once(&end);
    is_gone(&end);
    end_fini(&end);
}

TONG_TEST(a_listener_is_not_cut)
{
    struct end end;

    end_open(&end, "cut=100:full:x", TONG_PULL);
    fake.to_receive = 10;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(attempt_recv(&end), 1);
    ck_assert_uint_eq(fake.closes, 0);
    end_fini(&end);
}

TONG_TEST(beginning_again_may_fail)
{
    struct end end;

    end_open(&end, "cut=100:full:x", TONG_PUSH);
    fake.fail_start = -EMFILE;
    ck_error(attempt_send(&end), -EMFILE);
    is_gone(&end);
    end_fini(&end);
    ck_assert_uint_eq(fake.closes, 1);
}

TONG_TEST(with_cuts_nothing_is_said_of_what_may_vanish)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = TONGI_NEVER, now_ns;
    struct end end;

    end_open(&end, "cut=1:full:x", TONG_PAIR);
    ck_error(ops->fd(end.state, TONG_IN), TONG_E_NOCAP);
    ck_assert_uint_eq(ops->depth(end.state), 0);
    uint32_t calls = fake.calls;
    ops->shutdown(end.state);
    ck_assert_uint_eq(fake.calls, calls);
    /* A cut by the other thread does not wake a sleeper; it looks by itself. */
    ck_assert_int_eq(ops->pollset(end.state, TONG_IN, set, &until_ns), 1);
    now_ns = tongi_clock_ns();
    ck_assert_int_le(until_ns, now_ns + 10000000);
    end_fini(&end);
}

/* Words without any order of their own: a thread sanitizer sees a slot that runs while its state is replaced. */
struct plain {
    uint32_t begun, sent, received;
};

static int plain_begin(void *state, const struct tongi_start *start)
{
    (void)start;
    ((struct plain *)state)->begun = 1;
    return 0;
}

static void plain_close(void *state, bool owner)
{
    (void)owner;
    ((struct plain *)state)->begun = 0;
}

static int64_t plain_send(void *state, const tong_view *msgs, uint32_t n)
{
    struct plain *plain = state;

    (void)msgs;
    ck_assert_uint_eq(plain->begun, 1);
    plain->sent += n;
    return n;
}

static int64_t plain_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    struct plain *plain = state;

    (void)msgs, (void)n, (void)meta;
    ck_assert_uint_eq(plain->begun, 1);
    plain->received++;
    return 1;
}

static const struct tongi_transport_ops plain = {
    .scheme = "plain",
    .state_bytes = sizeof(struct plain),
    .start = plain_begin,
    .close = plain_close,
    .send = plain_send,
    .recv = plain_recv,
    .pollset = inner_pollset,
};

enum { MANY = 5000 };

static void *receive_many(void *context)
{
    for (uint32_t received = 0; received < MANY;) {
        int64_t r = attempt_recv(context);
        ck_assert(r == 1 || r == -EAGAIN);
        received += r == 1;
    }
    return NULL;
}

TONG_TEST(a_cut_waits_for_the_other_direction)
{
    struct end end;
    pthread_t thread;

    end_init(&end, &plain, "cut=20:plain:x", TONG_REQ, TONG_CONNECT);
    ck_ok(ops->start(end.state, &end.start));
    ck_assert_int_eq(pthread_create(&thread, NULL, receive_many, &end), 0);
    send_all(&end, MANY, 8);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    end_fini(&end);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

TONG_TEST(without_cuts_the_rest_is_passed_on)
{
    struct end end;

    fake.fd = 1234;
    end_open(&end, "drop=1:full:x", TONG_PAIR);
    ck_assert_int_eq(ops->fd(end.state, TONG_IN), 1234);
    ck_assert_uint_eq(ops->depth(end.state), 5);
    ck_assert(!ops->ready(end.state, TONG_IN));
    ops->shutdown(end.state);
    ck_assert_uint_eq(fake.calls, 2);
    ops->close(end.state, false);
    ck_assert(!fake.closed_by_owner);
    end_fini(&end);
}

TONG_TEST(slots_that_the_wrapped_transport_lacks)
{
    struct end end, other;

    end_init(&end, &bare, ":bare:x", TONG_PAIR, TONG_LISTEN);
    end_init(&other, &bare, ":bare:x", TONG_PAIR, TONG_LISTEN);
    ck_error(ops->pair(end.state, &end.start, other.state, &other.start), TONG_E_NOCAP);
    ck_ok(ops->start(end.state, &end.start));
    ck_assert_int_eq(ops->step(end.state, TONG_IN), 0);
    ck_assert_int_eq(ops->finish(end.state), 0);
    ck_assert_int_eq(ops->settle(end.state, TONG_OUT), 0);
    ck_assert_int_eq(ops->flush(end.state, TONG_ACCEPTED), 0);
    ck_assert_uint_eq(ops->depth(end.state), 0);
    ck_assert(!ops->ready(end.state, TONG_IN));
    ops->shutdown(end.state);
    ck_error(ops->accept(end.state, other.state, &other.start), TONG_E_NOCAP);
    ck_error(attempt_send(&end), TONG_E_NOCAP);
    ck_error(attempt_recv(&end), TONG_E_NOCAP);
    ck_error(ops->send_parts(end.state, NULL, 0, NULL), TONG_E_NOCAP);
    ck_error(ops->next_size(end.state), TONG_E_NOCAP);
    ck_error(ops->flush(end.state, TONG_TAKEN), TONG_E_NOCAP);
    ck_error(ops->cancel(end.state, 1), TONG_E_NOCAP);
    ck_error(ops->subscribe(end.state, "", 0, true), TONG_E_NOCAP);
    ck_error(ops->fd(end.state, TONG_IN), TONG_E_NOCAP);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "bare: has no fd"));
    end_fini(&end);
    end_fini(&other);
}

TONG_TEST(bad_settings_fail_the_start)
{
    struct end end;

    end_init(&end, &full, "drop=200:full:x", TONG_PAIR, TONG_CONNECT);
    ck_error(ops->start(end.state, &end.start), -ERANGE);
    ck_assert_uint_eq(fake.starts, 0);
    end_fini(&end);
}

TONG_TEST(what_the_wrapped_start_says)
{
    struct end end;

    end_init(&end, &full, ":full:x", TONG_PAIR, TONG_CONNECT);
    fake.fail_start = -EADDRINUSE;
    ck_error(ops->start(end.state, &end.start), -EADDRINUSE);
    end_fini(&end);
    end_init(&end, NULL, ":full:x", TONG_PAIR, TONG_CONNECT);
    ck_error(ops->start(end.state, &end.start), TONG_E_STATE);
    end_fini(&end);
}

TONG_TEST(no_memory)
{
    struct end end;

    faulty_install();
    end_init(&end, &full, ":full:x", TONG_PAIR, TONG_CONNECT);
    faulty_fail(FAULTY_calloc, 1, ENOMEM);
    ck_error(ops->start(end.state, &end.start), -ENOMEM);
    ops->shutdown(end.state);
    ck_assert_uint_eq(ops->depth(end.state), 0);
    end_fini(&end);
}

TONG_TEST(accepted_peers)
{
    struct end listener, peers[2];

    end_init(&listener, &full, "drop=50:full:x", TONG_PAIR, TONG_LISTEN);
    ck_ok(ops->start(listener.state, &listener.start));
    for (int i = 0; i < 2; i++) {
        end_init(&peers[i], &full, "drop=50:full:x", TONG_PAIR, TONG_LISTEN);
        fake.fail_start = -EAGAIN;
        ck_error(ops->accept(listener.state, peers[i].state, &peers[i].start), -EAGAIN);
        fake.fail_start = 0;
        ck_ok(ops->accept(listener.state, peers[i].state, &peers[i].start));
        next_event(&peers[i], TONG_JOINED, 1);
    }
    end_fini(&listener);
    /* They outlive the listener, and each has faults of its own. */
    bool same = true;
    for (int i = 0; i < 64; i++) {
        uint32_t sent = fake.n_sent;
        send_all(&peers[0], 1, 1);
        send_all(&peers[1], 1, 1);
        same &= fake.n_sent - sent != 1;
    }
    ck_assert(!same);
    end_fini(&peers[0]);
    end_fini(&peers[1]);
    ck_assert_uint_eq(fake.closes, 3);
}

TONG_TEST(joined_ends)
{
    struct end ends[2];

    for (int i = 0; i < 2; i++)
        end_init(&ends[i], &full, "cut=100:full:", TONG_PAIR, TONG_CONNECT);
    fake.fail_start = -EMFILE;
    ck_error(ops->pair(ends[0].state, &ends[0].start, ends[1].state, &ends[1].start), -EMFILE);
    fake.fail_start = 0;
    ck_ok(ops->pair(ends[0].state, &ends[0].start, ends[1].state, &ends[1].start));
    cut_once(&ends[1]);
    is_gone(&ends[1]);
    end_fini(&ends[0]);
    end_fini(&ends[1]);
}

TONG_TEST(closing_a_zeroed_state)
{
    struct end end;

    end_init(&end, &full, ":full:x", TONG_PAIR, TONG_CONNECT);
    ops->shutdown(end.state);
    end_fini(&end);
    ck_assert_uint_eq(fake.closes, 0);
}

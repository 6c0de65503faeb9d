/* SPDX-License-Identifier: MIT */
/* What fault: does to messages. */
#include "fault_fake.h"
#include "support/faulty.h" /* fault: is there with the seams only */
#include "sys/clock.h"

TONG_TEST(without_settings_everything_passes)
{
    struct end end;
    tong_bytes msgs[8] = {{0}};

    end_open(&end, ":full:x", TONG_PAIR);
    send_all(&end, 100, 8);
    ck_assert_uint_eq(fake.n_sent, 100);
    ck_assert_uint_eq(fake.batch_max, 8);
    fake.to_receive = 12;
    ck_assert_int_eq(ops->recv(end.state, msgs, 8, NULL), 8);
    ck_assert_uint_eq(msgs[7].len, 8);
    ck_assert_int_eq(ops->next_size(end.state), 9);
    ck_assert_int_eq(ops->recv(end.state, msgs, 8, NULL), 4);
    ck_error(ops->recv(end.state, msgs, 8, NULL), -EAGAIN);
    ck_assert_uint_eq(lost(&end), 0);
    end_fini(&end);
    ck_assert_uint_eq(fake.starts, 1);
    ck_assert_uint_eq(fake.closes, 1);
}

TONG_TEST(dropped_messages_are_counted)
{
    struct end end;

    end_open(&end, "seed=1,drop=25:full:x", TONG_PUSH);
    send_all(&end, 1000, 16);
    ck_assert_uint_eq(fake.n_sent + lost(&end), 1000);
    ck_assert_uint_gt(lost(&end), 150);
    ck_assert_uint_lt(lost(&end), 350);
    end_fini(&end);
}

TONG_TEST(a_dropped_message_of_parts_is_sent)
{
    const tong_view parts[] = {{"a", 1}, {"b", 1}};
    struct end end;

    end_open(&end, "drop=100:full:x", TONG_PUSH);
    ck_assert_int_eq(ops->send_parts(end.state, parts, 2, NULL), 0);
    ck_assert_uint_eq(fake.n_sent, 0);
    ck_assert_uint_eq(lost(&end), 1);
    end_fini(&end);
}

TONG_TEST(truncated_messages_are_shorter)
{
    const tong_view parts[] = {{"", 0}, {"abc", 100}, {"b", 50}}, empty[] = {{"", 0}};
    struct end end;

    end_open(&end, "truncate=100:full:x", TONG_PUSH);
    send_all(&end, 100, 4);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(ops->send_parts(end.state, parts, 3, NULL), 0);
    for (uint32_t i = 0; i < 200; i++)
        ck_assert_uint_lt(fake.sent[i], 100);
    ck_assert_int_eq(ops->send_parts(end.state, empty, 1, NULL), 0);
    ck_assert_int_eq(ops->send_parts(end.state, NULL, 0, NULL), 0);
    ck_assert_uint_eq(fake.n_sent, 202);
    end_fini(&end);
}

TONG_TEST(an_offer_repeated_is_the_same_offer)
{
    const tong_view msg = {"", 1000};
    struct end end;

    end_open(&end, "truncate=100:full:x", TONG_PUSH);
    fake.answer = -EAGAIN;
    for (int i = 0; i < 10; i++)
        ck_error(ops->send(end.state, &msg, 1), -EAGAIN);
    fake.answer = 0;
    ck_assert_int_eq(ops->send(end.state, &msg, 1), 1);
    end_fini(&end);
    size_t len = fake.sent[0];

    memset(&fake, 0, sizeof fake);
    end_open(&end, "truncate=100:full:x", TONG_PUSH);
    ck_assert_int_eq(ops->send(end.state, &msg, 1), 1);
    ck_assert_uint_eq(fake.sent[0], len);
    end_fini(&end);
}

TONG_TEST(a_message_given_up_half_way_has_had_its_turn)
{
    const tong_view msg = {"", 1000};
    struct end end;

    end_open(&end, "truncate=100:full:x", TONG_PUSH);
    ck_assert_int_eq(ops->send(end.state, &msg, 1), 1);
    ck_assert_int_eq(ops->send(end.state, &msg, 1), 1);
    end_fini(&end);
    size_t second = fake.sent[1];

    memset(&fake, 0, sizeof fake);
    end_open(&end, "truncate=100:full:x", TONG_PUSH);
    fake.answer = -EAGAIN;
    ck_error(ops->send(end.state, &msg, 1), -EAGAIN);
    ck_assert_int_eq(ops->settle(end.state, TONG_OUT), 1);
    fake.answer = 0;
    ck_assert_int_eq(ops->send(end.state, &msg, 1), 1);
    ck_assert_uint_eq(fake.sent[0], second);
    end_fini(&end);
}

TONG_TEST(split_batches)
{
    struct end end;
    tong_bytes msgs[8] = {{0}};

    end_open(&end, "split=100:full:x", TONG_PAIR);
    send_all(&end, 50, 8);
    fake.to_receive = 3;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ops->recv(end.state, msgs, 8, NULL), 1);
    ck_assert_uint_eq(fake.n_sent, 50);
    ck_assert_uint_eq(fake.batch_max, 1);
    end_fini(&end);
}

/* Delayed for its millisecond, in which a call that goes to sleep finds nothing but the end of the delay. */
static void is_delayed_for_a_while(struct end *end, uint32_t direction, int64_t (*attempt)(struct end *end))
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t begun_ns = tongi_clock_ns(), until_ns = TONGI_NEVER;

    ck_error(attempt(end), -EAGAIN);
    int64_t begun_by_ns = tongi_clock_ns();
    int n = ops->pollset(end->state, direction, set, &until_ns);
    /* A machine that stood still for a millisecond has missed it. */
    ck_assert(n == 0 || tongi_clock_ns() - begun_ns >= 1000000);
    ck_assert_int_le(until_ns, begun_by_ns + 1000000);

    while (attempt(end) == -EAGAIN)
        ck_assert_int_lt(tongi_clock_ns() - begun_ns, 5000000000);
    ck_assert_int_ge(tongi_clock_ns() - begun_ns, 1000000);
    until_ns = TONGI_NEVER;
    ck_assert_int_eq(ops->pollset(end->state, direction, set, &until_ns), 1);
    ck_assert_int_eq(until_ns, TONGI_NEVER);
}

TONG_TEST(delay)
{
    struct end end;

    end_open(&end, "delay=100:full:x", TONG_PAIR);
    for (int i = 0; i < 3; i++) {
        is_delayed_for_a_while(&end, TONG_OUT, attempt_send);
        ck_assert_uint_eq(fake.calls, fake.starts + fake.n_sent);
        fake.to_receive++;
        is_delayed_for_a_while(&end, TONG_IN, attempt_recv);
        fake.calls--;
    }
    end_fini(&end);
}

TONG_TEST(nothing_is_not_delayed)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = TONGI_NEVER;
    struct end end;

    end_open(&end, "delay=100:full:x", TONG_PULL);
    ck_error(attempt_recv(&end), -EAGAIN);
    ck_assert_int_eq(ops->pollset(end.state, TONG_IN, set, &until_ns), 1);
    ck_assert_int_eq(until_ns, TONGI_NEVER);
    end_fini(&end);
}

TONG_TEST(errors_pass_and_use_nothing_up)
{
    struct end end;

    end_open(&end, "truncate=50,drop=50:full:x", TONG_PAIR);
    fake.answer = TONG_E_TOOBIG;
    ck_error(attempt_recv(&end), TONG_E_TOOBIG);
    int64_t first = attempt_send(&end);
    for (int i = 0; i < 20 && first < 0; i++)
        ck_error(attempt_send(&end), TONG_E_TOOBIG);
    end_fini(&end);
}

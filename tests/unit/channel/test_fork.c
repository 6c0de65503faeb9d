/* SPDX-License-Identifier: MIT */
/* To whom a channel belongs after fork(). */
#include "tiny.h"

#include "support/faulty.h"

static tong_channel *ch, *ends[2];
static char room[10];

static int child_of_parents_channel(void *context)
{
    tong_span span;
    tong_channel *peer;

    (void)context;
    ck_error(tong_recv(ch, room, sizeof room, tong_now()), TONG_E_FORKED);
    ck_error(tong_send(ch, "x", 1, tong_now()), TONG_E_FORKED);
    ck_error(tong_peek(ch, &span, NULL, 1, tong_now()), TONG_E_FORKED);
    ck_error(tong_claim(ch, 1, &span, tong_now()), TONG_E_FORKED);
    ck_error(tong_flush(ch, TONG_ACCEPTED, tong_now()), TONG_E_FORKED);
    ck_error(tong_finish(ch, tong_now()), TONG_E_FORKED);
    ck_error(tong_fd(ch, TONG_IN), TONG_E_FORKED);
    ck_error(tong_next_size(ch), TONG_E_FORKED);
    ck_error(tong_events(ch, NULL, 0), TONG_E_FORKED);
    ck_error(tong_accept(ch, &peer, tong_now()), TONG_E_FORKED);
    ck_error(tong_poll(&(tong_pollitem){ch, TONG_IN, 0}, 1, tong_now()), TONG_E_FORKED);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "open it again"));
    tong_close(ch);
    return 0;
}

TONG_TEST(a_channel_belongs_to_who_opened_it)
{
    tong_channel *peer;

    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PAIR | TONG_LISTEN, NULL, tong_now()));
    ck_ok(tong_open(&peer, "unix:x.sock", TONG_PAIR, NULL, tong_now()));
    tong_channel *listener = ch;
    ck_ok(tong_accept(listener, &ch, tong_now()));
    runner_join_ok(runner_fork(child_of_parents_channel, NULL), 5000);
    ck_ok(tong_send(peer, "still", 5, tong_now()));
    ck_assert_int_eq(tong_recv(ch, room, sizeof room, tong_now()), 5);
    tong_close(ch);
    ch = listener;
    runner_join_ok(runner_fork(child_of_parents_channel, NULL), 5000);
    ck_ok(access("x.sock", F_OK));
    ck_ok(access("x.sock.lock", F_OK));
    tong_close(peer);
    tong_close(listener);
    ck_error(access("x.sock", F_OK), -1);
}

static int answer(void *context)
{
    (void)context;
    ends[0] = tong_close(ends[0]);
    int64_t len = ck_ok(tong_recv(ends[1], room, sizeof room, tong_in_ms(5000)));
    ck_ok(tong_send(ends[1], room, (size_t)len, tong_in_ms(5000)));
    ck_ok(tong_finish(ends[1], tong_in_ms(5000)));
    tong_close(ends[1]);
    return 0;
}

TONG_TEST(the_ends_of_a_pair_belong_to_who_uses_them)
{
    ck_ok(tong_pair(ends, "unix:"));
    pid_t child = runner_fork(answer, NULL);
    ends[1] = tong_close(ends[1]);
    ck_ok(tong_send(ends[0], "question", 8, tong_in_ms(5000)));
    ck_assert_int_eq(tong_recv(ends[0], room, sizeof room, tong_in_ms(5000)), 8);
    ck_error(tong_recv(ends[0], room, sizeof room, tong_in_ms(5000)), TONG_E_END);
    runner_join_ok(child, 5000);
    tong_close(ends[0]);
}

static int use_the_used_end(void *context)
{
    (void)context;
    ck_error(tong_send(ends[0], "x", 1, tong_now()), TONG_E_FORKED);
    ck_ok(tong_send(ends[1], "mine", 4, tong_now()));
    tong_close(ends[0]);
    tong_close(ends[1]);
    return 0;
}

TONG_TEST(an_end_that_was_used_is_bound)
{
    ck_ok(tong_pair(ends, "unix:"));
    ck_ok(tong_send(ends[0], "x", 1, tong_now()));
    runner_join_ok(runner_fork(use_the_used_end, NULL), 5000);
    ck_assert_int_eq(tong_recv(ends[0], room, sizeof room, tong_in_ms(5000)), 4);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

static int grandchild(void *context)
{
    (void)context;
    ck_error(tong_send(ch, "x", 1, tong_now()), TONG_E_FORKED);
    tong_close(ch);
    return 0;
}

static int reopen(void *context)
{
    ck_error(tong_send(ch, "x", 1, tong_now()), TONG_E_FORKED);
    tong_close(ch);
    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PUSH, NULL, tong_in_ms(5000)));
    ck_ok(tong_send(ch, "child", 5, tong_in_ms(5000)));
    runner_join_ok(runner_fork(grandchild, context), 5000);
    ck_ok(tong_send(ch, "child", 5, tong_in_ms(5000)));
    ck_ok(tong_finish(ch, tong_in_ms(5000)));
    tong_close(ch);
    return 0;
}

TONG_TEST(a_child_opens_its_own)
{
    tong_channel *rx;

    ck_ok(tong_open(&rx, "unix:x.sock", TONG_PULL, NULL, tong_now()));
    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PUSH, NULL, tong_now()));
    pid_t child = runner_fork(reopen, NULL);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(tong_recv(rx, room, sizeof room, tong_in_ms(5000)), 5);
    runner_join_ok(child, 5000);
    ck_ok(tong_send(ch, "parent", 6, tong_now()));
    ck_assert_int_eq(tong_recv(rx, room, sizeof room, tong_in_ms(5000)), 6);
    tong_close(ch);
    tong_close(rx);
}

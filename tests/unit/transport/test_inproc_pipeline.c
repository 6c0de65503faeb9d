/* SPDX-License-Identifier: MIT */
/* push and pull: one queue, each message to exactly one puller, nothing lost with a puller that goes. */
#include "inproc_ends.h"

struct pipeline {
    struct end push, pull, other;
};

static void pipeline_open(struct pipeline *line, const tong_opts *opts)
{
    end_open_with(&line->push, "x", TONG_PUSH, opts);
    end_open_with(&line->pull, "x", TONG_PULL, opts);
    end_open_with(&line->other, "x", TONG_PULL, opts);
}

static void pipeline_close(struct pipeline *line)
{
    end_close(&line->push);
    end_close(&line->pull);
    end_close(&line->other);
}

TONG_TEST(each_message_reaches_one)
{
    struct pipeline line;
    tong_meta meta;

    pipeline_open(&line, NULL);
    say(&line.push, "one");
    say(&line.push, "");
    say(&line.push, "three");
    meta = hear(&line.pull, "one");
    ck_assert_uint_eq(meta.sequence, 1);
    ck_assert_uint_eq(meta.flags, 0);
    meta = hear(&line.other, "");
    ck_assert_uint_eq(meta.sequence, 2);
    hear(&line.pull, "three");
    ck_error(try_recv(&line.pull, NULL), -EAGAIN);
    ck_error(try_recv(&line.other, NULL), -EAGAIN);
    pipeline_close(&line);
}

TONG_TEST(nobody_need_be_there)
{
    struct end push, pull;

    end_open(&push, "x", TONG_PUSH);
    say(&push, "early");
    end_open(&pull, "x", TONG_PULL);
    hear(&pull, "early");
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(depth_is_the_limit)
{
    struct pipeline line;
    tong_view many[9];

    pipeline_open(&line, &(tong_opts){.depth = 5});
    ck_assert_int_eq(fill(&line.push, "m"), 5);
    ck_assert_uint_eq(OPS->depth(line.push.state), 5);
    ck_assert_uint_eq(OPS->depth(line.pull.state), 5);
    hear(&line.pull, "m");
    hear(&line.other, "m");
    for (int i = 0; i < 9; i++)
        many[i] = (tong_view){"many", 4};
    ck_assert_int_eq(OPS->send(line.push.state, many, 9), 2);
    ck_error(OPS->send(line.push.state, many, 9), -EAGAIN);
    pipeline_close(&line);
}

TONG_TEST(size_is_the_limit)
{
    struct pipeline line;
    tong_view msgs[] = {{"12345678", 8}, {"123456789", 9}}, parts[] = {{"1234", 4}, {NULL, 0}, {"56789", 5}};
    tong_span span;

    pipeline_open(&line, &(tong_opts){.size = 8});
    ck_error(OPS->send(line.push.state, &msgs[1], 1), TONG_E_TOOBIG);
    expect_sentence(&line.push, "size=8");
    ck_assert_int_eq(OPS->send(line.push.state, msgs, 2), 1);
    ck_error(OPS->send_parts(line.push.state, parts, 3, NULL), TONG_E_TOOBIG);
    parts[0].len = SIZE_MAX;
    ck_error(OPS->send_parts(line.push.state, parts, 3, NULL), TONG_E_TOOBIG);
    ck_error(OPS->claim(line.push.state, 9, &span), TONG_E_TOOBIG);
    hear(&line.pull, "12345678");
    pipeline_close(&line);
}

TONG_TEST(parts_become_one_message)
{
    struct pipeline line;
    tong_view parts[] = {{"one ", 4}, {NULL, 0}, {"message", 7}};

    pipeline_open(&line, NULL);
    ck_ok(OPS->send_parts(line.push.state, parts, 3, NULL));
    ck_ok(OPS->send_parts(line.push.state, NULL, 0, NULL));
    hear(&line.pull, "one message");
    hear(&line.pull, "");
    pipeline_close(&line);
}

TONG_TEST(what_does_not_fit_stays)
{
    struct pipeline line;
    char room[2][4];
    tong_bytes msgs[] = {{room[0], 4}, {room[1], 4}};

    pipeline_open(&line, NULL);
    ck_error(OPS->next_size(line.pull.state), -EAGAIN);
    say(&line.push, "four");
    say(&line.push, "five5");
    ck_assert_int_eq(OPS->next_size(line.pull.state), 4);
    ck_assert_int_eq(OPS->recv(line.pull.state, msgs, 2, NULL), 1);
    ck_assert_uint_eq(msgs[0].len, 4);
    ck_assert_int_eq(OPS->next_size(line.pull.state), 5);
    ck_error(OPS->recv(line.pull.state, &msgs[1], 1, NULL), TONG_E_TOOBIG);
    expect_sentence(&line.pull, "5 bytes");
    hear(&line.other, "five5");
    pipeline_close(&line);
}

TONG_TEST(many_come_at_once)
{
    enum { N = 5 };
    struct pipeline line;
    char rooms[N][8];
    tong_bytes msgs[N];

    pipeline_open(&line, NULL);
    for (int i = 0; i < N; i++)
        msgs[i] = (tong_bytes){rooms[i], sizeof rooms[i]};
    say(&line.push, "a");
    say(&line.push, "bc");
    say(&line.push, "");
    ck_assert_int_eq(OPS->recv(line.pull.state, msgs, N, NULL), 3);
    ck_assert_uint_eq(msgs[0].len, 1);
    ck_assert_uint_eq(msgs[1].len, 2);
    ck_assert_uint_eq(msgs[2].len, 0);
    ck_assert_mem_eq(rooms[1], "bc", 2);
    pipeline_close(&line);
}

/* ---- fairness -------------------------------------------------------------------------------------------------- */

TONG_TEST(who_found_no_room_gets_a_part)
{
    struct end pull, greedy, late;

    end_open_with(&pull, "x", TONG_PULL, &(tong_opts){.depth = 4});
    end_open(&greedy, "x", TONG_PUSH);
    end_open(&late, "x", TONG_PUSH);
    ck_assert_int_eq(fill(&greedy, "greedy"), 4);
    ck_error(try_send(&late, "late"), -EAGAIN);
    for (int i = 0; i < 2; i++) {
        hear(&pull, "greedy");
        ck_error(try_send(&greedy, "greedy"), -EAGAIN); /* half of the queue is its part now */
    }
    hear(&pull, "greedy");
    say(&greedy, "greedy");
    ck_error(try_send(&greedy, "greedy"), -EAGAIN);
    ck_assert_int_eq(fill(&late, "late"), 2);
    for (int i = 0; i < 2; i++)
        hear(&pull, "greedy");
    say(&late, "late"); /* it has had its part, and so everybody may have all again */
    say(&greedy, "greedy");
    end_close(&pull);
    end_close(&greedy);
    end_close(&late);
}

TONG_TEST(a_part_is_never_nothing)
{
    struct end pull, pushes[3];

    end_open_with(&pull, "x", TONG_PULL, &(tong_opts){.depth = 1});
    for (int i = 0; i < 3; i++)
        end_open(&pushes[i], "x", TONG_PUSH);
    for (int i = 0; i < 3; i++)
        (void)try_send(&pushes[i], "m"); /* for the first only there is room */
    for (int i = 0; i < 3; i++) {
        hear(&pull, "m");
        say(&pushes[i], "m");
    }
    for (int i = 0; i < 3; i++)
        end_close(&pushes[i]);
    end_close(&pull);
}

TONG_TEST(the_hungry_that_go_want_nothing)
{
    struct end pull, greedy, late;

    end_open_with(&pull, "x", TONG_PULL, &(tong_opts){.depth = 4});
    end_open(&greedy, "x", TONG_PUSH);
    for (int round = 0; round < 2; round++) {
        end_open(&late, "x", TONG_PUSH);
        ck_assert_int_eq(fill(&greedy, "greedy"), round ? 1 : 4);
        ck_error(try_send(&late, "late"), -EAGAIN);
        hear(&pull, "greedy");
        ck_error(try_send(&greedy, "greedy"), -EAGAIN);
        if (round)
            ck_ok(OPS->finish(late.state));
        else
            end_close(&late);
    }
    say(&greedy, "greedy");
    end_close(&late);
    end_close(&pull);
    end_close(&greedy);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

TONG_TEST(a_fan_in_has_no_end)
{
    struct pipeline line;

    pipeline_open(&line, NULL);
    ck_ok(OPS->finish(line.push.state));
    end_close(&line.push);
    ck_error(try_recv(&line.pull, NULL), -EAGAIN);
    end_open(&line.push, "x", TONG_PUSH);
    say(&line.push, "goes on");
    hear(&line.pull, "goes on");
    pipeline_close(&line);
}

TONG_TEST(but_with_end_last)
{
    struct pipeline line;
    struct end second;
    tong_span span;

    end_open_with(&line.pull, "x", TONG_PULL, &(tong_opts){.end = TONG_END_LAST});
    end_open(&line.other, "x", TONG_PULL);
    ck_error(try_recv(&line.pull, NULL), -EAGAIN); /* nobody has come yet */
    end_open(&line.push, "x", TONG_PUSH);
    end_open(&second, "x", TONG_PUSH);
    say(&line.push, "m");
    ck_ok(OPS->finish(line.push.state));
    ck_ok(OPS->finish(line.push.state));
    hear(&line.pull, "m");
    ck_error(try_recv(&line.pull, NULL), -EAGAIN);
    say(&second, "last");
    ck_ok(OPS->finish(second.state));
    span = look(&line.other, "last");
    ck_error(try_recv(&line.pull, NULL), -EAGAIN); /* it may come back */
    ck_ok(OPS->reject(line.other.state, &span, 1));
    span = look(&line.pull, "last");
    ck_error(OPS->peek(line.pull.state, &(tong_span){0}, NULL, 1), TONG_E_END);
    ck_ok(OPS->release(line.pull.state, &span, 1));
    ck_error(try_recv(&line.pull, NULL), TONG_E_END);
    expect_sentence(&line.pull, "finished");
    ck_error(OPS->next_size(line.pull.state), TONG_E_END);
    ck_error(try_recv(&line.other, NULL), -EAGAIN); /* did not ask */
    end_close(&second);
    end_open(&second, "x", TONG_PUSH);
    ck_error(try_recv(&line.pull, NULL), -EAGAIN); /* a new sender is a new beginning */
    end_close(&second);
    ck_error(try_recv(&line.pull, NULL), TONG_E_GONE); /* and went without a farewell */
    expect_sentence(&line.pull, "without finishing");
    pipeline_close(&line);
}

/* ---- flush, events --------------------------------------------------------------------------------------------- */

TONG_TEST(flush_waits_for_what_was_taken)
{
    struct pipeline line;
    struct end rival;
    tong_span span;

    pipeline_open(&line, NULL);
    end_open(&rival, "x", TONG_PUSH);
    ck_ok(OPS->flush(line.push.state, TONG_TAKEN));
    say(&line.push, "copied");
    say(&line.push, "lent");
    say(&rival, "another's");
    ck_ok(OPS->flush(line.push.state, TONG_ACCEPTED));
    ck_error(OPS->flush(line.push.state, TONG_TAKEN), -EAGAIN);
    hear(&line.pull, "copied");
    span = look(&line.pull, "lent");
    ck_error(OPS->flush(line.push.state, TONG_TAKEN), -EAGAIN);
    ck_ok(OPS->reject(line.pull.state, &span, 1));
    hear(&line.pull, "another's");
    span = look(&line.pull, "lent");
    ck_error(OPS->flush(line.push.state, TONG_TAKEN), -EAGAIN);
    ck_ok(OPS->release(line.pull.state, &span, 1));
    ck_ok(OPS->flush(line.push.state, TONG_TAKEN));
    ck_error(OPS->flush(line.push.state, TONG_DURABLE), TONG_E_NOCAP);
    expect_sentence(&line.push, "file:");
    end_close(&rival);
    pipeline_close(&line);
}

TONG_TEST(events_tell_who_comes_and_how_they_go)
{
    struct end pull, push, rude;
    uint64_t polite;

    end_open(&pull, "x", TONG_PULL);
    expect_event(&pull, 0);
    end_open(&push, "x", TONG_PUSH);
    polite = expect_event(&pull, TONG_JOINED);
    expect_event(&push, TONG_JOINED);
    end_open(&rude, "x", TONG_PUSH);
    ck_assert_uint_ne(expect_event(&pull, TONG_JOINED), polite);
    expect_event(&push, 0);
    ck_assert_uint_eq(reported(&pull.report.peers), 2);
    say(&push, "m");
    ck_assert_uint_eq(hear(&pull, "m").peer, polite);
    ck_ok(OPS->finish(push.state));
    ck_assert_uint_eq(expect_event(&pull, TONG_LEFT), polite);
    end_close(&push);
    expect_event(&pull, 0);
    end_close(&rude);
    ck_assert_uint_ne(expect_event(&pull, TONG_CUT), polite);
    ck_assert_uint_eq(reported(&pull.report.peers), 0);
    ck_assert_uint_eq(reported(&pull.report.connects), 2);
    end_close(&pull);
}

/* SPDX-License-Identifier: MIT */
/* pair: two seats, two directions, and what each learns when the other goes. */
#include "inproc_ends.h"

struct pair {
    struct end a, b;
};

static void pair_open(struct pair *pair, const tong_opts *opts)
{
    end_open_with(&pair->a, "x", TONG_PAIR, opts);
    end_open_with(&pair->b, "x", TONG_PAIR, opts);
}

static void pair_close(struct pair *pair)
{
    end_close(&pair->a);
    end_close(&pair->b);
}

TONG_TEST(both_directions)
{
    struct pair pair;

    pair_open(&pair, &(tong_opts){.depth = 2});
    ck_assert_int_eq(fill(&pair.a, "to b"), 2);
    ck_assert_int_eq(fill(&pair.b, "to a"), 2);
    hear(&pair.b, "to b");
    say(&pair.a, "more");
    ck_error(try_send(&pair.b, "full"), -EAGAIN);
    hear(&pair.a, "to a");
    pair_close(&pair);
}

TONG_TEST(a_third_finds_no_seat)
{
    struct pair pair;
    struct end third;

    pair_open(&pair, NULL);
    ck_error(end_try(&third, "x", TONG_PAIR, NULL), -EBUSY);
    expect_sentence(&third, "two ends");
    pair_close(&pair);
}

TONG_TEST(the_first_may_speak_before_the_second_comes)
{
    struct pair pair;

    end_open(&pair.a, "x", TONG_PAIR);
    say(&pair.a, "hello?");
    ck_error(try_recv(&pair.a, NULL), -EAGAIN);
    ck_ok(OPS->finish(pair.a.state));
    end_open(&pair.b, "x", TONG_PAIR);
    expect_event(&pair.b, TONG_JOINED);
    expect_event(&pair.b, TONG_LEFT);
    hear(&pair.b, "hello?");
    ck_error(try_recv(&pair.b, NULL), TONG_E_END);
    pair_close(&pair);
}

TONG_TEST(finish_is_the_end_of_one_direction)
{
    struct pair pair;

    pair_open(&pair, NULL);
    say(&pair.a, "last");
    ck_ok(OPS->finish(pair.a.state));
    ck_ok(OPS->finish(pair.a.state));
    hear(&pair.b, "last");
    ck_error(try_recv(&pair.b, NULL), TONG_E_END);
    expect_sentence(&pair.b, "finished");
    ck_error(OPS->next_size(pair.b.state), TONG_E_END);
    ck_error(OPS->peek(pair.b.state, &(tong_span){0}, NULL, 1), TONG_E_END);
    say(&pair.b, "answer");
    hear(&pair.a, "answer");
    ck_error(try_recv(&pair.a, NULL), -EAGAIN);
    end_close(&pair.a);
    ck_error(try_recv(&pair.b, NULL), TONG_E_END);
    end_close(&pair.b);
}

TONG_TEST(closing_alone_is_gone)
{
    struct pair pair;
    tong_span span;

    pair_open(&pair, NULL);
    say(&pair.a, "arrived");
    say(&pair.b, "never read");
    ck_ok(OPS->claim(pair.b.state, 1, &span));
    end_close(&pair.a);
    hear(&pair.b, "arrived");
    ck_error(try_recv(&pair.b, NULL), TONG_E_GONE);
    expect_sentence(&pair.b, "closed");
    ck_error(OPS->next_size(pair.b.state), TONG_E_GONE);
    ck_error(try_send(&pair.b, "m"), TONG_E_GONE);
    expect_sentence(&pair.b, "closed");
    ck_error(OPS->commit(pair.b.state, &span, 1, NULL), TONG_E_GONE);
    ck_error(OPS->flush(pair.b.state, TONG_TAKEN), TONG_E_GONE);
    ck_error(OPS->finish(pair.b.state), TONG_E_GONE);
    end_close(&pair.b);
}

TONG_TEST(gone_after_everything_was_taken_spoils_no_finish)
{
    struct pair pair;

    pair_open(&pair, NULL);
    say(&pair.a, "m");
    hear(&pair.b, "m");
    end_close(&pair.b);
    ck_ok(OPS->flush(pair.a.state, TONG_TAKEN));
    ck_ok(OPS->finish(pair.a.state));
    end_close(&pair.a);
}

TONG_TEST(a_loan_that_was_not_released_was_not_taken)
{
    struct pair pair;

    pair_open(&pair, NULL);
    say(&pair.a, "lent");
    look(&pair.b, "lent");
    end_close(&pair.b);
    ck_error(OPS->flush(pair.a.state, TONG_TAKEN), TONG_E_GONE);
    end_close(&pair.a);
}

TONG_TEST(a_rejected_message_comes_again)
{
    struct pair pair;
    tong_span span;

    pair_open(&pair, NULL);
    say(&pair.a, "m");
    span = look(&pair.b, "m");
    ck_ok(OPS->reject(pair.b.state, &span, 1));
    ck_assert_uint_eq(hear(&pair.b, "m").flags, TONG_REDELIVERED);
    pair_close(&pair);
}

TONG_TEST(whoever_takes_the_name_begins_anew)
{
    struct pair pair;
    struct end next;

    pair_open(&pair, NULL);
    say(&pair.a, "for b");
    end_close(&pair.a);
    ck_error(end_try(&next, "x", TONG_PAIR | TONG_EXISTING, NULL), -ENOENT);
    end_open(&next, "x", TONG_PAIR);
    say(&next, "for whoever comes");
    hear(&pair.b, "for b");
    ck_error(try_recv(&pair.b, NULL), TONG_E_GONE);
    end_close(&pair.b);
    end_open(&pair.b, "x", TONG_PAIR | TONG_EXISTING);
    hear(&pair.b, "for whoever comes");
    end_close(&pair.b);
    end_close(&next);
}

TONG_TEST(a_pair_without_a_name)
{
    struct pair pair;

    end_prepare(&pair.a, "", TONG_PAIR);
    end_prepare(&pair.b, "", TONG_PAIR);
    ck_ok(OPS->pair(pair.a.state, &pair.a.start, pair.b.state, &pair.b.start));
    say(&pair.a, "a");
    say(&pair.b, "b");
    hear(&pair.a, "b");
    hear(&pair.b, "a");
    ck_ok(OPS->finish(pair.b.state));
    ck_error(try_recv(&pair.a, NULL), TONG_E_END);
    pair_close(&pair);
}

TONG_TEST(events_of_a_pair)
{
    struct pair pair;
    uint64_t other;

    pair_open(&pair, NULL);
    other = expect_event(&pair.a, TONG_JOINED);
    expect_event(&pair.b, TONG_JOINED);
    say(&pair.b, "m");
    ck_assert_uint_eq(hear(&pair.a, "m").peer, other);
    end_close(&pair.b);
    ck_assert_uint_eq(expect_event(&pair.a, TONG_CUT), other);
    end_close(&pair.a);
}

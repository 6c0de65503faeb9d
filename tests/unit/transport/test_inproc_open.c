/* SPDX-License-Identifier: MIT */
/* Names: what opening agrees on, what is refused, what a child of fork() sees. */
#include "inproc_ends.h"

#include "sys/process.h"

static int count_names(const char *rest, const tong_stats *stats, void *context)
{
    ck_assert_uint_eq(stats->struct_size, sizeof *stats);
    ck_assert_msg(strlen(rest) > 0, "a name without letters");
    ++*(int *)context;
    return 0;
}

static int names(void)
{
    int n = 0;

    ck_ok(OPS->list(count_names, &n));
    return n;
}

TONG_TEST(a_name_lives_as_long_as_its_openers)
{
    struct end push, pull, late;

    ck_assert_int_eq(names(), 0);
    end_open(&push, "x", TONG_PUSH);
    end_open(&pull, "x", TONG_PULL);
    ck_assert_int_eq(names(), 1);
    say(&push, "left");
    end_close(&push);
    ck_assert_int_eq(names(), 1);
    hear(&pull, "left");
    end_open(&push, "x", TONG_PUSH);
    say(&push, "dropped with the last");
    end_close(&push);
    end_close(&pull);
    ck_assert_int_eq(names(), 0);
    end_open(&late, "x", TONG_PULL);
    ck_error(try_recv(&late, NULL), -EAGAIN);
    end_close(&late);
}

TONG_TEST(names_do_not_mix)
{
    struct end push[2], pull[2];

    for (int i = 0; i < 2; i++) {
        end_open(&push[i], i ? "b" : "a", TONG_PUSH);
        end_open(&pull[i], i ? "b" : "a", TONG_PULL);
    }
    ck_assert_int_eq(names(), 2);
    say(&push[0], "to a");
    ck_error(try_recv(&pull[1], NULL), -EAGAIN);
    hear(&pull[0], "to a");
    for (int i = 0; i < 2; i++) {
        end_close(&push[i]);
        end_close(&pull[i]);
    }
}

TONG_TEST(existence_is_insisted_on)
{
    struct end first, second;

    ck_error(end_try(&first, "x", TONG_PULL | TONG_EXISTING, NULL), -ENOENT);
    expect_sentence(&first, "TONG_EXISTING");
    end_open(&first, "x", TONG_PULL | TONG_NEW);
    ck_error(end_try(&second, "x", TONG_PUSH | TONG_NEW, NULL), -EEXIST);
    expect_sentence(&second, "TONG_NEW");
    end_open(&second, "x", TONG_PUSH | TONG_EXISTING);
    end_close(&second);
    end_close(&first);
}

TONG_TEST(conversations_do_not_mix)
{
    static const uint32_t roles[] = {TONG_PUSH, TONG_PUB, TONG_PAIR, TONG_REP};
    struct end first, second;

    for (int i = 0; i < 4; i++) {
        end_open(&first, "x", roles[i]);
        for (int j = 0; j < 4; j++) {
            if (i == j)
                continue;
            ck_error(end_try(&second, "x", roles[j], NULL), TONG_E_REFUSED);
            expect_sentence(&second, "another name");
        }
        end_close(&first);
    }
}

TONG_TEST(options_agree_or_the_sentence_names_both)
{
    struct end first, second;

    end_open_with(&first, "x", TONG_PULL, &(tong_opts){.size = 100, .depth = 3});
    end_open(&second, "x", TONG_PUSH);
    ck_assert_int_eq(fill(&second, "presets yield to what is there"), 3);
    end_close(&second);
    end_open_with(&second, "x", TONG_PUSH, &(tong_opts){.size = 100, .depth = 3});
    end_close(&second);
    ck_error(end_try(&second, "x", TONG_PUSH, &(tong_opts){.size = 200}), -EINVAL);
    expect_sentence(&second, "100");
    expect_sentence(&second, "200");
    ck_error(end_try(&second, "x", TONG_PUSH, &(tong_opts){.depth = 7}), -EINVAL);
    expect_sentence(&second, "3");
    expect_sentence(&second, "7");
    end_close(&first);
}

TONG_TEST(history_is_for_publishing)
{
    struct end first, second;

    ck_error(end_try(&first, "x", TONG_PUSH, &(tong_opts){.history = 1}), TONG_E_NOCAP);
    expect_sentence(&first, "pub");
    ck_error(end_try(&first, "x", TONG_PUB, &(tong_opts){.history = 5, .depth = 4}), -ERANGE);
    expect_sentence(&first, "depth=4");
    end_open_with(&first, "x", TONG_SUB, &(tong_opts){.history = 5});
    ck_error(end_try(&second, "x", TONG_PUB, &(tong_opts){.history = 6}), -EINVAL);
    expect_sentence(&second, "history=5");
    end_close(&first);
    ck_assert_int_eq(names(), 0);
}

TONG_TEST(a_name_is_needed)
{
    struct end end;

    ck_error(end_try(&end, "", TONG_PAIR, NULL), TONG_E_ADDRESS);
    expect_sentence(&end, "inproc:NAME");
}

TONG_TEST(removing_finds_only_the_living)
{
    struct end end;

    end_open(&end, "x", TONG_PULL);
    ck_error(OPS->remove(&end.start), -EBUSY);
    expect_sentence(&end, "open");
    ck_assert_int_eq(names(), 1);
    OPS->close(end.state, true);
    ck_error(OPS->remove(&end.start), -ENOENT);
    memset(end.state, 0, OPS->state_bytes);
    end_close(&end);
}

static int stop_at_two(const char *rest, const tong_stats *stats, void *context)
{
    struct end end;

    /* A name that the caller opens here shows that the list holds no lock. */
    end_open(&end, "opened meanwhile", TONG_PULL);
    end_close(&end);
    ck_assert_uint_eq(stats->peers, rest[0] == 'b' ? 2 : 1);
    ck_assert_uint_eq(stats->depth, rest[0] == 'b');
    return ++*(int *)context == 2 ? 42 : 0;
}

TONG_TEST(listing_stops_when_told)
{
    struct end a, b, b2, c;
    int n = 0;

    end_open(&a, "a", TONG_PULL);
    end_open(&b, "b", TONG_PULL);
    end_open(&b2, "b", TONG_PUSH);
    end_open(&c, "c", TONG_REP);
    say(&b2, "waits");
    ck_assert_int_eq(OPS->list(stop_at_two, &n), 42);
    ck_assert_int_eq(n, 2);
    end_close(&a);
    end_close(&b);
    end_close(&b2);
    end_close(&c);
}

TONG_TEST(a_thousand_names)
{
    enum { N = 1000 };
    struct end *ends = calloc(N, sizeof *ends);
    char name[16];

    ck_assert_ptr_nonnull(ends);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%d", i);
        end_open(&ends[i], name, TONG_PULL | TONG_NEW);
    }
    ck_assert_int_eq(names(), N);
    for (int i = 0; i < N; i++)
        end_close(&ends[i]);
    ck_assert_int_eq(names(), 0);
    free(ends);
}

TONG_TEST(closing_is_total)
{
    struct end end;

    end_prepare(&end, "x", TONG_PULL);
    OPS->close(end.state, true);
    OPS->close(end.state, false);
    end_close(&end);
}

/* ---- fork ------------------------------------------------------------------------------------------------------ */

struct inheritance {
    struct end push, pull;
};

static int child_begins_anew(void *context)
{
    struct inheritance *inherited = context;
    struct end own;

    ck_assert_int_eq(names(), 0);
    ck_error(end_try(&own, "x", TONG_PUSH | TONG_EXISTING, NULL), -ENOENT);
    ck_error(try_send(&inherited->push, "from the child"), TONG_E_FORKED);
    expect_sentence(&inherited->push, "unix:");
    ck_error(try_recv(&inherited->pull, NULL), TONG_E_FORKED);
    ck_error(OPS->finish(inherited->push.state), TONG_E_FORKED);
    ck_error(OPS->flush(inherited->push.state, TONG_TAKEN), TONG_E_FORKED);
    ck_error(OPS->fd(inherited->push.state, TONG_OUT), TONG_E_FORKED);
    ck_assert_uint_eq(OPS->depth(inherited->pull.state), 0);
    end_open(&own, "x", TONG_PAIR);
    ck_assert_int_eq(names(), 1);
    end_close(&own);
    OPS->close(inherited->push.state, false);
    OPS->close(inherited->pull.state, false);
    ck_assert_int_eq(names(), 0);
    return 0;
}

TONG_TEST(a_child_sees_no_names)
{
    struct inheritance ends;

    ck_ok(tongi_process_init());
    end_open(&ends.push, "x", TONG_PUSH);
    end_open(&ends.pull, "x", TONG_PULL);
    ck_ok(OPS->fd(ends.pull.state, TONG_IN));
    say(&ends.push, "before");
    runner_join_ok(runner_fork(child_begins_anew, &ends), 5000);
    say(&ends.push, "after");
    ck_assert_uint_eq(OPS->depth(ends.pull.state), 2);
    hear(&ends.pull, "before");
    hear(&ends.pull, "after");
    end_close(&ends.push);
    end_close(&ends.pull);
}

static int close_as_if_own(void *context)
{
    struct inheritance *inherited = context;

    /* What the channel says of an end of tong_pair that nobody used before the fork. */
    OPS->close(inherited->push.state, true);
    return 0;
}

TONG_TEST(a_child_closing_an_unused_pair_is_invisible)
{
    struct inheritance ends;
    struct pollfd in = {.events = POLLIN};

    ck_ok(tongi_process_init());
    end_prepare(&ends.push, "", TONG_PAIR);
    end_prepare(&ends.pull, "", TONG_PAIR);
    ck_ok(OPS->pair(ends.push.state, &ends.push.start, ends.pull.state, &ends.pull.start));
    in.fd = (int)ck_ok(OPS->fd(ends.pull.state, TONG_IN));
    runner_join_ok(runner_fork(close_as_if_own, &ends), 5000);
    ck_assert_int_eq(poll(&in, 1, 0), 0);
    say(&ends.push, "still there");
    hear(&ends.pull, "still there");
    end_close(&ends.push);
    end_close(&ends.pull);
}

static int fork_again(void *context)
{
    struct end own;

    end_open(&own, "x", TONG_PULL);
    runner_join_ok(runner_fork(child_begins_anew, context), 5000);
    end_close(&own);
    return child_begins_anew(context);
}

TONG_TEST(grandchildren_begin_anew_too)
{
    struct inheritance ends;

    ck_ok(tongi_process_init());
    end_open(&ends.push, "x", TONG_PUSH);
    end_open(&ends.pull, "x", TONG_PULL);
    runner_join_ok(runner_fork(fork_again, &ends), 5000);
    end_close(&ends.push);
    end_close(&ends.pull);
}

/* SPDX-License-Identifier: MIT */
/* Claims, loans, and what becomes of those that are not released. */
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

/* ---- in place -------------------------------------------------------------------------------------------------- */

TONG_TEST(a_claim_is_what_the_peeker_sees)
{
    struct pipeline line;
    tong_span span, seen;

    pipeline_open(&line, NULL);
    ck_ok(OPS->claim(line.push.state, 100, &span));
    ck_assert_uint_eq(span.len, 100);
    ck_assert_uint_eq((uintptr_t)span.data % _Alignof(max_align_t), 0);
    memset(span.data, 'x', 100);
    ck_error(OPS->claim(line.push.state, 1, &seen), TONG_E_STATE);
    ck_error(OPS->commit(line.push.state, &span, 101, NULL), TONG_E_TOOBIG);
    ck_error(OPS->commit(line.push.state, &(tong_span){.token = 1}, 1, NULL), -EINVAL);
    ck_error(try_recv(&line.pull, NULL), -EAGAIN);
    ck_ok(OPS->commit(line.push.state, &span, 60, NULL));
    ck_error(OPS->commit(line.push.state, &span, 60, NULL), -EINVAL);
    ck_assert_int_eq(OPS->peek(line.pull.state, &seen, NULL, 1), 1);
    ck_assert_ptr_eq(seen.data, span.data);
    ck_assert_uint_eq(seen.len, 60);
    ck_ok(OPS->release(line.pull.state, &seen, 1));
    pipeline_close(&line);
}

TONG_TEST(claims_count_and_come_back)
{
    struct pipeline line;
    tong_span span;

    pipeline_open(&line, &(tong_opts){.depth = 1});
    ck_ok(OPS->claim(line.push.state, 4, &span));
    ck_error(try_send(&line.push, "m"), -EAGAIN);
    OPS->abort(line.push.state, &(tong_span){.token = 1});
    ck_error(try_send(&line.push, "m"), -EAGAIN);
    OPS->abort(line.push.state, &span);
    OPS->abort(line.push.state, &span);
    say(&line.push, "m");
    ck_error(OPS->claim(line.push.state, 4, &span), -EAGAIN);
    hear(&line.pull, "m");
    ck_ok(OPS->claim(line.push.state, 4, &span));
    end_close(&line.push);
    end_open(&line.push, "x", TONG_PUSH);
    say(&line.push, "the claim went with its closer");
    pipeline_close(&line);
}

TONG_TEST(loans_are_given_back_in_any_order)
{
    struct pipeline line;
    tong_span spans[4];
    tong_meta metas[4] = {{.struct_size = sizeof *metas}};

    pipeline_open(&line, NULL);
    ck_error(OPS->peek(line.pull.state, spans, NULL, 4), -EAGAIN);
    say(&line.push, "a");
    say(&line.push, "b");
    say(&line.push, "c");
    ck_assert_int_eq(OPS->peek(line.pull.state, spans, metas, 4), 3);
    ck_assert_uint_eq(metas[2].sequence, 3);
    ck_error(OPS->peek(line.pull.state, &spans[3], NULL, 1), -EAGAIN);
    ck_ok(OPS->release(line.pull.state, &spans[1], 1));
    ck_error(OPS->release(line.pull.state, &spans[1], 1), -EINVAL);
    expect_sentence(&line.pull, "loan");
    ck_error(OPS->release(line.pull.state, (tong_span[]){spans[0], spans[0]}, 2), -EINVAL);
    ck_error(OPS->release(line.pull.state, (tong_span[]){spans[0], {.token = 99}}, 2), -EINVAL);
    ck_error(OPS->release(line.pull.state, &(tong_span){0}, 1), -EINVAL);
    ck_error(OPS->release(line.other.state, spans, 1), -EINVAL);
    ck_assert_mem_eq(spans[0].data, "a", 1);
    ck_ok(OPS->release(line.pull.state, (tong_span[]){spans[2], spans[0]}, 2));
    ck_ok(OPS->release(line.pull.state, NULL, 0));
    pipeline_close(&line);
}

TONG_TEST(loans_count_against_the_depth)
{
    struct pipeline line;
    tong_span spans[3];

    pipeline_open(&line, &(tong_opts){.depth = 2});
    fill(&line.push, "m");
    ck_assert_int_eq(OPS->peek(line.pull.state, spans, NULL, 3), 2);
    ck_error(try_send(&line.push, "m"), -EAGAIN);
    ck_error(OPS->peek(line.pull.state, &spans[2], NULL, 1), -ENOBUFS);
    expect_sentence(&line.pull, "depth=2");
    ck_error(OPS->peek(line.pull.state, &spans[2], NULL, 1), -ENOBUFS);
    ck_error(OPS->peek(line.other.state, &spans[2], NULL, 1), -EAGAIN);
    ck_ok(OPS->release(line.pull.state, spans, 1));
    say(&line.push, "room again");
    spans[2] = look(&line.other, "room again");
    ck_ok(OPS->release(line.other.state, &spans[2], 1));
    pipeline_close(&line);
}

/* ---- again ----------------------------------------------------------------------------------------------------- */

TONG_TEST(what_a_closed_puller_held_comes_first_and_flagged)
{
    struct pipeline line;
    tong_span first;

    pipeline_open(&line, NULL);
    say(&line.push, "released");
    say(&line.push, "held 1");
    say(&line.push, "held 2");
    say(&line.push, "not yet lent");
    first = look(&line.pull, "released");
    look(&line.pull, "held 1");
    look(&line.pull, "held 2");
    ck_ok(OPS->release(line.pull.state, &first, 1));
    end_close(&line.pull);
    ck_assert_uint_eq(hear(&line.other, "held 1").flags, TONG_REDELIVERED);
    ck_assert_uint_eq(hear(&line.other, "held 2").flags, TONG_REDELIVERED);
    ck_assert_uint_eq(hear(&line.other, "not yet lent").flags, 0);
    ck_assert_uint_eq(reported(&line.other.report.redelivered), 2);
    ck_error(try_recv(&line.other, NULL), -EAGAIN);
    end_close(&line.push);
    end_close(&line.other);
}

TONG_TEST(held_messages_survive_a_time_without_pullers)
{
    struct pipeline line;

    pipeline_open(&line, &(tong_opts){.depth = 2});
    fill(&line.push, "held");
    look(&line.pull, "held");
    end_close(&line.pull);
    end_close(&line.other);
    ck_error(try_send(&line.push, "full"), -EAGAIN);
    end_open(&line.pull, "x", TONG_PULL);
    ck_assert_uint_eq(hear(&line.pull, "held").flags, TONG_REDELIVERED);
    ck_assert_uint_eq(hear(&line.pull, "held").flags, 0);
    say(&line.push, "room");
    end_close(&line.push);
    end_close(&line.pull);
}

TONG_TEST(a_rejected_message_goes_behind_the_others)
{
    struct pipeline line;
    tong_span span;

    pipeline_open(&line, NULL);
    say(&line.push, "poison");
    say(&line.push, "food");
    span = look(&line.pull, "poison");
    ck_error(OPS->reject(line.other.state, &span, 1), -EINVAL);
    ck_ok(OPS->reject(line.pull.state, &span, 1));
    ck_error(OPS->reject(line.pull.state, &span, 1), -EINVAL);
    hear(&line.pull, "food");
    ck_assert_uint_eq(hear(&line.other, "poison").flags, TONG_REDELIVERED);
    pipeline_close(&line);
}

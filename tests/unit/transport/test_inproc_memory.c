/* SPDX-License-Identifier: MIT */
/* Every allocation of every path fails once: a clean error, nothing lost, and it works again when there is memory. */
#include "inproc_ends.h"

#include "support/faulty.h"

/* Runs an attempt with its k-th allocation failing, for k from 1 until it gets by; returns how many there are. */
static int fail_each(int64_t (*attempt)(void *context), void *context)
{
    int64_t r;
    int k = 0;

    do {
        faulty_install();
        faulty_fail(FAULTY_ALLOCATION, (uint64_t)++k, ENOMEM);
        r = attempt(context);
        faulty_remove();
        if (r < 0)
            ck_error(r, -ENOMEM);
    } while (r < 0);
    return k - 1;
}

static int64_t open_one(void *context)
{
    return end_try(context, "x", TONG_PULL, NULL);
}

static int count_names(const char *rest, const tong_stats *stats, void *context)
{
    (void)rest;
    (void)stats;
    ++*(int *)context;
    return 0;
}

TONG_TEST(opening)
{
    struct end end;
    int n = 0;

    ck_assert_int_ge(fail_each(open_one, &end), 2);
    ck_ok(OPS->list(count_names, &n));
    ck_assert_int_eq(n, 1);
    end_close(&end);
    ck_ok(OPS->list(count_names, &n));
    ck_assert_int_eq(n, 1);
}

struct growing {
    struct end ends[64];
    int n;
};

static int64_t open_next(void *context)
{
    struct growing *growing = context;
    char name[16];

    snprintf(name, sizeof name, "%d", growing->n);
    return end_try(&growing->ends[growing->n], name, TONG_PULL, NULL);
}

/* The table of names grows on the way; a failure there costs that one opening only. */
TONG_TEST(opening_many)
{
    struct growing *growing = calloc(1, sizeof *growing);
    int n = 0;

    ck_assert_ptr_nonnull(growing);
    for (growing->n = 0; growing->n < 64; growing->n++)
        ck_assert_int_ge(fail_each(open_next, growing), 2);
    ck_ok(OPS->list(count_names, &n));
    ck_assert_int_eq(n, 64);
    while (growing->n--)
        end_close(&growing->ends[growing->n]);
    free(growing);
}

static int64_t pair_up(void *context)
{
    struct end *ends = context;
    int r;

    end_prepare(&ends[0], "", TONG_PAIR);
    end_prepare(&ends[1], "", TONG_PAIR);
    r = OPS->pair(ends[0].state, &ends[0].start, ends[1].state, &ends[1].start);
    if (r < 0) {
        end_close(&ends[0]);
        end_close(&ends[1]);
    }
    return r;
}

TONG_TEST(pairing)
{
    struct end ends[2];

    ck_assert_int_ge(fail_each(pair_up, ends), 1);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(a_late_subscriber)
{
    struct end pub, sub;
    int k = 0, r;

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.history = 3});
    say(&pub, "a");
    say(&pub, "b");
    say(&pub, "c");
    do {
        faulty_install();
        faulty_fail(FAULTY_ALLOCATION, (uint64_t)++k, ENOMEM);
        r = end_try(&sub, "x", TONG_SUB, NULL);
        faulty_remove();
    } while (r == -ENOMEM);
    ck_assert_int_eq(k, 4);
    expect_event(&pub, TONG_JOINED);
    expect_event(&pub, 0);
    hear(&sub, "a");
    hear(&sub, "b");
    hear(&sub, "c");
    end_close(&pub);
    end_close(&sub);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static int64_t send_one(void *context)
{
    return try_send(context, "m");
}

static int64_t send_parts(void *context)
{
    struct end *end = context;

    return OPS->send_parts(end->state, &(tong_view){"m", 1}, 1, NULL);
}

static int64_t claim_and_commit(void *context)
{
    struct end *end = context;
    tong_span span;
    int r = OPS->claim(end->state, 1, &span);

    if (r < 0)
        return r;
    memcpy(span.data, "m", 1);
    return OPS->commit(end->state, &span, 1, NULL);
}

TONG_TEST(sending)
{
    struct end push, pull;

    end_open_with(&push, "x", TONG_PUSH, &(tong_opts){.depth = 3});
    end_open(&pull, "x", TONG_PULL);
    ck_assert_int_eq(fail_each(send_one, &push), 1);
    ck_assert_int_eq(fail_each(send_parts, &push), 1);
    ck_assert_int_eq(fail_each(claim_and_commit, &push), 1);
    /* No room was lost on the way. */
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(hear(&pull, "m").sequence, (uint64_t)i + 1);
    ck_assert_int_eq(fill(&push, "m"), 3);
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(a_batch_goes_as_far_as_memory)
{
    struct end push, pull;
    tong_view msgs[] = {{"a", 1}, {"b", 1}, {"c", 1}};

    end_open_with(&push, "x", TONG_PUSH, &(tong_opts){.depth = 3});
    end_open(&pull, "x", TONG_PULL);
    faulty_install();
    faulty_fail(FAULTY_ALLOCATION, 3, ENOMEM);
    ck_assert_int_eq(OPS->send(push.state, msgs, 3), 2);
    faulty_remove();
    ck_assert_int_eq(fill(&push, "d"), 1);
    hear(&pull, "a");
    hear(&pull, "b");
    hear(&pull, "d");
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(publishing_is_for_all_or_none)
{
    struct end pub, subs[3];

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.history = 1});
    for (int i = 0; i < 3; i++)
        end_open(&subs[i], "x", TONG_SUB);
    ck_assert_int_eq(fail_each(send_one, &pub), 4);
    ck_assert_int_eq(fail_each(claim_and_commit, &pub), 4);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(hear(&subs[i], "m").sequence, 1);
        ck_assert_uint_eq(hear(&subs[i], "m").sequence, 2);
        ck_error(try_recv(&subs[i], NULL), -EAGAIN);
        end_close(&subs[i]);
    }
    end_close(&pub);
}

TONG_TEST(calling_and_answering)
{
    struct end req, rep;
    tong_meta meta;
    tong_view answer = {"answer", 6};

    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.depth = 1});
    end_open(&rep, "x", TONG_REP);
    ck_assert_int_eq(fail_each(send_one, &req), 1);
    meta = hear(&rep, "m");
    faulty_install();
    faulty_fail(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_error(OPS->send_parts(rep.state, &answer, 1, &meta), -ENOMEM);
    faulty_remove();
    ck_ok(OPS->send_parts(rep.state, &answer, 1, &meta));
    hear(&req, "answer");
    end_close(&req);
    end_close(&rep);
}

static int64_t subscribe(void *context)
{
    struct end *sub = context;

    return OPS->subscribe(sub->state, "prefix", 6, true);
}

TONG_TEST(subscribing)
{
    struct end sub;

    end_open(&sub, "x", TONG_SUB);
    ck_assert_int_eq(fail_each(subscribe, &sub), 1);
    end_close(&sub);
}

static int64_t list_names(void *context)
{
    return OPS->list(count_names, context);
}

TONG_TEST(listing)
{
    struct end ends[2];
    int n = 0;

    end_open(&ends[0], "a", TONG_PULL);
    end_open(&ends[1], "b", TONG_PULL);
    ck_assert_int_eq(fail_each(list_names, &n), 2);
    ck_assert_int_eq(n, 2);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* What sending, dying and going need not allocate cannot fail: no memory at all is no reason to lose a message. */
TONG_TEST(redelivery_needs_no_memory)
{
    struct end push, pull, req, rep;

    end_open(&push, "x", TONG_PUSH);
    end_open(&pull, "x", TONG_PULL);
    end_open(&req, "y", TONG_REQ);
    end_open(&rep, "y", TONG_REP);
    say(&push, "held");
    say(&req, "call");
    faulty_install();
    faulty_fail_from(FAULTY_ALLOCATION, 1, ENOMEM);
    look(&pull, "held");
    hear(&rep, "call");
    end_close(&pull);
    end_close(&rep);
    ck_error(try_recv(&req, NULL), TONG_E_GONE);
    faulty_remove();
    end_open(&pull, "x", TONG_PULL);
    ck_assert_uint_eq(hear(&pull, "held").flags, TONG_REDELIVERED);
    end_close(&push);
    end_close(&pull);
    end_close(&req);
}

/* ---- how much -------------------------------------------------------------------------------------------------- */

static void say_large(struct end *end, const void *data, size_t len)
{
    ck_assert_int_eq(ck_ok(OPS->send(end->state, &(tong_view){data, len}, 1)), 1);
}

TONG_TEST(large_messages_are_used_again)
{
    enum { LARGE = 1 << 20, ROUNDS = 20 };
    struct end push, pull;
    char *data = malloc(LARGE), *room = malloc(LARGE);
    tong_span span;

    ck_assert(data && room);
    end_open(&push, "x", TONG_PUSH);
    end_open(&pull, "x", TONG_PULL);
    faulty_install();
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = LARGE - (size_t)i * 1000;
        tong_bytes msg = {room, LARGE};

        memset(data, i, len);
        say_large(&push, data, len);
        say_large(&push, data, len);
        ck_assert_int_eq(ck_ok(OPS->recv(pull.state, &msg, 1, NULL)), 1);
        ck_assert_uint_eq(msg.len, len);
        ck_assert_mem_eq(room, data, len);
        ck_assert_int_eq(ck_ok(OPS->peek(pull.state, &span, NULL, 1)), 1);
        ck_assert_uint_eq(span.len, len);
        ck_assert_mem_eq(span.data, data, len);
        ck_ok(OPS->release(pull.state, &span, 1));
    }
    ck_assert_uint_eq(faulty_count(FAULTY_realloc), 2);
    say_large(&push, data, LARGE / 4); /* is not given four times the room that it needs */
    ck_assert_uint_eq(faulty_count(FAULTY_realloc), 3);
    end_close(&push);
    end_close(&pull);
    free(data);
    free(room);
}

TONG_TEST(only_few_are_kept_for_that)
{
    enum { LARGE = 1 << 16, MANY = 5 };
    struct end push, pull;
    char *data = calloc(2, LARGE);
    tong_span spans[MANY];

    ck_assert_ptr_nonnull(data);
    end_open(&push, "x", TONG_PUSH);
    end_open(&pull, "x", TONG_PULL);
    faulty_install();
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < MANY; i++)
            say_large(&push, data, LARGE);
        ck_assert_uint_eq(faulty_count(FAULTY_realloc), (uint64_t)(MANY + (round - 1) * (MANY - 2)));
        ck_assert_int_eq(ck_ok(OPS->peek(pull.state, spans, NULL, MANY)), MANY);
        ck_ok(OPS->release(pull.state, spans, MANY));
    }
    say_large(&push, data, 2 * LARGE); /* and none of those is large enough */
    end_close(&push);
    end_close(&pull);
    free(data);
}

TONG_TEST(large_messages_of_several_subscribers_come_apart)
{
    enum { LARGE = 1 << 20 };
    struct end pub, subs[2];
    char *data = calloc(1, LARGE), *room = malloc(LARGE);

    ck_assert(data && room);
    end_open(&pub, "x", TONG_PUB);
    end_open(&subs[0], "x", TONG_SUB);
    end_open(&subs[1], "x", TONG_SUB);
    for (int i = 0; i < 6; i++) {
        struct end *first = &subs[i % 2], *second = &subs[1 - i % 2];
        tong_bytes msg = {room, LARGE};
        tong_span span;

        memset(data, i, LARGE);
        say_large(&pub, data, LARGE);
        ck_assert_int_eq(ck_ok(OPS->recv(first->state, &msg, 1, NULL)), 1);
        ck_assert_mem_eq(room, data, LARGE);
        ck_assert_int_eq(ck_ok(OPS->peek(second->state, &span, NULL, 1)), 1);
        memset(room, 'x', LARGE);
        say_large(&pub, room, LARGE); /* not into what is lent */
        ck_assert_mem_eq(span.data, data, LARGE);
        ck_ok(OPS->release(second->state, &span, 1));
        for (int j = 0; j < 2; j++)
            ck_assert_int_eq(ck_ok(OPS->recv(subs[j].state, &msg, 1, NULL)), 1);
    }
    end_close(&pub);
    end_close(&subs[0]);
    end_close(&subs[1]);
    free(data);
    free(room);
}

/* What one idle channel allocates, its state included. */
static size_t allocated;

static void *counting_calloc(size_t n, size_t bytes)
{
    allocated += n * bytes;
    return tongi_sys_real.calloc(n, bytes);
}

TONG_TEST(an_idle_channel_is_small)
{
    struct end end;

    tongi_sys_table.calloc = counting_calloc;
    end_open(&end, "x", TONG_PULL);
    ck_assert_uint_lt(allocated + OPS->state_bytes, 4096);
    end_close(&end);
}

/* SPDX-License-Identifier: MIT */
/* Many threads on one name: nothing lost, nothing twice, in order, whoever waits is woken. */
#include "inproc_ends.h"

#include <pthread.h>

#include "base/order.h"

enum { PATIENCE_MS = 20000 };

struct word {
    uint32_t sender, number;
};

/* Sleeps as the channel does, until the direction may have something. */
static void sleep_for(struct end *end, uint32_t direction)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = INT64_MAX;
    int n = (int)ck_ok(OPS->pollset(end->state, direction, set, &until_ns));

    ck_assert_int_eq(poll(set, (nfds_t)n, PATIENCE_MS), 1);
}

static void send_word(struct end *end, struct word word)
{
    int64_t r;

    while ((r = OPS->send(end->state, &(tong_view){&word, sizeof word}, 1)) == -EAGAIN)
        sleep_for(end, TONG_OUT);
    ck_assert_int_eq(ck_ok(r), 1);
}

/* False at the end. */
static bool recv_word(struct end *end, struct word *ret_word, tong_meta *meta)
{
    tong_bytes msg = {ret_word, sizeof *ret_word};
    int64_t r;

    while ((r = OPS->recv(end->state, &msg, 1, meta)) == -EAGAIN)
        sleep_for(end, TONG_IN);
    if (r == TONG_E_END)
        return false;
    ck_assert_int_eq(ck_ok(r), 1);
    ck_assert_uint_eq(msg.len, sizeof *ret_word);
    return true;
}

static pthread_t start(void *(*body)(void *), void *context)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, body, context), 0);
    return thread;
}

static void join(pthread_t thread)
{
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* ---- a pipeline, many to many ---------------------------------------------------------------------------------- */

enum { SENDERS = 3, RECEIVERS = 3, WORDS = 4000 };

static tongi_u32 seen[SENDERS][WORDS];

static void *push_words(void *context)
{
    uint32_t me = *(const uint32_t *)context;
    struct end push;

    end_open(&push, "x", TONG_PUSH);
    for (uint32_t i = 0; i < WORDS; i++)
        send_word(&push, (struct word){me, i});
    ck_ok(OPS->finish(push.state));
    end_close(&push);
    return NULL;
}

static void take_note(struct word word, uint32_t *next)
{
    ck_assert_uint_lt(word.sender, SENDERS);
    ck_assert_uint_ge(word.number, next[word.sender]);
    next[word.sender] = word.number + 1;
    ck_assert_uint_eq(tongi_add_acq_rel_u32(&seen[word.sender][word.number], 1), 0);
}

static void *pull_words(void *context)
{
    uint32_t next[SENDERS] = {0};
    struct word word;

    while (recv_word(context, &word, NULL))
        take_note(word, next);
    return NULL;
}

static void *pull_in_place(void *context)
{
    struct end *pull = context;
    uint32_t next[SENDERS] = {0};
    tong_span spans[4];
    int64_t n;

    while ((n = OPS->peek(pull->state, spans, NULL, 4)) != TONG_E_END) {
        if (n == -EAGAIN) {
            sleep_for(pull, TONG_IN);
            continue;
        }
        ck_ok(n);
        for (int64_t i = 0; i < n; i++)
            take_note(*(const struct word *)spans[i].data, next);
        for (int64_t i = n; i > 0; i--)
            ck_ok(OPS->release(pull->state, &spans[i - 1], 1));
    }
    return NULL;
}

TONG_TEST_TIMEOUT(a_busy_pipeline, 60)
{
    struct end pulls[RECEIVERS], starter;
    uint32_t numbers[SENDERS];
    pthread_t senders[SENDERS], receivers[RECEIVERS];

    /* As long as this one is open, the end does not come. */
    end_open_with(&starter, "x", TONG_PUSH, &(tong_opts){.depth = 8});
    for (int i = 0; i < RECEIVERS; i++) {
        end_open_with(&pulls[i], "x", TONG_PULL, &(tong_opts){.end = TONG_END_LAST});
        receivers[i] = start(i ? pull_words : pull_in_place, &pulls[i]);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        senders[i] = start(push_words, &numbers[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        join(senders[i]);
    ck_ok(OPS->finish(starter.state));
    end_close(&starter);
    for (int i = 0; i < RECEIVERS; i++) {
        join(receivers[i]);
        end_close(&pulls[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        for (int j = 0; j < WORDS; j++)
            ck_assert_uint_eq(tongi_load_relaxed_u32(&seen[i][j]), 1);
}

/* ---- a pair, both ways at once --------------------------------------------------------------------------------- */

static void *pair_send(void *context)
{
    for (uint32_t i = 0; i < WORDS; i++)
        send_word(context, (struct word){0, i});
    ck_ok(OPS->finish(((struct end *)context)->state));
    return NULL;
}

static void *pair_recv(void *context)
{
    struct word word;
    uint32_t next = 0;

    while (recv_word(context, &word, NULL))
        ck_assert_uint_eq(word.number, next++);
    ck_assert_uint_eq(next, WORDS);
    return NULL;
}

TONG_TEST_TIMEOUT(two_threads_on_each_end, 60)
{
    struct end ends[2];
    pthread_t threads[4];

    for (int i = 0; i < 2; i++)
        end_open_with(&ends[i], "x", TONG_PAIR, &(tong_opts){.depth = 3});
    for (int i = 0; i < 4; i++)
        threads[i] = start(i < 2 ? pair_send : pair_recv, &ends[i % 2]);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    for (int i = 0; i < 2; i++)
        end_close(&ends[i]);
}

/* ---- publishing ------------------------------------------------------------------------------------------------ */

static void *follow(void *context)
{
    struct end *sub = context;
    struct word word;
    uint64_t next = 0, lost = 0;
    tong_meta meta = {.struct_size = sizeof meta};

    while (recv_word(sub, &word, &meta)) {
        ck_assert_uint_eq(word.number, next + meta.lost);
        lost += meta.lost;
        next = word.number + 1;
    }
    ck_assert_uint_eq(next, WORDS);
    ck_assert_uint_eq(lost, tongi_load_relaxed_u64(&sub->report.lost));
    return NULL;
}

TONG_TEST_TIMEOUT(subscribers_account_for_every_loss, 60)
{
    struct end pub, subs[RECEIVERS];
    pthread_t threads[RECEIVERS];

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 16});
    for (int i = 0; i < RECEIVERS; i++) {
        end_open_with(&subs[i], "x", TONG_SUB, &(tong_opts){.end = TONG_END_LAST});
        threads[i] = start(follow, &subs[i]);
    }
    for (uint32_t i = 0; i < WORDS; i++)
        send_word(&pub, (struct word){0, i});
    ck_ok(OPS->finish(pub.state));
    for (int i = 0; i < RECEIVERS; i++) {
        join(threads[i]);
        end_close(&subs[i]);
    }
    end_close(&pub);
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static void *ask(void *context)
{
    struct end req;
    struct word word;

    end_open(&req, "x", TONG_REQ);
    for (uint32_t i = 0; i < WORDS / 4; i++) {
        struct word question = {*(const uint32_t *)context, i};
        send_word(&req, question);
        ck_assert(recv_word(&req, &word, NULL));
        ck_assert_uint_eq(word.sender, question.sender);
        ck_assert_uint_eq(word.number, question.number + 1);
    }
    end_close(&req);
    return NULL;
}

static void *answer(void *context)
{
    struct end *rep = context;
    struct word word;
    tong_meta meta = {.struct_size = sizeof meta};

    while (recv_word(rep, &word, &meta)) {
        word.number++;
        ck_ok(OPS->send_parts(rep->state, &(tong_view){&word, sizeof word}, 1, &meta));
    }
    return NULL;
}

TONG_TEST_TIMEOUT(answers_find_their_callers, 60)
{
    struct end reps[2], starter;
    uint32_t numbers[SENDERS];
    pthread_t reqs[SENDERS], answerers[2];

    end_open(&starter, "x", TONG_REQ);
    for (int i = 0; i < 2; i++) {
        end_open_with(&reps[i], "x", TONG_REP, &(tong_opts){.end = TONG_END_LAST});
        answerers[i] = start(answer, &reps[i]);
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        reqs[i] = start(ask, &numbers[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        join(reqs[i]);
    ck_ok(OPS->finish(starter.state));
    end_close(&starter);
    for (int i = 0; i < 2; i++) {
        join(answerers[i]);
        end_close(&reps[i]);
    }
}

/* ---- coming and going ------------------------------------------------------------------------------------------ */

static void *come_and_go(void *context)
{
    uint64_t dice = runner_seed() + *(const uint32_t *)context;

    for (int i = 0; i < WORDS / 4; i++) {
        static const char *const names[] = {"a", "b"};
        uint32_t role = runner_random(&dice) % 2 ? TONG_PUSH : TONG_PULL;
        struct end end;
        tong_span span;

        end_open(&end, names[runner_random(&dice) % 2], role);
        if (role == TONG_PUSH)
            (void)try_send(&end, "m");
        else if (OPS->peek(end.state, &span, NULL, 1) == 1 && runner_random(&dice) % 2)
            ck_ok(OPS->release(end.state, &span, 1));
        end_close(&end);
    }
    return NULL;
}

static int count_names(const char *rest, const tong_stats *stats, void *context)
{
    (void)rest;
    (void)stats;
    ++*(int *)context;
    return 0;
}

TONG_TEST_TIMEOUT(coming_and_going, 60)
{
    uint32_t numbers[4];
    pthread_t threads[4];
    int n = 0;

    for (uint32_t i = 0; i < 4; i++) {
        numbers[i] = i;
        threads[i] = start(come_and_go, &numbers[i]);
    }
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    ck_ok(OPS->list(count_names, &n));
    ck_assert_int_eq(n, 0);
}

/* A puller that is killed off again and again holds what it peeked: all of it arrives for all that, once. */
static void *unlucky_pull(void *context)
{
    tongi_u32 *stop = context;
    struct end pull;
    tong_span span;

    while (!tongi_load_acquire_u32(stop)) {
        end_open(&pull, "x", TONG_PULL);
        (void)OPS->peek(pull.state, &span, NULL, 1);
        end_close(&pull);
    }
    return NULL;
}

TONG_TEST_TIMEOUT(nothing_is_lost_with_pullers_that_go, 60)
{
    static tongi_u32 stop;
    struct end pull;
    uint32_t number = 0, count = 0;
    struct word word;
    pthread_t sender, unlucky;

    end_open_with(&pull, "x", TONG_PULL, &(tong_opts){.end = TONG_END_LAST});
    unlucky = start(unlucky_pull, &stop);
    sender = start(push_words, &number);
    for (; recv_word(&pull, &word, NULL); count++)
        ck_assert_uint_eq(tongi_add_acq_rel_u32(&seen[0][word.number], 1), 0);
    ck_assert_uint_eq(count, WORDS);
    join(sender);
    /* Released: what this thread received before. */
    tongi_store_release_u32(&stop, 1);
    join(unlucky);
    end_close(&pull);
}

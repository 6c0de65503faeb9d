/* SPDX-License-Identifier: MIT */
/* pub and sub: every subscriber has its own position; what the slow miss is counted, exactly. */
#include "inproc_ends.h"

static int subscribe(struct end *sub, const char *prefix)
{
    return OPS->subscribe(sub->state, prefix, strlen(prefix), true);
}

static int unsubscribe(struct end *sub, const char *prefix)
{
    return OPS->subscribe(sub->state, prefix, strlen(prefix), false);
}

TONG_TEST(everybody_gets_everything)
{
    struct end pub, subs[3];

    end_open(&pub, "x", TONG_PUB);
    say(&pub, "to nobody");
    for (int i = 0; i < 3; i++)
        end_open(&subs[i], "x", TONG_SUB);
    say(&pub, "one");
    say(&pub, "");
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(hear(&subs[i], "one").sequence, 2);
        hear(&subs[i], "");
        ck_error(try_recv(&subs[i], NULL), -EAGAIN);
        end_close(&subs[i]);
    }
    say(&pub, "to nobody");
    end_close(&pub);
}

TONG_TEST(several_may_publish)
{
    struct end pubs[2], sub;

    end_open(&sub, "x", TONG_SUB);
    end_open(&pubs[0], "x", TONG_PUB);
    end_open(&pubs[1], "x", TONG_PUB);
    say(&pubs[0], "a");
    say(&pubs[1], "b");
    ck_assert_uint_ne(hear(&sub, "a").peer, hear(&sub, "b").peer);
    end_close(&pubs[0]);
    end_close(&pubs[1]);
    end_close(&sub);
}

TONG_TEST(all_subscribers_see_the_same_bytes)
{
    struct end pub, subs[2];
    tong_span span, seen[2];

    end_open(&pub, "x", TONG_PUB);
    for (int i = 0; i < 2; i++)
        end_open(&subs[i], "x", TONG_SUB);
    ck_ok(OPS->claim(pub.state, 3, &span));
    memcpy(span.data, "abc", 3);
    ck_ok(OPS->commit(pub.state, &span, 3, NULL));
    for (int i = 0; i < 2; i++) {
        seen[i] = look(&subs[i], "abc");
        ck_assert_ptr_eq(seen[i].data, span.data);
    }
    ck_ok(OPS->release(subs[0].state, &seen[0], 1));
    ck_assert_mem_eq(seen[1].data, "abc", 3);
    end_close(&subs[0]);
    end_close(&pub);
    ck_assert_mem_eq(seen[1].data, "abc", 3);
    ck_ok(OPS->release(subs[1].state, &seen[1], 1));
    end_close(&subs[1]);
}

TONG_TEST(the_slow_miss_the_oldest_and_know_how_many)
{
    struct end pub, slow, fast;
    char text[8];

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 4});
    end_open(&slow, "x", TONG_SUB);
    end_open(&fast, "x", TONG_SUB);
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        say(&pub, text);
        ck_assert_uint_eq(hear(&fast, text).lost, 0);
    }
    ck_assert_uint_eq(OPS->depth(slow.state), 4);
    ck_assert_uint_eq(reported(&slow.report.lost), 6);
    ck_assert_uint_eq(hear(&slow, "6").lost, 6);
    ck_assert_uint_eq(hear(&slow, "7").lost, 0);
    for (int i = 10; i < 13; i++) {
        snprintf(text, sizeof text, "%d", i);
        say(&pub, text);
    }
    ck_assert_uint_eq(hear(&slow, "9").lost, 1);
    ck_assert_uint_eq(reported(&slow.report.lost), 7);
    ck_assert_uint_eq(reported(&fast.report.lost), 0);
    end_close(&pub);
    end_close(&slow);
    end_close(&fast);
}

TONG_TEST(a_loss_is_told_once)
{
    struct end pub, sub;
    tong_span span;
    tong_meta meta = {.struct_size = sizeof meta};

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 1});
    end_open(&sub, "x", TONG_SUB);
    say(&pub, "a");
    say(&pub, "b");
    ck_assert_int_eq(OPS->peek(sub.state, &span, &meta, 1), 1);
    ck_assert_uint_eq(meta.lost, 1);
    ck_ok(OPS->reject(sub.state, &span, 1));
    meta = hear(&sub, "b");
    ck_assert_uint_eq(meta.lost, 0);
    ck_assert_uint_eq(meta.flags, TONG_REDELIVERED);
    end_close(&pub);
    end_close(&sub);
}

TONG_TEST(what_is_lent_is_not_dropped)
{
    struct end pub, sub, picky;
    tong_span spans[2];

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 2});
    end_open(&sub, "x", TONG_SUB);
    end_open(&picky, "x", TONG_SUB);
    ck_ok(subscribe(&picky, "nothing of this"));
    say(&pub, "a");
    say(&pub, "b");
    spans[0] = look(&sub, "a");
    say(&pub, "c"); /* in place of b */
    spans[1] = look(&sub, "c");
    say(&pub, "d"); /* there is no place at all */
    say(&pub, "e");
    ck_assert_uint_eq(reported(&sub.report.lost), 3);
    ck_assert_mem_eq(spans[0].data, "a", 1);
    ck_error(OPS->peek(sub.state, &(tong_span){0}, NULL, 1), -ENOBUFS);
    ck_ok(OPS->release(sub.state, spans, 2));
    say(&pub, "f");
    ck_assert_uint_eq(hear(&sub, "f").lost, 2);
    ck_ok(OPS->flush(pub.state, TONG_TAKEN)); /* what was dropped is not waited for */
    end_close(&pub);
    end_close(&sub);
    end_close(&picky);
}

TONG_TEST(prefixes_choose)
{
    struct end pub, sub;

    end_open(&pub, "x", TONG_PUB);
    end_open(&sub, "x", TONG_SUB);
    say(&pub, "a1");
    say(&pub, "b1");
    ck_ok(subscribe(&sub, "a")); /* what waits is chosen anew */
    ck_error(subscribe(&sub, "a"), -EEXIST);
    expect_sentence(&sub, "already");
    say(&pub, "a2");
    say(&pub, "b2");
    say(&pub, "");
    ck_ok(subscribe(&sub, "b3"));
    say(&pub, "b2");
    say(&pub, "b3!");
    hear(&sub, "a1");
    hear(&sub, "a2");
    ck_ok(unsubscribe(&sub, "a"));
    ck_error(unsubscribe(&sub, "a"), -ENOENT);
    expect_sentence(&sub, "no subscription");
    say(&pub, "a3");
    hear(&sub, "b3!");
    ck_error(try_recv(&sub, NULL), -EAGAIN);
    ck_ok(unsubscribe(&sub, "b3"));
    say(&pub, "all again");
    hear(&sub, "all again");
    ck_ok(subscribe(&sub, ""));
    say(&pub, "the empty prefix wants all");
    hear(&sub, "the empty prefix wants all");
    ck_assert_uint_eq(reported(&sub.report.lost), 0);
    end_close(&pub);
    end_close(&sub);
}

TONG_TEST(what_is_not_wanted_takes_no_room)
{
    struct end pub, sub;

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 2});
    end_open(&sub, "x", TONG_SUB);
    ck_ok(subscribe(&sub, "rare"));
    say(&pub, "rare");
    for (int i = 0; i < 10; i++)
        say(&pub, "frequent");
    ck_assert_uint_eq(hear(&sub, "rare").lost, 0);
    ck_assert_uint_eq(reported(&sub.report.lost), 0);
    end_close(&pub);
    end_close(&sub);
}

TONG_TEST(losses_stay_in_place_when_subscriptions_change)
{
    struct end pub, sub;

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 2});
    end_open(&sub, "x", TONG_SUB);
    say(&pub, "a1");
    say(&pub, "b1");
    say(&pub, "a2"); /* b1 has one lost before it */
    ck_ok(subscribe(&sub, "a"));
    ck_assert_uint_eq(hear(&sub, "a2").lost, 1);
    ck_ok(unsubscribe(&sub, "a"));
    say(&pub, "b2");
    say(&pub, "b3");
    say(&pub, "b4");
    ck_ok(subscribe(&sub, "a"));
    say(&pub, "a3");
    ck_assert_uint_eq(hear(&sub, "a3").lost, 1);
    end_close(&pub);
    end_close(&sub);
}

TONG_TEST(only_subs_subscribe)
{
    struct end pub;

    end_open(&pub, "x", TONG_PUB);
    ck_error(subscribe(&pub, "a"), TONG_E_NOCAP);
    expect_sentence(&pub, "sub");
    end_close(&pub);
}

TONG_TEST(the_late_get_the_history)
{
    struct end pub, early, late;

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.history = 2});
    end_open(&early, "x", TONG_SUB);
    say(&pub, "a");
    say(&pub, "b");
    end_open(&late, "x", TONG_SUB);
    say(&pub, "c");
    hear(&late, "a");
    hear(&late, "b");
    hear(&late, "c");
    for (int i = 0; i < 3; i++) {
        say(&pub, "d");
        ck_assert_uint_eq(hear(&late, "d").lost, 0);
    }
    end_close(&late);
    end_close(&pub); /* what was published outlives who published it */
    end_open(&late, "x", TONG_SUB);
    ck_assert_uint_eq(hear(&late, "d").sequence, 5);
    hear(&late, "d");
    ck_error(try_recv(&late, NULL), -EAGAIN);
    hear(&early, "a");
    end_close(&late);
    end_close(&early);
}

TONG_TEST(history_is_no_redelivery_and_waits_for_nobody)
{
    struct end pub, late;

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.history = 1});
    say(&pub, "a");
    ck_ok(OPS->flush(pub.state, TONG_TAKEN));
    end_open(&late, "x", TONG_SUB);
    ck_ok(OPS->flush(pub.state, TONG_TAKEN));
    ck_assert_uint_eq(hear(&late, "a").flags, 0);
    end_close(&pub);
    end_close(&late);
}

TONG_TEST(flush_waits_for_every_subscriber)
{
    struct end pub, subs[2];

    end_open(&pub, "x", TONG_PUB);
    end_open(&subs[0], "x", TONG_SUB);
    end_open(&subs[1], "x", TONG_SUB);
    say(&pub, "m");
    hear(&subs[0], "m");
    ck_error(OPS->flush(pub.state, TONG_TAKEN), -EAGAIN);
    end_close(&subs[1]);
    ck_ok(OPS->flush(pub.state, TONG_TAKEN));
    end_close(&subs[0]);
    end_close(&pub);
}

TONG_TEST(publishing_ends_if_asked)
{
    struct end pub, sub;

    end_open_with(&sub, "x", TONG_SUB, &(tong_opts){.end = TONG_END_LAST});
    ck_error(try_recv(&sub, NULL), -EAGAIN);
    end_open(&pub, "x", TONG_PUB);
    say(&pub, "m");
    ck_ok(OPS->finish(pub.state));
    hear(&sub, "m");
    ck_error(try_recv(&sub, NULL), TONG_E_END);
    end_close(&pub);
    end_close(&sub);
}

TONG_TEST(a_batch_is_published_in_order)
{
    struct end pub, sub;
    tong_view msgs[] = {{"a", 1}, {"b", 1}, {"c", 1}};

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = 2});
    end_open(&sub, "x", TONG_SUB);
    ck_assert_int_eq(OPS->send(pub.state, msgs, 3), 2); /* no more at once than a queue holds */
    hear(&sub, "a");
    hear(&sub, "b");
    end_close(&pub);
    end_close(&sub);
}

TONG_TEST(random_losses_add_up)
{
    enum { DEPTH = 7, N = 20000 };
    struct end pub, sub;
    uint64_t seed = runner_seed(), next = 1, lost = 0;
    tong_span spans[DEPTH];
    int lent = 0;

    end_open_with(&pub, "x", TONG_PUB, &(tong_opts){.depth = DEPTH});
    end_open(&sub, "x", TONG_SUB);
    for (int i = 0; i < N; i++) {
        uint64_t dice = runner_random(&seed) % 4;
        tong_meta meta = {.struct_size = sizeof meta};

        if (dice < 2 || lent == DEPTH) {
            say(&pub, "m");
        } else if (dice == 2) {
            if (OPS->peek(sub.state, &spans[lent], &meta, 1) != 1)
                continue;
            lent++;
            ck_assert_uint_eq(meta.sequence, next + meta.lost);
            next = meta.sequence + 1;
            lost += meta.lost;
        }
        if (lent && runner_random(&seed) % 3 == 0)
            ck_ok(OPS->release(sub.state, &spans[--lent], 1));
    }
    ck_ok(OPS->release(sub.state, spans, (uint32_t)lent));
    /* One more, so that what was missed at the end is told with it. */
    for (int i = 0; i < DEPTH + 1; i++) {
        tong_meta meta;
        say(&pub, "m");
        while (try_recv(&sub, &meta) == 1) {
            ck_assert_uint_eq(meta.sequence, next + meta.lost);
            next = meta.sequence + 1;
            lost += meta.lost;
        }
    }
    ck_assert_uint_eq(lost, reported(&sub.report.lost));
    ck_assert_uint_gt(lost, 0);
    end_close(&pub);
    end_close(&sub);
}

/* SPDX-License-Identifier: MIT */
/* Publish: every subscriber gets everything that it wants, or is told how much it missed. */
#include <errno.h>
#include <string.h>

#include "ends.h"
#include "side.h"

enum { SUBS = 3, LEN = 100 };

/* On links a subscriber counts from the moment at which the publisher has seen it. */
static void await_subscribers(tong_channel *pub, uint32_t n)
{
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);
    tong_stats stats = {.struct_size = sizeof stats};
    tong_event event;

    for (;;) {
        ck_ok(tong_get_stats(pub, &stats));
        if (stats.peers == n)
            return;
        ck_ok(tong_events(pub, &event, 1));
        CHECK(conform_clock_ns() < until);
    }
}

static void publish(tong_channel *pub, uint64_t from, uint64_t to)
{
    char message[LEN];

    for (uint64_t i = from; i < to; i++) {
        ledger_write(message, sizeof message, 1, i);
        ck_ok(tong_send(pub, message, sizeof message, conform_patience()));
    }
}

CONFORM_TEST(every_subscriber_gets_everything, CONFORM_PUBLISH)
{
    tong_channel *pub = conform_open(c, TONG_PUB, NULL), *subs[SUBS];
    struct ledger ledgers[SUBS] = {{.taken = 0}};
    char room[LEN];

    publish(pub, 0, 5); /* to nobody, which is no error */
    for (int i = 0; i < SUBS; i++)
        subs[i] = conform_open(c, TONG_SUB, NULL);
    await_subscribers(pub, SUBS);
    for (uint64_t round = 0; round < 20; round++) {
        publish(pub, round * 50, round * 50 + 50);
        for (int i = 0; i < SUBS; i++)
            while (ledgers[i].taken < round * 50 + 50)
                ledger_take_next(&ledgers[i], room,
                                 (size_t)ck_ok(tong_recv(subs[i], room, sizeof room, conform_patience())));
    }
    for (int i = 0; i < SUBS; i++) {
        ck_error(tong_recv(subs[i], room, sizeof room, tong_now()), -EAGAIN);
        tong_close(subs[i]);
    }
    tong_close(pub);
}

CONFORM_TEST(a_subscriber_chooses_by_prefix, CONFORM_PUBLISH)
{
    static const char *const texts[] = {"apple", "bean", "apricot", "beet", "", "corn", "be"};
    tong_channel *pub = conform_open(c, TONG_PUB, NULL), *sub = conform_open(c, TONG_SUB, NULL);

    ck_ok(tong_subscribe(sub, "ap", 2));
    ck_ok(tong_subscribe(sub, "bee", 3));
    ck_error(tong_subscribe(sub, "bee", 3), -EEXIST);
    BEGINS(c->address);
    ck_error(tong_unsubscribe(sub, "be", 2), -ENOENT);
    ck_error(tong_subscribe(pub, "ap", 2), TONG_E_NOCAP);
    await_subscribers(pub, 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_ok(tong_send(pub, texts[i], strlen(texts[i]), conform_patience()));
    ends_expect(sub, "apple");
    ends_expect(sub, "apricot");
    ends_expect(sub, "beet");
    ck_error(tong_recv(sub, NULL, 0, tong_now()), -EAGAIN);
    ck_ok(tong_unsubscribe(sub, "ap", 2));
    ck_ok(tong_unsubscribe(sub, "bee", 3));
    ck_ok(tong_send(pub, "everything", 10, conform_patience()));
    ends_expect(sub, "everything");
    tong_close(sub);
    tong_close(pub);
}

/* Receives what waits; the messages and the gaps that were told make up everything that was published. */
static uint64_t take_and_count(tong_channel *sub, struct ledger *l)
{
    uint64_t told = 0;
    char room[LEN];

    for (;;) {
        tong_meta meta = {.struct_size = sizeof meta};
        int64_t len = tong_recv_meta(sub, room, sizeof room, &meta, tong_now());
        if (len == -EAGAIN)
            return told;
        ledger_take(l, room, (size_t)ck_ok(len));
        told += meta.lost;
        SAME(told, l->missing);
    }
}

CONFORM_TEST(a_slow_subscriber_is_told_what_it_missed, CONFORM_PUBLISH)
{
    enum { N = 5000 };
    tong_channel *pub = conform_open(c, TONG_PUB, NULL), *slow = conform_open(c, TONG_SUB, NULL);
    tong_channel *fast = conform_open(c, TONG_SUB, NULL);
    struct ledger slow_ledger = {.taken = 0}, fast_ledger = {.taken = 0};
    tong_stats stats = {.struct_size = sizeof stats};

    await_subscribers(pub, 2);
    for (uint64_t i = 0; i < N; i += 10) {
        publish(pub, i, i + 10);
        SAME(take_and_count(fast, &fast_ledger), 0);
    }
    SAME(fast_ledger.taken, N);
    take_and_count(slow, &slow_ledger);
    CHECK(slow_ledger.missing > 0);
    SAME(slow_ledger.next[1], N); /* it is the oldest that were dropped */
    ck_ok(tong_get_stats(slow, &stats));
    SAME(stats.lost, slow_ledger.missing);
    ck_ok(tong_get_stats(fast, &stats));
    SAME(stats.lost, 0);
    tong_close(slow);
    tong_close(fast);
    tong_close(pub);
}

CONFORM_TEST(the_late_get_history, CONFORM_PUBLISH)
{
    tong_channel *pub = conform_open(c, TONG_PUB, "?history=10"), *late;
    struct ledger ledger = {.taken = 0};

    publish(pub, 0, 25);
    late = conform_open(c, TONG_SUB, "?history=10");
    await_subscribers(pub, 1);
    publish(pub, 25, 27);
    ledger.next[1] = 15; /* what is before the history is not missed */
    take_and_count(late, &ledger);
    SAME(ledger.taken, 12);
    SAME(ledger.next[1], 27);
    tong_close(late);
    tong_close(pub);
}

enum { STORM = 20000 };

static void publish_storm(struct side *me, struct conform *c)
{
    tong_channel *pub = conform_open(c, TONG_PUB, NULL);

    side_meet(me);
    await_subscribers(pub, 2);
    publish(pub, 0, STORM);
    side_meet(me);
    tong_close(pub);
}

/* A subscriber at full speed beside a publisher at full speed: whatever it misses, the sums agree. */
CONFORM_TEST(a_storm_adds_up, CONFORM_PUBLISH)
{
    struct ledger one = {.taken = 0}, two = {.taken = 0};
    tong_channel *first, *second;
    struct side publisher;

    side_start(&publisher, c, publish_storm, NULL);
    side_meet(&publisher);
    first = conform_open(c, TONG_SUB, NULL);
    second = conform_open(c, TONG_SUB, NULL);
    while (one.next[1] < STORM || two.next[1] < STORM) {
        one.missing = two.missing = 0;
        take_and_count(first, &one);
        take_and_count(second, &two);
    }
    side_meet(&publisher);
    side_join(&publisher);
    tong_close(first);
    tong_close(second);
}

/* SPDX-License-Identifier: MIT */
/* What a channel tells about itself: capabilities, statistics, events, its place in the list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "side.h"

CONFORM_TEST(capabilities_hold_together, CONFORM_ONE_WAY)
{
    struct ends e;

    CHECK(c->caps.level >= TONG_ACCEPTED && c->caps.level <= TONG_DURABLE && c->caps.level != TONG_TAKEN);
    CHECK(c->caps.size_max > 0 && c->caps.roles != 0);
    CHECK(!conform_has(c, TONG_CAP_REDELIVERY) || conform_has(c, TONG_CAP_PEEK));
    CHECK(conform_has(c, TONG_CAP_ORDERED));
    ends_open(c, &e, NULL);
    for (int i = 0; i < 2; i++) {
        tong_caps caps = {.struct_size = sizeof caps};

        ck_ok(tong_get_caps(i ? e.rx : e.tx, &caps));
        SAME(caps.struct_size, sizeof caps);
        SAME(caps.level, c->caps.level);
        SAME(caps.bits, c->caps.bits);
        SAME(caps.roles, c->caps.roles);
        SAME(caps.size_max, c->caps.size_max);
    }
    ends_close(&e);
}

CONFORM_TEST(records_of_any_version, CONFORM_PIPELINE | CONFORM_PAIR)
{
    struct {
        tong_caps known;
        uint64_t unknown;
    } caps = {.known = {.struct_size = sizeof caps}, .unknown = 77};
    struct {
        tong_stats known;
        uint64_t unknown;
    } stats = {.known = {.struct_size = sizeof stats}, .unknown = 77};
    tong_channel *ch = conform_open(c, end_role(c, END_RECEIVER), NULL);

    ck_ok(tong_get_caps(ch, &caps.known));
    ck_ok(tong_get_stats(ch, &stats.known));
    SAME(caps.unknown, 0);
    SAME(stats.unknown, 0);
    SAME(caps.known.bits, c->caps.bits);

    caps.known = (tong_caps){.struct_size = 8, .bits = 77};
    ck_ok(tong_get_caps(ch, &caps.known));
    SAME(caps.known.level, c->caps.level);
    SAME(caps.known.bits, 77);
    stats.known = (tong_stats){.struct_size = 8, .sent = 77};
    ck_ok(tong_get_stats(ch, &stats.known));
    SAME(stats.known.sent, 77);

    caps.known.struct_size = 3;
    ck_error(tong_get_caps(ch, &caps.known), -EINVAL);
    SAYS("struct_size");
    stats.known.struct_size = 0;
    ck_error(tong_get_stats(ch, &stats.known), -EINVAL);
    SAYS("struct_size");
    ck_error(tong_get_caps(NULL, &caps.known), -EINVAL);
    ck_error(tong_get_stats(ch, NULL), -EINVAL);
    tong_close(ch);
}

CONFORM_TEST(metadata_of_any_version, CONFORM_ONE_WAY)
{
    struct {
        tong_meta known;
        uint64_t unknown;
    } meta = {.known = {.struct_size = sizeof meta}, .unknown = 0};
    tong_view part = {"x", 1};
    struct ends e;
    char room[8];

    ends_open(c, &e, NULL);
    ck_ok(tong_send_parts(e.tx, &part, 1, &meta.known, conform_patience()));
    SAME(tong_recv_meta(e.rx, room, sizeof room, &meta.known, conform_patience()), 1);
    meta.known = (tong_meta){.struct_size = 8};
    ck_ok(tong_send_parts(e.tx, &part, 1, &meta.known, conform_patience()));
    meta.known = (tong_meta){.struct_size = 8, .sequence = 77};
    SAME(tong_recv_meta(e.rx, room, sizeof room, &meta.known, conform_patience()), 1);
    SAME(meta.known.sequence, 77);
    meta.known.struct_size = 0;
    ck_error(tong_send_parts(e.tx, &part, 1, &meta.known, conform_patience()), -EINVAL);
    SAYS("struct_size");
    ck_error(tong_recv_meta(e.rx, room, sizeof room, &meta.known, tong_now()), -EINVAL);
    ends_close(&e);
}

static tong_stats stats_of(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats;
}

CONFORM_TEST(statistics_count, CONFORM_ONE_WAY)
{
    tong_view views[3] = {{"a", 1}, {"bc", 2}, {"def", 3}};
    tong_span span;
    struct ends e;

    ends_open(c, &e, NULL);
    SAME(stats_of(e.tx).sent, 0);
    ck_ok(tong_send(e.tx, "four", 4, conform_patience()));
    SAME(tong_send_many(e.tx, views, 3, conform_patience()), 3);
    ck_ok(tong_send_parts(e.tx, views, 3, NULL, conform_patience()));
    ck_ok(tong_claim(e.tx, 100, &span, conform_patience()));
    memcpy(span.data, "claimed", 7);
    ck_ok(tong_commit(e.tx, &span, 7, NULL));
    ck_error(tong_send(e.tx, "", SIZE_MAX, conform_patience()), TONG_E_TOOBIG);
    SAME(stats_of(e.tx).sent, 6);
    SAME(stats_of(e.tx).sent_bytes, 23);
    ends_expect(e.rx, "four");
    SAME(tong_peek(e.rx, &span, NULL, 1, conform_patience()), 1);
    SAME(stats_of(e.rx).received, 1);
    ck_ok(tong_release(e.rx, &span, 1));
    SAME(stats_of(e.rx).received, 2);
    ends_expect(e.rx, "bc");
    ends_expect(e.rx, "def");
    ends_expect(e.rx, "abcdef");
    ends_expect(e.rx, "claimed");
    SAME(stats_of(e.rx).received, 6);
    SAME(stats_of(e.rx).received_bytes, 23);
    SAME(stats_of(e.rx).lost, 0);
    if (!conform_is_object(c))
        SAME(stats_of(e.tx).peers, 1);
    if (!conform_is_object(c) && conform_has(c, TONG_CAP_PEERS)) {
        SAME(stats_of(e.rx).peers, 1);
        SAME(stats_of(e.rx).connects, 1);
        SAME(stats_of(e.rx).refused, 0);
    }
    ends_close(&e);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static tong_event next_event(tong_channel *ch)
{
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);
    tong_event event;

    while (ck_ok(tong_events(ch, &event, 1)) == 0)
        CHECK(conform_clock_ns() < until);
    return event;
}

CONFORM_TEST(events_tell_of_peers, CONFORM_PIPELINE)
{
    tong_channel *tx[3], *rx;
    uint64_t peers[3];
    tong_event event;

    if (!conform_has(c, TONG_CAP_PEERS) || !conform_has(c, TONG_CAP_FAN_IN))
        return;
    rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    SAME(tong_events(rx, &event, 1), 0);
    for (int i = 0; i < 3; i++) {
        tx[i] = conform_open(c, end_role(c, END_SENDER), NULL);
        ck_ok(tong_send(tx[i], "x", 1, conform_patience()));
        ends_expect(rx, "x");
        event = next_event(rx);
        SAME(event.what, TONG_JOINED);
        peers[i] = event.peer;
        for (int j = 0; j < i; j++)
            CHECK(peers[j] != peers[i]);
    }
    SAME(stats_of(rx).peers, 3);
    tong_close(tx[1]);
    event = next_event(rx);
    CHECK(event.what == TONG_CUT || event.what == TONG_DIED ||
          (event.what == TONG_LEFT && (conform_is_object(c) || conform_is_foreign(c))));
    SAME(event.peer, peers[1]);
    ck_ok(tong_finish(tx[2], conform_patience()));
    tong_close(tx[2]);
    event = next_event(rx);
    SAME(event.what, TONG_LEFT);
    SAME(event.peer, peers[2]);
    SAME(stats_of(rx).peers, 1);
    SAME(tong_events(rx, &event, 1), 0);
    tong_close(tx[0]);
    tong_close(rx);
}

CONFORM_TEST(events_tell_a_sender_of_its_receiver, CONFORM_PIPELINES)
{
    tong_event event;
    struct ends e;

    if (conform_is_object(c))
        return;
    ends_open(c, &e, NULL);
    event = next_event(e.tx);
    SAME(event.what, TONG_JOINED);
    if (!conform_has(c, TONG_CAP_PEERS)) {
        /* It learns when it sends that its receiver is gone. */
        e.rx = tong_close(e.rx);
        ck_error(tong_send(e.tx, "x", 1, tong_now()), -EAGAIN);
        event = next_event(e.tx);
        SAME(event.what, TONG_CUT);
        ends_close(&e);
        return;
    }
    ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
    ends_expect(e.rx, "x");
    /* Its farewell is seen without anything being sent; where bytes go one way alone there is none. */
    e.rx = tong_close(e.rx);
    event = next_event(e.tx);
    SAME(event.what, c->caps.roles & 1U << TONG_PAIR ? TONG_LEFT : TONG_CUT);
    ends_close(&e);
}

CONFORM_TEST(events_nobody_takes_are_counted, CONFORM_PIPELINE)
{
    enum { N = 200 };
    tong_channel *tx, *rx;
    uint64_t told = 0;
    tong_event event;

    if (!conform_has(c, TONG_CAP_PEERS) || !conform_has(c, TONG_CAP_FAN_IN))
        return;
    rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    for (int i = 0; i < N; i++) {
        tx = conform_open(c, end_role(c, END_SENDER), NULL);
        ck_ok(tong_send(tx, "x", 1, conform_patience()));
        ends_expect(rx, "x");
        ck_ok(tong_finish(tx, conform_patience()));
        tong_close(tx);
        ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    }
    while (tong_events(rx, &event, 1) == 1)
        told += event.what == TONG_EVENTS_LOST ? event.peer : 1;
    SAME(told, 2 * N);
    SAME(stats_of(rx).peers, 0);
    tong_close(rx);
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

/* What is listed may be the address in full where it was opened by a relative path. */
static int compare_address(const char *address, const tong_stats *stats, void *context)
{
    const struct conform *c = context;
    const char *rest = c->address + strlen(c->scheme) + 1, *slash = strrchr(address, '/');

    (void)stats;
    if (strncmp(address, c->address, strlen(c->scheme) + 1) != 0)
        return 0;
    return strcmp(address, c->address) == 0 || (slash && strcmp(slash + 1, rest) == 0) ? 42 : 0;
}

CONFORM_TEST(the_list_has_it_while_it_lives, CONFORM_PIPELINE | CONFORM_PAIR)
{
    tong_channel *ch;

    if (c->inherited)
        return;
    SAME(tong_list(compare_address, c), 0);
    ch = conform_open(c, end_role(c, END_RECEIVER), NULL);
    SAME(tong_list(compare_address, c), 42);
    tong_close(ch);
    SAME(tong_list(compare_address, c), 0);
}

CONFORM_TEST(remove_takes_what_nobody_lives_on, CONFORM_PIPELINE | CONFORM_PAIR)
{
    tong_channel *ch;

    if (c->inherited) {
        SAME(conform_remove(c), -ENOENT);
        return;
    }
    ck_error(conform_remove(c), -ENOENT);
    BEGINS(c->address);
    ch = conform_open(c, end_role(c, END_RECEIVER), NULL);
    ck_error(conform_remove(c), -EBUSY);
    BEGINS(c->address);
    ck_error(tong_recv(ch, NULL, 0, tong_now()), conform_is_pair(c) && !conform_is_object(c) ? TONG_E_STATE : -EAGAIN);
    tong_close(ch);
    ck_error(conform_remove(c), -ENOENT);
    ck_error(tong_remove("nosuch:x"), TONG_E_ADDRESS);
    ck_error(tong_remove(NULL), -EINVAL);
}

/* ---- errors ---------------------------------------------------------------------------------------------------- */

TONG_TEST(every_error_has_a_name_and_a_text)
{
    static const struct {
        int error;
        const char *name;
    } errors[] = {
#define NAMED(name, number, text) {TONG_E_##name, "TONG_E_" #name},
        TONG_ERROR_MAP (NAMED)
#undef NAMED
            {-EAGAIN, "EAGAIN"},
        {-ETIMEDOUT, "ETIMEDOUT"},
        {-EADDRINUSE, "EADDRINUSE"},
        {-ENOENT, "ENOENT"},
        {-EMFILE, "EMFILE"},
        {0, "OK"},
        {7, "OK"},
        {-5000, "UNKNOWN"},
        {-100000, "UNKNOWN"},
        {INT32_MIN, "UNKNOWN"},
    };

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        CHECK(strcmp(tong_error_name(errors[i].error), errors[i].name) == 0);
        CHECK(tong_error_text(errors[i].error)[0]);
    }
}

TONG_TEST(a_sentence_stays_until_the_next_failure)
{
    tong_error_frame frames[4];
    tong_channel *ch;

    ck_assert_str_eq(tong_error_detail(), "");
    ck_error(tong_open(&ch, "nosuch:x", TONG_PAIR, NULL, tong_now()), TONG_E_ADDRESS);
    SAYS("nosuch");
    tong_close(NULL);
    CHECK(tong_version() > 0);
    SAYS("nosuch");
    CHECK(tong_error_trace(frames, 4) >= 1);
    SAME(frames[0].error, TONG_E_ADDRESS);
    ck_error(tong_open(&ch, NULL, TONG_PAIR, NULL, tong_now()), -EINVAL);
    CHECK(!strstr(tong_error_detail(), "nosuch"));
}

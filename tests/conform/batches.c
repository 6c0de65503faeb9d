/* SPDX-License-Identifier: MIT */
/* Many messages at once, messages that wait for more, flush, and what travels beside a message. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

enum { BATCH = 200, ROUNDS = 100, BATCH_LENGTH_MAX = 4000 };

/* Views of ledger messages, one behind the other in a buffer. */
static void batch_write(tong_view *views, char *buffer, uint32_t n, struct dice *dice, uint64_t sequence)
{
    for (uint32_t i = 0; i < n; i++) {
        size_t len = dice_length(dice, BATCH_LENGTH_MAX);
        ledger_write(buffer, len, 1, sequence + i);
        views[i] = (tong_view){buffer, len};
        buffer += len;
    }
}

static void send_batches(struct side *me, struct conform *c)
{
    char *buffer = malloc(BATCH * BATCH_LENGTH_MAX);
    tong_view views[BATCH];
    struct end tx;

    CHECK(buffer);
    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        batch_write(views, buffer, BATCH, &me->dice, round * BATCH);
        for (uint32_t done = 0; done < BATCH;) {
            int64_t n = ck_ok(tong_send_many(tx.ch, views + done, BATCH - done, conform_patience()));
            CHECK(n >= 1 && n <= BATCH - done);
            done += (uint32_t)n;
        }
    }
    ck_ok(tong_finish(tx.ch, conform_patience()));
    end_close(&tx);
    free(buffer);
}

CONFORM_TEST(many_at_once, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    char *rooms = malloc(BATCH * BATCH_LENGTH_MAX);
    struct ledger ledger = {.taken = 0};
    tong_bytes bytes[BATCH];
    struct side sender;
    struct end rx;

    CHECK(rooms);
    side_start(&sender, c, send_batches, NULL);
    end_open(c, &rx, END_RECEIVER, NULL);
    while (ledger.taken < BATCH * ROUNDS) {
        uint32_t n = 1 + (uint32_t)dice_below(&c->dice, BATCH);
        int64_t got;

        for (uint32_t i = 0; i < n; i++)
            bytes[i] = (tong_bytes){rooms + i * BATCH_LENGTH_MAX, BATCH_LENGTH_MAX};
        got = ck_ok(tong_recv_many(rx.ch, bytes, n, conform_patience()));
        CHECK(got >= 1 && got <= n);
        for (int64_t i = 0; i < got; i++)
            ledger_take_next(&ledger, bytes[i].data, bytes[i].len);
    }
    side_join(&sender);
    end_close(&rx);
    free(rooms);
}

CONFORM_TEST(many_stop_at_what_does_not_fit, CONFORM_ONE_WAY)
{
    char small[10] = "small", big[500] = "big", room[3][100];
    tong_view views[3] = {{small, sizeof small}, {small, sizeof small}, {big, sizeof big}};
    tong_bytes rooms[3];
    struct ends e;
    int64_t done = 0;

    ends_open(c, &e, "?size=500");
    SAME(tong_send_many(e.tx, NULL, 0, tong_now()), 0);
    SAME(tong_recv_many(e.rx, NULL, 0, tong_now()), 0);
    SAME(tong_send_many(e.tx, views, 3, conform_patience()), 3);
    while (done < 2) {
        for (int i = 0; i < 3; i++)
            rooms[i] = (tong_bytes){room[i], sizeof room[i]};
        int64_t n = ck_ok(tong_recv_many(e.rx, rooms, 3, conform_patience()));
        CHECK(n >= 1 && done + n <= 2);
        for (int64_t i = 0; i < n; i++)
            CHECK(rooms[i].len == sizeof small && memcmp(room[i], small, sizeof small) == 0);
        done += n;
    }
    ck_error(tong_recv_many(e.rx, rooms, 3, conform_patience()), TONG_E_TOOBIG);
    SAME(tong_recv(e.rx, big, sizeof big, conform_patience()), sizeof big);

    views[1] = (tong_view){big, 501};
    SAME(tong_send_many(e.tx, views, 3, conform_patience()), 1);
    ck_error(tong_send_many(e.tx, views + 1, 2, conform_patience()), TONG_E_TOOBIG);
    SAME(tong_recv(e.rx, room[0], sizeof room[0], conform_patience()), sizeof small);
    ck_error(tong_recv(e.rx, room[0], sizeof room[0], tong_now()), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(many_into_a_full_channel, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    enum { LEN = 1000, N = 4000 };
    char *buffer = malloc(N * LEN);
    tong_view *views = malloc(N * sizeof *views);
    struct ledger ledger = {.taken = 0};
    uint64_t sent = 0;
    struct ends e;
    int64_t n;

    CHECK(buffer && views);
    ends_open(c, &e, NULL);
    for (uint32_t i = 0; i < N; i++) {
        ledger_write(buffer + i * LEN, LEN, 1, i);
        views[i] = (tong_view){buffer + i * LEN, LEN};
    }
    for (; sent < N; sent += (uint64_t)n) {
        n = tong_send_many(e.tx, views + sent, (uint32_t)(N - sent), tong_now());
        if (n == -EAGAIN) {
            n = 0;
            ends_drain(&e, &ledger, 1, sent);
            ck_error(tong_recv(e.rx, NULL, 0, tong_now()), -EAGAIN);
        } else {
            CHECK(n >= 1);
        }
    }
    ends_drain(&e, &ledger, 1, N);
    ends_close(&e);
    free(buffer);
    free(views);
}

static void send_more(tong_channel *tx, const char *text, uint32_t flags)
{
    tong_meta meta = {.struct_size = sizeof meta, .flags = flags};
    tong_view part = {text, strlen(text)};

    ck_ok(tong_send_parts(tx, &part, 1, &meta, conform_patience()));
}

CONFORM_TEST(more_waits_at_most_for_the_next, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct ends e;

    ends_open(c, &e, NULL);
    send_more(e.tx, "one", TONG_MORE);
    send_more(e.tx, "two", TONG_MORE);
    send_more(e.tx, "three", 0);
    ends_expect(e.rx, "one");
    ends_expect(e.rx, "two");
    ends_expect(e.rx, "three");
    send_more(e.tx, "four", TONG_MORE);
    ck_ok(tong_flush(e.tx, (enum tong_level)c->caps.level, conform_patience()));
    ends_expect(e.rx, "four");
    send_more(e.tx, "five", TONG_MORE);
    ck_ok(tong_send(e.tx, "six", 3, conform_patience()));
    ends_expect(e.rx, "five");
    ends_expect(e.rx, "six");
    send_more(e.tx, "seven", TONG_MORE);
    ck_ok(tong_finish(e.tx, conform_patience()));
    ends_expect(e.rx, "seven");
    ends_close(&e);
}

CONFORM_TEST(more_and_more_comes_to_an_end, CONFORM_ONE_WAY)
{
    enum { LEN = 1000, ENDLESS = 100000 };
    tong_meta meta = {.struct_size = sizeof meta, .flags = TONG_MORE};
    struct ledger ledger = {.taken = 0};
    char message[LEN];
    tong_view part = {message, sizeof message};
    uint64_t sent = 0;
    struct ends e;
    int r;

    ends_open(c, &e, NULL);
    for (;; sent++) {
        CHECK(sent < ENDLESS);
        ledger_write(message, sizeof message, 1, sent);
        r = tong_send_parts(e.tx, &part, 1, &meta, tong_now());
        if (r == -EAGAIN)
            break;
        ck_ok(r);
    }
    ends_drain(&e, &ledger, 1, sent);
    ends_close(&e);
}

CONFORM_TEST(flush_reaches_a_level_or_says_nocap, CONFORM_ONE_WAY)
{
    char room[8];
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_flush(e.tx, TONG_ACCEPTED, tong_now()));
    ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
    ck_ok(tong_flush(e.tx, (enum tong_level)c->caps.level, conform_patience()));
    if (c->caps.level < TONG_DURABLE) {
        ck_error(tong_flush(e.tx, TONG_DURABLE, tong_now()), TONG_E_NOCAP);
        BEGINS(c->address);
    }
    if (conform_has(c, TONG_CAP_FLUSH_TAKEN)) {
        ck_error(tong_flush(e.tx, TONG_TAKEN, tong_now()), -EAGAIN);
        SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), 1);
        ck_ok(tong_flush(e.tx, TONG_TAKEN, conform_patience()));
    } else {
        ck_error(tong_flush(e.tx, TONG_TAKEN, tong_now()), TONG_E_NOCAP);
        conform_says_who_can(c, TONG_CAP_FLUSH_TAKEN);
    }
    ends_close(&e);
}

CONFORM_TEST(metadata_is_true_or_absent, CONFORM_ONE_WAY)
{
    char room[8];
    struct ends e;

    ends_open(c, &e, NULL);
    for (uint64_t i = 1; i <= 3; i++) {
        tong_meta meta = {.struct_size = sizeof meta, .sequence = 77, .pid = 77, .lost = 77};

        ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
        SAME(tong_recv_meta(e.rx, room, sizeof room, &meta, conform_patience()), 1);
        CHECK(meta.sequence == 0 || meta.sequence == i);
        SAME(meta.lost, 0);
        SAME(meta.n_fds, 0);
        CHECK(!(meta.flags & TONG_REDELIVERED));
        if (conform_has(c, TONG_CAP_CREDENTIALS))
            CHECK(meta.flags & TONG_VOUCHED && meta.pid == (uint32_t)getpid() && meta.uid == geteuid());
        else
            CHECK(!(meta.flags & TONG_VOUCHED));
    }
    ends_close(&e);
}

CONFORM_TEST(metadata_that_cannot_travel_is_refused, CONFORM_ONE_WAY)
{
    tong_meta kind = {.struct_size = sizeof kind, .kind = 3};
    int fd = STDIN_FILENO;
    tong_meta fds = {.struct_size = sizeof fds, .n_fds = 1, .fds = &fd};
    tong_view part = {"x", 1};
    struct ends e;

    ends_open(c, &e, NULL);
    if (!conform_has(c, TONG_CAP_KINDS)) {
        ck_error(tong_send_parts(e.tx, &part, 1, &kind, conform_patience()), TONG_E_NOCAP);
        conform_says_who_can(c, TONG_CAP_KINDS);
    }
    if (!conform_has(c, TONG_CAP_DESCRIPTORS)) {
        ck_error(tong_send_parts(e.tx, &part, 1, &fds, conform_patience()), TONG_E_NOCAP);
        conform_says_who_can(c, TONG_CAP_DESCRIPTORS);
    }
    ck_error(tong_recv(e.rx, NULL, 0, tong_now()), -EAGAIN);
    ends_close(&e);
}

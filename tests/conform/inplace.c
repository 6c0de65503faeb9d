/* SPDX-License-Identifier: MIT */
/* Messages in place: claim, commit, abort; peek, release, reject. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "side.h"

CONFORM_TEST(claim_commit_abort, CONFORM_ONE_WAY)
{
    tong_span span = {.data = NULL}, second;
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_claim(e.tx, 0, &span, conform_patience()));
    ck_ok(tong_commit(e.tx, &span, 0, NULL));
    ends_expect(e.rx, "");
    ck_error(tong_claim(e.tx, (size_t)c->caps.size_max + 1, &span, tong_now()), TONG_E_TOOBIG);
    BEGINS(c->address);
    ck_ok(tong_claim(e.tx, 1000, &span, conform_patience()));
    CHECK(span.data && span.len >= 1000);
    memset(span.data, 'x', 1000);
    memcpy(span.data, "first", 5);
    ck_error(tong_claim(e.tx, 10, &second, tong_now()), TONG_E_STATE);
    ck_error(tong_commit(e.tx, &span, 1001, NULL), TONG_E_TOOBIG);
    ck_ok(tong_commit(e.tx, &span, 5, NULL));

    ck_ok(tong_claim(e.tx, 64, &span, conform_patience()));
    memset(span.data, 'y', 64);
    tong_abort(e.tx, &span);
    ck_ok(tong_claim(e.tx, 6, &span, conform_patience()));
    memcpy(span.data, "second", 6);
    ck_ok(tong_commit(e.tx, &span, 6, NULL));
    ck_ok(tong_claim(e.tx, 0, &span, conform_patience()));
    ck_ok(tong_commit(e.tx, &span, 0, NULL));
    ck_ok(tong_send(e.tx, "third", 5, conform_patience()));
    ends_expect(e.rx, "first");
    ends_expect(e.rx, "second");
    ends_expect(e.rx, "");
    ends_expect(e.rx, "third");
    ck_error(tong_recv(e.rx, NULL, 0, tong_now()), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(claims_into_a_full_channel, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    enum { LEN = 1500, N = 3000 };
    struct ledger ledger = {.taken = 0};
    tong_span span;
    struct ends e;
    bool was_full = false;

    ends_open(c, &e, NULL);
    for (uint64_t i = 0; i < N; i++) {
        int r;

        while ((r = tong_claim(e.tx, LEN, &span, tong_now())) == -EAGAIN) {
            was_full = true;
            ends_drain(&e, &ledger, 1, i);
        }
        ck_ok(r);
        ledger_write(span.data, LEN, 1, i);
        while ((r = tong_commit(e.tx, &span, LEN, NULL)) == -EAGAIN) {
            was_full = true;
            ends_drain(&e, &ledger, 1, i);
        }
        ck_ok(r);
    }
    ends_drain(&e, &ledger, 1, N);
    CHECK(was_full);
    ends_close(&e);
}

CONFORM_TEST(close_takes_a_claim_back, CONFORM_ONE_WAY)
{
    tong_span span;
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_send(e.tx, "sent", 4, conform_patience()));
    ck_ok(tong_claim(e.tx, 4, &span, conform_patience()));
    memcpy(span.data, "lost", 4);
    e.tx = tong_close(e.tx);
    ends_expect(e.rx, "sent");
    CHECK(tong_recv(e.rx, NULL, 0, tong_now()) < 0);
    ends_close(&e);
}

CONFORM_TEST(peek_lends_and_release_takes, CONFORM_ONE_WAY)
{
    enum { N = 6 };
    static const char *const texts[N] = {"one", "", "three", "four", "five", "six"};
    tong_span spans[N], bogus = {.token = UINT64_MAX};
    struct ends e;
    int64_t n = 0;

    ends_open(c, &e, NULL);
    ck_error(tong_peek(e.rx, spans, NULL, 1, tong_now()), -EAGAIN);
    for (int i = 0; i < N; i++)
        ck_ok(tong_send(e.tx, texts[i], strlen(texts[i]), conform_patience()));
    SAME(tong_peek(e.rx, spans, NULL, 1, conform_patience()), 1);
    for (n = 1; n < N - 1;)
        n += ck_ok(tong_peek(e.rx, spans + n, NULL, (uint32_t)(N - 1 - n), conform_patience()));
    for (int i = 0; i < N - 1; i++)
        CHECK(spans[i].len == strlen(texts[i]) && memcmp(spans[i].data, texts[i], spans[i].len) == 0);
    ck_error(tong_recv(e.rx, NULL, 0, tong_now()), TONG_E_STATE);
    BEGINS(c->address);
    ck_error(tong_release(e.rx, &bogus, 1), -EINVAL);
    ck_ok(tong_release(e.rx, spans, 2));
    ck_error(tong_release(e.rx, spans, 1), -EINVAL);
    CHECK(memcmp(spans[4].data, "five", 4) == 0);
    ck_ok(tong_release(e.rx, spans + 2, 3));
    ends_expect(e.rx, "six");
    ck_error(tong_peek(e.rx, spans, NULL, 1, tong_now()), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(release_in_order_or_in_any, CONFORM_ONE_WAY)
{
    tong_span spans[3];
    struct ends e;
    int64_t n = 0;
    int r;

    ends_open(c, &e, NULL);
    for (int i = 0; i < 3; i++)
        ck_ok(tong_send(e.tx, &"abc"[i], 1, conform_patience()));
    while (n < 3)
        n += ck_ok(tong_peek(e.rx, spans + n, NULL, (uint32_t)(3 - n), conform_patience()));
    r = tong_release(e.rx, spans + 1, 1);
    if (r != -EINVAL)
        ck_ok(r);
    ck_ok(tong_release(e.rx, spans, 1));
    if (r == -EINVAL)
        ck_ok(tong_release(e.rx, spans + 1, 1));
    ck_ok(tong_release(e.rx, spans + 2, 1));
    ck_error(tong_recv(e.rx, NULL, 0, tong_now()), -EAGAIN);
    ends_close(&e);
}

static void send_for_peeks(struct side *me, struct conform *c)
{
    size_t size_max = (size_t)c->caps.size_max;
    uint64_t n = *(const uint64_t *)me->arg;
    char *message = malloc(size_max);
    struct end tx;

    CHECK(message);
    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0; i < n; i++) {
        size_t len = dice_below(&me->dice, 100) == 0 ? size_max : dice_length(&me->dice, conform_length(c, 100000));
        ledger_write(message, len, 1, i);
        ck_ok(tong_send(tx.ch, message, len, conform_patience()));
    }
    ck_ok(tong_finish(tx.ch, conform_patience()));
    end_close(&tx);
    free(message);
}

/* Peeks and releases as the dice will, up to 32 loans out; every message is whole when it is given back, too. */
CONFORM_TEST(random_peeks_and_releases, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    enum { LOANS = 32 };
    uint64_t n = 2000;
    tong_span loans[LOANS];
    struct ledger lent = {.taken = 0}, given_back = {.taken = 0};
    struct side sender;
    struct end rx;
    uint32_t out = 0;

    side_start(&sender, c, send_for_peeks, &n);
    end_open(c, &rx, END_RECEIVER, NULL);
    while (given_back.taken < n) {
        int64_t got = 0;

        if (out < LOANS && lent.taken < n) {
            uint32_t want = 1 + (uint32_t)dice_below(&c->dice, LOANS - out);
            got = tong_peek(rx.ch, loans + out, NULL, want, out ? tong_now() : conform_patience());
            if (!(out && (got == -EAGAIN || got == -ENOBUFS)))
                ck_ok(got);
        }
        for (; got > 0; got--, out++)
            ledger_take_next(&lent, loans[out].data, loans[out].len);
        uint32_t back = (uint32_t)dice_below(&c->dice, out + 1);
        for (uint32_t i = 0; i < back; i++)
            ledger_take_next(&given_back, loans[i].data, loans[i].len);
        ck_ok(tong_release(rx.ch, loans, back));
        out -= back;
        memmove(loans, loans + back, out * sizeof *loans);
    }
    side_join(&sender);
    end_close(&rx);
}

CONFORM_TEST(loans_without_end_stop_at_a_limit, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    enum { LEN = 1000, LOANS = 100000 };
    tong_span *spans = malloc(LOANS * sizeof *spans);
    struct ledger ledger = {.taken = 0};
    uint64_t sent = 0;
    uint32_t out = 0;
    struct ends e;
    int64_t n = 0;

    CHECK(spans);
    ends_open(c, &e, NULL);
    for (bool stopped = false; !stopped && out < LOANS - 64;) {
        sent = ends_fill(e.tx, LEN, 1, sent);
        n = tong_peek(e.rx, spans + out, NULL, 64, tong_now());
        stopped = n == -EAGAIN || n == -ENOBUFS;
        if (!stopped)
            out += (uint32_t)ck_ok(n);
    }
    if (n == -ENOBUFS)
        BEGINS(c->address);
    for (uint32_t i = 0; i < out; i++)
        ledger_take_next(&ledger, spans[i].data, spans[i].len);
    ck_ok(tong_release(e.rx, spans, out));
    ends_drain(&e, &ledger, 1, sent);
    ck_ok(tong_send(e.tx, "on", 2, conform_patience()));
    ends_expect(e.rx, "on");
    ends_close(&e);
    free(spans);
}

CONFORM_TEST(reject_gives_to_another_or_says_nocap, CONFORM_ONE_WAY)
{
    tong_meta meta = {.struct_size = sizeof meta};
    tong_span span;
    char room[8];
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_send(e.tx, "again", 5, conform_patience()));
    SAME(tong_peek(e.rx, &span, &meta, 1, conform_patience()), 1);
    CHECK(!(meta.flags & TONG_REDELIVERED));
    if (conform_has(c, TONG_CAP_REJECT)) {
        ck_ok(tong_reject(e.rx, &span, 1));
        SAME(tong_recv_meta(e.rx, room, sizeof room, &meta, conform_patience()), 5);
        CHECK(meta.flags & TONG_REDELIVERED);
    } else {
        ck_error(tong_reject(e.rx, &span, 1), TONG_E_NOCAP);
        BEGINS(c->address);
        conform_says_who_can(c, TONG_CAP_REJECT);
        ck_ok(tong_release(e.rx, &span, 1));
    }
    ck_error(tong_recv(e.rx, room, sizeof room, tong_now()), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(close_gives_loans_back, CONFORM_PIPELINE)
{
    tong_meta meta = {.struct_size = sizeof meta};
    tong_channel *next;
    tong_span span;
    char room[8];
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_send(e.tx, "held", 4, conform_patience()));
    SAME(tong_peek(e.rx, &span, NULL, 1, conform_patience()), 1);
    if (conform_has(c, TONG_CAP_REDELIVERY)) {
        next = conform_open(c, end_role(c, END_RECEIVER), NULL);
        e.rx = tong_close(e.rx);
        SAME(tong_recv_meta(next, room, sizeof room, &meta, conform_patience()), 4);
        CHECK(meta.flags & TONG_REDELIVERED && memcmp(room, "held", 4) == 0);
        tong_close(next);
    }
    ends_close(&e);
}

/* SPDX-License-Identifier: MIT */
/* END and GONE, finish and close: what the peer learns, and what becomes of what was sent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "side.h"

enum { N = 10, LEN = 1000 };

static void send_some(tong_channel *tx)
{
    for (int i = 0; i < N; i++)
        ck_ok(tong_send(tx, "message", 7, conform_patience()));
}

static void expect_some(tong_channel *rx)
{
    for (int i = 0; i < N; i++)
        ends_expect(rx, "message");
}

/* Nothing more comes, and nobody claims an end: a fan-in waits for further senders. */
static void expect_more_to_come(tong_channel *rx)
{
    ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(10)), -ETIMEDOUT);
}

CONFORM_TEST(finish_and_close_is_end, CONFORM_PAIRS | CONFORM_SHORT_TOO)
{
    tong_bytes bytes = {NULL, 0};
    tong_span span;
    struct ends e;

    ends_open(c, &e, NULL);
    send_some(e.tx);
    ck_ok(tong_finish(e.tx, conform_patience()));
    e.tx = tong_close(e.tx);
    expect_some(e.rx);
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), TONG_E_END);
    BEGINS(c->address);
    ck_error(tong_recv(e.rx, NULL, 0, tong_now()), TONG_E_END);
    ck_error(tong_recv_many(e.rx, &bytes, 1, tong_forever()), TONG_E_END);
    ck_error(tong_peek(e.rx, &span, NULL, 1, tong_forever()), TONG_E_END);
    ck_error(tong_next_size(e.rx), TONG_E_END);
    ends_close(&e);
}

CONFORM_TEST(close_alone_is_gone, CONFORM_PAIRS)
{
    struct ends e;

    ends_open(c, &e, NULL);
    send_some(e.tx);
    e.tx = tong_close(e.tx);
    expect_some(e.rx);
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), conform_gone(c));
    BEGINS(c->address);
    if (end_listens(c, END_RECEIVER)) { /* an accepted end cannot connect again */
        ck_error(tong_recv(e.rx, NULL, 0, tong_forever()), conform_gone(c));
        ck_error(tong_send(e.rx, "x", 1, tong_forever()), TONG_E_GONE);
    }
    ends_close(&e);
}

CONFORM_TEST(fan_in_knows_no_end, CONFORM_PIPELINE)
{
    struct ends e;

    if (!conform_has(c, TONG_CAP_FAN_IN))
        return;
    ends_open(c, &e, NULL);
    send_some(e.tx);
    ck_ok(tong_finish(e.tx, conform_patience()));
    e.tx = tong_close(e.tx);
    expect_some(e.rx);
    expect_more_to_come(e.rx);
    e.tx = conform_open(c, end_role(c, END_SENDER), NULL);
    send_some(e.tx);
    e.tx = tong_close(e.tx);
    expect_some(e.rx);
    expect_more_to_come(e.rx);
    e.tx = conform_open(c, end_role(c, END_SENDER), NULL);
    send_some(e.tx);
    expect_some(e.rx);
    ends_close(&e);
}

CONFORM_TEST(fan_in_ends_with_the_last_if_asked, CONFORM_PIPELINE)
{
    tong_channel *rx, *first, *last;

    if (!conform_takes(c, "?end=last") || !conform_has(c, TONG_CAP_FAN_IN))
        return;
    rx = conform_open(c, end_role(c, END_RECEIVER), "?end=last");
    first = conform_open(c, end_role(c, END_SENDER), conform_is_object(c) ? "?end=last" : NULL);
    last = conform_open(c, end_role(c, END_SENDER), conform_is_object(c) ? "?end=last" : NULL);
    send_some(first);
    send_some(last);
    ck_ok(tong_finish(first, conform_patience()));
    tong_close(first);
    expect_some(rx);
    expect_some(rx);
    expect_more_to_come(rx);
    send_some(last);
    ck_ok(tong_finish(last, conform_patience()));
    tong_close(last);
    expect_some(rx);
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), TONG_E_END);
    ck_error(tong_recv(rx, NULL, 0, tong_forever()), TONG_E_END);
    tong_close(rx);
}

CONFORM_TEST(a_sole_sender_is_the_last, CONFORM_PIPELINE)
{
    struct ends e;

    if (!c->inherited)
        return;
    ends_open(c, &e, NULL);
    send_some(e.tx);
    ck_ok(tong_finish(e.tx, conform_patience()));
    expect_some(e.rx);
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), TONG_E_END);
    e.tx = tong_close(e.tx);
    ck_error(tong_recv(e.rx, NULL, 0, tong_forever()), TONG_E_END);
    BEGINS(c->address);
    ends_close(&e);
}

CONFORM_TEST(a_last_sender_that_breaks_off_is_no_end, CONFORM_PIPELINE)
{
    const char *query = c->inherited ? NULL : "?end=last"; /* which a sole sender is anyway */
    tong_channel *rx, *tx;

    if (query && !conform_takes(c, query))
        return;
    rx = conform_open(c, end_role(c, END_RECEIVER), query);
    tx = conform_open(c, end_role(c, END_SENDER), conform_is_object(c) ? query : NULL);
    send_some(tx);
    tong_close(tx);
    expect_some(rx);
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), conform_gone(c));
    BEGINS(c->address);
    tong_close(rx);
}

CONFORM_TEST(each_direction_ends_by_itself, CONFORM_PAIRS)
{
    tong_span span;
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_finish(e.tx, conform_patience()));
    ck_ok(tong_finish(e.tx, conform_patience()));
    ck_error(tong_send(e.tx, "x", 1, conform_patience()), TONG_E_STATE);
    BEGINS(c->address);
    ck_error(tong_claim(e.tx, 1, &span, conform_patience()), TONG_E_STATE);
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), TONG_E_END);
    send_some(e.rx);
    expect_some(e.tx);
    send_some(e.rx);
    ck_ok(tong_finish(e.rx, conform_patience()));
    e.rx = tong_close(e.rx);
    expect_some(e.tx);
    ck_error(tong_recv(e.tx, NULL, 0, conform_patience()), TONG_E_END);
    ends_close(&e);
}

CONFORM_TEST(finish_moves_on_what_was_kept, CONFORM_PAIRS | CONFORM_SHORT_TOO)
{
    const size_t size = conform_length(c, 300000);
    struct ledger ledger = {.taken = 0};
    char *room = malloc(size);
    bool finished = false;
    uint64_t sent;
    struct ends e;
    int64_t len;

    CHECK(room);
    ends_open(c, &e, NULL);
    sent = ends_fill(e.tx, size, 1, 0);
    while ((len = tong_recv(e.rx, room, size, tong_now())) != TONG_E_END) {
        int r = finished ? 0 : tong_finish(e.tx, tong_now());

        CHECK(r == 0 || r == -EAGAIN);
        finished = r == 0;
        if (len != -EAGAIN)
            ledger_take_next(&ledger, room, (size_t)ck_ok(len));
    }
    CHECK(finished);
    SAME(ledger.taken, sent);
    ends_close(&e);
    free(room);
}

CONFORM_TEST(close_drops_and_never_blocks, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    const size_t size = conform_length(c, 300000);
    struct ledger ledger = {.taken = 0};
    char *room = malloc(size);
    int64_t begun_ns, len;
    uint64_t sent;
    struct ends e;

    CHECK(room);
    ends_open(c, &e, NULL);
    sent = ends_fill(e.tx, size, 1, 0);
    begun_ns = conform_clock_ns();
    e.tx = tong_close(e.tx);
    CHECK(conform_clock_ns() - begun_ns < CONFORM_PATIENCE_MS * INT64_C(100000));
    while ((len = tong_recv(e.rx, room, size, tong_now())) >= 0)
        ledger_take_next(&ledger, room, (size_t)len);
    ck_error(len, conform_has_one_sender(c) ? TONG_E_GONE : -EAGAIN);
    CHECK(ledger.taken <= sent && ledger.taken + 1 >= sent);
    ends_close(&e);
    free(room);
}

CONFORM_TEST(sending_to_a_closed_peer, CONFORM_PAIRS)
{
    struct ends e;

    ends_open(c, &e, NULL);
    send_some(e.tx);
    expect_some(e.rx);
    e.rx = tong_close(e.rx);
    ck_error(tong_send(e.tx, "x", 1, conform_patience()), TONG_E_GONE);
    BEGINS(c->address);
    ends_close(&e);
}

CONFORM_TEST(unread_messages_do_not_spoil_an_end, CONFORM_PAIRS)
{
    struct ends e;

    ends_open(c, &e, NULL);
    send_some(e.rx);
    send_some(e.tx);
    ck_ok(tong_finish(e.tx, conform_patience()));
    e.tx = tong_close(e.tx);
    expect_some(e.rx);
    /* Without a word from the sender, that it left messages unread is all that the system tells. */
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), conform_is_foreign(c) ? TONG_E_GONE : TONG_E_END);
    ends_close(&e);
}

static void send_all_and_vanish(struct side *me, struct conform *c)
{
    char message[LEN];
    struct end tx;

    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0; i < *(const uint64_t *)me->arg; i++) {
        ledger_write(message, sizeof message, 1, i);
        ck_ok(tong_send(tx.ch, message, sizeof message, conform_patience()));
    }
    ck_ok(tong_finish(tx.ch, conform_patience()));
    end_close(&tx);
}

CONFORM_TEST(finish_drains, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    uint64_t n = 3000;
    struct ledger ledger = {.taken = 0};
    struct side sender;
    char room[LEN];
    struct end rx;

    side_start(&sender, c, send_all_and_vanish, &n);
    end_open(c, &rx, END_RECEIVER, NULL);
    while (ledger.taken < n)
        ledger_take_next(&ledger, room, (size_t)ck_ok(tong_recv(rx.ch, room, sizeof room, conform_patience())));
    side_join(&sender);
    if (conform_has_one_sender(c))
        ck_error(tong_recv(rx.ch, room, sizeof room, conform_patience()), TONG_E_END);
    else
        ck_error(tong_recv(rx.ch, room, sizeof room, tong_now()), -EAGAIN);
    end_close(&rx);
}

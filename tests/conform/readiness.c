/* SPDX-License-Identifier: MIT */
/* Two descriptors per channel, polled for readable, by level; and tong_poll. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

enum { LEN = 1000 };

static int watch(tong_channel *ch, enum tong_direction direction)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = (int)ck_ok(tong_fd(ch, direction));
    struct epoll_event event = {.events = EPOLLIN};

    SAME(tong_fd(ch, direction), fd);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    return epoll;
}

static bool readable(int epoll, int timeout_ms)
{
    struct epoll_event event;
    return epoll_wait(epoll, &event, 1, timeout_ms) == 1;
}

/* It stays unreadable, once what only the channel itself has to do is done. */
static void quiet(int epoll, tong_channel *ch, enum tong_direction direction)
{
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);

    while (readable(epoll, 0)) {
        if (direction == TONG_IN)
            ck_error(tong_recv(ch, NULL, 0, tong_now()), -EAGAIN);
        else
            ck_error(tong_flush(ch, TONG_ACCEPTED, tong_now()), -EAGAIN);
        CHECK(conform_clock_ns() < until);
    }
}

CONFORM_TEST(in_follows_messages, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    enum { N = 50 };
    tong_span span;
    struct ends e;
    int in;

    ends_open(c, &e, NULL);
    if (!conform_has(c, TONG_CAP_POLLABLE)) {
        ck_error(tong_fd(e.rx, TONG_IN), TONG_E_NOCAP);
        conform_says_who_can(c, TONG_CAP_POLLABLE);
        ends_close(&e);
        return;
    }
    in = watch(e.rx, TONG_IN);
    for (int round = 0; round < 3; round++) {
        int sent = 0, r = 0;

        quiet(in, e.rx, TONG_IN);
        while (sent < N && (r = tong_send(e.tx, "message", 7, tong_now())) == 0)
            sent++;
        CHECK(r == 0 || r == -EAGAIN);
        for (int i = 0; i < sent; i++) {
            CHECK(readable(in, CONFORM_PATIENCE_MS));
            SAME(tong_next_size(e.rx), 7);
            CHECK(readable(in, 0));
            ends_expect(e.rx, "message");
        }
    }
    quiet(in, e.rx, TONG_IN);
    ck_ok(tong_send(e.tx, "lent", 4, conform_patience()));
    CHECK(readable(in, CONFORM_PATIENCE_MS));
    SAME(tong_peek(e.rx, &span, NULL, 1, tong_now()), 1);
    ck_ok(tong_release(e.rx, &span, 1));
    quiet(in, e.rx, TONG_IN);
    close(in);
    ends_close(&e);
}

CONFORM_TEST(in_stays_readable_for_what_is_too_big, CONFORM_ONE_WAY)
{
    char message[LEN] = "big";
    struct ends e;
    int in;

    if (!conform_has(c, TONG_CAP_POLLABLE))
        return;
    ends_open(c, &e, NULL);
    in = watch(e.rx, TONG_IN);
    ck_ok(tong_send(e.tx, message, sizeof message, conform_patience()));
    CHECK(readable(in, CONFORM_PATIENCE_MS));
    ck_error(tong_recv(e.rx, message, LEN - 1, tong_now()), TONG_E_TOOBIG);
    CHECK(readable(in, 0));
    SAME(tong_recv(e.rx, message, LEN, tong_now()), LEN);
    quiet(in, e.rx, TONG_IN);
    close(in);
    ends_close(&e);
}

CONFORM_TEST(out_follows_room, CONFORM_ONE_WAY)
{
    struct ledger ledger = {.taken = 0};
    uint64_t sent = 0;
    struct ends e;
    int out;

    if (!conform_has(c, TONG_CAP_POLLABLE))
        return;
    ends_open(c, &e, NULL);
    out = watch(e.tx, TONG_OUT);
    for (int round = 0; round < 3; round++) {
        CHECK(readable(out, CONFORM_PATIENCE_MS));
        sent = ends_fill(e.tx, LEN, 1, sent);
        quiet(out, e.tx, TONG_OUT);
        ends_drain(&e, &ledger, 1, sent);
    }
    CHECK(readable(out, CONFORM_PATIENCE_MS));
    CHECK(readable(out, 0));
    close(out);
    ends_close(&e);
}

CONFORM_TEST(readable_at_the_end, CONFORM_PAIRS)
{
    struct ends e;
    int in;

    if (!conform_has(c, TONG_CAP_POLLABLE))
        return;
    ends_open(c, &e, NULL);
    in = watch(e.rx, TONG_IN);
    quiet(in, e.rx, TONG_IN);
    ck_ok(tong_finish(e.tx, conform_patience()));
    CHECK(readable(in, CONFORM_PATIENCE_MS));
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), TONG_E_END);
    CHECK(readable(in, 0));
    close(in);
    ends_close(&e);
}

CONFORM_TEST(readable_after_shutdown, CONFORM_ONE_WAY)
{
    struct ends e;
    int in, out;

    if (!conform_has(c, TONG_CAP_POLLABLE))
        return;
    ends_open(c, &e, NULL);
    in = watch(e.rx, TONG_IN);
    out = watch(e.tx, TONG_OUT);
    ends_fill(e.tx, LEN, 1, 0);
    quiet(out, e.tx, TONG_OUT);
    tong_shutdown(e.tx);
    CHECK(readable(out, CONFORM_PATIENCE_MS));
    ends_close(&e);
    close(in);
    close(out);
}

CONFORM_TEST(a_role_has_its_directions, CONFORM_PIPELINES)
{
    struct ends e;

    ends_open(c, &e, NULL);
    ck_error(tong_fd(e.rx, TONG_OUT), TONG_E_NOCAP);
    ck_error(tong_fd(e.tx, TONG_IN), TONG_E_NOCAP);
    ck_error(tong_send(e.rx, "x", 1, tong_now()), TONG_E_NOCAP);
    BEGINS(c->address);
    SAYS("pull");
    ck_error(tong_recv(e.tx, NULL, 0, tong_now()), TONG_E_NOCAP);
    SAYS("push");
    ends_close(&e);
}

CONFORM_TEST(a_listener_is_readable_for_newcomers, CONFORM_PAIR)
{
    tong_channel *listener, *newcomer, *accepted;
    int in;

    if (!conform_is_met(c) || !conform_has(c, TONG_CAP_POLLABLE))
        return;
    listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL);
    in = watch(listener, TONG_IN);
    CHECK(!readable(in, 0));
    newcomer = conform_open(c, TONG_PAIR, NULL);
    CHECK(readable(in, CONFORM_PATIENCE_MS));
    ck_ok(tong_accept(listener, &accepted, conform_patience()));
    while (readable(in, 0))
        ck_error(tong_accept(listener, &accepted, tong_now()), -EAGAIN);
    close(in);
    tong_close(newcomer);
    tong_close(accepted);
    tong_close(listener);
}

/* ---- event loops ----------------------------------------------------------------------------------------------- */

enum { MESSAGES = 3000, LENGTH_MAX = 100000 };

/* Sends without ever waiting in a call: the descriptor alone says when. */
static void send_by_events(struct side *me, struct conform *c)
{
    size_t most = conform_length(c, LENGTH_MAX);
    char *message = malloc(most);
    struct end tx;
    int out, r = -EAGAIN;

    CHECK(message);
    end_open(c, &tx, END_SENDER, NULL);
    out = watch(tx.ch, TONG_OUT);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        size_t len = dice_length(&me->dice, most);
        ledger_write(message, len, 1, i);
        while ((r = tong_send(tx.ch, message, len, tong_now())) == -EAGAIN)
            CHECK(readable(out, CONFORM_PATIENCE_MS));
        ck_ok(r);
    }
    while ((r = tong_finish(tx.ch, tong_now())) == -EAGAIN)
        CHECK(readable(out, CONFORM_PATIENCE_MS));
    ck_ok(r);
    close(out);
    end_close(&tx);
    free(message);
}

CONFORM_TEST(descriptors_drive_an_event_loop, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct ledger ledger = {.taken = 0};
    char *room = malloc(LENGTH_MAX);
    struct side sender;
    struct end rx;
    int in;

    if (!conform_has(c, TONG_CAP_POLLABLE)) {
        free(room);
        return;
    }
    CHECK(room);
    side_start(&sender, c, send_by_events, NULL);
    end_open(c, &rx, END_RECEIVER, NULL);
    in = watch(rx.ch, TONG_IN);
    while (ledger.taken < MESSAGES) {
        int64_t len;

        CHECK(readable(in, CONFORM_PATIENCE_MS));
        /* One message per event: what the channel read ahead must make the descriptor readable again. */
        len = tong_recv(rx.ch, room, LENGTH_MAX, tong_now());
        if (len != -EAGAIN)
            ledger_take_next(&ledger, room, (size_t)ck_ok(len));
    }
    side_join(&sender);
    close(in);
    end_close(&rx);
    free(room);
}

CONFORM_TEST(poll_over_several_channels, CONFORM_ONE_WAY)
{
    enum { N = 40 };
    struct conform each[N];
    struct ends e[N];
    tong_pollitem items[2 * N];
    int64_t ready;

    for (int i = 0; i < N; i++) {
        each[i] = *c;
        conform_rename(&each[i], i);
        ends_open(&each[i], &e[i], conform_small(c));
        items[i] = (tong_pollitem){.ch = e[i].rx, .want = TONG_IN};
        items[N + i] = (tong_pollitem){.ch = e[i].tx, .want = TONG_OUT};
    }
    ck_error(tong_poll(items, N, tong_now()), -EAGAIN);
    ck_error(tong_poll(items, N, tong_in_ms(2)), -ETIMEDOUT);
    for (int i = 0; i < N; i++)
        SAME(items[i].ready, 0);
    ck_ok(tong_send(e[3].tx, "x", 1, conform_patience()));
    SAME(tong_poll(items, N, conform_patience()), 1);
    SAME(items[3].ready, TONG_IN);
    ck_ok(tong_send(e[N - 1].tx, "x", 1, conform_patience()));
    SAME(tong_poll(items, N, conform_patience()), 2);
    SAME(items[N - 1].ready, TONG_IN);
    ends_expect(e[3].rx, "x");
    SAME(tong_poll(items, N, conform_patience()), 1);
    uint64_t sent = ends_fill(e[5].tx, LEN, 1, 0);
    SAME(tong_poll(items, N, conform_patience()), 2); /* which may read ahead, and make room */
    ends_fill(e[5].tx, LEN, 1, sent);
    SAME(tong_poll(items + N, N, conform_patience()), N - 1);
    SAME(items[N + 5].ready, 0);
    /* To be asked for the length of what waits, a mechanism may take it in, and then has room again. */
    ready = tong_poll(items, 2 * N, conform_patience());
    CHECK(ready == 2 + N - 1 || (ready == 2 + N && items[N + 5].ready));
    for (int i = 0; i < N; i++)
        ends_close(&e[i]);
}

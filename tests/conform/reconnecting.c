/* SPDX-License-Identifier: MIT */
/* Links: a connector finds its peer again, and its descriptors with it. Objects: whoever comes, finds what is there. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

static uint64_t connects(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats.connects;
}

/* Accepts the connector's next connection, which its own calls make. */
static tong_channel *accept_again(tong_channel *listener, tong_channel *connector)
{
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);
    tong_channel *accepted;
    int r;

    while ((r = tong_accept(listener, &accepted, tong_now())) == -EAGAIN) {
        ck_error(tong_recv(connector, NULL, 0, tong_now()), -EAGAIN);
        CHECK(conform_clock_ns() < until);
    }
    ck_ok(r);
    return accepted;
}

CONFORM_TEST(a_connector_pair_connects_again, CONFORM_PAIR | CONFORM_SHORT_TOO)
{
    tong_channel *listener, *connector, *accepted;

    /* To a foreign pair a closed connection is an END, which is for good. */
    if (!conform_is_met(c) || conform_is_foreign(c))
        return;
    listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL);
    connector = conform_open(c, TONG_PAIR, NULL);
    for (int i = 0; i < 5; i++) {
        accepted = accept_again(listener, connector);
        ck_ok(tong_send(connector, "to", 2, conform_patience()));
        ends_expect(accepted, "to");
        ck_ok(tong_send(accepted, "fro", 3, conform_patience()));
        ends_expect(connector, "fro");
        tong_close(accepted);
        ck_error(tong_recv(connector, NULL, 0, conform_patience()), TONG_E_GONE);
        ck_error(tong_send(connector, "x", 1, conform_patience()), TONG_E_GONE);
    }
    ck_ok(tong_send(connector, "again", 5, conform_patience()));
    SAME(connects(connector), 6);
    tong_close(connector);
    tong_close(listener);
}

CONFORM_TEST(no_reconnection_if_not_wanted, CONFORM_PAIR)
{
    tong_channel *listener, *connector, *accepted;

    if (!conform_is_met(c))
        return;
    listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL);
    connector = conform_open(c, TONG_PAIR, "?reconnect=no");
    ck_ok(tong_accept(listener, &accepted, conform_patience()));
    tong_close(accepted);
    for (int i = 0; i < 3; i++) {
        ck_error(tong_recv(connector, NULL, 0, tong_forever()), conform_gone(c));
        ck_error(tong_send(connector, "x", 1, tong_forever()), TONG_E_GONE);
    }
    tong_close(connector);
    tong_close(listener);
}

CONFORM_TEST(the_listening_end_may_be_reborn, CONFORM_PIPELINES)
{
    bool receiver_listens = end_listens(c, END_RECEIVER);
    struct ends e;

    if (!conform_is_met(c))
        return;
    ends_open(c, &e, NULL);
    for (int i = 0; i < 5; i++) {
        ck_ok(tong_send(e.tx, "before", 6, conform_patience()));
        ends_expect(e.rx, "before");
        if (receiver_listens) {
            tong_close(e.rx);
            e.rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
        } else {
            tong_close(e.tx);
            e.tx = conform_open(c, end_role(c, END_SENDER), NULL);
            /* A push listener has nobody to send to until the puller's next call connects again. */
            while (tong_send(e.tx, "noticed", 7, tong_now()) == -EAGAIN)
                CHECK(tong_next_size(e.rx) == -EAGAIN);
            ends_expect(e.rx, "noticed");
        }
    }
    ck_ok(tong_send(e.tx, "after", 5, conform_patience()));
    ends_expect(e.rx, "after");
    ends_close(&e);
}

CONFORM_TEST(a_connector_waits_through_an_absence, CONFORM_PIPELINE)
{
    struct ends e;

    if (!conform_is_met(c))
        return;
    ends_open(c, &e, NULL);
    e.rx = tong_close(e.rx);
    /* The first send may still find the broken connection; nothing is accepted where nobody is. */
    ck_error(tong_send(e.tx, "x", 1, tong_in_ms(5)), -ETIMEDOUT);
    BEGINS(c->address);
    ck_error(tong_send(e.tx, "x", 1, tong_now()), -EAGAIN);
    e.rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    ck_ok(tong_send(e.tx, "back", 4, conform_patience()));
    ends_expect(e.rx, "back");
    ends_close(&e);
}

static bool readable(int fd, int timeout_ms)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    bool yes;

    CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    yes = epoll_wait(epoll, &event, 1, timeout_ms) == 1;
    close(epoll);
    return yes;
}

/* As an event loop does it: wait for the descriptor, then call, until the call succeeds. */
static void send_by_events(tong_channel *tx, const char *text, size_t len)
{
    int fd = (int)ck_ok(tong_fd(tx, TONG_OUT)), r;

    do {
        CHECK(readable(fd, CONFORM_PATIENCE_MS));
        r = tong_send(tx, text, len, tong_now());
    } while (r == -EAGAIN);
    ck_ok(r);
}

CONFORM_TEST(descriptors_survive_reconnection, CONFORM_PIPELINE | CONFORM_SHORT_TOO)
{
    struct ends e;
    int out;

    if (!conform_is_met(c) || !conform_has(c, TONG_CAP_POLLABLE))
        return;
    ends_open(c, &e, NULL);
    out = (int)ck_ok(tong_fd(e.tx, TONG_OUT));
    for (int i = 0; i < 3; i++) {
        send_by_events(e.tx, "before", 6);
        ends_expect(e.rx, "before");
        e.rx = tong_close(e.rx);
        ck_error(tong_send(e.tx, "x", 1, tong_now()), -EAGAIN);
        e.rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
        send_by_events(e.tx, "after", 5);
        ends_expect(e.rx, "after");
        SAME(tong_fd(e.tx, TONG_OUT), out);
    }
    ends_close(&e);
}

CONFORM_TEST(an_event_loop_connects, CONFORM_PIPELINE)
{
    tong_channel *tx, *rx;

    if (!conform_is_met(c) || !conform_has(c, TONG_CAP_POLLABLE))
        return;
    ck_ok(conform_try(c, &tx, end_role(c, END_SENDER), NULL, tong_now()));
    for (int i = 0; i < 3; i++) {
        CHECK(readable((int)ck_ok(tong_fd(tx, TONG_OUT)), CONFORM_PATIENCE_MS)); /* to try again */
        ck_error(tong_send(tx, "x", 1, tong_now()), -EAGAIN);
    }
    rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    send_by_events(tx, "at last", 7);
    ends_expect(rx, "at last");
    tong_close(tx);
    tong_close(rx);
}

CONFORM_TEST(a_receiving_descriptor_survives_reconnection, CONFORM_PAIR)
{
    tong_channel *listener, *connector, *accepted;
    int in;

    if (!conform_is_met(c) || conform_is_foreign(c) || !conform_has(c, TONG_CAP_POLLABLE))
        return;
    listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL);
    connector = conform_open(c, TONG_PAIR, NULL);
    in = (int)ck_ok(tong_fd(connector, TONG_IN));
    for (int i = 0; i < 3; i++) {
        while (tong_accept(listener, &accepted, tong_now()) == -EAGAIN) {
            CHECK(readable(in, CONFORM_PATIENCE_MS));
            ck_error(tong_recv(connector, NULL, 0, tong_now()), -EAGAIN);
        }
        ck_ok(tong_send(accepted, "x", 1, conform_patience()));
        CHECK(readable(in, CONFORM_PATIENCE_MS));
        ends_expect(connector, "x");
        tong_close(accepted);
        CHECK(readable(in, CONFORM_PATIENCE_MS));
        ck_error(tong_recv(connector, NULL, 0, tong_now()), TONG_E_GONE);
    }
    SAME(tong_fd(connector, TONG_IN), in);
    tong_close(connector);
    tong_close(listener);
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

CONFORM_TEST(an_object_keeps_what_was_sent, CONFORM_PIPELINE)
{
    tong_channel *tx, *rx;

    if (!conform_is_object(c))
        return;
    tx = conform_open(c, TONG_PUSH, NULL);
    ck_ok(tong_send(tx, "kept", 4, tong_now()));
    tong_close(tx);
    if (c->caps.level >= TONG_KEPT) {
        rx = conform_open(c, TONG_PULL | TONG_EXISTING, NULL);
        ends_expect(rx, "kept");
        tong_close(rx);
    }
    ck_error(conform_try(c, &rx, TONG_PULL | TONG_EXISTING, NULL, tong_now()), -ENOENT);
    BEGINS(c->address);
}

CONFORM_TEST(the_option_keep, CONFORM_PIPELINE)
{
    tong_channel *ch = NULL;

    if (!conform_is_object(c))
        return;
    if (c->caps.level < TONG_KEPT) {
        ck_error(conform_try(c, &ch, TONG_PUSH,
                             &(tong_opts){.struct_size = sizeof(tong_opts), .keep = TONG_KEEP_ALWAYS}, tong_now()),
                 TONG_E_ADDRESS);
        SAYS("keep");
        return;
    }
    ch = conform_open(c, TONG_PUSH, "?keep=never");
    ck_ok(tong_send(ch, "gone", 4, tong_now()));
    tong_close(ch);
    ck_error(conform_try(c, &ch, TONG_PULL | TONG_EXISTING, NULL, tong_now()), -ENOENT);
    ch = conform_open(c, TONG_PUSH | TONG_NEW, "?keep=always");
    tong_close(ch);
    ch = conform_open(c, TONG_PULL | TONG_EXISTING, NULL);
    ck_error(tong_recv(ch, NULL, 0, tong_now()), -EAGAIN);
    tong_close(ch);
    ck_ok(conform_remove(c));
    ck_error(conform_remove(c), -ENOENT);
}

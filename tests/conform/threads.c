/* SPDX-License-Identifier: MIT */
/* A sending and a receiving thread on each end of a pair, all four at full speed. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "ends.h"
#include "side.h"

enum { MESSAGES = 20000, LENGTH_MAX = 3000, BATCH = 16 };

static void send_thread(struct side *me, struct conform *c)
{
    tong_channel *ch = me->arg;
    char message[LENGTH_MAX];

    (void)c;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        size_t len = dice_length(&me->dice, sizeof message);
        ledger_write(message, len, 1, i);
        ck_ok(tong_send(ch, message, len, conform_patience()));
    }
    ck_ok(tong_finish(ch, conform_patience()));
}

static void receive_all(tong_channel *ch)
{
    static _Thread_local char rooms[BATCH][LENGTH_MAX];
    struct ledger ledger = {.taken = 0};
    tong_bytes bytes[BATCH];
    int64_t n;

    for (;;) {
        for (int i = 0; i < BATCH; i++)
            bytes[i] = (tong_bytes){rooms[i], LENGTH_MAX};
        n = tong_recv_many(ch, bytes, BATCH, conform_patience());
        if (n == TONG_E_END)
            break;
        ck_ok(n);
        for (int64_t i = 0; i < n; i++)
            ledger_take_next(&ledger, bytes[i].data, bytes[i].len);
    }
    SAME(ledger.taken, MESSAGES);
}

/* One end of the pair: sends in a thread of its own and receives in this one. */
static void both_ways(struct conform *c, tong_channel *ch)
{
    struct side sender;

    side_start_thread(&sender, c, send_thread, ch);
    receive_all(ch);
    side_join(&sender);
}

static void other_end(struct side *me, struct conform *c)
{
    struct end e;

    (void)me;
    end_open(c, &e, END_SENDER, NULL);
    both_ways(c, e.ch);
    end_close(&e);
}

CONFORM_TEST(two_threads_at_each_end, CONFORM_PAIRS)
{
    struct side other;
    struct end e;

    side_start(&other, c, other_end, NULL);
    end_open(c, &e, END_RECEIVER, NULL);
    both_ways(c, e.ch);
    side_join(&other);
    end_close(&e);
}

/* The same in one process, where the thread sanitizer sees all four threads. */
CONFORM_TEST(two_threads_at_each_end_of_one_process, CONFORM_PAIRS | CONFORM_SHORT_TOO)
{
    struct side other;
    struct end e;

    side_start_thread(&other, c, other_end, NULL);
    end_open(c, &e, END_RECEIVER, NULL);
    both_ways(c, e.ch);
    side_join(&other);
    end_close(&e);
}

/* ---- ways to wait ---------------------------------------------------------------------------------------------- */

enum { ROUNDS = 100 };

static void return_each(struct side *me, struct conform *c)
{
    char room[16];
    struct end e;

    end_open(c, &e, END_SENDER, me->arg);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t len = ck_ok(tong_recv(e.ch, room, sizeof room, tong_forever()));
        ck_ok(tong_send(e.ch, room, (size_t)len, tong_forever()));
    }
    end_close(&e);
}

CONFORM_TEST(every_way_to_wait, CONFORM_PAIR)
{
    static const char *const waits[] = {"?wait=adaptive", "?wait=spin", "?wait=block"};

    for (int i = 0; i < 9; i++) {
        struct side other;
        struct end e;
        char query[32];

        snprintf(query, sizeof query, "%s", waits[i / 3]);
        side_start(&other, c, return_each, query);
        end_open(c, &e, END_RECEIVER, waits[i % 3]);
        for (int j = 0; j < ROUNDS; j++) {
            ck_ok(tong_send(e.ch, "ping", 4, tong_forever()));
            ends_expect(e.ch, "ping");
        }
        side_join(&other);
        end_close(&e);
    }
}

static void watch_stats(struct side *me, struct conform *c)
{
    tong_stats stats = {.struct_size = sizeof stats};
    tong_caps caps = {.struct_size = sizeof caps};
    struct ends *e = me->arg;
    uint64_t last = 0;

    (void)c;
    do {
        ck_ok(tong_get_stats(e->tx, &stats));
        ck_ok(tong_get_caps(e->tx, &caps));
        CHECK(stats.sent >= last);
        last = stats.sent;
        ck_ok(tong_get_stats(e->rx, &stats));
    } while (stats.received < MESSAGES);
}

CONFORM_TEST(statistics_from_a_third_thread, CONFORM_ONE_WAY)
{
    struct side watcher;
    struct ends e;

    ends_open(c, &e, NULL);
    side_start_thread(&watcher, c, watch_stats, &e);
    for (int i = 0; i < MESSAGES; i++) {
        ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
        ends_expect(e.rx, "x");
    }
    side_join(&watcher);
    ends_close(&e);
}

/* ---- threads and broken connections ---------------------------------------------------------------------------- */

enum { BREAKS = 60, STOP_LENGTH = 1 };

/* How the two threads of the surviving end wait: in the calls, or as an event loop does. */
struct survivor {
    tong_channel *ch;
    bool by_events;
};

static tong_deadline patience_of(const struct survivor *v)
{
    return v->by_events ? tong_now() : conform_patience();
}

/* After -EAGAIN an event loop waits for the descriptor; returns whether to call again. */
static bool again(const struct survivor *v, enum tong_direction direction, int64_t r)
{
    struct pollfd polled = {.events = POLLIN};

    if (r != -EAGAIN || !v->by_events)
        return false;
    polled.fd = tong_fd(v->ch, direction);
    if (polled.fd >= 0) /* or it was shut down just now, which the next call says */
        CHECK(poll(&polled, 1, CONFORM_PATIENCE_MS) == 1);
    return true;
}

/* Sends ledger messages through however many connections until told to stop; what a break swallowed is a gap. */
static void send_through_breaks(struct side *me, struct conform *c)
{
    const struct survivor *v = me->arg;
    char message[LENGTH_MAX];
    uint64_t i = 0;
    int r;

    (void)c;
    do {
        size_t len = dice_length(&me->dice, sizeof message);
        ledger_write(message, len, 1, i);
        r = tong_send(v->ch, message, len, patience_of(v));
        i += r == 0;
    } while (r == 0 || r == TONG_E_GONE || again(v, TONG_OUT, r));
    ck_error(r, TONG_E_SHUTDOWN);
}

static void receive_through_breaks(const struct survivor *v)
{
    struct ledger ledger = {.taken = 0};
    char room[LENGTH_MAX];
    int64_t len;

    do {
        len = tong_recv(v->ch, room, sizeof room, patience_of(v));
        if (len > STOP_LENGTH)
            ledger_take(&ledger, room, (size_t)len);
    } while (len > STOP_LENGTH || len == TONG_E_GONE || again(v, TONG_IN, len));
    SAME(len, STOP_LENGTH);
}

/* Accepts, talks a while both ways, and breaks off, again and again; the last words are for the receiving thread. */
static void break_off(struct side *me, struct conform *c)
{
    tong_channel *listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL), *ch;
    char message[LENGTH_MAX];
    uint64_t sequence = 0;

    side_meet(me);
    for (int i = 0; i < BREAKS; i++) {
        uint64_t exchanged = dice_below(&me->dice, 50);
        struct ledger ledger = {.taken = 0};

        ck_ok(tong_accept(listener, &ch, conform_patience()));
        for (; exchanged > 0; exchanged--) {
            int64_t len = tong_recv(ch, message, sizeof message, conform_patience());
            ledger_take(&ledger, message, (size_t)ck_ok(len));
            ledger_write(message, (size_t)len, 1, sequence++);
            ck_ok(tong_send(ch, message, (size_t)len, conform_patience()));
        }
        tong_close(ch);
    }
    ck_ok(tong_accept(listener, &ch, conform_patience()));
    ck_ok(tong_send(ch, "!", STOP_LENGTH, conform_patience()));
    side_meet(me);
    tong_close(ch);
    tong_close(listener);
}

static void survive_reconnections(struct conform *c, bool by_events)
{
    struct survivor survivor = {.by_events = by_events};
    struct side other, sender;

    if (!conform_is_met(c) || conform_is_foreign(c) || (by_events && !conform_has(c, TONG_CAP_POLLABLE)))
        return;
    side_start_thread(&other, c, break_off, NULL);
    side_meet(&other);
    survivor.ch = conform_open(c, TONG_PAIR, NULL);
    side_start_thread(&sender, c, send_through_breaks, &survivor);
    receive_through_breaks(&survivor);
    tong_shutdown(survivor.ch);
    side_join(&sender);
    side_meet(&other);
    side_join(&other);
    tong_close(survivor.ch);
}

CONFORM_TEST(two_threads_survive_reconnections, CONFORM_PAIR | CONFORM_SHORT_TOO)
{
    survive_reconnections(c, false);
}

CONFORM_TEST(two_event_loops_survive_reconnections, CONFORM_PAIR | CONFORM_SHORT_TOO)
{
    survive_reconnections(c, true);
}

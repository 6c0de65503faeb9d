/* SPDX-License-Identifier: MIT */
/* Every call that can wait: not at all, for a while, until shutdown; and what signals do to it. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "ends.h"
#include "side.h"

enum { SHORT_MS = 20, CALLS_MAX = 4, LEN = 1000 };

typedef int64_t waiting_call(tong_channel *ch, tong_deadline deadline);

static char room[LEN];

static int64_t wait_recv(tong_channel *ch, tong_deadline deadline)
{
    return tong_recv(ch, room, sizeof room, deadline);
}

static int64_t wait_recv_meta(tong_channel *ch, tong_deadline deadline)
{
    tong_meta meta = {.struct_size = sizeof meta};
    return tong_recv_meta(ch, room, sizeof room, &meta, deadline);
}

static int64_t wait_recv_many(tong_channel *ch, tong_deadline deadline)
{
    tong_bytes bytes = {room, sizeof room};
    return tong_recv_many(ch, &bytes, 1, deadline);
}

static int64_t wait_peek(tong_channel *ch, tong_deadline deadline)
{
    tong_span span;
    return tong_peek(ch, &span, NULL, 1, deadline);
}

static int64_t wait_send(tong_channel *ch, tong_deadline deadline)
{
    return tong_send(ch, room, sizeof room, deadline);
}

static int64_t wait_send_many(tong_channel *ch, tong_deadline deadline)
{
    tong_view view = {room, sizeof room};
    return tong_send_many(ch, &view, 1, deadline);
}

static int64_t wait_send_parts(tong_channel *ch, tong_deadline deadline)
{
    tong_view parts[2] = {{room, 1}, {room, sizeof room - 1}};
    return tong_send_parts(ch, parts, 2, NULL, deadline);
}

static int64_t wait_poll_in(tong_channel *ch, tong_deadline deadline)
{
    tong_pollitem item = {.ch = ch, .want = TONG_IN};
    return tong_poll(&item, 1, deadline);
}

static waiting_call *const receiving[CALLS_MAX] = {wait_recv, wait_recv_meta, wait_recv_many, wait_peek};
static waiting_call *const sending[CALLS_MAX] = {wait_send, wait_send_many, wait_send_parts};

/* Now does not wait; a short deadline is kept, and roughly so. */
static void keeps_its_deadline(const struct conform *c, waiting_call *call, tong_channel *ch)
{
    int64_t begun_ns, took_ns;

    ck_error(call(ch, tong_now()), -EAGAIN);
    begun_ns = conform_clock_ns();
    ck_error(call(ch, tong_in_ms(SHORT_MS)), -ETIMEDOUT);
    took_ns = conform_clock_ns() - begun_ns;
    BEGINS(c->address);
    CHECK(took_ns >= SHORT_MS * INT64_C(1000000));
    CHECK(took_ns < CONFORM_PATIENCE_MS * INT64_C(500000));
    ck_error(call(ch, tong_in_ms(-1)), -ETIMEDOUT);
}

CONFORM_TEST(receiving_keeps_its_deadline, CONFORM_ONE_WAY)
{
    struct ends e;

    ends_open(c, &e, NULL);
    for (int i = 0; i < CALLS_MAX; i++)
        keeps_its_deadline(c, receiving[i], e.rx);
    ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
    ends_expect(e.rx, "x");
    ends_close(&e);
}

CONFORM_TEST(sending_keeps_its_deadline, CONFORM_ONE_WAY)
{
    struct ledger ledger = {.taken = 0};
    struct ends e;
    uint64_t sent;

    ends_open(c, &e, NULL);
    sent = ends_fill(e.tx, LEN, 1, 0);
    for (int i = 0; i < CALLS_MAX && sending[i]; i++)
        keeps_its_deadline(c, sending[i], e.tx);
    ends_drain(&e, &ledger, 1, sent);
    ck_error(tong_recv(e.rx, room, sizeof room, tong_now()), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(a_full_channel_works_again, CONFORM_ONE_WAY)
{
    enum { STEP = 777, ROUNDS = 5 };
    struct ledger ledger = {.taken = 0};
    struct ends e;
    uint64_t sent = 0;

    ends_open(c, &e, NULL);
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t len = LEN + STEP * i;
        uint64_t before = sent;
        sent = ends_fill(e.tx, len, 1, sent);
        CHECK(sent > before);
        /* Where a long message found no room, a short one may. */
        sent = ends_fill(e.tx, sizeof room, 1, sent);
        ck_error(tong_send(e.tx, room, sizeof room, tong_now()), -EAGAIN);
        ck_error(tong_send(e.tx, room, sizeof room, tong_in_ms(1)), -ETIMEDOUT);
        ends_drain(&e, &ledger, 1, i % 2 ? sent : (before + sent) / 2);
    }
    ends_drain(&e, &ledger, 1, sent);
    ck_error(tong_recv(e.rx, room, sizeof room, tong_now()), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(accepting_keeps_its_deadline, CONFORM_PAIR)
{
    tong_channel *listener, *ch;
    int64_t begun_ns;

    if (!conform_is_met(c))
        return;
    listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL);
    ck_error(tong_accept(listener, &ch, tong_now()), -EAGAIN);
    begun_ns = conform_clock_ns();
    ck_error(tong_accept(listener, &ch, tong_in_ms(SHORT_MS)), -ETIMEDOUT);
    BEGINS(c->address);
    CHECK(conform_clock_ns() - begun_ns >= SHORT_MS * INT64_C(1000000));
    tong_close(listener);
}

/* ---- waking ---------------------------------------------------------------------------------------------------- */

struct sleeper {
    tong_channel *ch;
    uint64_t sleeps; /* before the call that is to be woken */
};

static void shut_down_sleeper(struct side *me, struct conform *c)
{
    const struct sleeper *sleeper = me->arg;

    (void)c;
    conform_await_sleep(sleeper->ch, sleeper->sleeps);
    tong_shutdown(sleeper->ch);
}

static void shutdown_wakes(struct conform *c, waiting_call *call, enum end_kind kind)
{
    struct sleeper sleeper;
    struct side other;
    struct ends e;

    ends_open(c, &e, "?wait=block");
    if (kind == END_SENDER)
        ends_fill(e.tx, LEN, 1, 0);
    sleeper.ch = kind == END_SENDER ? e.tx : e.rx;
    sleeper.sleeps = conform_sleeps(sleeper.ch);
    side_start_thread(&other, c, shut_down_sleeper, &sleeper);
    ck_error(call(sleeper.ch, tong_forever()), TONG_E_SHUTDOWN);
    BEGINS(c->address);
    side_join(&other);
    ck_error(call(sleeper.ch, tong_forever()), TONG_E_SHUTDOWN);
    ck_error(call(sleeper.ch, tong_now()), TONG_E_SHUTDOWN);
    ends_close(&e);
}

CONFORM_TEST(shutdown_wakes_receiving, CONFORM_ONE_WAY)
{
    for (int i = 0; i < CALLS_MAX; i++)
        shutdown_wakes(c, receiving[i], END_RECEIVER);
}

CONFORM_TEST(shutdown_wakes_sending, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    for (int i = 0; i < CALLS_MAX && sending[i]; i++)
        shutdown_wakes(c, sending[i], END_SENDER);
}

CONFORM_TEST(shutdown_wakes_accepting, CONFORM_PAIR)
{
    struct sleeper listener = {.sleeps = 0};
    tong_channel *ch;
    struct side other;

    if (!conform_is_met(c))
        return;
    listener.ch = conform_open(c, TONG_PAIR | TONG_LISTEN, "?wait=block");
    side_start_thread(&other, c, shut_down_sleeper, &listener);
    ck_error(tong_accept(listener.ch, &ch, tong_forever()), TONG_E_SHUTDOWN);
    side_join(&other);
    tong_close(listener.ch);
}

static void shut_down_soon(struct side *me, struct conform *c)
{
    (void)c;
    side_meet(me);
    tong_shutdown(me->arg);
}

CONFORM_TEST(shutdown_wakes_polling, CONFORM_ONE_WAY)
{
    struct side other;
    struct ends e;

    ends_open(c, &e, NULL);
    ck_error(wait_poll_in(e.rx, tong_now()), -EAGAIN);
    ck_error(wait_poll_in(e.rx, tong_in_ms(1)), -ETIMEDOUT);
    side_start_thread(&other, c, shut_down_soon, e.rx);
    side_meet(&other);
    SAME(wait_poll_in(e.rx, conform_patience()), 1);
    side_join(&other);
    ck_error(wait_recv(e.rx, tong_forever()), TONG_E_SHUTDOWN);
    ends_close(&e);
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static tong_channel *volatile to_shut_down;
static atomic_int handled;

static void on_signal(int number)
{
    (void)number;
    tong_shutdown(to_shut_down);
    handled++;
}

static void handle(tong_channel *ch)
{
    struct sigaction action = {.sa_handler = on_signal};

    to_shut_down = ch;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

struct target {
    pthread_t thread;
    struct ends ends;
    uint64_t sleeps;
    int count;
};

/* Signals the target's thread once it sleeps, each time when the signal before was handled. */
static void signal_sleeper(struct side *me, struct conform *c)
{
    const struct target *target = me->arg;

    (void)c;
    conform_await_sleep(target->ends.rx, target->sleeps);
    for (int i = 1; i <= target->count; i++) {
        CHECK(pthread_kill(target->thread, SIGUSR1) == 0);
        while (handled < i)
            sched_yield();
    }
}

static void target_open(struct conform *c, struct target *target)
{
    ends_open(c, &target->ends, "?wait=block");
    target->sleeps = conform_sleeps(target->ends.rx);
    target->thread = pthread_self();
}

CONFORM_TEST(shutdown_from_a_signal_handler, CONFORM_ONE_WAY)
{
    struct target target = {.count = 1};
    struct side other;

    target_open(c, &target);
    handle(target.ends.rx);
    side_start_thread(&other, c, signal_sleeper, &target);
    ck_error(wait_recv(target.ends.rx, tong_forever()), TONG_E_SHUTDOWN);
    side_join(&other);
    ends_close(&target.ends);
}

static void signal_sleeper_then_send(struct side *me, struct conform *c)
{
    const struct target *target = me->arg;

    signal_sleeper(me, c);
    ck_ok(tong_send(target->ends.tx, "at last", 7, conform_patience()));
}

CONFORM_TEST(signals_do_not_end_a_wait, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct target target = {.count = 5};
    struct side other;

    target_open(c, &target);
    handle(NULL);
    side_start_thread(&other, c, signal_sleeper_then_send, &target);
    ends_expect(target.ends.rx, "at last");
    SAME(handled, 5);
    side_join(&other);
    ends_close(&target.ends);
}

/* SPDX-License-Identifier: MIT */
/*
 * SIGKILL of each side at random moments, with the ledger: what was acknowledged against what arrived. The test's own
 * channel outlives the other sides, which come and go as processes.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

enum { ROUNDS = 12, LENGTH_MAX = 200000, LEN = 500 };

/* Up to some hundred microseconds, so that the kill hits anywhere in a call. */
static void linger(struct dice *dice)
{
    int64_t until = conform_clock_ns() + (int64_t)dice_below(dice, 300000);

    while (conform_clock_ns() < until)
        sched_yield();
}

/* A killed listener leaves its name behind; whoever comes next takes it over, and so does tong_remove. */
static void clear_name(const struct conform *c)
{
    int r = conform_remove(c);

    if (r != -ENOENT)
        ck_ok(r);
}

/* Connects this end to the other side of a new round, of which it may know already. */
static void end_renew(const struct conform *c, struct end *e, enum end_kind kind)
{
    if (c->inherited)
        end_close(e);
    if (!e->ch) {
        end_open(c, e, kind, NULL);
    } else if (e->listener) {
        tong_close(e->ch);
        ck_ok(tong_accept(e->listener, &e->ch, conform_patience()));
    }
}

/* ---- the sender dies ------------------------------------------------------------------------------------------- */

struct sender_log {
    uint32_t sender;
    _Atomic uint64_t acknowledged;
};

static void send_until_killed(struct side *me, struct conform *c)
{
    static char message[LENGTH_MAX];
    struct sender_log *log = me->arg;
    struct end tx;

    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0;; i++) {
        size_t len = dice_length(&me->dice, conform_length(c, sizeof message));
        ledger_write(message, len, log->sender, i);
        ck_ok(tong_send(tx.ch, message, len, conform_patience()));
        log->acknowledged = i + 1;
    }
}

/* Everything that the dead sender was told is in the channel arrives, and at most the one message it was told nothing
 * of. */
static void settle_accounts(struct ledger *l, tong_channel *rx, const struct sender_log *log, char *room)
{
    int64_t len;

    while (l->next[log->sender] < log->acknowledged)
        ledger_take_next(l, room, (size_t)ck_ok(tong_recv(rx, room, LENGTH_MAX, conform_patience())));
    while ((len = tong_recv(rx, room, LENGTH_MAX, tong_now())) >= 0)
        ledger_take_next(l, room, (size_t)len);
    CHECK(l->next[log->sender] <= log->acknowledged + 1);
}

CONFORM_TEST(a_killed_sender_loses_nothing_acknowledged, CONFORM_ONE_WAY)
{
    struct sender_log *log = conform_shared(sizeof *log);
    struct ledger ledger = {.taken = 0};
    static char room[LENGTH_MAX];
    struct end rx = {.ch = NULL};
    struct side sender;

    if (!conform_has(c, TONG_CAP_PROCESSES))
        return;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t wanted = 1 + dice_below(&c->dice, 1500);

        log->sender = round;
        log->acknowledged = 0;
        side_start(&sender, c, send_until_killed, log);
        end_renew(c, &rx, END_RECEIVER);
        while (ledger.next[round] < wanted) {
            int64_t len = tong_recv(rx.ch, room, sizeof room, conform_patience());
            /* A connector learns only now of the sender before. */
            if (len == TONG_E_GONE && round > 0 && ledger.next[round] == 0)
                continue;
            ledger_take_next(&ledger, room, (size_t)ck_ok(len));
        }
        linger(&c->dice);
        side_kill(&sender);
        settle_accounts(&ledger, rx.ch, log, room);
        /* What looks like an end is one for good. */
        if (conform_is_foreign(c) && conform_is_pair(c))
            end_close(&rx);
    }
    end_close(&rx);
    clear_name(c);
}

/* ---- the receiver dies ----------------------------------------------------------------------------------------- */

enum { CAME_MAX = 200000 };

struct receiver_log {
    _Atomic uint64_t taken; /* by this round's receiver */
    struct ledger ledger;   /* of all rounds */
    _Atomic uint8_t came[CAME_MAX];
};

static void receive_until_killed(struct side *me, struct conform *c)
{
    struct receiver_log *log = me->arg;
    char room[LEN];
    struct end rx;

    end_open(c, &rx, END_RECEIVER, NULL);
    for (;;) {
        ledger_take(&log->ledger, room, (size_t)ck_ok(tong_recv(rx.ch, room, sizeof room, conform_patience())));
        log->came[log->ledger.next[1] - 1]++;
        log->taken++;
    }
}

/* How many messages are between a sender and a receiver that reads ahead what it can. */
static uint64_t capacity(const struct conform *c)
{
    struct ledger ledger = {.taken = 0};
    struct conform elsewhere = *c;
    struct ends e;
    uint64_t sent;

    conform_rename(&elsewhere, 0);
    ends_open(&elsewhere, &e, NULL);
    sent = ends_fill(e.tx, LEN, 1, 0);
    ends_drain(&e, &ledger, 1, 1);
    sent = ends_fill(e.tx, LEN, 1, sent);
    ends_close(&e);
    return sent;
}

/* Sends until the receiver has taken enough; returns the next sequence. */
static uint64_t send_round(const struct receiver_log *log, tong_channel *tx, uint64_t wanted, uint64_t sequence)
{
    char message[LEN];

    while (log->taken < wanted) {
        int r;

        CHECK(sequence < CAME_MAX);
        ledger_write(message, sizeof message, 1, sequence);
        r = tong_send(tx, message, sizeof message, tong_in_ms(5));
        /* GONE: only now does it learn of the receiver before. */
        if (r != -ETIMEDOUT && r != TONG_E_GONE)
            ck_ok(r);
        sequence += r == 0;
    }
    return sequence;
}

CONFORM_TEST(a_killed_receiver_loses_at_most_what_it_held, CONFORM_ONE_WAY)
{
    struct receiver_log *log = conform_shared(sizeof *log);
    uint64_t sent = 0, lost = 0, held;
    struct end tx = {.ch = NULL};
    struct side receiver;

    if (!conform_has(c, TONG_CAP_PROCESSES))
        return;
    held = c->caps.level == TONG_ACCEPTED ? capacity(c) : 0;
    for (int round = 0; round < ROUNDS; round++) {
        log->taken = 0;
        side_start(&receiver, c, receive_until_killed, log);
        end_renew(c, &tx, END_SENDER);
        sent = send_round(log, tx.ch, 1 + dice_below(&c->dice, 1500), sent);
        linger(&c->dice);
        side_kill(&receiver);
    }
    for (uint64_t i = 0; i < sent; i++) {
        CHECK(log->came[i] <= 1);
        lost += log->came[i] == 0;
    }
    if (lost > ROUNDS * (held + 1))
        conform_fail(__FILE__, __LINE__, "%llu of %llu messages were lost with %d receivers that held %llu at most",
                     (unsigned long long)lost, (unsigned long long)sent, ROUNDS, (unsigned long long)held);
    end_close(&tx);
    clear_name(c);
}

/* ---- what others see of a death -------------------------------------------------------------------------------- */

static void die_after_a_message(struct side *me, struct conform *c)
{
    struct end tx;

    (void)me;
    end_open(c, &tx, END_SENDER, NULL);
    ck_ok(tong_send(tx.ch, "last words", 10, conform_patience()));
    kill(getpid(), SIGKILL);
}

CONFORM_TEST(death_is_gone_and_never_end, CONFORM_PAIRS)
{
    struct side sender;
    tong_event event;
    struct end rx;

    if (!conform_has(c, TONG_CAP_PROCESSES))
        return;
    side_start(&sender, c, die_after_a_message, NULL);
    end_open(c, &rx, END_RECEIVER, NULL);
    ends_expect(rx.ch, "last words");
    ck_error(tong_recv(rx.ch, NULL, 0, conform_patience()), conform_gone(c));
    BEGINS(c->address);
    while (tong_events(rx.ch, &event, 1) == 1 && event.what == TONG_JOINED)
        continue;
    CHECK(event.what == TONG_CUT || event.what == TONG_DIED || (event.what == TONG_LEFT && conform_is_foreign(c)));
    side_kill(&sender);
    end_close(&rx);
    clear_name(c);
}

static void stop_in_the_middle_of_a_message(struct side *me, struct conform *c)
{
    size_t len = (size_t)c->caps.size_max;
    char *message = malloc(len);
    struct end tx;
    int r;

    CHECK(message);
    side_meet(me);
    end_open(c, &tx, END_SENDER, NULL);
    ledger_write(message, LEN, 1, 0);
    ck_ok(tong_send(tx.ch, message, LEN, conform_patience()));
    ledger_write(message, len, 1, 1);
    r = tong_send(tx.ch, message, len, tong_now());
    if (r != -EAGAIN)
        ck_ok(r);
    side_meet(me);
    side_meet(me); /* never comes */
}

static void send_a_hundred(struct side *me, struct conform *c)
{
    char message[LEN];
    struct end tx;

    side_meet(me);
    side_meet(me);
    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0; i < 100; i++) {
        ledger_write(message, sizeof message, 2, i);
        ck_ok(tong_send(tx.ch, message, sizeof message, conform_patience()));
    }
    ck_ok(tong_finish(tx.ch, conform_patience()));
    end_close(&tx);
}

/* Nobody receives while the first sender is in its large message, so it is certainly in the middle when it is killed.
 * */
CONFORM_TEST(a_death_in_mid_message_harms_no_neighbour, CONFORM_PIPELINE)
{
    size_t len = (size_t)c->caps.size_max;
    struct ledger ledger = {.taken = 0};
    char *room = malloc(len);
    struct side victim, neighbour;
    tong_channel *rx;

    CHECK(room);
    if (!conform_has(c, TONG_CAP_PROCESSES) || !conform_has(c, TONG_CAP_FAN_IN)) {
        free(room);
        return;
    }
    side_start(&victim, c, stop_in_the_middle_of_a_message, NULL);
    side_start(&neighbour, c, send_a_hundred, NULL);
    rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    side_meet(&victim);
    side_meet(&neighbour);
    side_meet(&victim);
    side_kill(&victim);
    side_meet(&neighbour);
    while (ledger.next[1] < 1 || ledger.next[2] < 100)
        ledger_take_next(&ledger, room, (size_t)ck_ok(tong_recv(rx, room, len, conform_patience())));
    ck_error(tong_recv(rx, room, len, tong_now()), -EAGAIN);
    side_join(&neighbour);
    tong_close(rx);
    free(room);
}

static void open_and_close(struct side *me, struct conform *c)
{
    _Atomic uint64_t *cycles = me->arg;

    for (;; (*cycles)++) {
        tong_channel *ch = conform_open(c, end_role(c, END_RECEIVER), NULL);
        tong_close(ch);
    }
}

CONFORM_TEST(a_name_outlives_whoever_dies_on_it, CONFORM_PIPELINE | CONFORM_PAIR)
{
    _Atomic uint64_t *cycles = conform_shared(sizeof *cycles);
    struct side other;
    tong_channel *ch;

    if (!conform_has(c, TONG_CAP_PROCESSES) || c->inherited)
        return;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        uint64_t enough = *cycles + 1 + dice_below(&c->dice, 20);

        side_start(&other, c, open_and_close, cycles);
        while (*cycles < enough)
            sched_yield();
        linger(&c->dice);
        side_kill(&other);
        ch = conform_open(c, end_role(c, END_RECEIVER), NULL);
        tong_close(ch);
    }
    clear_name(c);
}

/* SPDX-License-Identifier: MIT */
/* Many senders to one receiver, one sender to many receivers. */
#include <errno.h>
#include <stdatomic.h>

#include "ends.h"
#include "side.h"

enum { SENDERS = 4, RECEIVERS = 3, LEN = 1000 };

/* ---- fan-in ---------------------------------------------------------------------------------------------------- */

struct sender_job {
    uint32_t sender;
    uint64_t count;
};

static void send_ledger(struct side *me, struct conform *c)
{
    const struct sender_job *job = me->arg;
    char message[4 * LEN];
    struct end tx;

    side_meet(me); /* the receiver is open */
    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0; i < job->count; i++) {
        size_t len = dice_length(&me->dice, sizeof message);
        ledger_write(message, len, job->sender, i);
        ck_ok(tong_send(tx.ch, message, len, conform_patience()));
    }
    ck_ok(tong_finish(tx.ch, conform_patience()));
    end_close(&tx);
}

CONFORM_TEST(many_senders_keep_their_orders, CONFORM_PIPELINE | CONFORM_SHORT_TOO)
{
    struct sender_job jobs[SENDERS];
    struct side senders[SENDERS];
    struct ledger ledger = {.taken = 0};
    char room[4 * LEN];
    tong_channel *rx;

    if (!conform_has(c, TONG_CAP_FAN_IN))
        return;
    for (uint32_t i = 0; i < SENDERS; i++) {
        jobs[i] = (struct sender_job){i, 3000};
        side_start(&senders[i], c, send_ledger, &jobs[i]);
    }
    rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    for (int i = 0; i < SENDERS; i++)
        side_meet(&senders[i]);
    while (ledger.taken < SENDERS * 3000)
        ledger_take_next(&ledger, room, (size_t)ck_ok(tong_recv(rx, room, sizeof room, conform_patience())));
    ck_error(tong_recv(rx, room, sizeof room, tong_now()), -EAGAIN);
    for (int i = 0; i < SENDERS; i++)
        side_join(&senders[i]);
    tong_close(rx);
}

struct race {
    uint32_t sender;
    _Atomic bool *over; /* shared */
};

static void send_at_full_speed(struct side *me, struct conform *c)
{
    const struct race *race = me->arg;
    char message[LEN];
    struct end tx;

    side_meet(me);
    end_open(c, &tx, END_SENDER, NULL);
    side_meet(me);
    for (uint64_t i = 0; !*race->over; i++) {
        ledger_write(message, sizeof message, race->sender, i);
        ck_ok(tong_send(tx.ch, message, sizeof message, conform_patience()));
    }
    ck_ok(tong_send(tx.ch, NULL, 0, conform_patience()));
    end_close(&tx);
}

/*
 * All senders always want to send. A second is long beside the scheduler's slices, and a quarter of an even share
 * leaves room for what it does all the same. Where senders sleep in a call of the kernel's own, whom it gives the room
 * is the kernel's choice.
 */
CONFORM_TEST(fan_in_is_fair, CONFORM_PIPELINE)
{
    _Atomic bool *over = conform_shared(sizeof *over);
    struct race races[SENDERS];
    struct side senders[SENDERS];
    struct ledger ledger = {.taken = 0};
    int64_t until, len;
    char room[LEN];
    tong_channel *rx;

    if (!conform_has(c, TONG_CAP_FAN_IN) || !conform_has(c, TONG_CAP_POLLABLE))
        return;
    for (uint32_t i = 0; i < SENDERS; i++) {
        races[i] = (struct race){i, over};
        side_start(&senders[i], c, send_at_full_speed, &races[i]);
    }
    rx = conform_open(c, end_role(c, END_RECEIVER), NULL);
    for (int meeting = 0; meeting < 2; meeting++)
        for (int i = 0; i < SENDERS; i++)
            side_meet(&senders[i]);
    until = conform_clock_ns() + 1000000000;
    for (int over_for = 0; over_for < SENDERS; over_for += len == 0) {
        *over = conform_clock_ns() > until;
        len = ck_ok(tong_recv(rx, room, sizeof room, conform_patience()));
        if (len > 0)
            ledger_take_next(&ledger, room, (size_t)len);
    }
    for (int i = 0; i < SENDERS; i++) {
        side_join(&senders[i]);
        if (ledger.next[i] < ledger.taken / SENDERS / 4)
            conform_fail(__FILE__, __LINE__, "sender %d got %d of %d messages through", i, (int)ledger.next[i],
                         (int)ledger.taken);
    }
    tong_close(rx);
}

/* ---- fan-out --------------------------------------------------------------------------------------------------- */

enum { SHARED_OUT = 6000 };

/* In shared memory, written by all receivers. */
struct tally {
    _Atomic uint32_t taken;
    _Atomic uint32_t by_receiver[RECEIVERS];
    _Atomic uint8_t came[SHARED_OUT]; /* how often each message came */
};

struct receiver_job {
    struct tally *tally;
    int number;
};

static void receive_share(struct side *me, struct conform *c)
{
    const struct receiver_job *job = me->arg;
    struct tally *tally = job->tally;
    struct ledger ledger = {.taken = 0};
    char room[LEN];
    struct end rx;

    side_meet(me); /* the sender is open */
    end_open(c, &rx, END_RECEIVER, NULL);
    side_meet(me);
    while (tally->taken < SHARED_OUT) {
        int64_t len = tong_recv(rx.ch, room, sizeof room, tong_in_ms(20));
        if (len == -ETIMEDOUT)
            continue;
        ledger_take(&ledger, room, (size_t)ck_ok(len));
        tally->came[ledger.next[1] - 1]++;
        tally->by_receiver[job->number]++;
        tally->taken++;
    }
    end_close(&rx);
}

/* Links spread evenly over who has room; at an object the receivers help themselves. */
CONFORM_TEST(each_message_reaches_one_receiver, CONFORM_PIPELINE_TURNED | CONFORM_SHORT_TOO)
{
    struct tally *tally = conform_shared(sizeof *tally);
    struct receiver_job jobs[RECEIVERS];
    struct side receivers[RECEIVERS];
    char message[LEN];
    tong_channel *tx;

    if (!conform_has(c, TONG_CAP_FAN_OUT))
        return;
    for (int i = 0; i < RECEIVERS; i++) {
        jobs[i] = (struct receiver_job){tally, i};
        side_start(&receivers[i], c, receive_share, &jobs[i]);
    }
    tx = conform_open(c, end_role(c, END_SENDER), NULL);
    for (int meeting = 0; meeting < 2; meeting++)
        for (int i = 0; i < RECEIVERS; i++)
            side_meet(&receivers[i]);
    for (uint64_t i = 0; i < SHARED_OUT; i++) {
        ledger_write(message, sizeof message, 1, i);
        ck_ok(tong_send(tx, message, sizeof message, conform_patience()));
    }
    ck_ok(tong_flush(tx, TONG_ACCEPTED, conform_patience()));
    for (int i = 0; i < RECEIVERS; i++)
        side_join(&receivers[i]);
    for (int i = 0; i < SHARED_OUT; i++)
        SAME(tally->came[i], 1);
    if (!conform_is_object(c))
        for (int i = 0; i < RECEIVERS; i++)
            CHECK(tally->by_receiver[i] >= 20);
    tong_close(tx);
}

/* What is there just now goes into the ledger; gaps are what the other receiver got. */
static uint64_t take_what_is_there(tong_channel *rx, struct ledger *l)
{
    uint64_t before = l->taken;
    char room[LEN];
    int64_t len;

    while ((len = tong_recv(rx, room, sizeof room, tong_now())) != -EAGAIN)
        ledger_take(l, room, (size_t)ck_ok(len));
    return l->taken - before;
}

CONFORM_TEST(a_stuck_receiver_holds_nobody_up, CONFORM_PIPELINE_TURNED)
{
    enum { FURTHER = 3000 };
    struct ledger moving = {.taken = 0}, stuck = {.taken = 0};
    tong_channel *other;
    char message[LEN];
    struct ends e;
    uint64_t sent;

    if (conform_is_object(c) || !conform_has(c, TONG_CAP_FAN_OUT))
        return;
    ends_open(c, &e, NULL);
    other = conform_open(c, end_role(c, END_RECEIVER), NULL);
    sent = ends_fill(e.tx, LEN, 1, 0);
    for (uint64_t further = sent + FURTHER; sent < further; sent++) {
        int r;

        ledger_write(message, sizeof message, 1, sent);
        while ((r = tong_send(e.tx, message, sizeof message, tong_now())) == -EAGAIN)
            take_what_is_there(other, &moving);
        ck_ok(r);
    }
    CHECK(moving.taken >= FURTHER / 2);
    while (moving.taken + stuck.taken < sent) {
        int r = tong_flush(e.tx, TONG_ACCEPTED, tong_now());
        CHECK(r == 0 || r == -EAGAIN);
        take_what_is_there(other, &moving);
        take_what_is_there(e.rx, &stuck);
    }
    SAME(moving.taken + stuck.taken, sent);
    CHECK(stuck.taken > 0);
    tong_close(other);
    ends_close(&e);
}

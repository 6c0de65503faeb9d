/* SPDX-License-Identifier: MIT */
/* Every mechanism behind fault:, which spoils its work by seed: what is said to be lost is what is lost. */
#if TONG_SEAMS

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "ends.h"
#include "side.h"

enum { MESSAGES = 1500, LENGTH_MAX = 3000 };

/* The same conversation behind fault: with these settings. */
static struct conform behind(const struct conform *c, const char *settings)
{
    struct conform wrapped = *c;

    snprintf(wrapped.address, sizeof wrapped.address, "fault:seed=%" PRIu32 ",%s:%.70s", (uint32_t)runner_seed(),
             settings, c->address);
    return wrapped;
}

struct outcome {
    _Atomic uint64_t lost;
    _Atomic bool through; /* everything was sent */
};

static void send_behind_faults(struct side *me, struct conform *c)
{
    struct outcome *outcome = me->arg;
    tong_stats stats = {.struct_size = sizeof stats};
    char message[LENGTH_MAX];
    struct end tx;

    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        size_t len = dice_length(&me->dice, sizeof message);

        ledger_write(message, len, 1, i);
        ck_ok(tong_send(tx.ch, message, len, conform_patience()));
    }
    ck_ok(tong_flush(tx.ch, TONG_ACCEPTED, conform_patience()));
    ck_ok(tong_get_stats(tx.ch, &stats));
    outcome->lost = stats.lost;
    outcome->through = true;
    side_meet(me);
    end_close(&tx);
}

/* Receives whole messages in order until the sender is through and nothing more comes. */
static void receive_behind_faults(struct conform *wrapped, struct ledger *l, struct outcome *outcome)
{
    char room[LENGTH_MAX];
    struct side sender;
    struct end rx;
    bool through;
    int64_t len;

    side_start(&sender, wrapped, send_behind_faults, outcome);
    end_open(wrapped, &rx, END_RECEIVER, NULL);
    do {
        through = outcome->through;
        len = tong_recv(rx.ch, room, sizeof room, tong_in_ms(100));
        if (len != -ETIMEDOUT)
            ledger_take(l, room, (size_t)ck_ok(len));
    } while (len >= 0 || !through);
    side_meet(&sender);
    side_join(&sender);
    end_close(&rx);
}

CONFORM_TEST(splitting_and_delaying_lose_nothing, CONFORM_ONE_WAY)
{
    struct conform wrapped = behind(c, "split=20,delay=2");
    struct outcome *outcome = conform_shared(sizeof *outcome);
    struct ledger ledger = {.taken = 0};

    receive_behind_faults(&wrapped, &ledger, outcome);
    SAME(ledger.taken, MESSAGES);
    SAME(ledger.missing, 0);
    SAME(outcome->lost, 0);
}

CONFORM_TEST(what_is_dropped_is_counted, CONFORM_ONE_WAY)
{
    struct conform wrapped = behind(c, "drop=10,split=10");
    struct outcome *outcome = conform_shared(sizeof *outcome);
    struct ledger ledger = {.taken = 0};

    receive_behind_faults(&wrapped, &ledger, outcome);
    CHECK(outcome->lost > 0);
    SAME(ledger.taken + outcome->lost, MESSAGES);
}

#endif

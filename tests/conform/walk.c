/* SPDX-License-Identifier: MIT */
/* A random walk through the calls of both ends, beside a model that knows what must come out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "side.h"

enum { STEPS = 12000, LENGTH_MAX = 150000, LOANS = 8, BATCH = 12, WINDOW = 1 << 15 };

struct walk {
    struct conform *c;
    struct ends ends;
    struct ledger ledger;
    uint64_t sent, lent;    /* sequences: the next to be sent, the next to be lent */
    size_t lengths[WINDOW]; /* of what was sent, by sequence */
    tong_span loans[LOANS];
    uint32_t loans_out;
    char *out, *in;
};

static uint64_t roll(struct walk *w, uint64_t n)
{
    return dice_below(&w->c->dice, n);
}

/* Mostly not at all, sometimes for a moment: then a message may be caught in the middle. */
static tong_deadline soon(struct walk *w)
{
    return roll(w, 8) ? tong_now() : tong_in_ns((int64_t)roll(w, 100000));
}

static bool nothing_now(int64_t r)
{
    return r == -EAGAIN || r == -ETIMEDOUT;
}

/* Writes the next message, or one behind it, into memory and remembers its length. */
static size_t next_message(struct walk *w, char *to, uint64_t ahead)
{
    size_t len = dice_length(&w->c->dice, conform_length(w->c, LENGTH_MAX));

    ledger_write(to, len, 1, w->sent + ahead);
    w->lengths[(w->sent + ahead) % WINDOW] = len;
    return len;
}

/* ---- the sending end ------------------------------------------------------------------------------------------- */

static void walk_send(struct walk *w)
{
    size_t len = next_message(w, w->out, 0);
    int r = tong_send(w->ends.tx, w->out, len, soon(w));

    memset(w->out, 0x77, len); /* the caller's memory is the caller's again */
    if (!nothing_now(r))
        w->sent += ck_ok(r) == 0;
}

static void walk_send_many(struct walk *w)
{
    uint32_t n = 1 + (uint32_t)roll(w, BATCH);
    tong_view views[BATCH];
    char *to = w->out;
    int64_t r;

    for (uint32_t i = 0; i < n; i++) {
        views[i] = (tong_view){to, next_message(w, to, i)};
        to += views[i].len;
    }
    r = tong_send_many(w->ends.tx, views, n, soon(w));
    memset(w->out, 0x77, (size_t)(to - w->out));
    if (!nothing_now(r))
        w->sent += (uint64_t)ck_ok(r);
}

static void walk_send_parts(struct walk *w)
{
    tong_meta meta = {.struct_size = sizeof meta, .flags = roll(w, 2) ? TONG_MORE : 0};
    size_t len = next_message(w, w->out, 0), first = roll(w, len + 1);
    tong_view parts[2] = {{w->out, first}, {w->out + first, len - first}};
    int r = tong_send_parts(w->ends.tx, parts, 2, &meta, soon(w));

    memset(w->out, 0x77, len);
    if (!nothing_now(r))
        w->sent += ck_ok(r) == 0;
}

static void walk_claim(struct walk *w)
{
    size_t room = LEDGER_HEAD_BYTES + roll(w, 5000), len;
    tong_span span;
    int r = tong_claim(w->ends.tx, room, &span, soon(w));

    if (nothing_now(r))
        return;
    ck_ok(r);
    len = LEDGER_HEAD_BYTES + roll(w, room - LEDGER_HEAD_BYTES + 1);
    ledger_write(span.data, len, 1, w->sent);
    w->lengths[w->sent % WINDOW] = len;
    r = roll(w, 4) ? tong_commit(w->ends.tx, &span, len, NULL) : -EAGAIN;
    if (r == -EAGAIN)
        tong_abort(w->ends.tx, &span);
    else
        w->sent += ck_ok(r) == 0;
}

static void walk_flush(struct walk *w)
{
    int r = tong_flush(w->ends.tx, TONG_ACCEPTED, soon(w));

    if (!nothing_now(r))
        ck_ok(r);
}

/* ---- the receiving end ----------------------------------------------------------------------------------------- */

static size_t due(const struct walk *w, uint64_t sequence)
{
    return w->lengths[sequence % WINDOW];
}

static void walk_recv(struct walk *w)
{
    size_t room = roll(w, 4) ? LENGTH_MAX : roll(w, 300);
    char *to = w->in + roll(w, 16);
    int64_t len = tong_recv(w->ends.rx, to, room, soon(w));

    if (w->loans_out) {
        ck_error(len, TONG_E_STATE);
    } else if (len == TONG_E_TOOBIG) {
        CHECK(due(w, w->lent) > room);
    } else if (!nothing_now(len)) {
        CHECK((size_t)ck_ok(len) <= room);
        SAME(len, due(w, w->lent));
        ledger_take_next(&w->ledger, to, (size_t)len);
        w->lent++;
    }
}

static void walk_recv_many(struct walk *w)
{
    uint32_t n = 1 + (uint32_t)roll(w, BATCH);
    tong_bytes rooms[BATCH];
    int64_t r;

    for (uint32_t i = 0; i < n; i++)
        rooms[i] = (tong_bytes){w->in + i * LENGTH_MAX, LENGTH_MAX};
    r = tong_recv_many(w->ends.rx, rooms, n, soon(w));
    if (w->loans_out) {
        ck_error(r, TONG_E_STATE);
        return;
    }
    if (nothing_now(r))
        return;
    ck_ok(r);
    for (int64_t i = 0; i < r; i++, w->lent++)
        ledger_take_next(&w->ledger, rooms[i].data, rooms[i].len);
}

static void walk_peek(struct walk *w)
{
    int64_t n;

    if (w->loans_out == LOANS)
        return;
    n = tong_peek(w->ends.rx, w->loans + w->loans_out, NULL, 1 + (uint32_t)roll(w, LOANS - w->loans_out), soon(w));
    if (nothing_now(n) || (n == -ENOBUFS && w->loans_out))
        return;
    for (ck_ok(n); n > 0; n--, w->lent++)
        SAME(w->loans[w->loans_out++].len, due(w, w->lent));
}

static void walk_release(struct walk *w)
{
    uint32_t n = (uint32_t)roll(w, w->loans_out + 1);

    for (uint32_t i = 0; i < n; i++)
        ledger_take_next(&w->ledger, w->loans[i].data, w->loans[i].len);
    ck_ok(tong_release(w->ends.rx, w->loans, n));
    w->loans_out -= n;
    memmove(w->loans, w->loans + n, w->loans_out * sizeof *w->loans);
}

static void walk_look(struct walk *w)
{
    int64_t len = tong_next_size(w->ends.rx);
    tong_pollitem item = {.ch = w->ends.rx, .want = TONG_IN};

    if (len == -EAGAIN)
        return;
    SAME(ck_ok(len), due(w, w->lent));
    SAME(tong_poll(&item, 1, tong_now()), 1);
}

/* ---- the walk -------------------------------------------------------------------------------------------------- */

static void (*const steps[])(struct walk *w) = {
    walk_send, walk_send_many, walk_send_parts, walk_claim, walk_flush,     walk_recv,    walk_look, walk_recv,
    walk_peek, walk_release,   walk_recv_many,  walk_send,  walk_recv_many, walk_release, walk_recv, walk_release,
};

CONFORM_TEST(a_random_walk, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct walk *w = calloc(1, sizeof *w);

    CHECK(w);
    w->c = c;
    w->out = malloc(BATCH * LENGTH_MAX);
    w->in = malloc(BATCH * LENGTH_MAX);
    CHECK(w->out && w->in);
    ends_open(c, &w->ends, NULL);
    for (int i = 0; i < STEPS; i++) {
        if (i == STEPS / 3 && conform_has(c, TONG_CAP_POLLABLE)) {
            ck_ok(tong_fd(w->ends.rx, TONG_IN));
            ck_ok(tong_fd(w->ends.tx, TONG_OUT));
        }
        steps[roll(w, sizeof steps / sizeof *steps)](w);
        CHECK(w->sent - w->ledger.taken < WINDOW - BATCH);
    }
    while (w->loans_out)
        walk_release(w);
    ends_drain(&w->ends, &w->ledger, 1, w->sent);
    ck_error(tong_recv(w->ends.rx, w->in, LENGTH_MAX, tong_now()), -EAGAIN);
    ends_close(&w->ends);
    free(w->in);
    free(w->out);
    free(w);
}

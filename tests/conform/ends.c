/* SPDX-License-Identifier: MIT */
#include "ends.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heirs.h"

static bool sender_listens(const struct conform *c)
{
    return (c->conversation & (CONFORM_PIPELINE_TURNED | CONFORM_PAIR_TURNED | CONFORM_PUBLISH)) != 0;
}

bool end_listens(const struct conform *c, enum end_kind kind)
{
    return conform_is_met(c) && (kind == END_SENDER) == sender_listens(c);
}

uint32_t end_role(const struct conform *c, enum end_kind kind)
{
    bool sends = kind == END_SENDER;

    if (conform_is_pair(c))
        return TONG_PAIR | (end_listens(c, kind) ? TONG_LISTEN : 0U);
    if (c->conversation == CONFORM_PIPELINE_TURNED)
        return sends ? TONG_PUSH | TONG_LISTEN : TONG_PULL | TONG_CONNECT;
    if (c->conversation == CONFORM_PUBLISH)
        return sends ? TONG_PUB : TONG_SUB;
    if (c->conversation == CONFORM_REQUEST)
        return sends ? TONG_REQ : TONG_REP;
    return sends ? TONG_PUSH : TONG_PULL;
}

void conform_address(const struct conform *c, const char *more, char *ret_address, size_t len)
{
    const char *own = c->query && *c->query ? c->query : NULL;

    more = more && *more ? more : NULL;
    snprintf(ret_address, len, "%s%s%s%s%s", c->address, own ? "?" : "", own ? own : "", own && more ? "&" : "",
             !more ? ""
             : own ? more + 1
                   : more);
}

void conform_rename(struct conform *c, int number)
{
    char name[sizeof c->address];

    if (c->inherited)
        return;
    snprintf(name, sizeof name, "%.100s-%d", c->address, number);
    memcpy(c->address, name, sizeof name);
}

int conform_try_at(const struct conform *c, tong_channel **ret_ch, const char *address, uint32_t role,
                   const tong_opts *opts, tong_deadline deadline)
{
    return c->inherited ? heirs_open(ret_ch, address, role, opts, deadline)
                        : tong_open(ret_ch, address, role, opts, deadline);
}

int conform_try(const struct conform *c, tong_channel **ret_ch, uint32_t role, const tong_opts *opts,
                tong_deadline deadline)
{
    char address[256];

    conform_address(c, NULL, address, sizeof address);
    return conform_try_at(c, ret_ch, address, role, opts, deadline);
}

int conform_remove(const struct conform *c)
{
    char address[256];

    conform_address(c, NULL, address, sizeof address);
    int r = tong_remove(address);
    /* What has no name leaves nothing behind. */
    if (c->inherited) {
        SAME(r, TONG_E_NOCAP);
        r = -ENOENT;
    }
    return r;
}

bool conform_takes(const struct conform *c, const char *query)
{
    char address[256];
    tong_channel *ch;
    int r;

    conform_address(c, query, address, sizeof address);
    r = conform_try_at(c, &ch, address, end_role(c, END_RECEIVER), NULL, tong_now());
    if (r != TONG_E_ADDRESS)
        tong_close((ck_ok(r), ch));
    if (c->inherited)
        heirs_forget();
    return r != TONG_E_ADDRESS;
}

tong_channel *conform_open(const struct conform *c, uint32_t role, const char *query)
{
    char address[256];
    tong_channel *ch;

    conform_address(c, query, address, sizeof address);
    ck_ok(conform_try_at(c, &ch, address, role, NULL, conform_patience()));
    return ch;
}

void end_open(const struct conform *c, struct end *e, enum end_kind kind, const char *query)
{
    e->listener = NULL;
    e->ch = conform_open(c, end_role(c, kind), query);
    if (conform_is_pair(c) && end_listens(c, kind)) {
        e->listener = e->ch;
        ck_ok(tong_accept(e->listener, &e->ch, conform_patience()));
    }
}

void end_close(struct end *e)
{
    e->ch = tong_close(e->ch);
    e->listener = tong_close(e->listener);
}

void ends_open(const struct conform *c, struct ends *e, const char *query)
{
    bool sender_first = sender_listens(c);
    tong_channel **first = sender_first ? &e->tx : &e->rx, **second = sender_first ? &e->rx : &e->tx;

    e->listener = NULL;
    *first = conform_open(c, end_role(c, sender_first ? END_SENDER : END_RECEIVER), query);
    *second = conform_open(c, end_role(c, sender_first ? END_RECEIVER : END_SENDER), query);
    if (conform_is_pair(c) && conform_is_met(c)) {
        e->listener = *first;
        ck_ok(tong_accept(e->listener, first, conform_patience()));
    }
}

void ends_close(struct ends *e)
{
    e->tx = tong_close(e->tx);
    e->rx = tong_close(e->rx);
    e->listener = tong_close(e->listener);
}

void ends_expect(tong_channel *rx, const char *text)
{
    char room[64];

    SAME(tong_recv(rx, room, sizeof room, conform_patience()), strlen(text));
    CHECK(memcmp(room, text, strlen(text)) == 0);
}

uint64_t ends_fill(tong_channel *tx, size_t len, uint32_t sender, uint64_t sequence)
{
    void *message = malloc(len);
    int r;

    CHECK(message);
    for (;; sequence++) {
        ledger_write(message, len, sender, sequence);
        r = tong_send(tx, message, len, tong_now());
        if (r == -EAGAIN)
            break;
        ck_ok(r);
    }
    free(message);
    return sequence;
}

void ends_drain(struct ends *e, struct ledger *l, uint32_t sender, uint64_t count)
{
    static char room[1 << 20];
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);

    while (l->next[sender] < count) {
        int64_t len = tong_recv(e->rx, room, sizeof room, tong_now());
        if (len == -EAGAIN) {
            int r = e->tx ? tong_flush(e->tx, TONG_ACCEPTED, tong_now()) : 0;
            CHECK(r == 0 || r == -EAGAIN);
            CHECK(conform_clock_ns() < until);
            continue;
        }
        ck_ok(len);
        ledger_take_next(l, room, (size_t)len);
    }
}

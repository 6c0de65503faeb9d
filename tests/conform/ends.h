/* SPDX-License-Identifier: MIT */
/* Both ends of a one-way flow of messages, whatever the conversation: a channel that sends and one that receives. */
#ifndef TONG_CONFORM_ENDS_H
#define TONG_CONFORM_ENDS_H

#include "conform.h"

enum end_kind { END_SENDER, END_RECEIVER };

/* One end; the listener is kept where another channel is needed to get at the peer. */
struct end {
    tong_channel *listener;
    tong_channel *ch;
};

struct ends {
    tong_channel *listener;
    tong_channel *tx, *rx;
};

/* The role and the side that this end of the conversation takes. */
uint32_t end_role(const struct conform *c, enum end_kind kind);
/* Does this end wait for the other to connect? Always false for objects. */
bool end_listens(const struct conform *c, enum end_kind kind);

/* Opens one end and waits for its peer; the peer does the same elsewhere. query is NULL or "?option=value". */
void end_open(const struct conform *c, struct end *e, enum end_kind kind, const char *query);
void end_close(struct end *e);

/* Opens both ends in this thread, joined. */
void ends_open(const struct conform *c, struct ends *e, const char *query);
void ends_close(struct ends *e);

/* Writes c's address with its own query and further options: more is NULL or "?option=value". */
void conform_address(const struct conform *c, const char *more, char *ret_address, size_t len);
/* Gives c another name; what has no names needs none. */
void conform_rename(struct conform *c, int number);
/* tong_open and tong_remove on it. */
int conform_try(const struct conform *c, tong_channel **ret_ch, uint32_t role, const tong_opts *opts,
                tong_deadline deadline);
int conform_remove(const struct conform *c);
/* tong_open at another address of the same kind. */
int conform_try_at(const struct conform *c, tong_channel **ret_ch, const char *address, uint32_t role,
                   const tong_opts *opts, tong_deadline deadline);
/* Is this option, "?option=value", one that the row has? */
bool conform_takes(const struct conform *c, const char *query);
/* Opens c's address with the query in a role; it must succeed. */
tong_channel *conform_open(const struct conform *c, uint32_t role, const char *query);

/* The next message is this text. */
void ends_expect(tong_channel *rx, const char *text);
/* Sends ledger messages of len bytes, from `sequence` on, until the channel is full; returns the next sequence. */
uint64_t ends_fill(tong_channel *tx, size_t len, uint32_t sender, uint64_t sequence);
/*
 * Receives ledger messages until the ledger has `count` of the sender. What the sending end kept of its last message is
 * moved on meanwhile.
 */
void ends_drain(struct ends *e, struct ledger *l, uint32_t sender, uint64_t count);

#endif

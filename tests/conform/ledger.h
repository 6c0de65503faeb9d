/* SPDX-License-Identifier: MIT */
/*
 * The ledger: messages that prove themselves. Each carries {length, sender, sequence, sum} and a body that follows from
 * sender and sequence, so a torn, doubled, lost, reordered or mixed-up one is seen at once, whoever receives it. All
 * bytes occur but the end of a line, so that rows of lines (TONG_CAP_LINES) carry them too.
 */
#ifndef TONG_CONFORM_LEDGER_H
#define TONG_CONFORM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_HEAD_BYTES = 24, LEDGER_SENDERS = 64 };

/* A small generator: the same seed gives the same test. */
struct dice {
    uint64_t state;
};

uint64_t dice_next(struct dice *d);
/* Evenly from 0 to n - 1; n is not 0. */
uint64_t dice_below(struct dice *d, uint64_t n);
/* A length from LEDGER_HEAD_BYTES to max: mostly small, sometimes next to a power of two, sometimes anything. */
size_t dice_length(struct dice *d, size_t max);

/* What was received so far, by sender. All zeros is an empty one. */
struct ledger {
    uint64_t next[LEDGER_SENDERS]; /* sequences count from 0 */
    uint64_t taken;
    uint64_t missing; /* gaps before a message that came */
};

/* Writes message `sequence` of `sender` into len bytes, at least LEDGER_HEAD_BYTES. */
void ledger_write(void *data, size_t len, uint32_t sender, uint64_t sequence);

/*
 * Enters a received message and returns its sender; fails the test if it is torn, came before, or overtook another.
 * A gap is counted in `missing`, since only the caller knows whether one is allowed.
 */
uint32_t ledger_take(struct ledger *l, const void *data, size_t len);

/* As ledger_take, and fails on a gap. */
uint32_t ledger_take_next(struct ledger *l, const void *data, size_t len);

#endif

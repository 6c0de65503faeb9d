/* SPDX-License-Identifier: MIT */
/* What fault: will do to which message: the settings of its address, and a seeded sequence for each direction. */
#ifndef TONGI_TRANSPORT_FAULT_PLAN_H
#define TONGI_TRANSPORT_FAULT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tongi_fault { FAULT_NONE, FAULT_DROP, FAULT_DELAY, FAULT_TRUNCATE, FAULT_SPLIT, FAULT_CUT, FAULT_KINDS };

struct tongi_fault_settings {
    uint64_t seed;
    uint32_t percent[FAULT_KINDS];
};

/*
 * One direction: its messages in order, each with what it drew. The n-th message draws the n-th number, whatever the
 * batches and however often it was offered again. One thread's.
 */
struct tongi_fault_lane {
    uint32_t percent[FAULT_KINDS]; /* 0 for what does not happen in this direction */
    uint64_t dice;
    uint64_t clean;        /* messages ahead that drew nothing */
    enum tongi_fault next; /* what the one behind them drew; FAULT_NONE: it has not drawn yet */
    uint64_t amount;       /* a second number for it */
};

/*
 * Reads "seed=7,drop=5:...", up to the colon; address is for the sentences. Errors: TONG_E_ADDRESS (not understood, a
 * setting unknown or given twice), -ERANGE (over 100 per cent, alone or together).
 */
int tongi_fault_parse(const char *address, const char *rest, struct tongi_fault_settings *ret_settings);

/* A lane at its beginning; number tells the ends of one address apart. */
void tongi_fault_lane_init(struct tongi_fault_lane *lane, const struct tongi_fault_settings *settings, uint64_t number,
                           bool sends);

/* How many of the next n messages drew nothing; 0: lane->next happens to the first. */
uint32_t tongi_fault_look(struct tongi_fault_lane *lane, uint32_t n);

/* n messages have gone their way: n of those that drew nothing, or the one that drew lane->next. */
void tongi_fault_pass(struct tongi_fault_lane *lane, uint32_t n);

/* What remains of len bytes that are truncated: less, but for 0. */
size_t tongi_fault_truncate(const struct tongi_fault_lane *lane, size_t len);

#endif

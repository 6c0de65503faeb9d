/* SPDX-License-Identifier: MIT */
#ifndef TONG_STRANGERS_H
#define TONG_STRANGERS_H

#include "tool.h"

/* A call that waits does not return for somebody who is turned away, so it waits in slices: soon enough for a person
 * who looks on, and rarely enough to cost nothing. */
#define STRANGERS_LOOK_NS INT64_C(250000000)

struct strangers {
    uint64_t told; /* how many of them */
};

/* Says on standard error who was turned away since the last time. */
void strangers_tell(struct strangers *s, const struct tool *tool, tong_channel *ch, const char *address);
/* The deadline of the next slice. */
tong_deadline strangers_slice(tong_deadline deadline);

#endif

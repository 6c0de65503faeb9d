/* SPDX-License-Identifier: MIT */
/* The receiving half that recv and pair share: messages are lent, written out, and only then given back as done. */
#ifndef TONG_TOOL_TAKE_H
#define TONG_TOOL_TAKE_H

#include "output.h"

struct taking {
    const struct tool *tool;
    tong_channel *ch;
    struct output *out;
    uint64_t messages, bytes; /* written so far */
};

/* --count is reached. */
bool taking_enough(const struct taking *t);

/*
 * Takes one batch, waiting for its first message until the deadline. *ret_n is how many messages it had, or the reason
 * why there was none: TONG_E_END, -EAGAIN, -ETIMEDOUT. Says every other failure; returns an exit code.
 */
int taking_step(struct taking *t, tong_deadline deadline, int64_t *ret_n);

#endif

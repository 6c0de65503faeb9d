/* SPDX-License-Identifier: MIT */
/*
 * The two ends of pipe: for processes that the tool forks: each opens "pipe:" and finds its end by the environment, as
 * a program that tong_spawn started does.
 */
#ifndef TONG_TOOL_HEIRS_H
#define TONG_TOOL_HEIRS_H

#include <stdbool.h>

struct heirs {
    int fds[2][2]; /* of each end: the descriptor to read from, the one to write to; -1: given back */
};
#define HEIRS_NULL ((struct heirs){{{-1, -1}, {-1, -1}}})

/* Is this an address whose ends are inherited? */
bool heirs_needed(const char *address);

/* Before the fork. 0, or -errno with nothing left behind. */
int heirs_make(struct heirs *ret_heirs);
/* This process is the one with that end: the next tong_open takes it, and the other end is given back. 0 or -errno. */
int heirs_be(struct heirs *heirs, int end);
/* Gives back both ends: for the process that has none. */
void heirs_close(struct heirs *heirs);

#endif

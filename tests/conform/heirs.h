/* SPDX-License-Identifier: MIT */
/*
 * Ends that are inherited and have no name to meet by (pipe:). Each opening is given an end as tong_spawn gives one,
 * by the environment. Without forked sides the first opening and the second are the two ends of one conversation; a
 * process and the side that it forks have one end each.
 */
#ifndef TONG_CONFORM_HEIRS_H
#define TONG_CONFORM_HEIRS_H

#include <tong/tong.h>

/* As tong_open, of the next end. */
int heirs_open(tong_channel **ret_ch, const char *address, uint32_t role, const tong_opts *opts,
               tong_deadline deadline);

/* Before a side is forked: this process opens one end next, the side the other. */
void heirs_bear(void);
/* In the forked side. */
void heirs_leave_home(void);

/* Gives back the ends that nobody opened. */
void heirs_forget(void);

#endif

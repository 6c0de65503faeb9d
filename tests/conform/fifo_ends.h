/* SPDX-License-Identifier: MIT */
/* What the tests of FIFOs share: one FIFO in the test's own directory, opened by tong in several ways. */
#ifndef TONG_CONFORM_FIFO_ENDS_H
#define TONG_CONFORM_FIFO_ENDS_H

#include <errno.h>

#include "ends.h"

#define NAME "x.fifo"
#define MANY "fifo:" NAME
#define ONE MANY "?writers=one"

static inline tong_channel *open_as(const char *address, uint32_t role)
{
    tong_channel *ch;

    ck_ok(tong_open(&ch, address, role, NULL, conform_patience()));
    return ch;
}

static inline tong_stats stats_of(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats;
}

static inline void nothing_more(tong_channel *rx)
{
    ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(5)), -ETIMEDOUT);
}

#endif

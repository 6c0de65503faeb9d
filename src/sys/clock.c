/* SPDX-License-Identifier: MIT */
#include "sys/clock.h"

#include "sys/sys.h"

int64_t tongi_clock_ns(void)
{
    struct timespec now;

    tongi_sys_clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t tongi_clock_add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? TONGI_NEVER : sum;
}

/* SPDX-License-Identifier: MIT */
#ifndef TONGI_SYS_CLOCK_H
#define TONGI_SYS_CLOCK_H

#include <stdint.h>

/* A moment that never comes. */
#define TONGI_NEVER INT64_MAX

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t tongi_clock_ns(void);

/* a + b without overflow: a moment beyond the end of time is never. b must not be negative. */
int64_t tongi_clock_add(int64_t a, int64_t b);

#endif

/* SPDX-License-Identifier: MIT */
#include "sys/clock.h"

#include <time.h>

#include "runner/runner.h"

TONG_TEST(is_the_monotonic_clock_and_goes_on)
{
    struct timespec now;
    int64_t before = tongi_clock_ns(), between, after;

    clock_gettime(CLOCK_MONOTONIC, &now);
    between = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    after = tongi_clock_ns();
    ck_assert_int_gt(before, 0);
    ck_assert_int_le(before, between);
    ck_assert_int_le(between, after);
}

TONG_TEST(add)
{
    ck_assert_int_eq(tongi_clock_add(0, 0), 0);
    ck_assert_int_eq(tongi_clock_add(5, 7), 12);
    ck_assert_int_eq(tongi_clock_add(-5, 7), 2);
    ck_assert_int_eq(tongi_clock_add(INT64_MIN, INT64_MAX), -1);
}

TONG_TEST(beyond_the_end_of_time_is_never)
{
    ck_assert_int_eq(tongi_clock_add(TONGI_NEVER, 0), TONGI_NEVER);
    ck_assert_int_eq(tongi_clock_add(TONGI_NEVER, 1), TONGI_NEVER);
    ck_assert_int_eq(tongi_clock_add(1, TONGI_NEVER), TONGI_NEVER);
    ck_assert_int_eq(tongi_clock_add(TONGI_NEVER - 1, 1), TONGI_NEVER);
    ck_assert_int_eq(tongi_clock_add(TONGI_NEVER, TONGI_NEVER), TONGI_NEVER);
    ck_assert_int_eq(tongi_clock_add(TONGI_NEVER - 2, 1), TONGI_NEVER - 1);
}

/* SPDX-License-Identifier: MIT */
/* Processors and clocks that this machine has not. */
#include <errno.h>

#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/clock.h"
#include "sys/process.h"

TONG_TEST(more_processors_than_the_set_has_bits)
{
    faulty_install();
    faulty_fail(FAULTY_sched_getaffinity, 1, EINVAL);
    ck_assert_uint_eq(tongi_process_cpus(), 2);
    ck_assert_uint_eq(faulty_count(FAULTY_sched_getaffinity), 1);
}

static int no_cpu(pid_t pid, size_t len, cpu_set_t *set)
{
    (void)pid;
    ck_assert_uint_eq(len, sizeof *set);
    CPU_ZERO(set);
    return 0;
}

static int every_cpu(pid_t pid, size_t len, cpu_set_t *set)
{
    no_cpu(pid, len, set);
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        CPU_SET(i, set);
    return 0;
}

TONG_TEST(odd_sets)
{
    tongi_sys_table.sched_getaffinity = no_cpu;
    ck_assert_uint_eq(tongi_process_cpus(), 1);
    tongi_sys_table.sched_getaffinity = every_cpu;
    ck_assert_uint_eq(tongi_process_cpus(), CPU_SETSIZE);
}

static int late_clock(clockid_t clock, struct timespec *ret_time)
{
    ck_assert_int_eq(clock, CLOCK_MONOTONIC);
    *ret_time = (struct timespec){.tv_sec = 9223372036, .tv_nsec = 854775806};
    return 0;
}

TONG_TEST(three_hundred_years)
{
    tongi_sys_table.clock_gettime = late_clock;
    ck_assert_int_eq(tongi_clock_ns(), TONGI_NEVER - 1);
    ck_assert_int_eq(tongi_clock_add(tongi_clock_ns(), 2), TONGI_NEVER);
}

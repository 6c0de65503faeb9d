/* SPDX-License-Identifier: MIT */
#include "sys/process.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "runner/runner.h"

enum { THREADS = 4 };

static int expect_generation(void *context)
{
    ck_assert_uint_eq(tongi_process_generation(), *(const uint32_t *)context);
    return 0;
}

static int expect_in_grandchild(void *context)
{
    uint32_t expected = *(const uint32_t *)context;

    ck_assert_uint_eq(tongi_process_generation(), expected++);
    runner_join_ok(runner_fork(expect_generation, &expected), 5000);
    return 0;
}

TONG_TEST(generation_begins_at_1)
{
    ck_assert_uint_eq(tongi_process_generation(), 1);
    ck_ok(tongi_process_init());
    ck_assert_uint_eq(tongi_process_generation(), 1);
}

TONG_TEST(generation_grows_by_one_in_each_child)
{
    uint32_t next = 2;

    ck_ok(tongi_process_init());
    runner_join_ok(runner_fork(expect_in_grandchild, &next), 5000);
    runner_join_ok(runner_fork(expect_generation, &next), 5000);
    ck_assert_uint_eq(tongi_process_generation(), 1);
}

static void *init(void *context)
{
    (void)context;
    ck_assert_int_eq(tongi_process_init(), 0);
    return NULL;
}

TONG_TEST(handler_is_installed_once_whoever_asks)
{
    pthread_t threads[THREADS];
    uint32_t next = 2;

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, init, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_ok(tongi_process_init());
    runner_join_ok(runner_fork(expect_generation, &next), 5000);
}

TONG_TEST(cpus_follow_the_affinity)
{
    cpu_set_t all, one;
    size_t first = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    ck_assert_uint_eq(tongi_process_cpus(), (uint32_t)CPU_COUNT(&all));
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(tongi_process_cpus(), 1);
    ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);
}

/* SPDX-License-Identifier: MIT */
#include "sys/process.h"

#include <errno.h>
#include <pthread.h>

#include "sys/sys.h"

tongi_u32 tongi_process_generation_word = {1};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;

static void count_fork(void)
{
    tongi_store_relaxed_u32(&tongi_process_generation_word, tongi_process_generation() + 1);
}

static void init(void)
{
    once_result = -pthread_atfork(NULL, NULL, count_fork);
}

int tongi_process_init(void)
{
    pthread_once(&once, init);
    return once_result;
}

uint32_t tongi_process_cpus(void)
{
    cpu_set_t set;

    /* A machine with more processors than the set has bits answers EINVAL: certainly more than one. */
    if (tongi_sys_sched_getaffinity(0, sizeof set, &set) < 0)
        return 2;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : (uint32_t)n;
}

uint32_t tongi_process_machine_cpus(void)
{
    long n = tongi_sys_processors_online();

    return n < 1 ? 1 : (uint32_t)n;
}

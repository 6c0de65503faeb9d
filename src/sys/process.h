/* SPDX-License-Identifier: MIT */
/* What the library knows of its own process: how often it was forked, and how many processors it may use. */
#ifndef TONGI_SYS_PROCESS_H
#define TONGI_SYS_PROCESS_H

#include "base/order.h"

/*
 * Grows by one in every forked child (the library's one pthread_atfork handler), so that what carries an older number
 * belongs to a parent. Starts at 1, so that 0 is "nobody's yet". Read only through tongi_process_generation.
 */
extern tongi_u32 tongi_process_generation_word;

static inline uint32_t tongi_process_generation(void)
{
    /* Relaxed: only the child handler stores, before the child has a second thread. */
    return tongi_load_relaxed_u32(&tongi_process_generation_word);
}

/* Installs the fork handler, once per process. Errors: -ENOMEM. */
int tongi_process_init(void);

/* How many processors this thread may run on, at least 1. */
uint32_t tongi_process_cpus(void);
/* How many the machine has running, at least 1. */
uint32_t tongi_process_machine_cpus(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A system that misbehaves on order: plans for the system-call table (seam H2). Builds with seams only; a test that
 * includes this header is left out of the others.
 *
 *     faulty_install();                              counts calls, spoils none
 *     faulty_fail(FAULTY_accept4, 2, EMFILE);        the second accept4() from here on fails
 *     faulty_shorten(1);                             streams move a byte at a time
 *     faulty_interrupt(2);                           every second call is interrupted first
 *
 * Plans add up and hold until faulty_install() or faulty_remove(). A call that is spoiled does not reach the system,
 * except close(), which happens and is then reported as failed, as Linux does it. Plan before threads are started;
 * the calls themselves may come from any thread. Every test has a process of its own, so that nothing need be removed
 * at its end.
 */
#ifndef TESTS_SUPPORT_FAULTY_H
#define TESTS_SUPPORT_FAULTY_H

#include <stddef.h>
#include <stdint.h>

#include "sys/sys.h"

enum faulty_call {
#define TONGI_SYS(type, name, parameters, arguments) FAULTY_##name,
#define TONGI_SYS_WAIT(type, name, parameters, arguments) FAULTY_##name,
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT
    FAULTY_close,
    FAULTY_calloc,
    FAULTY_realloc,
    FAULTY_CALLS,
    FAULTY_ALLOCATION, /* calloc and realloc together */
};

/* Puts the counting table in place, without plans and with all counts at 0. */
void faulty_install(void);
/* The real system again. */
void faulty_remove(void);

/* The k-th call from here on, counted from 1, fails with an errno. One such plan per call; k = 0 takes it back. */
void faulty_fail(enum faulty_call call, uint64_t k, int error);
/* The k-th and every later one. */
void faulty_fail_from(enum faulty_call call, uint64_t k, int error);

/*
 * Reads and writes of byte streams (send, sendmsg, recv, recvmsg, read, write) move at most so many bytes; 0: no limit.
 * Whatever has messages (packets, eventfd, timerfd) is left alone, since there a short call means something else.
 */
void faulty_shorten(size_t bytes);

/*
 * Of all calls taken together, every n-th is interrupted (EINTR), beginning with the next one; n is at least 2, and 0
 * means none. An allocation is never interrupted.
 */
void faulty_interrupt(uint64_t n);

/* How often it was called since faulty_install, spoiled calls included. */
uint64_t faulty_count(enum faulty_call call);

#endif

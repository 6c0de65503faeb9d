/* SPDX-License-Identifier: MIT */
/*
 * The other side of a conversation: a function that runs in a forked process where the mechanism connects processes,
 * and in a thread where it connects threads only. Checks are legal in it; what fails there fails the test.
 * A process is forked before the test opens a channel, so that it holds no copy of the test's descriptors.
 */
#ifndef TONG_CONFORM_SIDE_H
#define TONG_CONFORM_SIDE_H

#include <pthread.h>
#include <sys/types.h>

#include "conform.h"

struct side;
typedef void side_body(struct side *me, struct conform *c);

struct side {
    side_body *body;
    struct conform *c;
    void *arg;        /* the test's; for a process, memory from conform_shared or read only */
    struct dice dice; /* as the test's was at the start */
    pid_t pid;        /* of a process, else 0 */
    pthread_t thread;
    int to_side, to_test, exited; /* event descriptors; exited is a process's pidfd */
};

/* Starts the body in a process if the mechanism connects processes, in a thread otherwise. */
void side_start(struct side *s, struct conform *c, side_body *body, void *arg);
/* Starts it in a thread. */
void side_start_thread(struct side *s, struct conform *c, side_body *body, void *arg);

/* Both call it; each goes on when the other has come. */
void side_meet(struct side *s);

/* Waits for the end of the body and fails the test if the side failed. */
void side_join(struct side *s);
/* Kills a process with SIGKILL, at whatever instruction it is, and reaps it. */
void side_kill(struct side *s);

#endif

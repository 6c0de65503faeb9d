/* SPDX-License-Identifier: MIT */
/* Starting a program that gets some of this process's descriptors, and no others of the library's. */
#ifndef TONGI_SYS_PROGRAM_H
#define TONGI_SYS_PROGRAM_H

#include <stdint.h>
#include <sys/types.h>

/* A descriptor and the number under which the program has it; -1: none. */
struct tongi_grant {
    int fd, number;
};

/*
 * Starts argv[0], looked for in PATH. No signal is blocked in it and SIGPIPE does what it does by default, whatever
 * this thread's settings are; the rest is inherited. The descriptors stay close-on-exec here, so that a program which
 * another thread starts at the same moment does not get them. Errors as the system says; no sentence.
 */
int tongi_program_start(pid_t *ret_pid, const char *const *argv, const char *const *envp,
                        const struct tongi_grant *grants, uint32_t n);

#endif

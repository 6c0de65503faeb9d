/* SPDX-License-Identifier: MIT */
/*
 * Writing to pipes without SIGPIPE. Sockets have MSG_NOSIGNAL for it; pipes have RWF_NOSIGNAL since Linux 6.18. Before
 * that the signal, which goes to the writing thread, is held back for the length of the call and taken away.
 */
#ifndef TONGI_SYS_QUIET_H
#define TONGI_SYS_QUIET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What one writer has learnt of its kernel. Zeroed: nothing yet. */
struct tongi_quiet {
    bool masks; /* the kernel does not know RWF_NOSIGNAL */
};

/* As writev, but for SIGPIPE, which neither arrives nor, if it was pending before, is lost. */
ssize_t tongi_quiet_writev(struct tongi_quiet *quiet, int fd, const struct iovec *vector, int n);

#endif

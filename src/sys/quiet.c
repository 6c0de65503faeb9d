/* SPDX-License-Identifier: MIT */
#include "sys/quiet.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "sys/sys.h"

/* linux/fs.h has it since 6.18. */
#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100
#endif

static bool is_pending(int signo)
{
    sigset_t pending;

    return tongi_sys_sigpending(&pending) >= 0 && sigismember(&pending, signo) == 1;
}

/* The way of Stevens and Rago: block, write, take the signal that the write has caused, and put the mask back. */
static ssize_t write_masked(int fd, const struct iovec *vector, int n)
{
    static const struct timespec at_once;
    sigset_t only, before;

    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    int r = tongi_sys_thread_sigmask(SIG_BLOCK, &only, &before);
    if (r < 0)
        return r;
    /* Only one that is held back already can be somebody else's: it stays, and ours merges with it. */
    bool other = sigismember(&before, SIGPIPE) == 1 && is_pending(SIGPIPE);
    ssize_t written = tongi_sys_writev(fd, vector, n);
    if (written == -EPIPE && !other)
        tongi_sys_sigtimedwait(&only, NULL, &at_once);
    tongi_sys_thread_sigmask(SIG_SETMASK, &before, NULL);
    return written;
}

ssize_t tongi_quiet_writev(struct tongi_quiet *quiet, int fd, const struct iovec *vector, int n)
{
    if (!quiet->masks) {
        ssize_t written = tongi_sys_pwritev2(fd, vector, n, -1, RWF_NOSIGNAL);
        if (written != -EOPNOTSUPP && written != -EINVAL && written != -ENOSYS)
            return written;
        quiet->masks = true;
    }
    return write_masked(fd, vector, n);
}

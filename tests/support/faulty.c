/* SPDX-License-Identifier: MIT */
#include "support/faulty.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/order.h"

struct plan {
    uint64_t first, last; /* which calls fail; 0: none */
    int error;
};

static struct plan plans[FAULTY_CALLS + 2];
static tongi_u64 counts[FAULTY_CALLS + 2];
static tongi_u64 interruptible;
static uint64_t interrupt_every, interrupt_base;
static size_t stream_max;

/* ---- plans ----------------------------------------------------------------------------------------------------- */

static void plan_set(enum faulty_call call, uint64_t k, uint64_t last, int error)
{
    uint64_t base = tongi_load_relaxed_u64(&counts[call]);

    plans[call] = k ? (struct plan){base + k, last, error} : (struct plan){0};
}

void faulty_fail(enum faulty_call call, uint64_t k, int error)
{
    plan_set(call, k, tongi_load_relaxed_u64(&counts[call]) + k, error);
}

void faulty_fail_from(enum faulty_call call, uint64_t k, int error)
{
    plan_set(call, k, UINT64_MAX, error);
}

void faulty_shorten(size_t bytes)
{
    stream_max = bytes;
}

void faulty_interrupt(uint64_t n)
{
    /* Every one would never end: the library repeats what was interrupted. */
    if (n == 1)
        abort();
    interrupt_every = n;
    interrupt_base = tongi_load_relaxed_u64(&interruptible);
}

uint64_t faulty_count(enum faulty_call call)
{
    return tongi_load_relaxed_u64(&counts[call]);
}

/* Counts a call; true: errno is set and it fails. */
static bool strikes(enum faulty_call call)
{
    uint64_t k = tongi_add_acq_rel_u64(&counts[call], 1) + 1;
    const struct plan *plan = &plans[call];

    if (!plan->first || k < plan->first || k > plan->last)
        return false;
    errno = plan->error;
    return true;
}

static bool interrupts(void)
{
    uint64_t k = tongi_add_acq_rel_u64(&interruptible, 1);

    if (!interrupt_every || (k - interrupt_base) % interrupt_every)
        return false;
    errno = EINTR;
    return true;
}

/* ---- short calls ----------------------------------------------------------------------------------------------- */

static bool is_stream(int fd)
{
    struct stat status;
    int type = 0;
    socklen_t len = sizeof type;

    if (fstat(fd, &status) < 0)
        return false;
    if (S_ISSOCK(status.st_mode))
        return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
    return S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode);
}

static size_t shortened(int fd, size_t len)
{
    if (!stream_max || len <= stream_max)
        return len;
    int saved = errno;
    if (is_stream(fd))
        len = stream_max;
    errno = saved;
    return len;
}

/* The message with fewer bytes of data; parts is room for its vector. */
static struct msghdr message_shortened(int fd, const struct msghdr *message, struct iovec *parts)
{
    struct msghdr less = *message;
    size_t left = SIZE_MAX;

    if (stream_max && message->msg_iovlen <= IOV_MAX)
        left = shortened(fd, SIZE_MAX);
    if (left == SIZE_MAX)
        return less;
    less.msg_iov = parts;
    for (less.msg_iovlen = 0; left && less.msg_iovlen < message->msg_iovlen; less.msg_iovlen++) {
        struct iovec *part = &parts[less.msg_iovlen];
        *part = message->msg_iov[less.msg_iovlen];
        part->iov_len = part->iov_len < left ? part->iov_len : left;
        left -= part->iov_len;
    }
    return less;
}

static ssize_t short_send(int fd, const void *data, size_t len, int flags)
{
    return tongi_sys_real.send(fd, data, shortened(fd, len), flags);
}

static ssize_t short_recv(int fd, void *data, size_t len, int flags)
{
    return tongi_sys_real.recv(fd, data, shortened(fd, len), flags);
}

static ssize_t short_write(int fd, const void *data, size_t len)
{
    return tongi_sys_real.write(fd, data, shortened(fd, len));
}

static ssize_t short_read(int fd, void *data, size_t len)
{
    return tongi_sys_real.read(fd, data, shortened(fd, len));
}

static ssize_t short_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec parts[IOV_MAX];
    struct msghdr less = message_shortened(fd, message, parts);

    return tongi_sys_real.sendmsg(fd, &less, flags);
}

static ssize_t short_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct iovec parts[IOV_MAX];
    struct msghdr less = message_shortened(fd, message, parts);
    ssize_t n = tongi_sys_real.recvmsg(fd, &less, flags);

    message->msg_namelen = less.msg_namelen;
    message->msg_controllen = less.msg_controllen;
    message->msg_flags = less.msg_flags;
    return n;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

/* What a call that is not spoiled reaches: the system, but for the short ones. */
static struct tongi_sys_table below;

#define TONGI_SYS(type, name, parameters, arguments)                                                                   \
    static type faulty_##name parameters                                                                               \
    {                                                                                                                  \
        return strikes(FAULTY_##name) || interrupts() ? -1 : below.name arguments;                                     \
    }
#define TONGI_SYS_WAIT TONGI_SYS
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT

static int faulty_close(int fd)
{
    int error = strikes(FAULTY_close) || interrupts() ? errno : 0;
    int result = below.close(fd);

    if (!error)
        return result;
    errno = error;
    return -1;
}

static bool allocation_strikes(enum faulty_call call)
{
    bool both = strikes(FAULTY_ALLOCATION);

    return strikes(call) || both;
}

static void *faulty_calloc(size_t n, size_t bytes)
{
    return allocation_strikes(FAULTY_calloc) ? NULL : below.calloc(n, bytes);
}

static void *faulty_realloc(void *block, size_t bytes)
{
    return allocation_strikes(FAULTY_realloc) ? NULL : below.realloc(block, bytes);
}

void faulty_install(void)
{
    memset(plans, 0, sizeof plans);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        tongi_store_relaxed_u64(&counts[i], 0);
    faulty_shorten(0);
    faulty_interrupt(0);

    below = tongi_sys_real;
    below.send = short_send;
    below.recv = short_recv;
    below.write = short_write;
    below.read = short_read;
    below.sendmsg = short_sendmsg;
    below.recvmsg = short_recvmsg;
    tongi_sys_table = (struct tongi_sys_table){
#define TONGI_SYS(type, name, parameters, arguments) .name = faulty_##name,
#define TONGI_SYS_WAIT TONGI_SYS
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT
        .close = faulty_close,
        .calloc = faulty_calloc,
        .realloc = faulty_realloc,
    };
}

void faulty_remove(void)
{
    tongi_sys_table = tongi_sys_real;
}

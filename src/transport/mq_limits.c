/* SPDX-License-Identifier: MIT */
/* The limits of POSIX message queues. The kernel answers with few and ambiguous numbers; the sentence says which limit
 * it was, its value, and what raises it. */
#include <fcntl.h>
#include <mqueue.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/number.h"
#include "sys/sys.h"
#include "transport/mq.h"

/* What the kernel has where /proc does not say it. */
enum { DEPTH_DEFAULT = 10, SIZE_DEFAULT = 8192 };

/* What the kernel charges for a message beside its bytes: its own header, and a node of the tree of priorities. */
enum { OVERHEAD_BYTES = 112 };

static uint64_t kernel_number(const char *path, uint64_t otherwise)
{
    char text[32];
    int fd = tongi_sys_open_at(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t len = fd < 0 ? fd : tongi_sys_read(fd, text, sizeof text);
    uint64_t number;

    tongi_sys_close(fd);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    return len > 0 && tongi_parse_count(text, (size_t)len, &number) == 0 ? number : otherwise;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#define MQ_LIMITS "/proc/sys/fs/mqueue/"

static uint64_t depth_max(void)
{
    return kernel_number(MQ_LIMITS "msg_max", DEPTH_DEFAULT);
}

static uint64_t size_max(void)
{
    return kernel_number(MQ_LIMITS "msgsize_max", SIZE_DEFAULT);
}

void tongi_mq_attributes(const struct tongi_start *start, struct mq_attr *ret_wanted)
{
    uint64_t depth = start->opts.depth, size = start->opts.size;

    if (!depth)
        depth = smaller(kernel_number(MQ_LIMITS "msg_default", DEPTH_DEFAULT), depth_max());
    if (!size)
        size = smaller(kernel_number(MQ_LIMITS "msgsize_default", SIZE_DEFAULT), size_max());
    *ret_wanted = (struct mq_attr){.mq_maxmsg = (long)depth, .mq_msgsize = (long)size};
}

/* EINVAL of a queue to be made: over a limit that only CAP_SYS_RESOURCE passes, or over what nobody passes. */
static int attributes_fail(const struct tongi_start *start, int error, const struct mq_attr *wanted)
{
    uint64_t depth = (uint64_t)wanted->mq_maxmsg, size = (uint64_t)wanted->mq_msgsize;

    if (depth > depth_max())
        return TONG_FAIL(-EPERM, "%s: depth=%llu is over fs.mqueue.msg_max, %llu; 'sysctl -w fs.mqueue.msg_max=%llu'",
                         start->address, (unsigned long long)depth, (unsigned long long)depth_max(),
                         (unsigned long long)depth);
    if (size > size_max())
        return TONG_FAIL(
            -EPERM, "%s: size=%llu is over fs.mqueue.msgsize_max, %llu; 'sysctl -w fs.mqueue.msgsize_max=%llu'",
            start->address, (unsigned long long)size, (unsigned long long)size_max(), (unsigned long long)size);
    return TONG_FAIL(error, "%s: the kernel makes no queue of depth=%llu and size=%llu: %s", start->address,
                     (unsigned long long)depth, (unsigned long long)size, tong_error_text(error));
}

/* EMFILE stands for two limits: the process's descriptors, and the bytes of all queues of the user. */
static int too_many_fail(const struct tongi_start *start, const struct mq_attr *wanted)
{
    struct rlimit limit = {0};
    int probe = tongi_sys_eventfd(0, 0);

    tongi_sys_close(probe);
    if (probe < 0 || !wanted || tongi_sys_resource_limit(RLIMIT_MSGQUEUE, &limit) < 0)
        return TONG_FAIL(-EMFILE, "%s: the process has no descriptor left; raise 'ulimit -n'", start->address);
    return TONG_FAIL(-EMFILE,
                     "%s: your queues may take RLIMIT_MSGQUEUE, %llu bytes, together, and this one would take %llu "
                     "more; raise 'ulimit -q', make it smaller by depth= and size=, or remove another",
                     start->address, (unsigned long long)limit.rlim_cur,
                     (unsigned long long)wanted->mq_maxmsg * ((unsigned long long)wanted->mq_msgsize + OVERHEAD_BYTES));
}

int tongi_mq_open_fail(const struct tongi_start *start, int error, const struct mq_attr *wanted)
{
    switch (error) {
    case -ENOENT:
        return TONG_FAIL(error, "%s: does not exist, and TONG_EXISTING insists that it does", start->address);
    case -EEXIST:
        return TONG_FAIL(error, "%s: exists already, and TONG_NEW insists on a new one", start->address);
    case -EACCES:
        return TONG_FAIL(error, "%s: its owner does not let you in (mode= of whoever made it)", start->address);
    case -ENOSPC:
        return TONG_FAIL(error,
                         "%s: the system has fs.mqueue.queues_max queues, %llu; 'sysctl -w fs.mqueue.queues_max'",
                         start->address, (unsigned long long)kernel_number(MQ_LIMITS "queues_max", 0));
    case -EMFILE:
        return too_many_fail(start, wanted);
    case -ENOSYS:
        return TONG_FAIL(TONG_E_NOCAP, "%s: this kernel is built without POSIX message queues; unix: works everywhere",
                         start->address);
    default:
        break;
    }
    if (wanted && (error == -EINVAL || error == -ENOMEM || error == -EOVERFLOW))
        return attributes_fail(start, error, wanted);
    return TONG_FAIL(error, "%s: the queue cannot be opened: %s", start->address, tong_error_text(error));
}

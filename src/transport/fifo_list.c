/* SPDX-License-Identifier: MIT */
/*
 * Which FIFOs are read by tong: the kernel lists none, but it shows the open files of each process of this user, and
 * with each the locks it holds.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sys/sys.h"
#include "transport/fifo_name.h"

struct listing {
    int (*each)(const char *rest, const tong_stats *stats, void *context);
    void *context;
};

/* Calls each() with the name of every entry that is a number until it is other than 0, which is returned. */
static int numbers_list(int directory, int (*each)(const char *name, void *context), void *context)
{
    _Alignas(struct dirent64) char entries[4096];
    ssize_t len;
    int r = 0;

    while (r == 0 && (len = tongi_sys_getdents64(directory, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; r == 0 && at < len;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
                r = each(entry->d_name, context);
            at += entry->d_reclen;
        }
    }
    return r;
}

/* "lock: 1: OFDLCK  ADVISORY  READ  -1 fe:00:1234 362107782912 362107782912": does one say that a reader is here? */
static bool has_readers_lock(const char *text)
{
    for (const char *line = text; (line = strchr(line, '\n'));) {
        unsigned long long at;
        line++;
        if (sscanf(line, "lock: %*d: OFDLCK ADVISORY READ %*s %*s %llu", &at) == 1 &&
            at >= (unsigned long long)TONGI_FIFO_LOCKS + TONGI_FIFO_READS_FRAGMENTS &&
            at <= (unsigned long long)TONGI_FIFO_LOCKS + TONGI_FIFO_READS_RAW)
            return true;
    }
    return false;
}

static bool is_reader(int process, const char *number)
{
    char path[300], text[2048];

    snprintf(path, sizeof path, "fdinfo/%.20s", number);
    int fd = tongi_sys_open_at(process, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    ssize_t len = tongi_sys_read(fd, text, sizeof text - 1);
    tongi_sys_close(fd);
    text[len > 0 ? len : 0] = 0;
    return has_readers_lock(text);
}

struct process {
    struct listing *listing;
    int directory;
};

static int descriptor_list(const char *number, void *context)
{
    const struct process *process = context;
    char path[300], target[TONGI_REST_MAX + 1];
    struct stat status;

    snprintf(path, sizeof path, "fd/%.20s", number);
    /* A FIFO without a name, a pipe, has no path here. */
    if (tongi_sys_fstatat(process->directory, path, &status, 0) < 0 || !S_ISFIFO(status.st_mode))
        return 0;
    ssize_t len = tongi_sys_readlinkat(process->directory, path, target, sizeof target);
    if (len <= 0 || (size_t)len >= sizeof target || target[0] != '/' || !is_reader(process->directory, number))
        return 0;
    target[len] = 0;
    return process->listing->each(target, NULL, process->listing->context);
}

static int process_list(const char *number, void *context)
{
    struct process process = {.listing = context};
    char path[40];

    snprintf(path, sizeof path, "/proc/%.20s", number);
    process.directory = tongi_sys_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (process.directory < 0)
        return 0;
    /* Those of other users cannot be opened; what they have is theirs to list. */
    int descriptors = tongi_sys_open_at(process.directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int r = descriptors < 0 ? 0 : numbers_list(descriptors, descriptor_list, &process);
    tongi_sys_close(descriptors);
    tongi_sys_close(process.directory);
    return r;
}

int tongi_fifo_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context)
{
    struct listing listing = {each, context};
    int proc = tongi_sys_open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (proc < 0)
        return proc == -ENOENT ? 0 : TONG_FAIL(proc, "fifo: /proc cannot be read: %s", tong_error_text(proc));
    int r = numbers_list(proc, process_list, &listing);
    tongi_sys_close(proc);
    return r;
}

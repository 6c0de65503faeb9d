/* SPDX-License-Identifier: MIT */
/*
 * The life of a queue. It belongs to nobody, so three marks tell what may be done with it:
 *
 *   two mode bits    tong made it and its last closer removes it: the sticky bit, if it is empty (keep=unread), with
 *                    set-group-id, in any case (keep=never). Neither: it stays (keep=always), and so does what other
 *                    programs made. For queues the bits mean nothing else.
 *   a lock           somebody of tong has it open: a read lock of byte 0, or, from who may only write, a write lock of
 *                    a byte of its own. The kernel drops it when the process dies, so whoever gets a write lock of all
 *                    bytes has proof that no other channel is there, and holds newcomers off until it is through.
 *   its link count   0: it was removed, and the name is free or another's. Whoever opened it just before that tries
 *                    again.
 *
 * Programs that do not use tong hold no lock; a queue that they have open may lose its name when tong's last channel
 * closes and it is empty. keep=always is for that.
 */
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"
#include "transport/mq.h"

#define DIRECTORY "/dev/mqueue"
#define GOES_EMPTY ((mode_t)S_ISVTX)
#define GOES_ALWAYS ((mode_t)(S_ISVTX | S_ISGID))
#define PERMISSIONS ((mode_t)0777)
#define FLAGS (O_NONBLOCK | O_CLOEXEC)

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int name_take(const struct tongi_start *start, struct mq_name *ret_name)
{
    const char *rest = start->rest + (start->rest[0] == '/');
    size_t len = strlen(rest);

    if (len == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: the address is mq:NAME", start->address);
    if (len > NAME_MAX)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: a queue's name has at most %d bytes, not %zu", start->address, NAME_MAX,
                         len);
    if (strchr(rest, '/') || strcmp(rest, ".") == 0 || strcmp(rest, "..") == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: a queue's name has no slash but one in front, and is not a directory",
                         start->address);
    ret_name->text[0] = '/';
    memcpy(ret_name->text + 1, rest, len + 1);
    return 0;
}

/* ---- locks ----------------------------------------------------------------------------------------------------- */

/* Locks len bytes from start on (len 0: all) without waiting; F_UNLCK unlocks. */
static int lock(int fd, short type, off_t start, off_t len)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

    return tongi_sys_fcntl_lock(fd, F_OFD_SETLK, &lock);
}

/* -EAGAIN: somebody is about to remove the queue. */
static int presence_take(int fd)
{
    uint32_t number;

    int r = lock(fd, F_RDLCK, 0, 1);
    if (r != -EBADF)
        return r;
    /* Who may not read cannot share a lock. A byte that another has by chance fails, and is tried again. */
    if (tongi_sys_getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return -EIO;
    return lock(fd, F_WRLCK, 1 + (off_t)number, 1);
}

bool tongi_mq_is_removed(int fd)
{
    struct stat status;

    return tongi_sys_fstat(fd, &status) == 0 && status.st_nlink == 0;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* For reading too where that is allowed: only who may do both can tell whether it is the last, and give back what it
 * holds. */
static int open_existing(const struct mq_name *name, uint32_t role)
{
    int fd = tongi_sys_queue_open(name->text, O_RDWR | FLAGS, 0, NULL);

    if (fd == -EACCES && role)
        fd = tongi_sys_queue_open(name->text, (role == TONG_PUSH ? O_WRONLY : O_RDONLY) | FLAGS, 0, NULL);
    return fd;
}

static mode_t keep_bits(uint32_t keep)
{
    return keep == TONG_KEEP_ALWAYS ? 0 : keep == TONG_KEEP_NEVER ? GOES_ALWAYS : GOES_EMPTY;
}

/* Makes the queue; the umask can only have made it narrower than it is to be. -EAGAIN: somebody else made it. */
static int make(const struct tongi_start *start, const struct mq_name *name)
{
    mode_t mode = (mode_t)start->opts.mode | keep_bits(start->opts.keep);
    struct mq_attr wanted;
    struct stat status;

    tongi_mq_attributes(start, &wanted);
    int fd = tongi_sys_queue_open(name->text, O_RDWR | O_CREAT | O_EXCL | FLAGS, mode, &wanted);
    if (fd == -EEXIST && start->existence != TONG_NEW)
        return -EAGAIN;
    if (fd < 0)
        return tongi_mq_open_fail(start, fd, &wanted);
    int r = tongi_sys_fstat(fd, &status);
    if (r >= 0 && (status.st_mode & (PERMISSIONS | GOES_ALWAYS)) != mode)
        r = tongi_sys_fchmod(fd, mode);
    if (r >= 0)
        return fd;
    tongi_sys_mq_unlink(name->text);
    tongi_sys_close(fd);
    return TONG_FAIL(r, "%s: the new queue's mode cannot be set: %s", start->address, tong_error_text(r));
}

/* A descriptor, with its lock; -EAGAIN when the queue was made, removed, or about to be removed, in between. */
static int open_or_make(const struct tongi_start *start, const struct mq_name *name)
{
    int fd = start->existence == TONG_NEW ? -ENOENT : open_existing(name, start->role);
    bool is_new = fd == -ENOENT && start->existence != TONG_EXISTING;

    if (is_new)
        fd = make(start, name);
    else if (fd < 0)
        fd = tongi_mq_open_fail(start, fd, NULL);
    if (fd < 0)
        return fd;
    int r = presence_take(fd);
    if (r >= 0 && !tongi_mq_is_removed(fd))
        return fd;
    tongi_sys_close(fd);
    if (r >= 0 || r == -EAGAIN || r == -EACCES)
        return -EAGAIN;
    if (is_new)
        tongi_sys_mq_unlink(name->text);
    return TONG_FAIL(r, "%s: the queue cannot be locked: %s", start->address, tong_error_text(r));
}

static int differs_fail(const struct tongi_start *start, const char *option, const char *is, const char *asked)
{
    return TONG_FAIL(-EINVAL, "%s: it was made with %s=%s and you ask for %s; open it without %s=, or remove it",
                     start->address, option, is, asked, option);
}

static int number_differs(const struct tongi_start *start, const char *option, const char *format, uint64_t is,
                          uint64_t asked)
{
    char is_text[24], asked_text[24];

    snprintf(is_text, sizeof is_text, format, (unsigned long long)is);
    snprintf(asked_text, sizeof asked_text, format, (unsigned long long)asked);
    return differs_fail(start, option, is_text, asked_text);
}

/* Is it what the caller asked for? What nobody asked for may be as it is. */
static int compare(const struct tongi_start *start, mode_t mode, const struct mq_attr *attributes)
{
    static const char *const keeps[] = {NULL, "unread", "never", "always"};
    uint32_t keep = (mode & GOES_ALWAYS) == GOES_ALWAYS ? TONG_KEEP_NEVER
                    : mode & GOES_EMPTY                 ? TONG_KEEP_UNREAD
                                                        : TONG_KEEP_ALWAYS;
    const tong_opts *opts = &start->opts;

    if (start->given & TONGI_OPT_MODE && (mode & PERMISSIONS) != opts->mode)
        return number_differs(start, "mode", "%04llo", mode & PERMISSIONS, opts->mode);
    if (start->given & TONGI_OPT_SIZE && (uint64_t)attributes->mq_msgsize != opts->size)
        return number_differs(start, "size", "%llu", (uint64_t)attributes->mq_msgsize, opts->size);
    if (start->given & TONGI_OPT_DEPTH && (uint64_t)attributes->mq_maxmsg != opts->depth)
        return number_differs(start, "depth", "%llu", (uint64_t)attributes->mq_maxmsg, opts->depth);
    if (start->given & TONGI_OPT_KEEP && keep != opts->keep)
        return differs_fail(start, "keep", keeps[keep], keeps[opts->keep]);
    return 0;
}

/* Is it the caller's, and what the caller asked for? */
static int check(const struct mq_state *state, const struct mq_attr *attributes)
{
    const struct tongi_start *start = state->start;
    struct stat status;
    int r = tongi_sys_fstat(state->fd, &status);

    if (r < 0)
        return TONG_FAIL(r, "%s: the queue says nothing of itself: %s", start->address, tong_error_text(r));
    /* What root made is as good as one's own: root could do anything anyway. */
    if (status.st_uid != tongi_sys_geteuid() && status.st_uid != 0)
        return TONG_FAIL(-EACCES, "%s: it belongs to user %u and not to you; a queue of another is not to be trusted",
                         start->address, status.st_uid);
    return compare(start, status.st_mode, attributes);
}

int tongi_mq_enter(struct mq_state *state, const struct tongi_start *start)
{
    int fd = -EAGAIN, r = name_take(start, &state->name);

    state->start = start;
    if (r < 0)
        return TONG_TRACE(r);
    for (uint32_t i = 0; i < TONGI_QUEUE_TURNS && fd == -EAGAIN; i++)
        fd = open_or_make(start, &state->name);
    if (fd == -EAGAIN)
        return TONG_FAIL(-EBUSY, "%s: it was being removed at each of %d tries to open it", start->address,
                         TONGI_QUEUE_TURNS);
    if (fd < 0)
        return TONG_TRACE(fd);
    state->fd = fd;
    state->opened = true;
    struct mq_attr attributes;
    r = tongi_sys_mq_getattr(fd, &attributes);
    if (r < 0)
        return TONG_FAIL(r, "%s: the queue says nothing of itself: %s", start->address, tong_error_text(r));
    state->size = (size_t)attributes.mq_msgsize;
    return check(state, &attributes);
}

/* ---- removing -------------------------------------------------------------------------------------------------- */

static bool may_go(int fd)
{
    struct mq_attr attributes;
    struct stat status;

    return tongi_sys_fstat(fd, &status) == 0 && status.st_nlink && status.st_mode & GOES_EMPTY &&
           tongi_sys_mq_getattr(fd, &attributes) == 0 &&
           (attributes.mq_curmsgs == 0 || (status.st_mode & GOES_ALWAYS) == GOES_ALWAYS);
}

/* Of two that leave at once each would see the other's lock. So who is not alone drops its own and looks again: the
 * second to drop it finds nobody, or somebody who is alone. */
static bool is_last(int fd)
{
    if (lock(fd, F_WRLCK, 0, 0) >= 0)
        return true;
    lock(fd, F_UNLCK, 0, 0);
    return lock(fd, F_WRLCK, 0, 0) >= 0;
}

void tongi_mq_leave(const struct mq_state *state)
{
    if (is_last(state->fd) && may_go(state->fd))
        tongi_sys_mq_unlink(state->name.text);
    /* A forked child's copy of the descriptor would go on holding the lock. */
    lock(state->fd, F_UNLCK, 0, 0);
}

int tongi_mq_remove(const struct tongi_start *start)
{
    struct mq_name name;
    int r = name_take(start, &name);

    if (r < 0)
        return TONG_TRACE(r);
    int fd = open_existing(&name, 0);
    if (fd == -ENOENT)
        return TONG_FAIL(-ENOENT, "%s: does not exist", start->address);
    if (fd < 0)
        return tongi_mq_open_fail(start, fd, NULL);
    r = lock(fd, F_WRLCK, 0, 0);
    if (r == -EAGAIN || r == -EACCES)
        r = TONG_FAIL(-EBUSY, "%s: somebody has it open", start->address);
    else if (r < 0)
        r = TONG_FAIL(r, "%s: the queue cannot be locked: %s", start->address, tong_error_text(r));
    else if ((r = tongi_sys_mq_unlink(name.text)) < 0)
        r = TONG_FAIL(r, "%s: the queue cannot be removed: %s", start->address, tong_error_text(r));
    tongi_sys_close(fd);
    return r;
}

/* ---- listing --------------------------------------------------------------------------------------------------- */

struct listing {
    int (*each)(const char *rest, const tong_stats *stats, void *context);
    void *context;
};

/* The directory may show another IPC namespace than this process's: a name counts if it leads to the file it stands
 * for, and to one of this user's. */
static int list_one(const struct dirent64 *entry, const struct listing *listing)
{
    tong_stats stats = {.struct_size = sizeof stats};
    struct mq_attr attributes;
    struct mq_name name;
    struct stat status;
    size_t len = strnlen(entry->d_name, NAME_MAX);

    name.text[0] = '/';
    memcpy(name.text + 1, entry->d_name, len);
    name.text[1 + len] = 0;
    int fd = tongi_sys_queue_open(name.text, O_RDONLY | FLAGS, 0, NULL);
    bool listed = fd >= 0 && tongi_sys_fstat(fd, &status) == 0 && status.st_ino == entry->d_ino &&
                  status.st_uid == tongi_sys_geteuid() && tongi_sys_mq_getattr(fd, &attributes) == 0;
    tongi_sys_close(fd);
    if (!listed)
        return 0;
    stats.depth = (uint64_t)attributes.mq_curmsgs;
    return listing->each(name.text + 1, &stats, listing->context);
}

int tongi_mq_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context)
{
    const struct listing listing = {each, context};
    _Alignas(struct dirent64) char entries[2048];
    int r = 0, fd = tongi_sys_open_at(AT_FDCWD, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    /* Queues work without it, but nothing else knows their names. */
    if (fd == -ENOENT)
        return 0;
    if (fd < 0)
        return TONG_FAIL(fd, "mq: " DIRECTORY " cannot be read: %s", tong_error_text(fd));
    for (ssize_t got = 1; got > 0 && r == 0;) {
        got = tongi_sys_getdents64(fd, entries, sizeof entries);
        if (got < 0)
            r = TONG_FAIL((int)got, "mq: " DIRECTORY " cannot be read: %s", tong_error_text((int)got));
        for (ssize_t at = 0; at < got && r == 0;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            at += entry->d_reclen;
            r = list_one(entry, &listing);
        }
    }
    tongi_sys_close(fd);
    return r;
}

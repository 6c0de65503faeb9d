/* SPDX-License-Identifier: MIT */
/*
 * The life of a System V queue. One with a name belongs to tong: it is made with a random key, which the registry
 * keeps, and removed by its last closer, as the registry's locks prove it (sysv_registry.c). One that is addressed by
 * its key belongs to the programs that agreed on it: the kernel does not tell who uses it, so that closing never
 * removes it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"
#include "transport/sysv.h"

#define PERMISSIONS 0777u

/* ---- limits ---------------------------------------------------------------------------------------------------- */

int tongi_sysv_size(const struct tongi_start *start, int id, size_t *ret_size)
{
    struct msqid_ds queue;
    struct msginfo system;

    int r = tongi_sys_msgctl(id, IPC_STAT, &queue);
    if (r >= 0)
        r = tongi_sys_msgctl(0, IPC_INFO, (void *)&system);
    if (r < 0)
        return TONG_FAIL(r, "%s: the queue says nothing of itself: %s", start->address, tong_error_text(r));
    size_t system_max = system.msgmax < 0 ? 0 : (size_t)system.msgmax;
    *ret_size = queue.msg_qbytes < system_max ? queue.msg_qbytes : system_max;
    return 0;
}

static int make_fail(const struct tongi_start *start, int error)
{
    struct msginfo system = {.msgmni = 0};

    if (error == -EEXIST)
        return TONG_FAIL(error, "%s: exists already, and TONG_NEW insists on a new one", start->address);
    if (error != -ENOSPC || tongi_sys_msgctl(0, IPC_INFO, (void *)&system) < 0)
        return TONG_FAIL(error, "%s: the queue cannot be made: %s", start->address, tong_error_text(error));
    return TONG_FAIL(error,
                     "%s: the system has kernel.msgmni queues, %d; 'sysctl -w kernel.msgmni', or remove some (ipcs -q)",
                     start->address, system.msgmni);
}

static int missing_fail(const struct tongi_start *start)
{
    return TONG_FAIL(-ENOENT, "%s: does not exist, and TONG_EXISTING insists that it does", start->address);
}

/* ---- finding and making ---------------------------------------------------------------------------------------- */

static int make(const struct tongi_start *start, key_t key)
{
    return tongi_sys_msgget(key, IPC_CREAT | IPC_EXCL | (int)start->opts.mode);
}

/* The queue of a key that the address gives. */
static int by_key(const struct tongi_start *start, key_t key)
{
    int id = -EEXIST;

    /* Twice, since another may make it between the two calls. */
    for (int i = 0; i < 2 && (id == -ENOENT || id == -EEXIST); i++) {
        id = start->existence == TONG_NEW ? -ENOENT : tongi_sys_msgget(key, 0);
        if (id == -ENOENT && start->existence != TONG_EXISTING)
            id = make(start, key);
        if (start->existence)
            break;
    }
    if (id == -ENOENT && start->existence == TONG_EXISTING)
        return missing_fail(start);
    if (id == -EACCES)
        return TONG_FAIL(id, "%s: its owner does not let you in (ipcs -q shows its permissions)", start->address);
    return id < 0 ? make_fail(start, id) : id;
}

/* A key that nobody has. */
static int key_draw(const struct tongi_start *start, uint32_t *ret_key)
{
    int id = 0;

    while (id >= 0) {
        uint32_t number;
        if (tongi_sys_getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
            return TONG_FAIL(-EIO, "%s: no random number for a key", start->address);
        *ret_key = SYSV_KEY_TAG | (number & ~SYSV_KEY_TAG_MASK);
        id = tongi_sys_msgget((key_t)*ret_key, 0);
    }
    return id == -ENOENT || id == -EACCES ? 0 : make_fail(start, id);
}

/* A queue with a key of its own. The key is written down first: a name without its queue is made good by who comes
 * next, a queue without its name would stay for ever. Only who is alone on the file may. */
static int make_named(const struct tongi_start *start, struct sysv_place *place)
{
    struct sysv_entry entry = {.keep = start->opts.keep};
    int r = key_draw(start, &entry.key);

    if (r >= 0)
        r = tongi_sysv_file_write(start, place->file, &entry);
    int id = r < 0 ? r : make(start, (key_t)entry.key);
    place->keep = entry.keep;
    if (id >= 0)
        return id;
    tongi_sysv_file_remove(place);
    /* Somebody else took the key just now. */
    if (id == -EEXIST)
        return -EAGAIN;
    return r < 0 ? r : make_fail(start, id);
}

/* The queue that the name's file stands for. Where it is no more, it is made anew with the same key: who still has the
 * old one open is told by his own calls. */
static int of_entry(const struct tongi_start *start, const struct sysv_entry *entry)
{
    if (start->given & TONGI_OPT_KEEP && entry->keep != start->opts.keep)
        return TONG_FAIL(-EINVAL, "%s: it was made with another keep=; open it without, or remove it", start->address);
    int id = tongi_sys_msgget((key_t)entry->key, 0);
    if (id >= 0)
        return start->existence == TONG_NEW ? make_fail(start, -EEXIST) : id;
    if (id != -ENOENT)
        return make_fail(start, id);
    if (start->existence == TONG_EXISTING)
        return -ENOENT;
    id = make(start, (key_t)entry->key);
    return id == -EEXIST ? -EAGAIN : id < 0 ? make_fail(start, id) : id;
}

/* The queue of a name whose file is open and locked. */
static int of_file(const struct tongi_start *start, struct sysv_place *place, bool alone)
{
    struct sysv_entry entry;
    int r = tongi_sysv_file_read(start, place->file, &entry);

    if (r >= 0) {
        place->keep = entry.keep;
        r = of_entry(start, &entry);
    } else if (r == -ENOENT && start->existence != TONG_EXISTING) {
        /* Whoever made the file died before it wrote. */
        return alone ? make_named(start, place) : -EAGAIN;
    }
    if (r == -ENOENT && alone)
        tongi_sysv_file_remove(place);
    return r;
}

static int by_name(const struct tongi_start *start, struct sysv_place *place)
{
    int id = -EAGAIN;

    for (uint32_t i = 0; i < TONGI_QUEUE_TURNS && id == -EAGAIN; i++) {
        bool alone = false;
        tongi_sysv_place_close(place, true);
        int r = tongi_sysv_file_open(start, place, start->existence != TONG_EXISTING, &alone);
        id = r < 0 ? r : of_file(start, place, alone);
    }
    if (id == -EAGAIN)
        return TONG_FAIL(-EBUSY, "%s: somebody is making or removing it and does not come to an end", start->address);
    return id == -ENOENT ? missing_fail(start) : id;
}

/* ---- entering and leaving -------------------------------------------------------------------------------------- */

/* Is it the caller's, and what the caller asked for? */
static int check(const struct tongi_start *start, int id)
{
    struct msqid_ds queue;
    int r = tongi_sys_msgctl(id, IPC_STAT, &queue);

    if (r < 0)
        return TONG_FAIL(r, "%s: its owner does not let you look at it: %s", start->address, tong_error_text(r));
    /* What root made is as good as one's own: root could do anything anyway. */
    if (queue.msg_perm.cuid != tongi_sys_geteuid() && queue.msg_perm.cuid != 0)
        return TONG_FAIL(-EACCES, "%s: it was made by user %u and not by you; a queue of another is not to be trusted",
                         start->address, queue.msg_perm.cuid);
    if (start->given & TONGI_OPT_MODE && (queue.msg_perm.mode & PERMISSIONS) != start->opts.mode)
        return TONG_FAIL(-EINVAL,
                         "%s: it was made with mode=%04o and you ask for %04o; open it without mode=, or remove it",
                         start->address, (unsigned)(queue.msg_perm.mode & PERMISSIONS), start->opts.mode);
    return 0;
}

static int size_take(struct sysv_state *state)
{
    const struct tongi_start *start = state->start;
    int r = tongi_sysv_size(start, state->id, &state->size);

    if (r < 0)
        return TONG_TRACE(r);
    if (start->opts.size > state->size)
        return TONG_FAIL(-EPERM,
                         "%s: size=%llu is over what the queue takes, %zu; 'sysctl -w kernel.msgmax=%llu', and "
                         "kernel.msgmnb for queues made from then on",
                         start->address, (unsigned long long)start->opts.size, state->size,
                         (unsigned long long)start->opts.size);
    if (start->opts.size)
        state->size = (size_t)start->opts.size;
    return 0;
}

int tongi_sysv_enter(struct sysv_state *state, const struct tongi_start *start)
{
    int r = tongi_sysv_place(start, &state->place);

    state->start = start;
    if (r < 0)
        return TONG_TRACE(r);
    if (!state->place.named && start->given & TONGI_OPT_KEEP)
        return TONG_FAIL(TONG_E_ADDRESS,
                         "%s: keep= is for queues with a name; one with a key stays until it is removed",
                         start->address);
    int id = state->place.named ? by_name(start, &state->place) : by_key(start, state->place.key);
    if (id < 0) {
        tongi_sysv_place_close(&state->place, true);
        return TONG_TRACE(id);
    }
    state->id = id;
    state->opened = true;
    r = state->place.named ? tongi_sysv_file_share(start, state->place.file) : 0;
    if (r >= 0)
        r = check(start, id);
    return r < 0 ? TONG_TRACE(r) : size_take(state);
}

/* Removes the queue and its name, if it may go. Only who is alone may ask. */
static void last_leave(const struct sysv_state *state)
{
    struct msqid_ds queue;
    int r = tongi_sys_msgctl(state->id, IPC_STAT, &queue);
    bool goes = r >= 0 && (queue.msg_qnum == 0 || state->place.keep == TONG_KEEP_NEVER);

    if (goes)
        r = tongi_sys_msgctl(state->id, IPC_RMID, NULL);
    /* A name whose queue somebody removed goes, too. */
    if ((goes && r >= 0) || r == -EIDRM || r == -EINVAL)
        tongi_sysv_file_remove(&state->place);
}

void tongi_sysv_leave(struct sysv_state *state)
{
    if (state->place.named && state->place.keep != TONG_KEEP_ALWAYS && tongi_sysv_file_seize(state->place.file) >= 0)
        last_leave(state);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

static int remove_key(const struct tongi_start *start, key_t key)
{
    int id = tongi_sys_msgget(key, 0);
    int r = id < 0 ? id : tongi_sys_msgctl(id, IPC_RMID, NULL);

    if (r == -ENOENT)
        return TONG_FAIL(r, "%s: does not exist", start->address);
    return r < 0 ? TONG_FAIL(r, "%s: the queue cannot be removed: %s", start->address, tong_error_text(r)) : 0;
}

static int remove_named(const struct tongi_start *start, struct sysv_place *place)
{
    struct sysv_entry entry;
    bool alone = false;
    int r = tongi_sysv_file_open(start, place, false, &alone);

    if (r == -ENOENT)
        return TONG_FAIL(r, "%s: does not exist", start->address);
    if (r == -EAGAIN || (r >= 0 && !alone))
        return TONG_FAIL(-EBUSY, "%s: somebody has it open", start->address);
    if (r < 0)
        return r;
    r = tongi_sysv_file_read(start, place->file, &entry);
    if (r >= 0)
        r = remove_key(start, (key_t)entry.key);
    if (r >= 0 || r == -ENOENT)
        tongi_sysv_file_remove(place);
    return r;
}

int tongi_sysv_remove(const struct tongi_start *start)
{
    struct sysv_place place;
    int r = tongi_sysv_place(start, &place);

    if (r < 0)
        return TONG_TRACE(r);
    r = place.named ? remove_named(start, &place) : remove_key(start, place.key);
    tongi_sysv_place_close(&place, true);
    return r;
}

struct listing {
    int (*each)(const char *rest, const tong_stats *stats, void *context);
    void *context;
};

static int list_queue(const struct listing *listing, const char *rest, const struct msqid_ds *queue)
{
    tong_stats stats = {.struct_size = sizeof stats, .depth = queue->msg_qnum};

    return queue->msg_perm.cuid == tongi_sys_geteuid() ? listing->each(rest, &stats, listing->context) : 0;
}

/* A file of the registry, if its queue is there. */
static int list_named(const struct listing *listing, int registry, const char *name)
{
    const struct tongi_start start = {.address = "sysv:"};
    struct sysv_entry entry;
    struct msqid_ds queue;

    int file = tongi_sys_open_at(registry, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
    bool has_key = file >= 0 && name[0] != '.' && tongi_sysv_file_read(&start, file, &entry) >= 0;
    int id = has_key ? tongi_sys_msgget((key_t)entry.key, 0) : -ENOENT;
    tongi_sys_close(file);
    return id >= 0 && tongi_sys_msgctl(id, IPC_STAT, &queue) >= 0 ? list_queue(listing, name, &queue) : 0;
}

static int list_names(const struct listing *listing)
{
    const struct tongi_start start = {.address = "sysv:"};
    _Alignas(struct dirent64) char entries[2048];
    int r = 0, registry = tongi_sysv_registry_open(&start, false);

    if (registry < 0)
        return registry == -ENOENT ? 0 : registry;
    for (ssize_t got = 1; got > 0 && r == 0;) {
        got = tongi_sys_getdents64(registry, entries, sizeof entries);
        if (got < 0)
            r = TONG_FAIL((int)got, "sysv: the names cannot be listed: %s", tong_error_text((int)got));
        for (ssize_t at = 0; at < got && r == 0;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            at += entry->d_reclen;
            r = list_named(listing, registry, entry->d_name);
        }
    }
    tongi_sys_close(registry);
    return r;
}

/* Queues that other programs made, by their keys. Those without one are their makers' secret. */
static int list_keys(const struct listing *listing)
{
    struct msginfo system;
    struct msqid_ds queue;
    int r = 0, last = tongi_sys_msgctl(0, MSG_INFO, (void *)&system);

    for (int i = 0; i <= last && r == 0; i++) {
        char rest[16];
        uint32_t key;
        if (tongi_sys_msgctl(i, MSG_STAT, &queue) < 0)
            continue;
        key = (uint32_t)queue.msg_perm.__key;
        snprintf(rest, sizeof rest, "0x%08x", key);
        if (key && (key & SYSV_KEY_TAG_MASK) != SYSV_KEY_TAG)
            r = list_queue(listing, rest, &queue);
    }
    return r;
}

int tongi_sysv_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context)
{
    const struct listing listing = {each, context};
    int r = list_names(&listing);

    return r ? r : list_keys(&listing);
}

/* SPDX-License-Identifier: MIT */
/*
 * Names for System V queues, which have none: a file /dev/shm/tong-UID.sysv/NAME holds the queue's key, "0x74abcdef
 * unread". It is the user's alone, and gone after a reboot like the queues. Every channel holds a read lock on the file
 * while it has the queue open; who gets the write lock is alone and may make or remove both.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/number.h"
#include "sys/sys.h"
#include "transport/sysv.h"

#define REGISTRY "/dev/shm/tong-%u.sysv"

static const char *const keeps[] = {NULL, "unread", "never", "always"};

/* ---- addresses ------------------------------------------------------------------------------------------------- */

static int address_fail(const struct tongi_start *start, const char *why)
{
    return TONG_FAIL(TONG_E_ADDRESS, "%s: %s; the address is sysv:NAME, sysv:0xKEY or sysv:/PATH#PROJECT",
                     start->address, why);
}

static int hex_take(const char *text, uint32_t *ret_key)
{
    uint64_t key = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 8)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, text[i] | 0x20);
        if (!digit || text[i] == 0)
            return -EINVAL;
        key = key << 4 | (uint64_t)(digit - digits);
    }
    *ret_key = (uint32_t)key;
    return 0;
}

/* The key that ftok() gives old programs: the low bits of inode, device and project, which may collide. */
static int path_take(const struct tongi_start *start, struct sysv_place *ret_place)
{
    const char *project_text = strrchr(start->rest, '#');
    char path[TONGI_REST_MAX + 1];
    struct stat status;
    uint64_t project;

    if (!project_text || tongi_parse_count(project_text + 1, strlen(project_text + 1), &project) < 0 || project < 1 ||
        project > 255)
        return address_fail(start, "a path needs the project number that ftok() got, #1 to #255");
    snprintf(path, sizeof path, "%.*s", (int)(project_text - start->rest), start->rest);
    int r = tongi_sys_fstatat(AT_FDCWD, path, &status, 0);
    if (r < 0)
        return TONG_FAIL(r, "%s: ftok() needs the file: %s", start->address, tong_error_text(r));
    ret_place->key =
        (key_t)(((uint32_t)status.st_ino & 0xffff) | ((uint32_t)status.st_dev & 0xff) << 16 | (uint32_t)project << 24);
    return 0;
}

int tongi_sysv_place(const struct tongi_start *start, struct sysv_place *ret_place)
{
    const char *rest = start->rest;
    size_t len = strlen(rest);
    uint32_t key;

    *ret_place = (struct sysv_place){.directory = -1, .file = -1};
    if (strchr(rest, '/'))
        return path_take(start, ret_place);
    if (rest[0] == '0' && rest[1] == 'x') {
        if (hex_take(rest + 2, &key) < 0 || key == 0)
            return address_fail(start, "a key is 0x and one to eight hexadecimal digits, and not 0");
        ret_place->key = (key_t)key;
        return 0;
    }
    if (len == 0 || len > NAME_MAX || rest[0] == '.')
        return address_fail(start, "a name has 1 to 255 bytes and does not begin with a dot");
    ret_place->named = true;
    memcpy(ret_place->name, rest, len + 1);
    return 0;
}

/* ---- the registry ---------------------------------------------------------------------------------------------- */

int tongi_sysv_registry_open(const struct tongi_start *start, bool make)
{
    uid_t user = tongi_sys_geteuid();
    struct stat status;
    char path[64];

    snprintf(path, sizeof path, REGISTRY, user);
    int r = make ? tongi_sys_mkdirat(AT_FDCWD, path, 0700) : 0;
    if (r < 0 && r != -EEXIST)
        return TONG_FAIL(r, "%s: no place for its name, %s: %s; sysv:0xKEY needs none", start->address, path,
                         tong_error_text(r));
    int fd = tongi_sys_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd == -ENOENT)
        return fd;
    r = fd < 0 ? fd : tongi_sys_fstat(fd, &status);
    /* /dev/shm is everybody's: somebody else may have been there first. */
    if (r >= 0 && (status.st_uid != user || status.st_mode & 0077))
        r = -EACCES;
    if (r >= 0)
        return fd;
    tongi_sys_close(fd);
    return TONG_FAIL(r, "%s: %s must be a directory of yours, closed to others; remove it, or use sysv:0xKEY",
                     start->address, path);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static int lock(int file, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    int r = tongi_sys_fcntl_lock(file, F_OFD_SETLK, &lock);

    return r == -EACCES ? -EAGAIN : r;
}

int tongi_sysv_file_seize(int file)
{
    struct stat status;
    int r = lock(file, F_WRLCK);

    /* Of two that leave at once each would see the other's lock. So who is not alone drops its own and looks again: the
     * second to drop it finds nobody, or somebody who is alone. */
    if (r == -EAGAIN) {
        lock(file, F_UNLCK);
        r = lock(file, F_WRLCK);
    }
    if (r >= 0)
        r = tongi_sys_fstat(file, &status);
    return r < 0 ? r : status.st_nlink ? 0 : -ENOENT;
}

static int lock_fail(const struct tongi_start *start, int error)
{
    return TONG_FAIL(error, "%s: the file of its name cannot be locked: %s", start->address, tong_error_text(error));
}

int tongi_sysv_file_share(const struct tongi_start *start, int file)
{
    int r = lock(file, F_RDLCK);

    return r < 0 ? lock_fail(start, r) : 0;
}

/* Alone if nobody else is there, else beside the others. */
static int lock_take(const struct tongi_start *start, int file, bool *ret_alone)
{
    int r = lock(file, F_WRLCK);

    *ret_alone = r >= 0;
    if (r == -EAGAIN)
        r = lock(file, F_RDLCK);
    return r >= 0 || r == -EAGAIN ? r : lock_fail(start, r);
}

int tongi_sysv_file_open(const struct tongi_start *start, struct sysv_place *place, bool make, bool *ret_alone)
{
    struct stat status;

    place->directory = tongi_sysv_registry_open(start, make);
    if (place->directory < 0)
        return place->directory;
    place->file =
        tongi_sys_open_at(place->directory, place->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
    /* With O_CREAT: the directory went with the last name in it. */
    if (place->file == -ENOENT)
        return make ? -EAGAIN : -ENOENT;
    if (place->file < 0)
        return TONG_FAIL(place->file, "%s: the file of its name cannot be opened: %s", start->address,
                         tong_error_text(place->file));
    int r = lock_take(start, place->file, ret_alone);
    if (r < 0)
        return r;
    r = tongi_sys_fstat(place->file, &status);
    if (r < 0)
        return TONG_FAIL(r, "%s: the file of its name says nothing of itself: %s", start->address, tong_error_text(r));
    /* Removed between our opening and locking it. */
    return status.st_nlink == 0 ? -EAGAIN : 0;
}

int tongi_sysv_file_read(const struct tongi_start *start, int file, struct sysv_entry *ret_entry)
{
    char text[32], key[9], keep[9];
    ssize_t len = tongi_sys_read(file, text, sizeof text - 1);

    if (len < 0)
        return TONG_FAIL((int)len, "%s: the file of its name cannot be read: %s", start->address,
                         tong_error_text((int)len));
    if (len == 0)
        return -ENOENT;
    text[len] = 0;
    if (sscanf(text, "0x%8[0-9a-f] %8[a-z]", key, keep) == 2 && hex_take(key, &ret_entry->key) == 0)
        for (uint32_t i = TONG_KEEP_UNREAD; i <= TONG_KEEP_ALWAYS; i++)
            if (strcmp(keep, keeps[i]) == 0) {
                ret_entry->keep = i;
                return 0;
            }
    return TONG_FAIL(TONG_E_CORRUPT,
                     "%s: the file of its name holds something else than a key; 'tong' did not write it",
                     start->address);
}

int tongi_sysv_file_write(const struct tongi_start *start, int file, const struct sysv_entry *entry)
{
    char text[32];
    int len = snprintf(text, sizeof text, "0x%08x %s\n", entry->key, keeps[entry->keep]);
    ssize_t r = tongi_sys_write(file, text, (size_t)len);

    if (r == len)
        return 0;
    return TONG_FAIL(r < 0 ? (int)r : -ENOSPC, "%s: the file of its name cannot be written: %s", start->address,
                     tong_error_text(r < 0 ? (int)r : -ENOSPC));
}

void tongi_sysv_file_remove(const struct sysv_place *place)
{
    char path[64];

    tongi_sys_unlinkat(place->directory, place->name, 0);
    snprintf(path, sizeof path, REGISTRY, tongi_sys_geteuid());
    /* Fails while there are other names. */
    tongi_sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

void tongi_sysv_place_close(struct sysv_place *place, bool owner)
{
    if (place->file >= 0 && owner)
        lock(place->file, F_UNLCK);
    place->file = tongi_sys_close(place->file);
    place->directory = tongi_sys_close(place->directory);
}

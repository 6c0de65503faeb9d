/* SPDX-License-Identifier: MIT */
/* Names of Unix sockets under test, and what stands where they lead. */
#ifndef TESTS_UNIX_NAME_PLACES_H
#define TESTS_UNIX_NAME_PLACES_H

#include "transport/unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/sys.h"

#define PATH "x.sock"
#define LOCK PATH ".lock"

struct place {
    struct tongi_start start;
    struct tongi_unix_name name;
    int fd;
};

static struct place listener, other;
static char cwd[PATH_MAX];

static inline int place_init(struct place *place, const char *path, uint32_t side)
{
    place->start = (struct tongi_start){.address = "unix:test", .rest = path, .side = side};
    place->start.opts.abstract = TONG_NO;
    place->fd = -1;
    return tongi_unix_name_init(&place->name, &place->start);
}

static inline int try_listen(struct place *place, const char *path, mode_t mode)
{
    int r = place_init(place, path, TONG_LISTEN);

    return r < 0 ? r : (place->fd = tongi_unix_listen(&place->name, mode));
}

static inline void place_fini(struct place *place)
{
    tongi_sys_close(place->fd);
    tongi_unix_name_fini(&place->name, true);
}

static inline void says(const char *part)
{
    ck_assert_msg(strstr(tong_error_detail(), part) != NULL, "\"%s\" has no \"%s\"", tong_error_detail(), part);
}

static inline int try_connect(const char *path)
{
    struct place place;
    int r = place_init(&place, path, TONG_CONNECT);

    if (r >= 0)
        r = tongi_unix_connect(&place.name);
    tongi_unix_name_fini(&place.name, true);
    return r;
}

static inline void connects(const char *path)
{
    close((int)ck_ok(try_connect(path)));
}

static inline bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static inline ino_t inode_of(const char *path)
{
    struct stat status;

    ck_assert_int_eq(lstat(path, &status), 0);
    return status.st_ino;
}

/* A socket of somebody else, by its own spelling of the path. */
static inline int foreign(const char *path, int type, bool listens)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_lt(strlen(path), sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    if (listens)
        ck_assert_int_eq(listen(fd, 10), 0);
    return fd;
}

static inline void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static inline const char *in_cwd(const char *path)
{
    static char absolute[PATH_MAX + 300];

    ck_assert_ptr_nonnull(getcwd(cwd, sizeof cwd));
    snprintf(absolute, sizeof absolute, "%s/%s", cwd, path);
    return absolute;
}

/* Makes nested directories and returns a path of about that length into them, ending in /x.sock. */
static inline const char *deep_path(size_t len, bool absolute)
{
    static char path[PATH_MAX];
    size_t used = 0;

    if (absolute) {
        ck_assert_ptr_nonnull(getcwd(path, sizeof path));
        used = strlen(path);
        path[used++] = '/';
    }
    while (used + strlen(PATH) < len) {
        memcpy(path + used, "directory-of-some-length", 24);
        path[used + 24] = 0;
        ck_assert_int_eq(mkdir(path, 0700), 0);
        path[used + 24] = '/';
        used += 25;
    }
    memcpy(path + used, PATH, sizeof PATH);
    return path;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "sys/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

static int open_at(int directory, const char *path, int flags, mode_t mode)
{
    return openat(directory, path, flags, mode);
}

static long processors_online(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN);
}

static int current_directory(char *path, size_t room)
{
    return getcwd(path, room) ? 0 : -1;
}

static int fcntl_int(int fd, int command, int argument)
{
    return fcntl(fd, command, argument);
}

static int fcntl_lock(int fd, int command, struct flock *lock)
{
    return fcntl(fd, command, lock);
}

static int unread_bytes(int fd, int *bytes)
{
    return ioctl(fd, FIONREAD, bytes);
}

/* pthread_sigmask without its other convention: the thread is the caller. */
static int thread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    int error = pthread_sigmask(how, set, old);

    if (error)
        errno = error;
    return error ? -1 : 0;
}

/* posix_spawnp without its other convention. */
static int spawn(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const *argv, char *const *envp)
{
    int error = posix_spawnp(pid, program, actions, attributes, argv, envp);

    if (error)
        errno = error;
    return error ? -1 : 0;
}

#if TONG_SEAMS

#define TONGI_SYS(type, name, parameters, arguments) .name = name,
#define TONGI_SYS_WAIT(type, name, parameters, arguments) .name = name,
const struct tongi_sys_table tongi_sys_real = {
#include "sys/sys.def"
    .close = close,
    .calloc = calloc,
    .realloc = realloc,
};
struct tongi_sys_table tongi_sys_table = {
#include "sys/sys.def"
    .close = close,
    .calloc = calloc,
    .realloc = realloc,
};
#undef TONGI_SYS
#undef TONGI_SYS_WAIT
#define CALL(name) tongi_sys_table.name

#else
#define CALL(name) name
#endif

#define TONGI_SYS(type, name, parameters, arguments)                                                                   \
    type tongi_sys_##name parameters                                                                                   \
    {                                                                                                                  \
        type result;                                                                                                   \
        do                                                                                                             \
            result = CALL(name) arguments;                                                                             \
        while (result < 0 && errno == EINTR);                                                                          \
        return result < 0 ? (type)-errno : result;                                                                     \
    }
#define TONGI_SYS_WAIT(type, name, parameters, arguments)                                                              \
    type tongi_sys_##name parameters                                                                                   \
    {                                                                                                                  \
        type result = CALL(name) arguments;                                                                            \
        return result < 0 ? (type)-errno : result;                                                                     \
    }
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT

int tongi_sys_close(int fd)
{
    if (fd >= 0) {
        /* Linux frees the number even when close() is interrupted, so it is never repeated. */
        int saved = errno;
        CALL(close)(fd);
        errno = saved;
    }
    return -1;
}

uid_t tongi_sys_geteuid(void)
{
    return geteuid();
}

const char *tongi_sys_getenv(const char *name)
{
    return secure_getenv(name);
}

const char *const *tongi_sys_environment(void)
{
    return (const char *const *)environ;
}

void *tongi_sys_alloc(size_t bytes)
{
    return CALL(calloc)(1, bytes ? bytes : 1);
}

void *tongi_sys_resize(void *block, size_t bytes)
{
    return CALL(realloc)(block, bytes ? bytes : 1);
}

void *tongi_sys_free(void *block)
{
    free(block);
    return NULL;
}

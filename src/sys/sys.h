/* SPDX-License-Identifier: MIT */
/*
 * The only caller of system calls. tongi_sys_NAME behaves as NAME of the C library, except that a failure is -errno in
 * the result and EINTR is dealt with here (sys.def). In a test build each goes through a table that tests change; the
 * release build binds them directly.
 */
#ifndef TONGI_SYS_SYS_H
#define TONGI_SYS_SYS_H

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct iovec;
struct itimerspec;
struct flock;

#define TONGI_SYS(type, name, parameters, arguments) type tongi_sys_##name parameters;
#define TONGI_SYS_WAIT(type, name, parameters, arguments) type tongi_sys_##name parameters;
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT

/* Closes fd unless it is negative, keeping errno; returns -1, so that "fd = tongi_sys_close (fd)" forgets it. */
int tongi_sys_close(int fd);

/* Whom this process acts as. */
uid_t tongi_sys_geteuid(void);

/* A variable of the environment, or NULL; also NULL in a program that has more rights than its caller. */
const char *tongi_sys_getenv(const char *name);
/* The environment, ended by NULL. */
const char *const *tongi_sys_environment(void);

/* Zeroed memory, or NULL. */
void *tongi_sys_alloc(size_t bytes);
/* Grows or shrinks a block keeping its content; NULL leaves it as it was. What is new is not zeroed, so that a buffer
 * costs only the pages that are used; a block of NULL makes one. */
void *tongi_sys_resize(void *block, size_t bytes);
/* Accepts NULL and returns NULL. */
void *tongi_sys_free(void *block);

#if TONG_SEAMS
/* What the calls do now. Entries speak the C library's convention: -1 and errno. Change them before threads start. */
struct tongi_sys_table {
#define TONGI_SYS(type, name, parameters, arguments) type(*name) parameters;
#define TONGI_SYS_WAIT(type, name, parameters, arguments) type(*name) parameters;
#include "sys/sys.def"
#undef TONGI_SYS
#undef TONGI_SYS_WAIT
    int (*close)(int fd);
    void *(*calloc)(size_t n, size_t bytes);
    void *(*realloc)(void *block, size_t bytes);
};
extern struct tongi_sys_table tongi_sys_table;
/* The real calls, to restore or to wrap. */
extern const struct tongi_sys_table tongi_sys_real;
#endif

#endif

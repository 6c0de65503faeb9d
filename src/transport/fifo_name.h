/* SPDX-License-Identifier: MIT */
/* FIFOs by name: made, checked, opened for reading or writing, removed; and the locks that their users hold. */
#ifndef TONGI_TRANSPORT_FIFO_NAME_H
#define TONGI_TRANSPORT_FIFO_NAME_H

#include <stdbool.h>
#include <sys/types.h>

#include "prim/layout.h"
#include "transport/transport.h"

struct tongi_fifo_name {
    const char *address;             /* for sentences */
    const char *path;                /* as given */
    const char *base;                /* its last part */
    const struct tongi_allow *allow; /* whose FIFO it may be; empty: this user's */
    int directory;                   /* where the path lies, or -1 */
    mode_t mode;                     /* of what is made, and the bits that others may have on what is found */
    dev_t device;                    /* of the FIFO that this end made; inode 0: none */
    ino_t inode;
};

/* Checks the name and opens its directory, so that a relative path keeps its meaning. */
int tongi_fifo_name_init(struct tongi_fifo_name *name, const struct tongi_start *start);
/* Closes everything; owner: removes the FIFO that this end made. Total on a zeroed name that init never saw. */
void tongi_fifo_name_fini(struct tongi_fifo_name *name, bool owner);

/* Makes the FIFO unless there is one. */
int tongi_fifo_make(struct tongi_fifo_name *name);
/* Puts another FIFO like this one in its place: who still has this one open is alone with it. The caller is its only
 * reader. -EBUSY, with a sentence: it is another user's; or the system's error. */
int tongi_fifo_replace(struct tongi_fifo_name *name, int fd);
/*
 * Opens it O_RDONLY or O_WRONLY, never waiting. Errors, with a sentence but for the first: -EAGAIN (none is there, or
 * nobody reads it), -EACCES (somebody else's, or open to others), -EEXIST (no FIFO).
 */
int tongi_fifo_open(const struct tongi_fifo_name *name, int access);
/* Is this still what the name stands for? */
bool tongi_fifo_is_named(const struct tongi_fifo_name *name, int fd);

/* Takes or drops (F_UNLCK) a lock of this description: 0, or the system's error. */
int tongi_fifo_lock(int fd, short type, int64_t at);
/* Does somebody else hold one there? 1, 0, or the system's error. */
int tongi_fifo_is_locked(int fd, int64_t at);
/* Drops all locks of this description, also for a forked child that still holds it. */
void tongi_fifo_unlock(int fd);

/* The slots of the same names (transport.h). */
int tongi_fifo_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context);
int tongi_fifo_remove(const struct tongi_start *start);

#endif

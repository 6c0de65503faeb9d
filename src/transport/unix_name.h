/* SPDX-License-Identifier: MIT */
/* Names of Unix sockets: paths of any length, the lock beside them, and what is stale. */
#ifndef TONGI_TRANSPORT_UNIX_NAME_H
#define TONGI_TRANSPORT_UNIX_NAME_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "transport/transport.h"

struct tongi_unix_name {
    const char *address; /* for sentences */
    const char *path;    /* as given */
    const char *base;    /* its last part */
    const struct tongi_allow *allow;
    int type; /* SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM */
    bool abstract;
    bool connects;
    bool senders;  /* each message is to tell who sent it */
    int directory; /* where the path lies, or -1 */
    int lock;      /* a listener's PATH.lock, write-locked, or -1 */
    dev_t device;  /* of the socket file that this listener made; inode 0: none */
    ino_t inode;
};

/* Checks the name; opens the directory of a path that is too long for the kernel's field. */
int tongi_unix_name_init(struct tongi_unix_name *name, const struct tongi_start *start);
/* A name for an end that has none: only what says who may be at the other one. */
void tongi_unix_name_none(struct tongi_unix_name *name, const struct tongi_start *start);
/* Closes everything; owner: removes what this listener made. Total on a zeroed name that init never saw. */
void tongi_unix_name_fini(struct tongi_unix_name *name, bool owner);

/* The kind of socket that the option socket means (enum tong_socket; 0: the default). */
int tongi_unix_type(uint32_t socket);

/* A listening socket with that mode, replacing a stale one by proof. A datagram socket has its name and hears. */
int tongi_unix_listen(struct tongi_unix_name *name, mode_t mode);
/* A connected socket; -EAGAIN: nobody there yet, or their backlog is full. */
int tongi_unix_connect(struct tongi_unix_name *name);

/* The directory where the name lies, a new descriptor, or an error without a sentence. */
int tongi_unix_directory(const struct tongi_unix_name *name);

/* The slots of the same names (transport.h). */
int tongi_unix_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context);
int tongi_unix_remove(const struct tongi_start *start);

#endif

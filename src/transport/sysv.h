/* SPDX-License-Identifier: MIT */
/* What an end of a System V message queue is made of, shared by the files of sysv:. */
#ifndef TONGI_TRANSPORT_SYSV_H
#define TONGI_TRANSPORT_SYSV_H

#include <limits.h>
#include <sys/types.h>

#include "transport/transport.h"

/* A message as the kernel's calls have it; the body follows. */
struct sysv_message {
    long type;
    char body[];
};

/* A message of one direction. */
struct sysv_slot {
    struct sysv_message *message; /* room for the largest; made on first use */
    size_t room;
    size_t len;
    bool full;        /* IN: taken and not yet given to the caller. OUT: the caller's, which found no room */
    bool sent;        /* OUT: it went out while the channel waited */
    int64_t pause_ns; /* the next one, while there is nothing but time to wait for */
};

/* Which queue an address means. */
struct sysv_place {
    bool named;              /* its key stands in a file of the registry, else in the address */
    key_t key;               /* if it is not named */
    char name[NAME_MAX + 1]; /* of that file */
    uint32_t keep;           /* enum tong_keep, as the file says */
    int directory, file;     /* -1: none */
};

struct sysv_state {
    const struct tongi_start *start;
    bool opened;
    int id;      /* of the queue; valid if opened */
    long type;   /* push: what is sent; pull: which are received, as msgrcv() wants it */
    size_t size; /* the largest message */
    struct sysv_place place;
    struct sysv_slot in, out;
};

/* ---- sysv_object.c: the queue as an object --------------------------------------------------------------------- */

/* Finds or makes the queue of start->address, and takes part in it. */
int tongi_sysv_enter(struct sysv_state *state, const struct tongi_start *start);
/* Leaves it: the last one removes what it may. */
void tongi_sysv_leave(struct sysv_state *state);
/* The largest message that the queue takes now. */
int tongi_sysv_size(const struct tongi_start *start, int id, size_t *ret_size);
int tongi_sysv_remove(const struct tongi_start *start);
int tongi_sysv_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context);

/* ---- sysv_registry.c: names ------------------------------------------------------------------------------------ */

/* Keys that tong makes begin with this byte, so that a list tells them from those of others. */
#define SYSV_KEY_TAG 0x74000000u
#define SYSV_KEY_TAG_MASK 0xff000000u

/* What a file of the registry says. */
struct sysv_entry {
    uint32_t key;
    uint32_t keep; /* enum tong_keep, as whoever made the queue asked */
};

/* Parses the rest of an address: a name, 0xKEY, or /PATH#PROJECT. */
int tongi_sysv_place(const struct tongi_start *start, struct sysv_place *ret_place);
/* Opens the user's registry, made if `make`. Errors: -ENOENT, -EACCES (it is not ours). */
int tongi_sysv_registry_open(const struct tongi_start *start, bool make);
/* Opens and locks the name's file, alone or beside others: *ret_alone. Made if `make`. -EAGAIN: try again. */
int tongi_sysv_file_open(const struct tongi_start *start, struct sysv_place *place, bool make, bool *ret_alone);
/* 0, or -ENOENT if nothing was written yet. */
int tongi_sysv_file_read(const struct tongi_start *start, int file, struct sysv_entry *ret_entry);
int tongi_sysv_file_write(const struct tongi_start *start, int file, const struct sysv_entry *entry);
/* Lets others in beside this one. */
int tongi_sysv_file_share(const struct tongi_start *start, int file);
/* Becomes the only one, or drops the lock: -EAGAIN if there are others, -ENOENT if another removed the file. */
int tongi_sysv_file_seize(int file);
/* Removes the file, and the registry with its last one. Only who is alone may. */
void tongi_sysv_file_remove(const struct sysv_place *place);
/* Unlocks and closes; total. A forked child's copy would go on holding the lock, so that unlocking is the owner's. */
void tongi_sysv_place_close(struct sysv_place *place, bool owner);

#endif

/* SPDX-License-Identifier: MIT */
/* What an end of a POSIX message queue is made of, shared by the files of mq:. */
#ifndef TONGI_TRANSPORT_MQ_H
#define TONGI_TRANSPORT_MQ_H

#include <limits.h>

#include "transport/transport.h"

/* "/NAME" as the kernel wants it. */
struct mq_name {
    char text[1 + NAME_MAX + 1];
};

/* A message that was taken out of the queue and did not fit the caller's room, or was only looked at. */
struct mq_held {
    bool full;
    unsigned priority;
    size_t len;
    char *data; /* room for the largest message; made on first use */
};

struct mq_state {
    const struct tongi_start *start;
    struct mq_name name;
    bool opened;
    int fd;            /* valid if opened */
    int out_events;    /* what fd() gave for TONG_OUT, plus 1; 0: nothing yet */
    size_t size;       /* the queue's largest message */
    char *gathered;    /* room for a message made of parts; made on first use */
    uint32_t unlooked; /* calls since the queue was last known to have its name */
    struct mq_held held;
};

/* ---- mq_object.c: the queue as an object with a name ----------------------------------------------------------- */

/* Opens the queue of start->address, or makes it, and takes part in it. */
int tongi_mq_enter(struct mq_state *state, const struct tongi_start *start);
/* Leaves it: the last one removes what it may. The descriptor is closed by the caller. */
void tongi_mq_leave(const struct mq_state *state);
/* Has the queue lost its name? Whoever opens it now gets another one. */
bool tongi_mq_is_removed(int fd);
int tongi_mq_remove(const struct tongi_start *start);
int tongi_mq_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context);

/* ---- mq_limits.c: which limit it was --------------------------------------------------------------------------- */

struct mq_attr;

/* Fills in what nobody asked for, as the kernel would. */
void tongi_mq_attributes(const struct tongi_start *start, struct mq_attr *ret_wanted);
/* The sentence about a queue that could not be opened (wanted is NULL) or made. Returns the error. */
int tongi_mq_open_fail(const struct tongi_start *start, int error, const struct mq_attr *wanted);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Taking stock of what a process and its tests can leave behind: descriptors, threads, entries of /dev/shm, POSIX
 * and System V queues and their kin, and sockets, FIFOs and lock files in the working directory. Each is a line of
 * text; two inventories are compared by their lines.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <stddef.h>

struct inventory {
    char **lines;
    size_t count;
    size_t room;
};

#define INVENTORY_NULL                                                                                                 \
    {                                                                                                                  \
        NULL, 0, 0                                                                                                     \
    }

/* Fills an empty inventory with what there is now. */
void inventory_take(struct inventory *inventory);

/*
 * The first difference between two inventories, as a sentence in text, or "". What is only in after was left behind,
 * what is only in before was taken away.
 */
void inventory_compare(const struct inventory *before, const struct inventory *after, char *text, size_t len);

void inventory_fini(struct inventory *inventory);

#endif

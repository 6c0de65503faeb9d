/* SPDX-License-Identifier: MIT */
/*
 * The writers of a FIFO as its reader knows them, and what each has said of its next message. A message's memory grows
 * as its bytes arrive.
 */
#ifndef TONGI_PRIM_SENDERS_H
#define TONGI_PRIM_SENDERS_H

#include <stdbool.h>

#include "prim/fragment.h"
#include "prim/link.h"

struct tongi_sender {
    uint32_t number;
    uint64_t peer; /* the caller's */
    bool gathering;
    bool skipping; /* the message under way is not wanted: it is too long, or its beginning is missing */
    uint32_t sequence;
    struct tongi_block block;
    size_t got;
    uint64_t dead_at; /* the caller's */
};

/* Zeroed it is empty. */
struct tongi_senders {
    struct tongi_sender **list; /* by number */
    uint32_t count, room;
};

void tongi_senders_fini(struct tongi_senders *senders);
/* NULL if there is none. */
struct tongi_sender *tongi_senders_find(const struct tongi_senders *senders, uint32_t number);
/* A new one, which must not be there yet; NULL without memory. */
struct tongi_sender *tongi_senders_add(struct tongi_senders *senders, uint32_t number);
/* Frees the one at a place of the list. True: it was in the middle of a message. */
bool tongi_senders_remove(struct tongi_senders *senders, uint32_t at);

/* What a fragment of data came to. */
enum tongi_gathered {
    TONGI_GATHERED_PART,   /* the message goes on, or its rest is skipped */
    TONGI_GATHERED_HERE,   /* a whole message stands in the fragment's body */
    TONGI_GATHERED_THERE,  /* a whole message stands in the sender's block, got bytes of it */
    TONGI_GATHERED_ORPHAN, /* the beginning of the message is missing; its rest is skipped */
    TONGI_GATHERED_OVER,   /* the message is longer than size_max; its rest is skipped */
    TONGI_GATHERED_TORN    /* not looked at: a message before it never ended. Forgotten is that one; gather again */
};

/* Takes a fragment of data of this sender. An enum tongi_gathered, or -ENOMEM: then the message is skipped. */
int tongi_sender_gather(struct tongi_sender *sender, const struct tongi_fragment *fragment, const uint8_t *body,
                        uint64_t size_max);

#endif

/* SPDX-License-Identifier: MIT */
/* A message on its way through inproc: a body that all its receivers share, and for each of them what differs. */
#ifndef TONGI_TRANSPORT_INPROC_MESSAGE_H
#define TONGI_TRANSPORT_INPROC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/order.h"

struct inproc_end;
struct inproc_body;

struct inproc_message {
    struct inproc_message *prev, *next; /* in a queue, or among what an end holds */
    struct inproc_body *body;
    struct inproc_end *sender; /* who counts it as not taken yet; NULL: nobody any more */
    struct inproc_end *caller; /* of a call: who waits for the answer; NULL: nobody any more, or no call */
    uint64_t call;             /* of a call: the ticket that the answerer knows; of an answer: the caller's number */
    uint64_t number;           /* of a call: the caller's number */
    uint64_t peer;             /* the sender's number at the object */
    uint64_t sequence;
    uint64_t lost; /* how many its receiver missed just before it */
    uint64_t loan; /* token of the span that lends it; 0: not lent */
    uint32_t flags;
    bool failed; /* stands for no answer: the call is lost with its answerer */
    bool marked; /* inside one release or reject only */
};

struct inproc_body {
    tongi_u32 refs; /* one per receiver */
    size_t len, room;
    struct inproc_message first; /* for the first receiver: most messages have one, and so cost one allocation */
    _Alignas(max_align_t) unsigned char bytes[];
};

/* A message with room for so many bytes, for one receiver; NULL without memory. */
struct inproc_message *tongi_inproc_message_new(size_t room);
/* The same message for one more receiver; NULL without memory. */
struct inproc_message *tongi_inproc_message_share(const struct inproc_message *message);
/* The last receiver's frees the body. */
void tongi_inproc_message_free(struct inproc_message *message);
/* Makes of a message that nobody else holds a new one with the same room. */
struct inproc_message *tongi_inproc_message_reset(struct inproc_message *message);
/* Is this all there is of it: the body's own entry, and nobody else's? */
bool tongi_inproc_message_is_whole(const struct inproc_message *message);
/* Frees a whole list. */
void tongi_inproc_message_free_all(struct inproc_message *list);

#endif

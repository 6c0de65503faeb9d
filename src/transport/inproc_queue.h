/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of inproc: oldest first, whole messages only. Its owner's lock is held in all functions. What is
 * claimed, waits or is lent counts against the depth, so that no crowd of loans makes it grow.
 */
#ifndef TONGI_TRANSPORT_INPROC_QUEUE_H
#define TONGI_TRANSPORT_INPROC_QUEUE_H

#include "transport/inproc_message.h"

struct inproc_queue {
    struct inproc_message *waiting;
    uint32_t depth;
    uint32_t count; /* waiting */
    uint32_t lent;
    uint32_t used; /* claimed, waiting and lent */
    uint64_t lost; /* missed since the last one that waits */
    /* Of a pair: */
    bool ended;    /* the writer finished */
    bool cut;      /* the writer has gone without finishing */
    bool deserted; /* the reader has gone */
};

static inline uint32_t tongi_inproc_queue_room(const struct inproc_queue *queue)
{
    return queue->used < queue->depth ? queue->depth - queue->used : 0;
}

/* Adds a message for which room was counted in used. */
void tongi_inproc_queue_put(struct inproc_queue *queue, struct inproc_message *message);
/* Puts back what was taken or lent, flagged as redelivered, before or behind the others; counted in used. */
void tongi_inproc_queue_put_back(struct inproc_queue *queue, struct inproc_message *message, bool before);

/* Takes a waiting message out undelivered; what was lost before it is lost before the next. */
void tongi_inproc_queue_remove(struct inproc_queue *queue, struct inproc_message *message);
/* Takes the oldest out to be lent; its room stays used until tongi_inproc_queue_release. */
struct inproc_message *tongi_inproc_queue_lend(struct inproc_queue *queue);
void tongi_inproc_queue_release(struct inproc_queue *queue);
/* Takes the oldest out to be delivered, with what was lost before it. */
struct inproc_message *tongi_inproc_queue_take(struct inproc_queue *queue);

#endif

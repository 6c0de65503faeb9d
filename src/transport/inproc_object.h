/* SPDX-License-Identifier: MIT */
/*
 * An object is what a name of inproc stands for: the ends that have it open, and the messages between them. One lock
 * guards all of it. Which queue an end reads and writes is settled when it joins:
 *
 *     push, pull    one queue of the object's, shared by all
 *     pub, sub      an inbox per sub
 *     pair          one queue of the object's per direction
 *     req, rep      calls in one queue of the object's, answers in an inbox per req
 */
#ifndef TONGI_TRANSPORT_INPROC_OBJECT_H
#define TONGI_TRANSPORT_INPROC_OBJECT_H

#include <pthread.h>

#include "base/error.h"
#include "transport/inproc_bell.h"
#include "transport/inproc_queue.h"
#include "transport/transport.h"

enum inproc_conversation { INPROC_PIPELINE, INPROC_PUBLISH, INPROC_PAIR, INPROC_REQUEST };

struct inproc_name;
struct inproc_prefix;

struct inproc_object {
    uint32_t generation; /* of the process it belongs to; a forked child must not even lock it */
    enum inproc_conversation conversation;
    uint32_t depth;
    uint64_t size;
    tongi_u64 changes; /* grows whenever an end's prospects may have changed; read without the lock, too */
    pthread_mutex_t lock;
    struct inproc_end *ends;
    uint64_t numbers; /* given to ends */
    uint64_t tickets; /* given to calls */
    uint32_t senders; /* pushers, publishers and requesters that have not finished */
    uint32_t hungry;  /* of those, who found no room and has sent nothing since */
    uint32_t bells;   /* made by the ends */
    bool begun;       /* there was a sender */
    bool broken_off;  /* the sender that went last had not finished */
    struct inproc_queue queues[2];
    struct inproc_message *spares; /* to be used again */
    uint32_t spare_count;
    struct inproc_message *past; /* what a late subscriber gets, oldest first */
    uint32_t past_count;
    uint32_t history; /* how many of those are kept */
    /* The registry's, under its lock: */
    struct inproc_name *name; /* NULL: cannot be found (any more) */
    uint32_t members;
    struct inproc_object *next_inherited;
    bool inherited;
};

enum { INPROC_BELL_TAKEN = TONG_OUT + 1, INPROC_BELLS };

/* One end of a conversation: the transport's state. */
struct inproc_end {
    const struct tongi_start *start;
    struct inproc_object *object; /* NULL: it has not joined */
    struct inproc_end *prev, *next;
    uint64_t number;          /* under which other ends' events name it */
    struct inproc_queue *in;  /* NULL if it does not receive */
    struct inproc_queue *out; /* NULL if it sends into other ends' inboxes, or not at all */
    struct inproc_queue inbox;
    struct inproc_message *held; /* lent by peek, in that order; of a rep also the calls to be answered */
    uint32_t lent;
    uint64_t loans; /* tokens given */
    uint64_t sequence;
    uint64_t untaken; /* messages that flush waits for */
    bool finished;
    bool hungry;
    bool flushing; /* the next sleep of the sending thread is for them */
    struct inproc_prefix *prefixes;
    struct inproc_bell bells[INPROC_BELLS]; /* by direction, and one for flush */
    struct inproc_message *claimed;         /* the sending thread's */
    uint64_t idle_in, idle_out; /* each thread's: what changes was when that direction last had nothing to do */
};

/* NULL without memory. The object's options are those of its first end. */
struct inproc_object *tongi_inproc_object_new(const struct tongi_start *start);
/* Nobody may be on it any more. */
void tongi_inproc_object_free(struct inproc_object *object);

/*
 * Adds an end. Errors: TONG_E_REFUSED (another conversation), -EINVAL (other options), -EBUSY (both seats of a pair are
 * taken), -ERANGE, -ENOMEM; the end is then as if it had never been there.
 */
int tongi_inproc_object_join(struct inproc_object *object, struct inproc_end *end, const struct tongi_start *start);
/* Takes an end away; what it held goes where its conversation says. */
void tongi_inproc_object_leave(struct inproc_end *end);
/* The farewell of an end that sends nothing more. */
int tongi_inproc_object_finish(struct inproc_end *end);

/* Locks an end's object. TONG_E_FORKED, without touching the lock, in a child of the process that made it. */
int tongi_inproc_lock(struct inproc_end *end);
static inline void tongi_inproc_unlock(struct inproc_end *end)
{
    pthread_mutex_unlock(&end->object->lock);
}

#endif

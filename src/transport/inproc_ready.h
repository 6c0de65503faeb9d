/* SPDX-License-Identifier: MIT */
/* What an end could do now, and the bells that tell it. The object's lock is held unless a comment says otherwise. */
#ifndef TONGI_TRANSPORT_INPROC_READY_H
#define TONGI_TRANSPORT_INPROC_READY_H

#include "transport/inproc_object.h"

/* What receiving would say: 0 (a message waits), -EAGAIN, TONG_E_END, TONG_E_GONE. No sentence. */
int tongi_inproc_in_state(const struct inproc_end *end);
/*
 * Room for how many messages of this end. Who shares a queue with hungry senders gets no more than an even part of it,
 * so that those who run cannot take all room from those who have to be woken first.
 */
uint32_t tongi_inproc_room(const struct inproc_end *end);
/* An end found no room in the queue that it shares, or found some again. */
void tongi_inproc_hunger(struct inproc_end *end, bool hungry);
/* What sending would say: 0 (there is room), -EAGAIN, TONG_E_GONE. No sentence. */
int tongi_inproc_out_state(const struct inproc_end *end);
/* Was everything sent taken? 0, -EAGAIN, TONG_E_GONE. No sentence. */
int tongi_inproc_taken_state(const struct inproc_end *end);

/* Something changed that may concern every end of the object, or one alone. */
void tongi_inproc_changed(struct inproc_object *object);
void tongi_inproc_changed_for(struct inproc_end *end);
/* Brings the bells up to date where nobody can do more than before. */
void tongi_inproc_ring(struct inproc_object *object);
/* The message was taken, or never will be by a declared policy: its sender's flush need not wait for it. */
void tongi_inproc_taken(struct inproc_message *message);
/* Takes a message back that waits in a queue, as if it had never come. */
void tongi_inproc_withdraw(struct inproc_queue *queue, struct inproc_message *message);

/*
 * Locks as tongi_inproc_lock does, but answers -EAGAIN without it as long as nothing changed since *idle was set by
 * tongi_inproc_idle: an end that spins does not compete for the lock with those who could end its wait.
 */
int tongi_inproc_lock_if_changed(struct inproc_end *end, uint64_t idle);
/* There was nothing to do; remembers as of when, and returns -EAGAIN. */
static inline int tongi_inproc_idle(struct inproc_end *end, uint64_t *ret_idle)
{
    *ret_idle = tongi_load_relaxed_u64(&end->object->changes);
    return -EAGAIN;
}

/* Slots of the table; not locked. */
int tongi_inproc_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns);
int tongi_inproc_fd(void *state, uint32_t direction);

#endif

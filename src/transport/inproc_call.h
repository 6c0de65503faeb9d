/* SPDX-License-Identifier: MIT */
/*
 * Calls and answers. A call stays with the rep that took it, among what it holds, until it is answered, cancelled or
 * lost. The lock of the object is held.
 */
#ifndef TONGI_TRANSPORT_INPROC_CALL_H
#define TONGI_TRANSPORT_INPROC_CALL_H

#include "transport/inproc_object.h"

/* Sends a call under the caller's number, or under its sequence if that is 0. There is room for it and its answer. */
void tongi_inproc_call_put(struct inproc_end *req, struct inproc_message *call, uint64_t number);
/* Answers the call with that ticket. -ENOENT: this rep has none whose caller still waits. The answer is given away. */
int tongi_inproc_call_answer(struct inproc_end *rep, struct inproc_message *answer, uint64_t ticket);
/* Forgets a requester's calls with that number, or all, and their answers that wait. How many there were. */
uint32_t tongi_inproc_call_forget(struct inproc_end *req, uint64_t number, bool all);
/* A rep goes: its unanswered calls go to another, or come back to their callers as failed. */
void tongi_inproc_call_abandon(struct inproc_end *rep);

#endif

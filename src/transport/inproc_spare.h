/* SPDX-License-Identifier: MIT */
/*
 * Large messages come from the object's few spare ones where possible: what malloc gets from the system anew, a page
 * fault at a time, costs several times what copying the bytes does. The object's lock is not held.
 */
#ifndef TONGI_TRANSPORT_INPROC_SPARE_H
#define TONGI_TRANSPORT_INPROC_SPARE_H

#include "transport/inproc_object.h"

/* As tongi_inproc_message_new, for a sender that has joined. */
struct inproc_message *tongi_inproc_spare_new(struct inproc_end *end, size_t room);
/* As tongi_inproc_message_free_all, for messages that nobody else can reach. */
void tongi_inproc_spare_free_all(struct inproc_end *end, struct inproc_message *list);

#endif

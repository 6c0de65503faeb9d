/* SPDX-License-Identifier: MIT */
/* Publishing: every subscriber has a queue of its own and misses its oldest messages when it is slow, counted. */
#ifndef TONGI_TRANSPORT_INPROC_PUBLISH_H
#define TONGI_TRANSPORT_INPROC_PUBLISH_H

#include "transport/inproc_object.h"

/* Gives a message to all who want it, or to nobody for want of memory (-ENOMEM). It is given away. The lock is held. */
int tongi_inproc_publish(struct inproc_end *pub, struct inproc_message *message);
/* Gives a new subscriber what is kept for the late. -ENOMEM. The lock is held. */
int tongi_inproc_publish_past(struct inproc_end *sub);
/* Forgets all subscriptions. */
void tongi_inproc_prefixes_free(struct inproc_end *sub);

/* Slot of the table. */
int tongi_inproc_subscribe(void *state, const void *prefix, size_t len, bool wanted);

#endif

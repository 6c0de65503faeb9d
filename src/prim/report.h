/* SPDX-License-Identifier: MIT */
/* Where a transport tells its channel what happened: counters that anyone may read, and events in order. */
#ifndef TONGI_PRIM_REPORT_H
#define TONGI_PRIM_REPORT_H

#include <pthread.h>

#include <tong/tong.h>

#include "base/limits.h"
#include "base/order.h"

struct tongi_report {
    tongi_u64 peers, connects, refused, lost, redelivered;
    pthread_mutex_t lock; /* of what follows; never held across anything that waits */
    uint64_t next_peer;
    uint64_t events_lost;
    uint32_t first, count;
    tong_event events[TONGI_EVENTS_MAX];
};

void tongi_report_init(struct tongi_report *report);
void tongi_report_fini(struct tongi_report *report);

/* A number for a new peer, from 1 on, never given twice by one channel. */
uint64_t tongi_report_peer(struct tongi_report *report);
/* Adds an event and moves the counters that belong to it: JOINED counts a peer in, REFUSED a newcomer away, the others
 * a peer out. Of newcomers, who may come as often as they like, only the first of a row is told. */
void tongi_report_event_of(struct tongi_report *report, const tong_event *event);
/* The same where nobody vouches for who it is. */
void tongi_report_event(struct tongi_report *report, enum tong_event_what what, uint64_t peer);
/* Takes up to n events, oldest first; those that did not fit come as one TONG_EVENTS_LOST at the end. */
uint32_t tongi_report_take(struct tongi_report *report, tong_event *ret_events, uint32_t n);

/* Counters with several writers, none of them on a hot path. */
static inline void tongi_report_count(tongi_u64 *counter, uint64_t amount)
{
    tongi_add_acq_rel_u64(counter, amount);
}

#endif

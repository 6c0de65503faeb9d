/* SPDX-License-Identifier: MIT */
/*
 * One end's way to its FIFO: when it is tried again, and what an event loop polls meanwhile and afterwards. The FIFO
 * may be opened anew; what the event loop has stays.
 */
#ifndef TONGI_TRANSPORT_FIFO_TRIES_H
#define TONGI_TRANSPORT_FIFO_TRIES_H

#include <stdbool.h>
#include <stdint.h>

struct tongi_fifo_tries {
    uint32_t events; /* for which this end sleeps: POLLIN or POLLOUT */
    int64_t next_ns, backoff_ns;
    uint32_t jitter;
    int epoll, timer; /* made on first use, -1 before */
};

void tongi_fifo_tries_init(struct tongi_fifo_tries *tries, uint32_t events);
void tongi_fifo_tries_fini(struct tongi_fifo_tries *tries);

/* May it be tried now? Then the next time is set. */
bool tongi_fifo_tries_due(struct tongi_fifo_tries *tries);
/* The FIFO is open; tries begin anew after it. The system's error if an event loop could not be told. */
int tongi_fifo_tries_won(struct tongi_fifo_tries *tries, int fd);
/* It is about to be closed. */
void tongi_fifo_tries_lost(struct tongi_fifo_tries *tries, int fd);
/* The descriptor for an event loop; fd is the FIFO or -1. The system's error. */
int tongi_fifo_tries_fd(struct tongi_fifo_tries *tries, int fd);

#endif

/* SPDX-License-Identifier: MIT */
/* The datagram sockets of unix:, a puller with a name and pushers that send to it, without connections. */
#ifndef TONGI_TRANSPORT_UNIX_DGRAM_H
#define TONGI_TRANSPORT_UNIX_DGRAM_H

#include "transport/transport.h"
#include "transport/unix_name.h"

/* Who sent a datagram, in the kernel's words; uid UINT32_MAX: it was not asked, or does not know. */
struct tongi_unix_dgram_sender {
    uint32_t pid, uid, gid;
};

/* What a puller has read: datagrams in a row, each behind its length and its sender. */
struct tongi_unix_dgram_stage {
    uint8_t *data;
    size_t room;
    size_t next;   /* the first that is not lent: next <= end */
    size_t end;    /* behind the last */
    uint64_t lent; /* loans by number: those in (released, lent] are out */
    uint64_t released;
};

struct tongi_unix_dgram {
    const struct tongi_start *start; /* NULL: start has not run */
    struct tongi_unix_name name;
    int fd; /* the puller's, or the pusher's while it has a puller */

    /* the pusher */
    uint64_t peer;
    int64_t next_try_ns, backoff_ns;
    bool gone;        /* for good */
    int epoll, timer; /* made on first use, for programs that poll */

    /* the puller */
    struct tongi_unix_dgram_stage stage;
    struct tongi_unix_dgram_sender sender; /* of the one that was read, or taken, last */
    bool large;                            /* the last one was long, and so may the next be */
    size_t cut_short;                      /* the length of one that was too long and is to be told of; 0: none */
    uint64_t lost;                         /* how many were, since the last message */
};

/* Without and with the sender of each message. */
extern const struct tongi_transport_ops tongi_unix_dgram_ops, tongi_unix_dgram_senders_ops;

/* The receiving slots (transport.h). */
int64_t tongi_unix_dgram_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta);
int64_t tongi_unix_dgram_peek(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n);
int tongi_unix_dgram_release(void *state, const tong_span *spans, uint32_t n);
int64_t tongi_unix_dgram_next_size(void *state);
/* Is something read, or to be told? */
bool tongi_unix_dgram_in_ready(const struct tongi_unix_dgram *dgram);

#endif

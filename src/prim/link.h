/* SPDX-License-Identifier: MIT */
/*
 * One framed connection: a stream socket, two pipes or one, what of the last message could not be written yet, and what
 * of the next one has been read so far. The reading and the writing half never touch each other's fields, so that one
 * thread may be in each; what both need is marked.
 */
#ifndef TONGI_PRIM_LINK_H
#define TONGI_PRIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <tong/tong.h>

#include "base/order.h"
#include "prim/ancillary.h"
#include "sys/quiet.h"

/* A growing block of bytes. Zeroed it is empty. */
struct tongi_block {
    uint8_t *data;
    size_t room;
};

/* Makes room for at least bytes, keeping the content. -ENOMEM. */
int tongi_block_reserve(struct tongi_block *block, size_t bytes);
void tongi_block_free(struct tongi_block *block);

/* A body too long for the reading stage, on its way into memory of its own or straight into the receiver's. */
struct tongi_body {
    struct tongi_block own;
    uint8_t *lent; /* the receiver's room, instead of own; NULL: own */
    size_t len, got;
    uint32_t descriptors; /* that come with it */
    bool active;
};

/* What the bytes travel through. */
enum tongi_wire {
    TONGI_WIRE_SOCKET,
    TONGI_WIRE_PIPE,
    TONGI_WIRE_PACKET /* a socket that keeps the bounds of what is written: one frame is one packet (prim/packet.h) */
};

struct tongi_link {
    /* both halves; set before the link is shared */
    /* of a socket the same, and of a single pipe, which is used in one direction and watched in both */
    int in_fd, out_fd;
    enum tongi_wire wire;
    int dead_fd; /* of pipes: the write end of one that nobody reads, to take the place of an end that is over; or -1 */
    uint32_t framing; /* enum tong_framing; 0 is TONG_FRAMING_LENGTH */
    size_t least;     /* the fewest bytes that tell anything: a header, or one where there is none */
    uint64_t peer;
    uint32_t pid, uid, gid;
    bool vouched;
    bool shared; /* made for two processes (tong_pair): ending it here must not end it there */
    /* both halves, under the hub's lock */
    uint32_t refs;
    bool lost;
    bool told; /* that it is over: one event for one link */
    /* the reader stores it with the peer's hello, the writer compares sizes; 0: not known yet. Relaxed: a number. */
    tongi_u64 peer_size;
    tongi_u64 peer_descriptors; /* the same, for how many a message may bring, and 1 */

    /* the reading half */
    bool watched;                      /* in the hub's in_epoll */
    struct tongi_ancillary *ancillary; /* what comes beside the bytes; NULL: nobody asked for it */
    bool greeted, large;
    bool framed; /* it said hello, so that headers follow */
    bool ended;  /* foreign: it only reads from now on */
    uint64_t sequence;
    size_t searched;          /* foreign lines: bytes behind the last message that hold no end */
    struct tongi_block stash; /* bytes of an unfinished frame, while the stage serves another link */
    size_t stashed;
    struct tongi_body body;
    struct tongi_link *greet_next, *greet_prev; /* newcomers that have not said hello, oldest first */
    int64_t greet_until_ns;                     /* 0: not among them */

    /* the writing half */
    uint32_t index; /* in the hub's list */
    struct tongi_quiet quiet;
    bool grown;    /* a pipe that was made larger, or may not be */
    bool full;     /* the last write found no room */
    bool farewell; /* END is written or in rest */
    struct tongi_block rest;
    size_t rest_at, rest_end;
};

/* What is to be written: messages from memory of others, gathered behind what is left from before. */
struct tongi_batch {
    const tong_view *parts;
    uint32_t n;
    bool gather;    /* the parts are one message; otherwise each is a message */
    const int *fds; /* that go with it, if it is one */
    uint32_t n_fds;
};

/* How far a write came. */
struct tongi_written {
    uint32_t messages; /* wholly in the kernel */
    size_t begun;      /* bytes of the next frame, header included, that are in the kernel too */
};

/* A link over one socket, or over the ends of two pipes, or of one. */
struct tongi_link *tongi_link_new(int in_fd, int out_fd, enum tongi_wire wire);
/* Makes what ending a link of pipes needs, so that it cannot fail then; of a socket nothing. -EMFILE, -ENFILE. */
int tongi_link_arm(struct tongi_link *link);
/* Gives everything back. cut: also end the connection for whoever else holds it. Accepts NULL. */
void tongi_link_free(struct tongi_link *link, bool cut);
/* Gives one reference back, under the hub's lock; the last one frees. Accepts NULL. */
void tongi_link_unref(struct tongi_link *link, bool cut);

static inline int tongi_link_fd(const struct tongi_link *link, uint32_t direction)
{
    return direction == TONG_IN ? link->in_fd : link->out_fd;
}

/* Is there a pipe in one direction only? */
static inline bool tongi_link_is_one_way(const struct tongi_link *link)
{
    return link->wire == TONGI_WIRE_PIPE && link->in_fd == link->out_fd;
}

/*
 * Ends the connection in both directions, for the peer too. Each half finds out by itself: its descriptor stays, but
 * reads an end and takes nothing. An epoll has to be told (tongi_hub_cut).
 */
void tongi_link_cut(struct tongi_link *link);
/* Nothing is written any more: behind what was, the peer reads an end of stream. */
void tongi_link_end(struct tongi_link *link);

/* One system call each, as read and write; the second take n pieces. -EAGAIN instead of waiting, no SIGPIPE. */
ssize_t tongi_link_get(struct tongi_link *link, void *to, size_t room);
ssize_t tongi_link_getv(struct tongi_link *link, struct iovec *vector, uint32_t n);
ssize_t tongi_link_put(struct tongi_link *link, const void *data, size_t len);
ssize_t tongi_link_putv(struct tongi_link *link, struct iovec *vector, uint32_t n);

/*
 * Writes what is left of before, then the batch, whose first frame begins behind skip bytes, as far as one system call
 * takes it. stage is scratch of TONGI_CHUNK_BYTES. A message with descriptors begins a system call of its own, and they
 * go in with its first byte. Errors: -EAGAIN (nothing of the batch went in), -EPIPE, -ECONNRESET, as the system says,
 * without a sentence.
 */
int tongi_link_write(struct tongi_link *link, const struct tongi_batch *batch, size_t skip, uint8_t *stage,
                     struct tongi_written *ret_written);

/* Keeps the batch's frame number at from byte skip on, to be written later. -ENOMEM. */
int tongi_link_keep(struct tongi_link *link, const struct tongi_batch *batch, uint32_t at, size_t skip);
/* Keeps bytes that are already a frame. -ENOMEM. */
int tongi_link_keep_bytes(struct tongi_link *link, const uint8_t *bytes, size_t len);

/* Writes what was kept: 0 when nothing is left, -EAGAIN, or the system's error. */
int tongi_link_push(struct tongi_link *link);
/* So many bytes of what was kept are written, or given up. */
void tongi_link_consume(struct tongi_link *link, size_t bytes);

/* The length of a batch's message. */
size_t tongi_batch_len(const struct tongi_batch *batch, uint32_t at);

#endif

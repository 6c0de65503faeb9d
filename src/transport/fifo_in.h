/* SPDX-License-Identifier: MIT */
/*
 * The reading end of a FIFO: that it is the only one, that it knows when nobody writes any more, and what it has read.
 * What the bytes mean is a table of three functions, one for each way of framing.
 */
#ifndef TONGI_TRANSPORT_FIFO_IN_H
#define TONGI_TRANSPORT_FIFO_IN_H

#include "prim/senders.h"
#include "transport/fifo_name.h"
#include "transport/fifo_tries.h"

struct tongi_fifo_in;

/* A message that is to be taken next. */
struct tongi_fifo_message {
    const uint8_t *data; /* NULL: it stands in the receiver's room already */
    size_t len;
    uint64_t peer, sequence;
};

struct tongi_fifo_reading {
    enum tongi_fifo_lock reads;
    /* Finds the next message among what was read: 1 (in->message), 0 (more must be read), or an error that is to be
     * reported once. direct: the receiver's room, where a long message may go straight, or NULL. */
    int (*parse)(struct tongi_fifo_in *in, const tong_bytes *direct);
    /* Nobody writes any more, and all was read and parsed. */
    void (*left)(struct tongi_fifo_in *in);
    /* The receiver's room is its own again. -ENOMEM. NULL: it is never lent. */
    int (*settle)(struct tongi_fifo_in *in);
};

struct tongi_fifo_in {
    const struct tongi_fifo_reading *reading;
    struct tongi_fifo_name *name;
    struct tongi_report *report;
    bool end_last;
    uint64_t size_max;
    uint32_t peers_max;

    struct tongi_fifo_tries tries;
    int fd;
    int own;     /* our own writing end, held while nobody else writes, or the end of file would wake us for ever */
    bool hung;   /* the writers left, and own is not open yet */
    bool vacant; /* TONGI_FIFO_VACANT is held */
    int fate;    /* TONG_E_END or TONG_E_GONE, if that is how it ends when everything is parsed; 0 */
    bool over;   /* it was said */
    int trouble; /* an error that tong_events came across, for the next receive */

    uint8_t *stage;
    size_t at, end;
    uint64_t taken; /* bytes before stage[at] */
    bool ready;
    bool exhausted; /* nothing whole is in the stage */
    struct tongi_fifo_message message;
    uint64_t missed; /* since the last message that was delivered */

    /* fragments */
    struct tongi_senders senders;
    const struct tongi_sender *leaving; /* says goodbye just now, and so is not dead */
    uint32_t dead;                      /* how many of them are marked */
    uint32_t probe_at;                  /* how many there are when they are looked through next */
    bool junk;                          /* the last bytes were no fragment */

    /* frames: the only writer. lines: what has come of one. */
    bool greeted, farewell, skipping;
    uint64_t peer, sequence;
    struct tongi_body body;
};

int tongi_fifo_in_init(struct tongi_fifo_in *in, const struct tongi_start *start,
                       const struct tongi_fifo_reading *reading, struct tongi_fifo_name *name);
void tongi_fifo_in_fini(struct tongi_fifo_in *in, bool owner);

/* The slots of the same names (transport.h). */
int tongi_fifo_in_step(struct tongi_fifo_in *in);
int64_t tongi_fifo_in_recv(struct tongi_fifo_in *in, tong_bytes *msgs, uint32_t n, tong_meta *meta);
int64_t tongi_fifo_in_next_size(struct tongi_fifo_in *in);
int tongi_fifo_in_settle(struct tongi_fifo_in *in);
int tongi_fifo_in_pollset(struct tongi_fifo_in *in, struct pollfd *set, int64_t *until_ns);
int tongi_fifo_in_fd(struct tongi_fifo_in *in);
bool tongi_fifo_in_ready(const struct tongi_fifo_in *in);

/* ---- for the ways of framing ----------------------------------------------------------------------------------- */

extern const struct tongi_fifo_reading tongi_fifo_fragments_in;
extern const struct tongi_fifo_reading tongi_fifo_frames_in;
extern const struct tongi_fifo_reading tongi_fifo_lines_in;
extern const struct tongi_fifo_reading tongi_fifo_raw_in;

static inline const uint8_t *tongi_fifo_staged(const struct tongi_fifo_in *in)
{
    return in->stage + in->at;
}

/* So many bytes of the stage are done with. */
static inline void tongi_fifo_consume(struct tongi_fifo_in *in, size_t bytes)
{
    in->at += bytes;
    in->taken += bytes;
}

/* Messages that will not be delivered. */
void tongi_fifo_missed(struct tongi_fifo_in *in, uint64_t messages);
/* One that will not, for a limit's sake: -EMSGSIZE (size=), -ENOBUFS (peers=), -ENOMEM; gives it its sentence. */
int tongi_fifo_dropped(struct tongi_fifo_in *in, int error);
/* A writer is there: gives its number as a peer. */
uint64_t tongi_fifo_joined(struct tongi_fifo_in *in);
/* It is not any more; last: it was the only one. */
void tongi_fifo_left(struct tongi_fifo_in *in, uint64_t peer, enum tong_event_what what, bool last);
/* What is written is no conversation: the FIFO is closed, so that the writers notice, and opened anew later. */
void tongi_fifo_cut(struct tongi_fifo_in *in);

/* Fragments: drops those of the marked whose last bytes have been parsed, and with mark, marks those that died. */
void tongi_fifo_reap(struct tongi_fifo_in *in, bool mark);

#endif

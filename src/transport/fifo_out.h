/* SPDX-License-Identifier: MIT */
/*
 * The writing end of a FIFO: that it finds a reader who takes the bytes for what they are, and finds one again. How
 * messages become bytes is a table, one for each way of framing.
 */
#ifndef TONGI_TRANSPORT_FIFO_OUT_H
#define TONGI_TRANSPORT_FIFO_OUT_H

#include "prim/link.h"
#include "transport/fifo_name.h"
#include "transport/fifo_tries.h"

struct tongi_fifo_out;

struct tongi_fifo_writing {
    enum tongi_fifo_lock reads; /* what the reader must take the bytes for */
    bool strangers;             /* the reader may be any program */
    /* May this end begin? 0, -EAGAIN (not yet), -EBUSY with a sentence, or the system's error. */
    int (*begin)(struct tongi_fifo_out *out, int fd);
    /* Sends the first of the messages, and more if that costs no waiting; how many, or -EAGAIN, or the system's error.
     * Nothing kept is in the way. */
    int64_t (*send)(struct tongi_fifo_out *out, const struct tongi_batch *batch);
    /* Writes what was kept: 0 when nothing is left, -EAGAIN, or the system's error. */
    int (*push)(struct tongi_fifo_out *out);
    /* Copies the rest of the message that send has begun. -ENOMEM. */
    int (*keep)(struct tongi_fifo_out *out);
    /* Says goodbye, as push. NULL: there is no word for it. */
    int (*bid)(struct tongi_fifo_out *out);
    /* The FIFO is closed: nothing of what is unfinished can go on. */
    void (*forget)(struct tongi_fifo_out *out);
};

struct tongi_fifo_out {
    const struct tongi_fifo_writing *writing;
    struct tongi_fifo_name *name;
    struct tongi_report *report;
    bool reconnect;
    uint64_t size_max;

    struct tongi_fifo_tries tries;
    int fd;
    bool had; /* a reader */
    bool finished;
    uint64_t peer;
    struct tongi_quiet quiet;

    /* the message that was begun: the caller's, or its rest, which is ours */
    struct tongi_batch begun;
    size_t begun_bytes; /* of it that are written; 0: none is begun */
    struct tongi_block rest;
    size_t rest_at, rest_end;
    size_t rest_from; /* fragments: where in its message rest.data begins */

    /* fragments */
    uint32_t number, sequence;
    bool hello_due;

    /* frames */
    struct tongi_link *link;
    uint8_t *scratch;
};

void tongi_fifo_out_init(struct tongi_fifo_out *out, const struct tongi_start *start,
                         const struct tongi_fifo_writing *writing, struct tongi_fifo_name *name);
void tongi_fifo_out_fini(struct tongi_fifo_out *out, bool owner);

/* The slots of the same names (transport.h). */
int tongi_fifo_out_step(struct tongi_fifo_out *out);
int64_t tongi_fifo_out_send(struct tongi_fifo_out *out, const struct tongi_batch *batch);
int tongi_fifo_out_settle(struct tongi_fifo_out *out);
int tongi_fifo_out_flush(struct tongi_fifo_out *out);
int tongi_fifo_out_finish(struct tongi_fifo_out *out);
int tongi_fifo_out_pollset(struct tongi_fifo_out *out, struct pollfd *set, int64_t *until_ns);
int tongi_fifo_out_fd(struct tongi_fifo_out *out);

extern const struct tongi_fifo_writing tongi_fifo_fragments_out;
extern const struct tongi_fifo_writing tongi_fifo_frames_out;
extern const struct tongi_fifo_writing tongi_fifo_lines_out;
extern const struct tongi_fifo_writing tongi_fifo_raw_out;

#endif

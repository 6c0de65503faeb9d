/* SPDX-License-Identifier: MIT */
/*
 * A hub is a channel's side of a stream transport: it listens or connects, greets, holds the links, receives from all
 * of them fairly, and spreads what is sent over them. The family of sockets (how to listen, to connect, to tell who is
 * there) is a table of three functions.
 *
 * A pair's hub has at most one link at a time and two threads, one in each half: each half holds a reference to the
 * link it works on, and the lock is taken only to replace it. All other hubs have one thread.
 */
#ifndef TONGI_PRIM_HUB_H
#define TONGI_PRIM_HUB_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include <tong/tong.h>

#include "prim/frame.h"
#include "prim/link.h"
#include "prim/report.h"

/* How one family of stream sockets does what differs. place is the transport's own. */
struct tongi_net {
    /* A connected, non-blocking, close-on-exec socket. -EAGAIN: nobody there yet, or no room in their backlog. */
    int (*connect)(void *place);
    /* Who is at the other end: fills pid, uid, gid and vouched. -EACCES: not to be talked to. May be NULL. */
    int (*identify)(void *place, struct tongi_link *link);
    /* Is the process at the other end dead for certain? NULL: nobody can say. */
    bool (*is_dead)(const struct tongi_link *link);
};

struct tongi_hub_setup {
    const struct tongi_net *net;
    void *place;
    const char *address; /* for sentences; all of this stays valid until fini */
    struct tongi_report *report;
    enum tongi_wire wire;
    uint32_t role;
    bool listening;
    bool reconnect;
    bool end_last;
    uint64_t size_max;
    uint32_t descriptors; /* that a message may bring; 0: none is let in */
    bool credentials;     /* of each message, where the socket gives them */
    uint32_t peers_max;
    int64_t handshake_ns;
    uint32_t framing; /* enum tong_framing; 0 is TONG_FRAMING_LENGTH */
};

/* The reading stage: bytes of one link at a time. */
struct tongi_stage {
    uint8_t *data;
    size_t room;
    size_t at;   /* first byte not given back */
    size_t next; /* first byte not lent: at <= next <= end */
    size_t end;
};

/* What a half does next when its link is lost. */
enum tongi_fate { TONGI_FATE_OPEN, TONGI_FATE_END, TONGI_FATE_GONE, TONGI_FATE_REFUSED };

struct tongi_hub {
    struct tongi_hub_setup setup;
    pthread_mutex_t lock; /* of links' refs and lost, current, the connector, the descriptors made on first use */
    bool made;            /* init has run, so fini has work */
    bool plain;           /* one link at a time, which carries a stream of frames: there are short ways */
    tongi_u32 met;        /* a peer has said hello. Relaxed: only a sentence depends on it */

    /* connecting */
    struct tongi_link *current;
    int64_t next_try_ns, backoff_ns;
    uint32_t jitter;
    bool had_link;
    bool refused;  /* for good */
    char *refusal; /* the peer's sentence, or NULL */

    /* listening */
    int listener;
    int spare;             /* an open descriptor given up for a moment to refuse a newcomer when there is none left */
    int64_t rest_until_ns; /* accepting rests: not even the spare helped */
    bool resting;
    struct tongi_link **links;
    uint32_t count, room;
    struct tongi_link *greet_first, *greet_last;

    /* descriptors: in_epoll and out_epoll watch the links for the two directions; timer is in both */
    int in_epoll, out_epoll, timer;
    int64_t timer_ns;
    bool watch_all; /* somebody polls in_epoll, so that every link must be in it */

    /* the receiving half */
    struct tongi_link *in;
    struct tongi_stage stage;
    uint32_t fills; /* since the last look at who else is there */
    /* of a call on packets: how many messages it wants, and where a long one may go at once (NULL: nowhere) */
    uint32_t wanted;
    const tong_bytes *direct;
    uint64_t asked; /* the number of a link that has just been found to have none */
    struct epoll_event *events;
    uint32_t event_at, event_count;
    uint64_t lent, released; /* loans by number: those in (released, lent] are out */
    bool body_lent;
    struct tongi_block spare_body; /* memory of the last long message, for the next one */
    enum tongi_fate in_fate;
    bool reset;    /* what passes for an end of stream was an error */
    char why[112]; /* the present link is lost for this reason, rather than without a word */

    /* the sending half */
    struct tongi_link *out;
    uint8_t *scratch;
    uint32_t turn;  /* whose link is next */
    uint32_t sends; /* since the last look */
    uint32_t full_count;
    struct tongi_link *wait_link; /* what a flush waits for, rather than for any link with room */
    struct tongi_link *begun;     /* its current message is the caller's, begun_bytes of it went in */
    size_t begun_bytes;
    struct tongi_batch begun_batch;
    enum tongi_fate out_fate;
};

/* ---- life (hub.c) ---------------------------------------------------------------------------------------------- */

int tongi_hub_init(struct tongi_hub *hub, const struct tongi_hub_setup *setup);
/* owner: this process's channel, so that links are ended and not merely given up. Total on a zeroed hub. */
void tongi_hub_fini(struct tongi_hub *hub, bool owner);

/* The hub serves this listening socket, its own from now on, also on failure. */
int tongi_hub_listen(struct tongi_hub *hub, int fd);
/* The hub's only link is this connected socket, its own on success. */
int tongi_hub_join(struct tongi_hub *hub, int fd, bool shared);
/* The hub's only link is these two ends of pipes, non-blocking, its own on success. One of them may be -1 where the
 * peers are foreign and messages go one way. */
int tongi_hub_join_pipes(struct tongi_hub *hub, int in_fd, int out_fd);
/* Takes a newcomer of a listening pair and gives its socket. -EAGAIN. */
int tongi_hub_accept(struct tongi_hub *hub);
/* Tells a newcomer that there is no conversation, and closes its socket. why: NULL for the thread's sentence. */
void tongi_hub_turn_away(struct tongi_hub *hub, int fd, int error, const char *why);

/* The slots of the same names (transport.h). */
int tongi_hub_step(struct tongi_hub *hub, uint32_t direction);
int tongi_hub_pollset(struct tongi_hub *hub, uint32_t direction, struct pollfd *set, int64_t *until_ns);
int tongi_hub_fd(struct tongi_hub *hub, uint32_t direction);
bool tongi_hub_ready(struct tongi_hub *hub, uint32_t direction);

/* ---- receiving (hub_in.c) -------------------------------------------------------------------------------------- */

int64_t tongi_hub_recv(struct tongi_hub *hub, tong_bytes *msgs, uint32_t n, tong_meta *meta);
int64_t tongi_hub_peek(struct tongi_hub *hub, tong_span *ret_spans, tong_meta *metas, uint32_t n);
int tongi_hub_release(struct tongi_hub *hub, const tong_span *spans, uint32_t n);
int64_t tongi_hub_next_size(struct tongi_hub *hub);
int tongi_hub_settle_in(struct tongi_hub *hub);
/* Takes in what is not a message: greetings, farewells, newcomers. Messages are read as far as the first. */
void tongi_hub_look(struct tongi_hub *hub);
bool tongi_hub_in_ready(const struct tongi_hub *hub);

/* ---- sending (hub_out.c) --------------------------------------------------------------------------------------- */

int64_t tongi_hub_send(struct tongi_hub *hub, const tong_view *msgs, uint32_t n);
int tongi_hub_send_parts(struct tongi_hub *hub, const tong_view *parts, uint32_t n, const tong_meta *meta);
int tongi_hub_settle_out(struct tongi_hub *hub);
int tongi_hub_flush(struct tongi_hub *hub);
int tongi_hub_finish(struct tongi_hub *hub);
bool tongi_hub_out_ready(const struct tongi_hub *hub);

#endif

/* SPDX-License-Identifier: MIT */
/* What the hub's files share among themselves. */
#ifndef TONGI_PRIM_HUB_PARTS_H
#define TONGI_PRIM_HUB_PARTS_H

#include <sys/types.h>

#include "prim/hub.h"
#include "prim/line.h"

/* A hub whose links come from a listener, and may be many. */
static inline bool tongi_hub_many(const struct tongi_hub *hub)
{
    return hub->setup.listening;
}

/*
 * The only link of a hub that receives, as long as nothing but our own calls waits for it. It is kept out of in_epoll:
 * being in one costs the sender 15 to 19 % of each send (measured), for the wake-up that it then has to announce.
 */
static inline struct tongi_link *tongi_hub_sole(const struct tongi_hub *hub)
{
    return hub->count == 1 && !hub->links[0]->watched ? hub->links[0] : NULL;
}

/* The half's link, connecting if it has none: NULL and -EAGAIN, or the sticky end. Single hubs only. */
int tongi_hub_hold(struct tongi_hub *hub, struct tongi_link **half, enum tongi_fate fate);
/* The half is done with its link, which is lost. */
void tongi_hub_let_go(struct tongi_hub *hub, struct tongi_link **half, enum tong_event_what what);
/* Removes a link of a listening hub. */
void tongi_hub_drop(struct tongi_hub *hub, struct tongi_link *link, enum tong_event_what what);
/* Ends a link for its peer, and for whoever polls: both directions, or what is written only. */
void tongi_hub_cut(struct tongi_hub *hub, struct tongi_link *link);
void tongi_hub_end(struct tongi_hub *hub, struct tongi_link *link);
/* Takes in newcomers, as many as TONGI_ACCEPT_BATCH; true: there may be more. */
bool tongi_hub_accept_all(struct tongi_hub *hub);
/* The peer said a fitting hello. Errors, when it cannot be taken in: -ENOMEM, -ENOSPC. */
int tongi_hub_greeted(struct tongi_hub *hub, struct tongi_link *link);
/* Turns away those who have been silent for too long; returns when the next one's time is up. */
int64_t tongi_hub_shed(struct tongi_hub *hub);
/* Sets the timer of polled hubs to the next thing that time alone brings. */
void tongi_hub_arm(struct tongi_hub *hub);
int tongi_hub_fate_fail(const struct tongi_hub *hub, enum tongi_fate fate);

/* ---- descriptors (hub_wait.c) ---------------------------------------------------------------------------------- */

/* Adds fd to an epoll, or does nothing if that is -1. */
int tongi_hub_watch(int epoll, int fd, uint32_t events, void *who);
void tongi_hub_unwatch(int epoll, int fd);
/* Puts every link into in_epoll, which they need as soon as they are several. */
int tongi_hub_watch_links(struct tongi_hub *hub);

/* ---- connecting (hub_connect.c) -------------------------------------------------------------------------------- */

/* Makes a link of a socket and says hello. On failure the socket stays the caller's: -ENOMEM, -EACCES. */
int tongi_hub_link_make(struct tongi_hub *hub, int fd, struct tongi_link **ret_link);

/* ---- what stands in the stage (hub_scan.c) --------------------------------------------------------------------- */

enum tongi_scan {
    TONGI_SCAN_MORE,    /* nothing whole is here */
    TONGI_SCAN_FRAME,   /* a whole message stands in the stage */
    TONGI_SCAN_BODY,    /* a whole message stands in the link's body */
    TONGI_SCAN_FOREIGN, /* a whole message without a header stands in the stage */
    TONGI_SCAN_LARGE,   /* the beginning of a long message stands in the stage */
    TONGI_SCAN_END,     /* the peer finished */
    TONGI_SCAN_BROKEN,  /* the peer broke the rules, or refused us */
    TONGI_SCAN_STARVED  /* this process could not take what the peer sent */
};

/* The peers are other programs: nobody says hello, farewell or why not. */
static inline bool tongi_hub_foreign(const struct tongi_hub *hub)
{
    return tongi_framing_is_foreign(hub->setup.framing);
}

static inline bool tongi_hub_sends_only(const struct tongi_hub *hub)
{
    return hub->setup.role == TONG_PUSH;
}

/* How many loans are out. */
static inline uint64_t tongi_hub_loans(const struct tongi_hub *hub)
{
    return hub->lent - hub->released;
}

static inline void tongi_hub_consume(struct tongi_hub *hub, size_t bytes)
{
    hub->stage.next += bytes;
    if (hub->lent == hub->released)
        hub->stage.at = hub->stage.next;
}

/* Does a whole message stand first in the stage? Looking changes nothing. */
static inline bool tongi_hub_is_whole(const struct tongi_hub *hub, const struct tongi_link *link, uint32_t *ret_len)
{
    const struct tongi_stage *stage = &hub->stage;
    size_t available = stage->end - stage->next;

    if (available < TONGI_FRAME_BYTES || link->body.active)
        return false;
    uint64_t word = tongi_frame_word(stage->data + stage->next);
    *ret_len = (uint32_t)word;
    return word >> 32 == TONGI_FRAME_PLAIN_DATA && *ret_len <= available - TONGI_FRAME_BYTES &&
           *ret_len <= hub->setup.size_max && link->framed && !tongi_hub_sends_only(hub);
}

/* A pair's sending half lost a link that the receiving half does not hold: what the peer said before it hung up may be
 * a refusal. */
void tongi_hub_last_words(struct tongi_hub *hub, struct tongi_link *link);
/* What stands first, control frames having been taken in. *ret_len is a message's length. */
enum tongi_scan tongi_hub_scan(struct tongi_hub *hub, struct tongi_link *link, uint32_t *ret_len);
/* The peer broke the rules, why being the end of a sentence: it is told, and so is whoever asks here. */
enum tongi_scan tongi_hub_broken(struct tongi_hub *hub, struct tongi_link *link, int error, const char *why);

/* ---- what comes beside the bytes (hub_beside.c) ---------------------------------------------------------------- */

/* Do the descriptors hold that came with the message whose header stands first, or that came with none? TONGI_SCAN_MORE
 * if so, and otherwise the peer is told. */
enum tongi_scan tongi_hub_judge(struct tongi_hub *hub, struct tongi_link *link, uint32_t announced);
/* How many descriptors come with the message that was found. */
static inline uint32_t tongi_hub_announced(const struct tongi_hub *hub, const struct tongi_link *link,
                                           enum tongi_scan found)
{
    if (found == TONGI_SCAN_FRAME)
        return tongi_frame_descriptors(tongi_frame_word(hub->stage.data + hub->stage.next));
    return found == TONGI_SCAN_BODY ? link->body.descriptors : 0;
}

/* Where in the stream it began, of a link with an ancillary. */
uint64_t tongi_hub_began(const struct tongi_hub *hub, const struct tongi_link *link, enum tongi_scan found);
/* Has the receiver room for them? TONG_E_TOOBIG; whoever offers none at all does not want them. */
int tongi_hub_has_room(const struct tongi_hub *hub, uint32_t announced, const tong_meta *meta);
/* What the receiver of a message that began there is told about it: all but the descriptors. */
void tongi_hub_describe(const struct tongi_link *link, uint64_t began, tong_meta *ret_meta);
/* A message was lost since this process has no descriptor left: -EMFILE. */
int tongi_hub_starved(const struct tongi_hub *hub);
/* May this message go to that peer? TONG_E_NOCAP, TONG_E_TOOBIG. */
int tongi_hub_may_pass(const struct tongi_hub *hub, const struct tongi_link *link, uint32_t n_fds);
/* The connection ended without a farewell: TONG_DIED or TONG_CUT. */
enum tong_event_what tongi_hub_death(const struct tongi_hub *hub, const struct tongi_link *link);
/* What happened to a link, and why, for whoever takes events. */
void tongi_hub_tell(struct tongi_hub *hub, enum tong_event_what what, const struct tongi_link *link, int error);

/* ---- long bodies (hub_body.c) ---------------------------------------------------------------------------------- */

int tongi_hub_body_begin(struct tongi_hub *hub, struct tongi_link *link, uint32_t len, const tong_bytes *direct);
void tongi_hub_body_end(struct tongi_hub *hub, struct tongi_link *link);
/* The receiver's room is no longer lent: what it holds moves into own memory. */
int tongi_hub_body_settle(struct tongi_hub *hub, struct tongi_link *link);
ssize_t tongi_hub_body_fill(struct tongi_hub *hub, struct tongi_link *link);
/* What the system said about reading: a peer that cannot be read from any more is one that is gone (0). */
ssize_t tongi_hub_received(struct tongi_hub *hub, ssize_t got);
int tongi_hub_no_memory(const struct tongi_hub *hub, size_t bytes);

/* ---- peers that do not speak tong (hub_foreign.c) -------------------------------------------------------------- */

enum tongi_scan tongi_hub_foreign_scan(struct tongi_hub *hub, struct tongi_link *link, uint32_t *ret_len);
/* The length of the message that stands first in the stage, -EAGAIN, or TONG_E_TOOBIG, without consequences. */
int64_t tongi_hub_foreign_find(const struct tongi_hub *hub, struct tongi_link *link);
/* Takes what scan found in the stage into the receiver's room, and more if it is there; the first fits. */
uint32_t tongi_hub_foreign_take(struct tongi_hub *hub, tong_bytes *msgs, uint32_t n);
/* Steps over a message of that length in the stage, which is the caller's or a loan from now on. */
void tongi_hub_foreign_pass(struct tongi_hub *hub, size_t len);
/* A line that has filled the stage goes on in memory of its own. */
int tongi_hub_foreign_begin(struct tongi_hub *hub, struct tongi_link *link);
ssize_t tongi_hub_foreign_fill(struct tongi_hub *hub, struct tongi_link *link);
/* The present link's stream ended. -EAGAIN: its peer only reads from now on; else as tongi_hub_lost. */
int tongi_hub_foreign_ended(struct tongi_hub *hub);
/* How many messages of a batch can be told apart by a foreign reader, the first included; or the sentence about it. */
int64_t tongi_hub_foreign_vet(const struct tongi_hub *hub, const struct tongi_batch *batch);
int64_t tongi_hub_foreign_send(struct tongi_hub *hub, const struct tongi_batch *batch);
/* Before a call sleeps for room, result being -EAGAIN: a foreign reader may be stuck until what it writes is taken. */
int64_t tongi_hub_foreign_listened(struct tongi_hub *hub, int64_t result);

/* ---- sending (hub_out.c) --------------------------------------------------------------------------------------- */

/* Sends the first messages of a batch; returns how many. */
int64_t tongi_hub_send_batch(struct tongi_hub *hub, const struct tongi_batch *batch);

/* ---- packets (hub_packet.c) ------------------------------------------------------------------------------------ */

static inline bool tongi_hub_packets(const struct tongi_hub *hub)
{
    return hub->setup.wire == TONGI_WIRE_PACKET;
}

/* How much room the stage needs for the largest packet. */
size_t tongi_hub_packet_room(const struct tongi_hub *hub);
/* Reads packets of the present link, as many as the call wants. 0: the link is over; -EAGAIN: nothing there. */
ssize_t tongi_hub_packet_fill(struct tongi_hub *hub);
/*
 * The common case by the short way, which saves a sixth of what tong adds to the call: one packet with one message that
 * fits. Returns 1, an error, or 0: it is something else, and whatever was read stands in the stage.
 */
int tongi_hub_packet_recv(struct tongi_hub *hub, tong_bytes *msg);
/* Behind loans: does a message of the same link follow, which one packet more may bring? */
bool tongi_hub_packet_behind(struct tongi_hub *hub, uint32_t *ret_len);

/* ---- reading (hub_read.c) -------------------------------------------------------------------------------------- */

/*
 * Reads until a whole message stands first: TONGI_SCAN_FRAME or TONGI_SCAN_BODY, or an error (-EAGAIN; -ENOBUFS: loans
 * are in the way). direct: where a long body may go, or NULL.
 */
int tongi_hub_advance(struct tongi_hub *hub, const tong_bytes *direct, uint32_t *ret_len);

/* The present link is over. 0: the hub goes on without it; else what its channel's reader is to be told. */
int tongi_hub_lost(struct tongi_hub *hub, enum tong_event_what what);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a transport is to the rest of the library: one const table of functions on a private state, which the channel
 * layer allocates zeroed. The rules of all slots:
 *   - No slot blocks. What would have to wait returns -EAGAIN, and the channel layer waits on pollset() and calls
 * again.   - Slots that receive run in the receiving thread, slots that send in the sending thread, possibly at the
 * same time;     accept, next_size and subscribe count as receiving, finish and flush as sending, step as its
 * direction.     start, close, pair and adopt run alone. What both directions share is the transport's to guard.
 *   - EINTR never comes out. Errors carry a sentence that begins with start->address (base/error.h); -EAGAIN carries
 *     none.
 *   - A state may be half-made: close is total after zeroing alone.
 */
#ifndef TONGI_TRANSPORT_TRANSPORT_H
#define TONGI_TRANSPORT_TRANSPORT_H

#include <poll.h>
#include <stdbool.h>

#include <tong/tong.h>

#include "base/options.h"
#include "prim/report.h"
#include "sys/program.h"

#define TONGI_ROLE_BIT(role) (1u << (role))
/* Room in the set that pollset fills. */
#define TONGI_POLLSET_MAX 4

struct tongi_transport_ops;

/* What a program is started with, so that it finds its ends of a conversation. */
struct tongi_heritage {
    struct tongi_grant grants[2]; /* close-on-exec, the starter's to close; -1: none */
    char variable[80];            /* "NAME=value" of its environment; "": nothing is added */
};

/* What a conversation begins with. Everything stays valid until close. */
struct tongi_start {
    const char *address;                     /* without the query, as sentences name it */
    const char *rest;                        /* what follows the scheme, decoded */
    uint32_t role;                           /* enum tong_role without the bits below */
    uint32_t side;                           /* TONG_LISTEN or TONG_CONNECT; objects ignore it */
    uint32_t existence;                      /* TONG_NEW, TONG_EXISTING, or 0 */
    tong_opts opts;                          /* every field that the transport has is filled in */
    struct tongi_allow allow;                /* what opts.allow means, which itself is not kept */
    uint32_t given;                          /* enum tongi_option_bit: those that somebody asked for */
    struct tongi_report *report;             /* where events and counters go */
    const struct tongi_transport_ops *inner; /* of a wrapping transport: what it wraps */
    const struct tongi_start *inner_start;   /* and how that begins */
};

struct tongi_transport_ops {
    size_t ops_bytes;   /* sizeof this table: one built before the last slots were added says so */
    const char *scheme; /* as in the address */
    size_t state_bytes;
    uint32_t options;    /* enum tongi_option_bit: those it has */
    tong_opts presets;   /* what an option is when nobody gives it; 0 means that the transport has not the option */
    tong_caps caps;      /* size_max is filled in by the channel: the option size, if the transport has it */
    const char *instead; /* for the sentence about a role it has not: the scheme that has it; NULL: "inproc" */
    bool wraps;          /* its rest is "settings:address", and start->inner is what it wraps */
    /* Other tables under the same scheme, for options that make it another mechanism: gives the one that these options,
     * of which those not given are zero, mean. This table has the options of all and the largest state; the one chosen
     * has options, presets and capabilities of its own. NULL: there is only this one. */
    const struct tongi_transport_ops *(*variant)(const tong_opts *opts);

    /* -- life -------------------------------------------------------------------------------------------------------
     * start
     *   does: begins to listen, to connect (which step continues), or opens the object.
     *   ownership: start is lent until close; on failure the state may be half-made, close follows.
     *   errors: -EADDRINUSE -EACCES -EBUSY -EEXIST -ENOENT -EMFILE -ENOMEM TONG_E_NOCAP TONG_E_ADDRESS
     *   legal: first, once. Never NULL.
     */
    int (*start)(void *state, const struct tongi_start *start);
    /* step
     *   does: brings forward what is under way in a direction: connecting, newcomers, timers. 0: the channel is usable.
     *   errors: -EAGAIN (not yet), or what makes waiting pointless.
     *   legal: any time after start. NULL: usable from start on.
     */
    int (*step)(void *state, uint32_t direction);
    /* accept
     *   does: makes the zeroed peer state the end of a new conversation, as start would.
     *   ownership: start (a copy with its own report) is lent until the peer's close.
     *   errors: -EAGAIN -EMFILE -ENOMEM TONG_E_STATE (not a pair listener). NULL: TONG_E_NOCAP.
     */
    int (*accept)(void *state, void *peer_state, const struct tongi_start *peer_start);
    /* pair
     *   does: joins two zeroed states without a name.
     *   ownership: both starts are lent. On failure both are closed. NULL: TONG_E_NOCAP.
     */
    int (*pair)(void *state, const struct tongi_start *start, void *other, const struct tongi_start *other_start);
    /* spawn
     *   does: joins the zeroed state to ends that a program will inherit, whose start finds them by the heritage, or
     *   which are its standard input and output.
     *   ownership: the heritage's descriptors are the caller's on success. NULL: TONG_E_NOCAP.
     *   errors: -EMFILE -ENOMEM TONG_E_NOCAP TONG_E_ADDRESS
     */
    int (*spawn)(void *state, const struct tongi_start *start, struct tongi_heritage *ret_heritage);
    /* adopt
     *   does: makes a connected descriptor the conversation. Positive 1: not a descriptor for this transport.
     *   ownership: fd is taken on success (0) only. NULL: 1.
     */
    int (*adopt)(void *state, int fd, const struct tongi_start *start);
    /* finish
     *   does: moves everything on, then tells the peer END; 0 when that is done. Repeated until 0.
     *   errors: -EAGAIN (wait for OUT), TONG_E_GONE. NULL: nothing is ever kept and no peer wants to know.
     */
    int (*finish)(void *state);
    /* shutdown
     *   does: nothing that waits elsewhere on behalf of the state goes on waiting. Any thread, signal-safe.
     *   NULL: the channel's own descriptor is all that calls sleep on.
     */
    void (*shutdown)(void *state);
    /* close
     *   does: ends everything; drops what was not sent. owner is false in a forked child: then only memory and
     *   descriptors are given back, nothing that the parent, the peer or the file system could notice is done.
     *   legal: always, also after a failed start and on a zeroed state. Never NULL.
     */
    void (*close)(void *state, bool owner);

    /* -- messages ---------------------------------------------------------------------------------------------------
     * send
     *   does: sends the first of n messages, and more if that costs no waiting; returns how many, at least 1.
     *   ownership: the bytes are read during the call, but after -EAGAIN the first message may be lent on, its views
     *   included: it is offered again, the same, until the slot takes it or settle ends the loan.
     *   errors: -EAGAIN TONG_E_TOOBIG TONG_E_GONE -ENOMEM. NULL: no role sends.
     */
    int64_t (*send)(void *state, const tong_view *msgs, uint32_t n);
    /* send_parts
     *   does: sends one message gathered from n parts, with metadata (NULL: none); returns 0. As send otherwise.
     */
    int (*send_parts)(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta);
    /* recv
     *   does: takes the next message into msgs[0], and more if they are there; returns how many, at least 1, and sets
     *   their len. meta is NULL, or n is 1 and it is filled in (struct_size is as the channel set it).
     *   ownership: after -EAGAIN msgs[0].data may be lent on until it is offered again or settle ends the loan.
     *   errors: -EAGAIN TONG_E_TOOBIG (the message stays) TONG_E_END TONG_E_GONE -ENOMEM. NULL: no role receives.
     */
    int64_t (*recv)(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta);
    /* settle
     *   does: ends the loan of a send or recv that returned -EAGAIN and is given up. For TONG_OUT, 1: the message's
     *   beginning is on its way and the rest was kept, so that it counts as sent; 0: nothing of it was.
     *   errors: -ENOMEM (the conversation is cut). NULL: no slot borrows.
     */
    int (*settle)(void *state, uint32_t direction);
    /* next_size
     *   does: the length of the message that recv would take. errors: -EAGAIN TONG_E_END TONG_E_GONE. NULL: NOCAP.
     */
    int64_t (*next_size)(void *state);
    /* flush
     *   does: moves everything on until it reached the level; 0 when that is so.
     *   errors: -EAGAIN (wait for OUT) TONG_E_GONE TONG_E_NOCAP. NULL: send leaves nothing behind, and only the
     *   transport's own level can be had.
     */
    int (*flush)(void *state, enum tong_level level);

    /* -- in place ---------------------------------------------------------------------------------------------------
     * claim, commit, abort
     *   do: lend room for one message; send its first len bytes; give it back.
     *   errors: -EAGAIN TONG_E_TOOBIG TONG_E_GONE -ENOMEM. commit gives the span back but for -EAGAIN.
     *   NULL (all three): the channel lends memory of its own and calls send_parts.
     */
    int (*claim)(void *state, size_t len, tong_span *ret_span);
    int (*commit)(void *state, tong_span *span, size_t len, const tong_meta *meta);
    void (*abort)(void *state, tong_span *span);
    /* peek, release, reject
     *   do: lend up to n further messages (at least 1); take back; give to another receiver. metas is NULL or n long.
     *   errors: as recv; -ENOBUFS (loans are in the way of more); release and reject: -EINVAL (not a loan), nothing
     *   is given back then.
     *   NULL: peek and release TONG_E_NOCAP together; reject TONG_E_NOCAP.
     */
    int64_t (*peek)(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n);
    int (*release)(void *state, const tong_span *spans, uint32_t n);
    int (*reject)(void *state, const tong_span *spans, uint32_t n);

    /* -- request and publish ----------------------------------------------------------------------------------------
     * Calls and answers are messages with meta.call. cancel: the answer to a call is no longer wanted.
     * subscribe: adds or removes one prefix. NULL: TONG_E_NOCAP.
     */
    int (*cancel)(void *state, uint64_t call);
    int (*subscribe)(void *state, const void *prefix, size_t len, bool wanted);

    /* -- waiting and knowing ----------------------------------------------------------------------------------------
     * pollset
     *   does: fills in at most TONGI_POLLSET_MAX descriptors with the events for which a call in that direction sleeps,
     *   returns how many, and lowers *until_ns to the moment at which step has work by itself.
     *   errors: -EMFILE -ENOMEM. Never NULL.
     */
    int (*pollset)(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns);
    /* fd
     *   does: a descriptor that is readable, by level, while step or the direction's slots have work by reason of other
     *   descriptors or time. Made on first use, the state's, kept through reconnection. NULL: NOCAP.
     */
    int (*fd)(void *state, uint32_t direction);
    /* ready
     *   does: would a call in that direction get something that no descriptor tells: messages already read, an end
     *   already seen? NULL: never.
     */
    bool (*ready)(void *state, uint32_t direction);
    /* depth
     *   does: how many messages wait, any thread. NULL: unknown, 0.
     */
    uint64_t (*depth)(const void *state);
    /* list, remove
     *   do: call each() with the rest of every address that can be found, stopping at other than 0; remove an object.
     *   errors: remove: -EBUSY -ENOENT -EACCES. NULL: nothing to be found; NOCAP.
     */
    int (*list)(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context);
    int (*remove)(const struct tongi_start *start);
};

#define TONG_TRANSPORT(scheme) extern const struct tongi_transport_ops tongi_##scheme##_ops;
#include "transport/transports.def"
#undef TONG_TRANSPORT

#endif

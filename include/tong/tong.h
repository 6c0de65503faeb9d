/* SPDX-License-Identifier: MIT */
/*
 * tong: two processes exchange messages through any inter-process mechanism of the system.
 *
 * Rules that hold for every function unless its own text says otherwise:
 *   - Success is 0 or more, failure less than 0 (see error.h); tong_error_detail() has the sentence.
 *   - A ret_ parameter is set on success and untouched on failure.
 *   - Threads: one thread sends and one thread receives on a channel at a time. tong_shutdown, tong_get_stats and
 *     tong_get_caps are legal from any thread.
 *   - Fork: in a child, a channel of the parent answers TONG_E_FORKED; closing it frees the child's copy and is
 *     invisible to the parent and to the peer. Ends made by tong_pair belong to the process that uses them first.
 *   - Nothing is printed, no thread is started, no signal handler is installed, SIGPIPE does not occur, and every
 *     descriptor is close-on-exec.
 *   - A call that can wait takes a deadline, last. It spins for a short learned time, then sleeps.
 */
#ifndef TONG_TONG_H
#define TONG_TONG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <tong/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tong_channel tong_channel;

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* A moment of CLOCK_MONOTONIC, in nanoseconds. A zeroed one is tong_now(). */
typedef struct tong_deadline {
    int64_t ns;
} tong_deadline;

/* Do not wait at all: what would wait returns -EAGAIN. */
TONG_API tong_deadline tong_now(void);
/* Wait until it happens or the channel is shut down. */
TONG_API tong_deadline tong_forever(void);
/* Wait at most so many milliseconds from this call on; then -ETIMEDOUT. Less than 0 counts as 0. */
TONG_API tong_deadline tong_in_ms(int64_t ms);
/* The same in nanoseconds. */
TONG_API tong_deadline tong_in_ns(int64_t ns);

/* ---- words ----------------------------------------------------------------------------------------------------- */

enum tong_role {
    TONG_PUSH = 1, /* pipeline: each message reaches exactly one puller */
    TONG_PULL,
    TONG_PUB, /* publish: each message reaches every subscriber */
    TONG_SUB,
    TONG_PAIR, /* two ends, both directions */
    TONG_REQ,  /* a call and its answer */
    TONG_REP,
    TONG_LISTEN = 0x100, /* override the side that the role would take on a link */
    TONG_CONNECT = 0x200,
    TONG_NEW = 0x400,     /* objects: must not exist yet */
    TONG_EXISTING = 0x800 /* objects: must exist already */
};

/* What a send that returned success has reached. TAKEN: the receiver released it. */
enum tong_level { TONG_ACCEPTED = 1, TONG_KEPT, TONG_TAKEN, TONG_DURABLE };

enum tong_direction { TONG_IN = 1, TONG_OUT = 2 };

enum tong_wait { TONG_WAIT_ADAPTIVE = 1, TONG_WAIT_SPIN, TONG_WAIT_BLOCK };
enum tong_keep { TONG_KEEP_UNREAD = 1, TONG_KEEP_NEVER, TONG_KEEP_ALWAYS };
enum tong_end { TONG_END_NEVER = 1, TONG_END_LAST };
enum tong_switch { TONG_YES = 1, TONG_NO };
enum tong_socket { TONG_SOCKET_STREAM = 1, TONG_SOCKET_SEQPACKET, TONG_SOCKET_DGRAM };
/* How messages stand in a stream of bytes: behind a header, as lines, or as they happen to be read. */
enum tong_framing { TONG_FRAMING_LENGTH = 1, TONG_FRAMING_LINE, TONG_FRAMING_RAW };
enum tong_credentials { TONG_CREDENTIALS_CONNECTION = 1, TONG_CREDENTIALS_MESSAGE };
enum tong_writers { TONG_WRITERS_MANY = 1, TONG_WRITERS_ONE };

/* A message to send: len bytes at data, read during the call only. */
typedef struct tong_view {
    const void *data;
    size_t len;
} tong_view;

/* Room for a message: len is the room on entry and the message's length on success. */
typedef struct tong_bytes {
    void *data;
    size_t len;
} tong_bytes;

/* A loan: memory of the channel, yours until it is committed, aborted, released or rejected. */
typedef struct tong_span {
    void *data;
    size_t len;
    uint64_t token; /* the channel's; leave it alone */
} tong_span;

enum tong_meta_flag {
    TONG_MORE = 1,        /* out: more follows at once; the message may wait for it in the channel */
    TONG_REDELIVERED = 2, /* in: somebody held this message before, and died or rejected it */
    TONG_VOUCHED = 4      /* in: the kernel vouches for pid, uid and gid */
};

/* What goes with a message. struct_size first; a zero in any other field means "not given". */
typedef struct tong_meta {
    uint32_t struct_size; /* sizeof (tong_meta) */
    uint32_t flags;       /* enum tong_meta_flag */
    uint64_t sequence;    /* in: counts a sender's messages from 1, where the mechanism carries it */
    uint64_t lost;        /* in: how many of this channel's messages were missed just before this one */
    int64_t time_ns;      /* in: when it was sent, CLOCK_REALTIME, where the mechanism carries it */
    int64_t kind;         /* mq priority, sysv type, signal number */
    uint64_t call;        /* rep: whom to answer; req: which call */
    uint64_t peer;        /* in: the number the channel gave this peer, as in tong_event */
    uint32_t pid, uid, gid;
    uint32_t n_fds;
    int *fds; /* out: lent for the call; in: room for n_fds descriptors, then yours to close; NULL: they are closed */
} tong_meta;

/*
 * The options of an address, as a struct. A zero means "not given". An option given both here and in the address is an
 * error, and so is one that the mechanism does not have.
 */
typedef struct tong_opts {
    uint32_t struct_size; /* sizeof (tong_opts) */
    uint32_t depth;       /* how many messages wait at most */
    uint64_t size;        /* largest message, bytes */
    uint32_t mode;        /* permission bits of what is created */
    uint32_t wait;        /* enum tong_wait */
    uint32_t keep;        /* enum tong_keep: when the last closer leaves an object behind */
    uint32_t end;         /* enum tong_end: does a fan-in end when its last sender finished */
    uint32_t reconnect;   /* enum tong_switch */
    uint32_t abstract;    /* enum tong_switch: a unix address in the abstract name space */
    uint32_t peers;       /* how many connections at most */
    uint32_t history;     /* publish: how many old messages a late subscriber gets */
    int64_t handshake_ns; /* how long a new connection may stay silent */
    uint32_t socket;      /* enum tong_socket: the kind of a unix socket */
    uint32_t framing;     /* enum tong_framing: whether the other side speaks tong, lines, or anything */
    uint32_t writers;     /* enum tong_writers: whether a fifo has one writer at a time, which is faster */
    uint32_t descriptors; /* how many descriptors a message may bring at most; without it, none is let in */
    const char *allow;    /* who may be at the other end: "uid:1000,gid:100"; read during the call only */
    uint32_t credentials; /* enum tong_credentials: for whom the kernel vouches, who connected or each sender */
    uint32_t reserved;    /* 0 */
} tong_opts;

enum tong_cap {
    TONG_CAP_ORDERED = 1 << 0,     /* one sender's messages keep their order */
    TONG_CAP_POLLABLE = 1 << 1,    /* tong_fd works */
    TONG_CAP_CLAIM = 1 << 2,       /* claim lends the mechanism's own memory; without it, a buffer is lent and copied */
    TONG_CAP_PEEK = 1 << 3,        /* peek lends the memory the message arrived in */
    TONG_CAP_REJECT = 1 << 4,      /* tong_reject */
    TONG_CAP_REDELIVERY = 1 << 5,  /* what a dead receiver held comes again, flagged */
    TONG_CAP_CREDENTIALS = 1 << 6, /* meta.pid, uid, gid */
    TONG_CAP_DESCRIPTORS = 1 << 7, /* meta.fds */
    TONG_CAP_KINDS = 1 << 8,       /* meta.kind: priorities or types */
    TONG_CAP_FAN_IN = 1 << 9,      /* many senders, one channel */
    TONG_CAP_FAN_OUT = 1 << 10,    /* many receivers, one channel */
    TONG_CAP_REPLAY = 1 << 11,     /* old messages can be read again */
    TONG_CAP_FLUSH_TAKEN = 1 << 12, /* tong_flush (TONG_TAKEN) */
    TONG_CAP_OBJECT = 1 << 13,      /* exists by name, needs nobody at the other side */
    TONG_CAP_PROCESSES = 1 << 14,   /* connects processes, not only threads */
    TONG_CAP_LOSSY = 1 << 15,       /* may lose messages; the loss is counted */
    TONG_CAP_PAIR_FD = 1 << 16,     /* tong_pair */
    TONG_CAP_ADOPT = 1 << 17,       /* tong_adopt */
    TONG_CAP_PEERS = 1 << 18,       /* tong_events and tong_stats.peers tell who comes and goes */
    TONG_CAP_SPAWN = 1 << 19,       /* tong_spawn */
    TONG_CAP_LINES = 1 << 20,       /* a message is a line: it cannot contain a line feed */
    TONG_CAP_BYTES = 1 << 21        /* messages have no bounds: one receive takes what is there */
};

typedef struct tong_caps {
    uint32_t struct_size; /* sizeof (tong_caps), set by the caller */
    uint32_t level;       /* enum tong_level that tong_send's success means */
    uint32_t bits;        /* enum tong_cap */
    uint32_t roles;       /* 1 << role for each role the mechanism has */
    uint64_t size_max;    /* largest message this channel takes */
    uint32_t copies;      /* how often a byte is copied between sender's and receiver's buffer, kernel included */
    uint32_t reserved;
} tong_caps;

typedef struct tong_stats {
    uint32_t struct_size; /* sizeof (tong_stats), set by the caller */
    uint32_t peers;       /* connected now, where the channel knows */
    uint64_t sent, sent_bytes;
    uint64_t received, received_bytes;
    uint64_t lost; /* dropped by a declared policy, or missed */
    uint64_t redelivered;
    uint64_t depth;    /* messages waiting, where the channel knows */
    uint64_t connects; /* conversations begun */
    uint64_t refused;  /* turned away: not let in, over a limit, silent, or against the rules */
    uint64_t sleeps;   /* how often a call went to sleep */
} tong_stats;

enum tong_event_what {
    TONG_JOINED = 1,  /* a peer can be talked to */
    TONG_LEFT,        /* it finished and went */
    TONG_DIED,        /* gone without a farewell, and the kernel says that its process has died */
    TONG_CUT,         /* the conversation broke: gone without a farewell, perhaps alive, or broke the rules */
    TONG_EVENTS_LOST, /* so many events (in peer) did not fit */
    TONG_REFUSED      /* a newcomer was turned away at the door; it got no number */
};

typedef struct tong_event {
    uint32_t what;          /* enum tong_event_what */
    int32_t error;          /* of TONG_REFUSED: why, such as -EACCES (not let in) and -EBUSY (no room) */
    uint32_t pid, uid, gid; /* where the kernel vouches for them; otherwise 0, UINT32_MAX, UINT32_MAX */
    uint32_t reserved;
    uint64_t peer;
} tong_event;

typedef struct tong_pollitem {
    tong_channel *ch;
    uint32_t want;  /* enum tong_direction bits */
    uint32_t ready; /* set on return */
} tong_pollitem;

/* ---- life ------------------------------------------------------------------------------------------------------ */

/*
 * Opens one end of a conversation: "scheme:rest?option=value&option=value" in a role, with an optional side.
 * On links pull, pub and rep listen, push, sub and req connect, pair connects unless TONG_LISTEN. A connector waits for
 * an absent peer until the deadline; with tong_now() it returns a channel that goes on connecting inside later calls.
 * opts may be NULL and is only read. On success *ret_ch is the caller's, to be closed with tong_close.
 * Errors: TONG_E_ADDRESS (not understood, unknown or repeated option), -ERANGE (an option out of range), TONG_E_NOCAP
 * (the mechanism has not that role), -EADDRINUSE (somebody lives there), -EBUSY (both seats of a pair are taken),
 * -EEXIST, -ENOENT (NEW, EXISTING), -ETIMEDOUT (nobody came), -EACCES, -EMFILE, -ENOMEM, -EINVAL.
 */
TONG_API TONG_CHECKED int tong_open(tong_channel **ret_ch, const char *address, uint32_t role, const tong_opts *opts,
                                    tong_deadline deadline);

/*
 * Waits for a peer of a pair listener and makes a channel of it, the caller's to close; it outlives the listener.
 * Errors: TONG_E_STATE (not a pair listener), -EAGAIN, -ETIMEDOUT, TONG_E_SHUTDOWN, -EMFILE, -ENOMEM.
 */
TONG_API TONG_CHECKED int tong_accept(tong_channel *ch, tong_channel **ret_ch, tong_deadline deadline);

/*
 * Makes two joined ends of a pair without a name ("unix:", "pipe:", "inproc:"), for a child or a thread. Each end
 * belongs to the process that uses it first, so after fork() parent and child each use one and close the other. Never
 * blocks. Both ends are the caller's. Errors: TONG_E_NOCAP, TONG_E_ADDRESS, -EMFILE, -ENOMEM.
 */
TONG_API TONG_CHECKED int tong_pair(tong_channel *ret_ch[2], const char *address);

/*
 * Starts a program and makes the channel to it, in a role, nameless ("pipe:"). The program opens the same address in
 * the role that fits (push to pull, pair to pair) and finds its end by its environment; it inherits no other descriptor
 * of tong's. argv is as for execvp, envp NULL for this process's environment. In the program no signal is blocked and
 * SIGPIPE does what it does by default; all else is inherited. Waits only until it runs, never for its end of the
 * channel. The channel and the process are the caller's: to be closed, and to be waited for (waitpid). A program that
 * ends, or becomes another one, before it opened its end is TONG_E_GONE in the calls on the channel. With framing=line
 * or raw it may be any program: what is sent is its standard input, what it writes to its standard output is received.
 * Errors: -ENOENT, -EACCES, -ENOEXEC (the program), -E2BIG (its arguments and environment), TONG_E_NOCAP,
 * TONG_E_ADDRESS, -ERANGE, -EINVAL, -EMFILE, -EAGAIN (the limit of processes), -ENOMEM.
 */
TONG_API TONG_CHECKED int tong_spawn(tong_channel **ret_ch, const char *address, uint32_t role, const tong_opts *opts,
                                     const char *const argv[], const char *const envp[], pid_t *ret_pid);

/*
 * Makes a channel of a connected descriptor that somebody else made; the other side must speak tong, or be told of in
 * opts->framing. fd belongs to the
 * channel on success and stays the caller's on failure; it becomes non-blocking and close-on-exec. opts may be NULL.
 * Never blocks. Errors: TONG_E_NOCAP (no transport takes such a descriptor, or not in this role), -EBADF, -ENOMEM.
 */
TONG_API TONG_CHECKED int tong_adopt(tong_channel **ret_ch, int fd, uint32_t role, const tong_opts *opts);

/*
 * Moves on what was sent, then tells the peer END. Receiving goes on; sending is TONG_E_STATE from then on. Calling it
 * again after success is harmless. Errors: -EAGAIN, -ETIMEDOUT (call it again, or close and drop the rest),
 * TONG_E_GONE, TONG_E_SHUTDOWN.
 */
TONG_API TONG_CHECKED int tong_finish(tong_channel *ch, tong_deadline deadline);

/*
 * Makes every call on the channel, running and to come, return TONG_E_SHUTDOWN. Only tong_close is useful afterwards.
 * Never blocks. Any thread; legal in a signal handler. NULL is ignored.
 */
TONG_API void tong_shutdown(tong_channel *ch);

/*
 * Ends the channel and frees it: never blocks, drops what was not sent, gives back all loans. No other call may be
 * running on it. Accepts NULL and always returns NULL.
 */
TONG_API tong_channel *tong_close(tong_channel *ch);

/* ---- messages by copy ------------------------------------------------------------------------------------------ */

/*
 * Sends one message, whole or not at all. Success means that it reached the channel's level (tong_caps.level). On a
 * stream whose first byte went in before the deadline passed, success is returned too, and the channel keeps the
 * remainder and moves it on in later calls. A length of 0 is an empty message; data may then be NULL.
 * Errors: TONG_E_TOOBIG, -EAGAIN, -ETIMEDOUT, TONG_E_GONE (the peer of a pair; whether messages sent just before
 * arrived is unknown), TONG_E_NOCAP (the role does not send), TONG_E_STATE (finished), TONG_E_SHUTDOWN, TONG_E_FORKED.
 */
TONG_API TONG_CHECKED int tong_send(tong_channel *ch, const void *data, size_t len, tong_deadline deadline);

/*
 * Takes one message into len bytes at data and returns its length. A message that does not fit stays: TONG_E_TOOBIG,
 * and tong_next_size tells. Errors: -EAGAIN, -ETIMEDOUT, TONG_E_END, TONG_E_GONE, TONG_E_NOCAP (the role does not
 * receive), TONG_E_STATE (loans from tong_peek are out), TONG_E_SHUTDOWN, TONG_E_FORKED.
 */
TONG_API TONG_CHECKED int64_t tong_recv(tong_channel *ch, void *data, size_t len, tong_deadline deadline);

/* As tong_send, gathering n parts into one message, with metadata (NULL for none). */
TONG_API TONG_CHECKED int tong_send_parts(tong_channel *ch, const tong_view *parts, uint32_t n, const tong_meta *meta,
                                          tong_deadline deadline);

/*
 * As tong_recv, with metadata. ret_meta may be NULL; the caller sets its struct_size, and for descriptors fds and
 * n_fds; everything else is set on success. Room for fewer descriptors than the message brings is TONG_E_TOOBIG too.
 * Whoever offers no room for descriptors does not want them: they are closed. -EMFILE: a message was lost, since this
 * process has no descriptor left for those that it brought.
 */
TONG_API TONG_CHECKED int64_t tong_recv_meta(tong_channel *ch, void *data, size_t len, tong_meta *ret_meta,
                                             tong_deadline deadline);

/*
 * Sends n messages, many per system call where the mechanism can, waiting for room as needed. Returns how many were
 * sent, 1 to n (0 only for n = 0); an error only if none was. Errors as tong_send.
 */
TONG_API TONG_CHECKED int64_t tong_send_many(tong_channel *ch, const tong_view *msgs, uint32_t n,
                                             tong_deadline deadline);

/*
 * Takes at least 1 and at most n messages, waiting only for the first. Returns how many; stops before one that does not
 * fit its room (TONG_E_TOOBIG only if it is the first). Errors as tong_recv.
 */
TONG_API TONG_CHECKED int64_t tong_recv_many(tong_channel *ch, tong_bytes *msgs, uint32_t n, tong_deadline deadline);

/* The length of the message that the next receive would take, or -EAGAIN if none waits. Never blocks. */
TONG_API TONG_CHECKED int64_t tong_next_size(tong_channel *ch);

/*
 * Waits until everything sent reached at least the level. A level that the mechanism cannot observe is TONG_E_NOCAP.
 * Errors: -EAGAIN, -ETIMEDOUT, TONG_E_GONE, TONG_E_SHUTDOWN.
 */
TONG_API TONG_CHECKED int tong_flush(tong_channel *ch, enum tong_level level, tong_deadline deadline);

/* ---- messages in place ----------------------------------------------------------------------------------------- */

/*
 * Lends room for one message of up to len bytes, contiguous, in the mechanism's memory if it can (TONG_CAP_CLAIM) and
 * in the channel's otherwise. One claim at a time. The room is the caller's until commit or abort. Errors as tong_send.
 */
TONG_API TONG_CHECKED int tong_claim(tong_channel *ch, size_t len, tong_span *ret_span, tong_deadline deadline);

/*
 * Sends the first len bytes of a claim, len at most what was claimed. Never blocks. The span is given back on success
 * and on every failure but -EAGAIN (no room just now) and TONG_E_TOOBIG (len over the claim), where it stays yours.
 */
TONG_API TONG_CHECKED int tong_commit(tong_channel *ch, tong_span *span, size_t len, const tong_meta *meta);

/* Gives a claim back unsent. Never blocks. */
TONG_API void tong_abort(tong_channel *ch, tong_span *span);

/*
 * Lends the next 1 to n messages without taking them, waiting only for the first, and returns how many. A further peek
 * goes on behind the loans. ret_metas is NULL or n records, each with its struct_size. Errors as tong_recv, and
 * -ENOBUFS when nothing more can be lent before something is released.
 */
TONG_API TONG_CHECKED int64_t tong_peek(tong_channel *ch, tong_span *ret_spans, tong_meta *ret_metas, uint32_t n,
                                        tong_deadline deadline);

/*
 * Gives loans back as done: the acknowledgement. Streams and rings want them in the order they were lent, pools in any.
 * Never blocks. Errors: -EINVAL (not a loan, or out of order; nothing is released).
 */
TONG_API TONG_CHECKED int tong_release(tong_channel *ch, const tong_span *spans, uint32_t n);

/* Gives loans back undone: each goes to another receiver, flagged TONG_REDELIVERED. Never blocks. TONG_E_NOCAP. */
TONG_API TONG_CHECKED int tong_reject(tong_channel *ch, const tong_span *spans, uint32_t n);

/* ---- request and publish --------------------------------------------------------------------------------------- */

/*
 * req: sends a call and waits for its answer, whose length is returned. On -ETIMEDOUT the call is cancelled. An answer
 * over ret_len is TONG_E_TOOBIG and is dropped. Errors also as tong_send; TONG_E_GONE when the answerer died.
 */
TONG_API TONG_CHECKED int64_t tong_call(tong_channel *ch, const void *data, size_t len, void *ret_data, size_t ret_len,
                                        tong_deadline deadline);

/* rep: answers the call that tong_recv_meta gave as meta.call. -ENOENT if its caller is gone or no longer waits. */
TONG_API TONG_CHECKED int tong_reply(tong_channel *ch, uint64_t call, const void *data, size_t len,
                                     tong_deadline deadline);

/* req: a call sent by tong_send_parts (its number is meta.call of the answer) is no longer waited for. Never blocks. */
TONG_API TONG_CHECKED int tong_cancel(tong_channel *ch, uint64_t call);

/*
 * sub: wants messages whose body begins with prefix; without any subscription, all. Never blocks. Errors:
 * TONG_E_NOCAP (not a sub), -EEXIST, -ENOMEM.
 */
TONG_API TONG_CHECKED int tong_subscribe(tong_channel *ch, const void *prefix, size_t len);

/* sub: undoes one tong_subscribe. -ENOENT. */
TONG_API TONG_CHECKED int tong_unsubscribe(tong_channel *ch, const void *prefix, size_t len);

/* ---- waiting and knowing --------------------------------------------------------------------------------------- */

/*
 * A descriptor to be polled for READABLE, level-triggered: TONG_IN when something may be received, TONG_OUT when
 * something may be sent. Owned by the channel, made on first use, valid until close, also across reconnection. It may
 * be readable while only the channel itself has work: call with tong_now() and take -EAGAIN for an answer.
 * Errors: TONG_E_NOCAP, -EMFILE, -ENOMEM.
 */
TONG_API TONG_CHECKED int tong_fd(tong_channel *ch, enum tong_direction direction);

/*
 * Waits until one of n items is ready, sets each item's ready, and returns how many are. A channel that ended, broke or
 * was shut down counts as ready. Errors: -EAGAIN, -ETIMEDOUT, TONG_E_NOCAP, -EINVAL, -ENOMEM.
 */
TONG_API TONG_CHECKED int64_t tong_poll(tong_pollitem *items, uint32_t n, tong_deadline deadline);

/*
 * Takes up to n events, oldest first, and returns how many. Never blocks. Call it from the receiving thread, or from
 * the sending one of a channel that only sends.
 */
TONG_API TONG_CHECKED int64_t tong_events(tong_channel *ch, tong_event *ret_events, uint32_t n);

/* What the channel can do. ret_caps->struct_size is set by the caller. Never blocks. */
TONG_API TONG_CHECKED int tong_get_caps(const tong_channel *ch, tong_caps *ret_caps);

/* What the channel did. ret_stats->struct_size is set by the caller. Never blocks. Any thread. */
TONG_API TONG_CHECKED int tong_get_stats(const tong_channel *ch, tong_stats *ret_stats);

/*
 * Writes the channel's real address with a closing 0 into len bytes and returns its length without the 0, which may be
 * len or more if it did not fit.
 */
TONG_API TONG_CHECKED int64_t tong_address(const tong_channel *ch, char *ret_address, size_t len);

/*
 * Calls each() for every channel of tong that can be found by name and is this user's, until it returns other than 0,
 * which is then returned. The strings live for the call only.
 */
TONG_API TONG_CHECKED int tong_list(int (*each)(const char *address, const tong_stats *stats, void *context),
                                    void *context);

/* Removes what an address names if nobody lives on it: -EBUSY if somebody does, -ENOENT, TONG_E_NOCAP, -EACCES. */
TONG_API TONG_CHECKED int tong_remove(const char *address);

/* 0x00MMmmpp: the version of the library that runs. */
TONG_API uint32_t tong_version(void);

#ifdef __cplusplus
}
#endif

#endif

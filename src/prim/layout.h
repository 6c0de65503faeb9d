/* SPDX-License-Identifier: MIT */
/* Everything that another process reads: what stands where, asserted. docs/FORMATS.md tells the same in words. */
#ifndef TONGI_PRIM_LAYOUT_H
#define TONGI_PRIM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* ---- frames on a stream, little-endian ------------------------------------------------------------------------- */

/* In front of each frame's body. */
struct tongi_frame_layout {
    uint32_t len;         /* of the body */
    uint8_t type;         /* enum tongi_frame_type */
    uint8_t flags;        /* none is defined in version 1: 0 */
    uint16_t descriptors; /* of DATA: how many come with it, beside its first byte; otherwise 0 */
};
_Static_assert(sizeof(struct tongi_frame_layout) == 8, "frame header");
_Static_assert(offsetof(struct tongi_frame_layout, type) == 4, "frame header");
_Static_assert(offsetof(struct tongi_frame_layout, flags) == 5, "frame header");
_Static_assert(offsetof(struct tongi_frame_layout, descriptors) == 6, "frame header");

enum tongi_frame_type {
    TONGI_FRAME_TORN = 0, /* never written: what a reader takes a packet for that is not one frame */
    TONGI_FRAME_DATA = 1,
    TONGI_FRAME_HELLO = 2,  /* the first frame of each side; body: tongi_hello_layout */
    TONGI_FRAME_END = 3,    /* the sender finished; nothing follows; no body */
    TONGI_FRAME_REFUSE = 4, /* the sender ends the conversation; body: tongi_refuse_layout and a sentence in UTF-8 */
};

#define TONGI_HELLO_MAGIC 0x474e4f54u /* "TONG" */
#define TONGI_HELLO_VERSION 1

struct tongi_hello_layout {
    uint32_t magic;
    uint8_t version;
    uint8_t role;         /* enum tong_role */
    uint16_t descriptors; /* how many a message may bring to the sender of this hello */
    uint64_t size_max;    /* the largest body that the sender of this hello takes */
};
_Static_assert(sizeof(struct tongi_hello_layout) == 16, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, version) == 4, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, role) == 5, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, descriptors) == 6, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, size_max) == 8, "hello");

struct tongi_refuse_layout {
    int32_t error; /* -errno or TONG_E_*; -EBUSY: try again later */
};
_Static_assert(sizeof(struct tongi_refuse_layout) == 4, "refusal");

/* ---- a FIFO ---------------------------------------------------------------------------------------------------- */

/* In front of each piece of a message, in a FIFO that many may write: header and body are one write() of at most
 * PIPE_BUF bytes, which the kernel keeps in one piece. Little-endian. */
struct tongi_fragment_layout {
    uint8_t magic; /* TONGI_FRAGMENT_MAGIC */
    uint8_t flags; /* enum tongi_fragment_flag */
    uint16_t len;  /* of the body */
    uint32_t sender;
    uint32_t sequence; /* of the message among its sender's, from 1 on, modulo 2^32 */
    uint32_t at;       /* where in the message the body belongs */
};
_Static_assert(sizeof(struct tongi_fragment_layout) == 16, "fragment header");
_Static_assert(offsetof(struct tongi_fragment_layout, flags) == 1, "fragment header");
_Static_assert(offsetof(struct tongi_fragment_layout, len) == 2, "fragment header");
_Static_assert(offsetof(struct tongi_fragment_layout, sender) == 4, "fragment header");
_Static_assert(offsetof(struct tongi_fragment_layout, sequence) == 8, "fragment header");
_Static_assert(offsetof(struct tongi_fragment_layout, at) == 12, "fragment header");

/* No text in UTF-8 has this byte, so what a shell writes by mistake is never taken for a fragment. */
#define TONGI_FRAGMENT_MAGIC 0xf7
/* The least that POSIX lets PIPE_BUF be on a machine is 512; on Linux it is 4096 everywhere. */
#define TONGI_ATOMIC_BYTES 4096

enum tongi_fragment_flag {
    TONGI_FRAGMENT_LAST = 1,  /* the message ends with this body */
    TONGI_FRAGMENT_HELLO = 2, /* no message: the sender has come */
    TONGI_FRAGMENT_END = 4,   /* no message: the sender finished, and writes nothing afterwards */
};

/*
 * Bytes of a FIFO on which its users hold locks of open file descriptions (F_OFD_SETLK), which the kernel drops when
 * they die. Nothing is ever read or written there: a FIFO has no such bytes. The reader also holds flock(LOCK_EX).
 */
#define TONGI_FIFO_LOCKS INT64_C(0x544f4e4700) /* "TONG", then which one: */
enum tongi_fifo_lock {
    /* Read lock of the reader: what it takes the bytes for. */
    TONGI_FIFO_READS_FRAGMENTS = 0,
    TONGI_FIFO_READS_FRAMES = 1,
    TONGI_FIFO_READS_LINES = 2,
    TONGI_FIFO_READS_RAW = 3,
    /* Read lock of the reader of frames, while it knows that whatever comes next begins a conversation. */
    TONGI_FIFO_VACANT = 8,
    /* Write lock of the one writer of frames. */
    TONGI_FIFO_WRITER = 9,
};
/* Write lock of a writer of fragments: this and its number, so that no two living ones have the same. */
#define TONGI_FIFO_SENDERS INT64_C(0x544f4e470000)

#endif

/* SPDX-License-Identifier: MIT */
/* Everything that another process reads: what stands where, asserted. docs/FORMATS.md tells the same in words. */
#ifndef TONGI_PRIM_LAYOUT_H
#define TONGI_PRIM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* ---- frames on a stream, little-endian ------------------------------------------------------------------------- */

/* In front of each frame's body. */
struct tongi_frame_layout {
    uint32_t len;      /* of the body */
    uint8_t type;      /* enum tongi_frame_type */
    uint8_t flags;     /* none is defined in version 1: 0 */
    uint16_t reserved; /* 0 */
};
_Static_assert(sizeof(struct tongi_frame_layout) == 8, "frame header");
_Static_assert(offsetof(struct tongi_frame_layout, type) == 4, "frame header");
_Static_assert(offsetof(struct tongi_frame_layout, flags) == 5, "frame header");
_Static_assert(offsetof(struct tongi_frame_layout, reserved) == 6, "frame header");

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
    uint8_t role; /* enum tong_role */
    uint16_t reserved;
    uint64_t size_max; /* the largest body that the sender of this hello takes */
};
_Static_assert(sizeof(struct tongi_hello_layout) == 16, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, version) == 4, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, role) == 5, "hello");
_Static_assert(offsetof(struct tongi_hello_layout, size_max) == 8, "hello");

struct tongi_refuse_layout {
    int32_t error; /* -errno or TONG_E_*; -EBUSY: try again later */
};
_Static_assert(sizeof(struct tongi_refuse_layout) == 4, "refusal");

#endif

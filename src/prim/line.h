/* SPDX-License-Identifier: MIT */
/*
 * Messages among programs that know nothing of tong: lines, or bytes as they come. No system calls, no memory of its
 * own, no state but the caller's.
 */
#ifndef TONGI_PRIM_LINE_H
#define TONGI_PRIM_LINE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tong/tong.h>

#include "prim/frame.h"

/* What ends a line. A '\r' before it, as others end theirs, is part of the message. */
#define TONGI_LINE_END '\n'

/* Does somebody else decide what the bytes look like? 0, which is not given, is tong's own framing. */
static inline bool tongi_framing_is_foreign(uint32_t framing)
{
    return framing > TONG_FRAMING_LENGTH;
}

/* How many bytes stand in front of a message, and how many behind it. */
static inline size_t tongi_framing_head(uint32_t framing)
{
    return tongi_framing_is_foreign(framing) ? 0 : TONGI_FRAME_BYTES;
}

static inline size_t tongi_framing_tail(uint32_t framing)
{
    return framing == TONG_FRAMING_LINE;
}

/*
 * The length of the first line of some bytes, without its end. *searched, at first 0, is how many bytes are known to
 * hold no end, so that a line that comes in many pieces is searched once: taking the line sets it back to 0; bytes
 * added behind, or moved together, leave it as it is.
 * Errors, without a sentence: -EAGAIN (no end among these bytes), TONG_E_TOOBIG (longer than size_max).
 */
static inline int64_t tongi_line_find(const uint8_t *bytes, size_t len, uint64_t size_max, size_t *searched)
{
    size_t limit = len <= size_max ? len : (size_t)size_max + 1;
    const uint8_t *end = *searched < limit ? memchr(bytes + *searched, TONGI_LINE_END, limit - *searched) : NULL;

    *searched = end ? (size_t)(end - bytes) : limit;
    if (end)
        return (int64_t)*searched;
    return len > size_max ? TONG_E_TOOBIG : -EAGAIN;
}

/* Where the first end of a line stands in a message of n parts; SIZE_MAX: nowhere, so that it can be sent as one. */
size_t tongi_line_flaw(const tong_view *parts, uint32_t n);

/*
 * Copies messages one behind the other, each with an end if they are lines, while they are at most TONGI_GATHER_BYTES
 * long and fit into what is left of room behind *used, which it moves on. Returns how many.
 */
uint32_t tongi_line_pack(const tong_view *msgs, uint32_t n, bool lines, uint8_t *to, size_t room, size_t *used);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Fragments of a FIFO that many may write: a message is cut into pieces that the kernel writes whole or not at all, so
 * that no writer, whenever it dies, leaves half of anything between the pieces of others.
 */
#ifndef TONGI_PRIM_FRAGMENT_H
#define TONGI_PRIM_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "prim/layout.h"

#define TONGI_FRAGMENT_BYTES sizeof(struct tongi_fragment_layout)
/* The longest body of a fragment. */
#define TONGI_FRAGMENT_MAX (TONGI_ATOMIC_BYTES - TONGI_FRAGMENT_BYTES)

struct tongi_fragment {
    uint32_t flags; /* enum tongi_fragment_flag */
    uint32_t len;
    uint32_t sender, sequence, at;
};

/* Writes TONGI_FRAGMENT_BYTES. */
void tongi_fragment_encode(uint8_t *ret_bytes, const struct tongi_fragment *fragment);
/* Reads a header: 0, or TONG_E_CORRUPT if these bytes begin no fragment; no sentence. */
int tongi_fragment_decode(const uint8_t *bytes, struct tongi_fragment *ret_fragment);
/* Where the next fragment may begin behind bytes that are none: an offset from 1 to len. */
size_t tongi_fragment_seek(const uint8_t *bytes, size_t len);

#endif

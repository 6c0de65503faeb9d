/* SPDX-License-Identifier: MIT */
/* Frames of a stream: how a message, a greeting and a farewell look as bytes, and what bytes are none of these. */
#ifndef TONGI_PRIM_FRAME_H
#define TONGI_PRIM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "prim/layout.h"

#define TONGI_FRAME_BYTES sizeof(struct tongi_frame_layout)
#define TONGI_HELLO_BYTES (TONGI_FRAME_BYTES + sizeof(struct tongi_hello_layout))
/* The longest body of a frame that is not data: a refusal's sentence is cut to it. */
#define TONGI_CONTROL_MAX 512

struct tongi_frame {
    uint32_t len;
    uint8_t type;
    uint8_t flags;        /* 0 */
    uint16_t descriptors; /* that come with it */
};

struct tongi_hello {
    uint32_t role;
    uint64_t size_max;
    uint32_t descriptors; /* how many a message may bring; at most UINT16_MAX */
};

/* The header as one word: len in the low half, everything else above, so that plain data is one comparison. */
#define TONGI_FRAME_PLAIN_DATA ((uint64_t)TONGI_FRAME_DATA)

static inline uint64_t tongi_frame_word(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* How many descriptors come with a frame, from its header's word. */
static inline uint32_t tongi_frame_descriptors(uint64_t word)
{
    return (uint32_t)(word >> 48);
}

/* Writes TONGI_FRAME_BYTES, for a message that brings so many descriptors. */
static inline void tongi_frame_encode_with(uint8_t *ret_bytes, enum tongi_frame_type type, uint32_t len,
                                           uint32_t descriptors)
{
    uint64_t word = (uint64_t)descriptors << 48 | (uint64_t)type << 32 | len;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(ret_bytes, &word, sizeof word);
}

/* Writes TONGI_FRAME_BYTES. */
static inline void tongi_frame_encode(uint8_t *ret_bytes, enum tongi_frame_type type, uint32_t len)
{
    tongi_frame_encode_with(ret_bytes, type, len, 0);
}

static inline struct tongi_frame tongi_frame_decode(const uint8_t *bytes)
{
    uint64_t word = tongi_frame_word(bytes);

    return (struct tongi_frame){
        .len = (uint32_t)word,
        .type = (uint8_t)(word >> 32),
        .flags = (uint8_t)(word >> 40),
        .descriptors = (uint16_t)tongi_frame_descriptors(word),
    };
}

/* Why a header is not acceptable, as the end of a sentence, or NULL if it is. greeted: a hello came before. How many
 * descriptors a message may bring is the reader's to judge. */
const char *tongi_frame_fault(const struct tongi_frame *frame, bool greeted, uint64_t size_max);

/* Writes TONGI_HELLO_BYTES, header included. */
void tongi_hello_encode(uint8_t *ret_bytes, const struct tongi_hello *hello);
/* Reads the body of a hello. 0, or TONG_E_CORRUPT (no hello), TONG_E_ABI (another version); no sentence. */
int tongi_hello_decode(const uint8_t *body, size_t len, struct tongi_hello *ret_hello);

/* Writes a refusal, header included, into TONGI_FRAME_BYTES + TONGI_CONTROL_MAX bytes; returns its length. */
size_t tongi_refuse_encode(uint8_t *ret_bytes, int error, const char *sentence);
/* Reads the body of a refusal: its error, less than 0, and its sentence with everything unprintable replaced. */
int tongi_refuse_decode(const uint8_t *body, size_t len, char *ret_sentence, size_t room);

#endif

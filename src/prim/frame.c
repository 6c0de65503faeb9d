/* SPDX-License-Identifier: MIT */
#include "prim/frame.h"

#include <tong/tong.h>

static void put32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static void put16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static uint32_t get16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

const char *tongi_frame_fault(const struct tongi_frame *frame, bool greeted, uint64_t size_max)
{
    if (!greeted && frame->type != TONGI_FRAME_HELLO && frame->type != TONGI_FRAME_REFUSE)
        return "it does not speak tong";
    if (frame->flags || (frame->descriptors && frame->type != TONGI_FRAME_DATA))
        return "its frame has flags of another version";
    switch (frame->type) {
    case TONGI_FRAME_DATA:
        return frame->len > size_max ? "its message is over the limit (size=)" : NULL;
    case TONGI_FRAME_HELLO:
        if (greeted)
            return "it greets twice";
        return frame->len > TONGI_CONTROL_MAX ? "it does not speak tong" : NULL;
    case TONGI_FRAME_END:
        return frame->len ? "its farewell has a body" : NULL;
    case TONGI_FRAME_REFUSE:
        return frame->len > TONGI_CONTROL_MAX ? "its refusal is too long" : NULL;
    default:
        return "its frame is of no known type";
    }
}

void tongi_hello_encode(uint8_t *ret_bytes, const struct tongi_hello *hello)
{
    uint8_t *body = ret_bytes + TONGI_FRAME_BYTES;

    tongi_frame_encode(ret_bytes, TONGI_FRAME_HELLO, sizeof(struct tongi_hello_layout));
    memset(body, 0, sizeof(struct tongi_hello_layout));
    put32(body, TONGI_HELLO_MAGIC);
    body[offsetof(struct tongi_hello_layout, version)] = TONGI_HELLO_VERSION;
    body[offsetof(struct tongi_hello_layout, role)] = (uint8_t)hello->role;
    put16(body + offsetof(struct tongi_hello_layout, descriptors), hello->descriptors);
    put32(body + offsetof(struct tongi_hello_layout, size_max), (uint32_t)hello->size_max);
    put32(body + offsetof(struct tongi_hello_layout, size_max) + 4, (uint32_t)(hello->size_max >> 32));
}

int tongi_hello_decode(const uint8_t *body, size_t len, struct tongi_hello *ret_hello)
{
    if (len < sizeof(struct tongi_hello_layout) || get32(body) != TONGI_HELLO_MAGIC)
        return TONG_E_CORRUPT;
    if (body[offsetof(struct tongi_hello_layout, version)] != TONGI_HELLO_VERSION)
        return TONG_E_ABI;
    const uint8_t *size = body + offsetof(struct tongi_hello_layout, size_max);
    *ret_hello = (struct tongi_hello){
        .role = body[offsetof(struct tongi_hello_layout, role)],
        .size_max = get32(size) | (uint64_t)get32(size + 4) << 32,
        .descriptors = get16(body + offsetof(struct tongi_hello_layout, descriptors)),
    };
    return 0;
}

size_t tongi_refuse_encode(uint8_t *ret_bytes, int error, const char *sentence)
{
    size_t fixed = sizeof(struct tongi_refuse_layout);
    size_t len = strnlen(sentence, TONGI_CONTROL_MAX - fixed);

    tongi_frame_encode(ret_bytes, TONGI_FRAME_REFUSE, (uint32_t)(fixed + len));
    put32(ret_bytes + TONGI_FRAME_BYTES, (uint32_t)error);
    memcpy(ret_bytes + TONGI_FRAME_BYTES + fixed, sentence, len);
    return TONGI_FRAME_BYTES + fixed + len;
}

int tongi_refuse_decode(const uint8_t *body, size_t len, char *ret_sentence, size_t room)
{
    size_t fixed = sizeof(struct tongi_refuse_layout);
    size_t used = 0;
    int error = len >= fixed ? (int)get32(body) : TONG_E_REFUSED;

    for (size_t i = fixed; i < len && used + 1 < room; i++) {
        /* Control characters, also those of C1 in UTF-8 (C2 80 to C2 9F), would reach somebody's terminal. */
        bool c1 = body[i] == 0xc2 && i + 1 < len && body[i + 1] >= 0x80 && body[i + 1] < 0xa0;
        ret_sentence[used++] = body[i] < 0x20 || body[i] == 0x7f || c1 ? '?' : (char)body[i];
        i += c1;
    }
    ret_sentence[used] = 0;
    return error < 0 ? error : TONG_E_REFUSED;
}

/* SPDX-License-Identifier: MIT */
/*
 * The decoders of single frames, each on bytes of an allocation of just their length: a header, and what follows it as
 * the body of a hello and of a refusal.
 */
#include <stdlib.h>

#include <tong/tong.h>

#include "prim/frame.h"
#include "prim/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void *exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static void fuzz_header(const uint8_t *bytes, uint64_t size_max)
{
    struct tongi_frame frame = tongi_frame_decode(bytes);
    uint8_t again[TONGI_FRAME_BYTES];

    if (!frame.flags) {
        tongi_frame_encode_with(again, (enum tongi_frame_type)frame.type, frame.len, frame.descriptors);
        must(memcmp(again, bytes, sizeof again) == 0);
    }
    for (int greeted = 0; greeted < 2; greeted++) {
        const char *fault = tongi_frame_fault(&frame, greeted, size_max);
        must(fault ? *fault != 0 : !frame.flags && (!frame.descriptors || frame.type == TONGI_FRAME_DATA));
        /* What is acceptable can be read without taking more memory than was agreed upon. */
        must(fault || frame.len <= (frame.type == TONGI_FRAME_DATA ? size_max : TONGI_CONTROL_MAX));
    }
}

static void fuzz_hello(const uint8_t *body, size_t len)
{
    struct tongi_hello hello;
    uint8_t again[TONGI_HELLO_BYTES];
    int r = tongi_hello_decode(body, len, &hello);

    must(r == 0 || r == TONG_E_CORRUPT || r == TONG_E_ABI);
    if (r < 0)
        return;
    tongi_hello_encode(again, &hello);
    must(memcmp(again + TONGI_FRAME_BYTES, body, sizeof(struct tongi_hello_layout)) == 0);
    for (uint32_t mine = 0; mine < 10; mine++)
        must(!tongi_roles_match(mine, hello.role) || tongi_roles_match(hello.role, mine));
    must(tongi_role_name(hello.role)[0] != 0);
}

static void fuzz_refusal(const uint8_t *body, size_t len, size_t room)
{
    char *sentence = malloc(room);

    must(sentence != NULL);
    must(tongi_refuse_decode(body, len, sentence, room) < 0);
    must(strnlen(sentence, room) < room);
    for (const unsigned char *at = (unsigned char *)sentence; *at; at++)
        must(*at >= 0x20 && *at != 0x7f && !(at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0));
    free(sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t header = size < TONGI_FRAME_BYTES ? size : TONGI_FRAME_BYTES;
    uint8_t *body = exact_copy(data + header, size - header);

    if (header == TONGI_FRAME_BYTES) {
        uint8_t *bytes = exact_copy(data, header);
        fuzz_header(bytes, size < TONGI_FRAME_BYTES + 8 ? 1 << 20 : tongi_frame_word(body));
        free(bytes);
    }
    fuzz_hello(body, size - header);
    fuzz_refusal(body, size - header, 1 + size % TONGI_CONTROL_MAX);
    fuzz_refusal(body, size - header, 2 * TONGI_CONTROL_MAX);
    free(body);
    return 0;
}

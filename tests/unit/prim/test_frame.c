/* SPDX-License-Identifier: MIT */
#include "prim/frame.h"
#include "prim/role.h"

#include <errno.h>
#include <stdlib.h>
#include <tong/tong.h>

#include "runner/runner.h"

#define SIZE_MAX_BYTES 1000u

/* ---- headers --------------------------------------------------------------------------------------------------- */

TONG_TEST(a_header_is_eight_little_endian_bytes)
{
    static const uint8_t due[TONGI_FRAME_BYTES] = {0x04, 0x03, 0x02, 0x01, TONGI_FRAME_DATA, 0, 0, 0};
    uint8_t bytes[TONGI_FRAME_BYTES];

    tongi_frame_encode(bytes, TONGI_FRAME_DATA, 0x01020304);
    ck_assert_mem_eq(bytes, due, sizeof due);
    struct tongi_frame frame = tongi_frame_decode(bytes);
    ck_assert_uint_eq(frame.len, 0x01020304);
    ck_assert_uint_eq(frame.type, TONGI_FRAME_DATA);
    ck_assert_uint_eq(frame.flags, 0);
    ck_assert(tongi_frame_word(bytes) >> 32 == TONGI_FRAME_PLAIN_DATA);
}

TONG_TEST(every_byte_of_a_header_has_its_place)
{
    for (int i = 0; i < (int)TONGI_FRAME_BYTES; i++) {
        uint8_t bytes[TONGI_FRAME_BYTES] = {0};
        bytes[i] = 0xa5;
        struct tongi_frame frame = tongi_frame_decode(bytes);
        ck_assert_uint_eq(frame.len, i < 4 ? 0xa5u << 8 * i : 0);
        ck_assert_uint_eq(frame.type, i == 4 ? 0xa5 : 0);
        ck_assert_uint_eq(frame.flags, i == 5 ? 0xa5 : 0);
        ck_assert_uint_eq(frame.descriptors, i > 5 ? 0xa5u << 8 * (i - 6) : 0);
        ck_assert_uint_eq(tongi_frame_descriptors(tongi_frame_word(bytes)), frame.descriptors);
    }
}

TONG_TEST(a_message_that_announces_descriptors)
{
    static const uint8_t due[TONGI_FRAME_BYTES] = {5, 0, 0, 0, TONGI_FRAME_DATA, 0, 0x34, 0x12};
    uint8_t bytes[TONGI_FRAME_BYTES];

    tongi_frame_encode_with(bytes, TONGI_FRAME_DATA, 5, 0x1234);
    ck_assert_mem_eq(bytes, due, sizeof due);
    ck_assert_uint_eq(tongi_frame_decode(bytes).descriptors, 0x1234);
    ck_assert(tongi_frame_word(bytes) >> 32 != TONGI_FRAME_PLAIN_DATA);
}

struct verdict {
    struct tongi_frame frame;
    bool greeted;
    const char *part; /* of the sentence; NULL: acceptable */
};

TONG_TEST(what_headers_are_acceptable)
{
    static const struct verdict verdicts[] = {
        {{0, TONGI_FRAME_DATA, 0, 0}, true, NULL},
        {{SIZE_MAX_BYTES, TONGI_FRAME_DATA, 0, 0}, true, NULL},
        {{SIZE_MAX_BYTES + 1, TONGI_FRAME_DATA, 0, 0}, true, "limit"},
        {{UINT32_MAX, TONGI_FRAME_DATA, 0, 0}, true, "limit"},
        {{0, TONGI_FRAME_DATA, 1, 0}, true, "flags"},
        {{0, TONGI_FRAME_DATA, 0x80, 0}, true, "flags"},
        {{0, TONGI_FRAME_DATA, 0, 1}, true, NULL}, /* whether they came is the reader's to tell */
        {{0, TONGI_FRAME_DATA, 0, UINT16_MAX}, true, NULL},
        {{16, TONGI_FRAME_HELLO, 0, 1}, false, "flags"},
        {{0, TONGI_FRAME_END, 0, 1}, true, "flags"},
        {{0, TONGI_FRAME_REFUSE, 0, 1}, true, "flags"},
        {{0, TONGI_FRAME_DATA, 0, 0}, false, "does not speak"},
        {{16, TONGI_FRAME_HELLO, 0, 0}, false, NULL},
        {{0, TONGI_FRAME_HELLO, 0, 0}, false, NULL}, /* its body will tell */
        {{TONGI_CONTROL_MAX, TONGI_FRAME_HELLO, 0, 0}, false, NULL},
        {{TONGI_CONTROL_MAX + 1, TONGI_FRAME_HELLO, 0, 0}, false, "does not speak"},
        {{16, TONGI_FRAME_HELLO, 2, 0}, false, "flags"},
        {{16, TONGI_FRAME_HELLO, 0, 0}, true, "twice"},
        {{0, TONGI_FRAME_END, 0, 0}, true, NULL},
        {{1, TONGI_FRAME_END, 0, 0}, true, "farewell"},
        {{0, TONGI_FRAME_END, 0, 0}, false, "does not speak"},
        {{0, TONGI_FRAME_REFUSE, 0, 0}, false, NULL},
        {{0, TONGI_FRAME_REFUSE, 0, 0}, true, NULL},
        {{TONGI_CONTROL_MAX, TONGI_FRAME_REFUSE, 0, 0}, true, NULL},
        {{TONGI_CONTROL_MAX + 1, TONGI_FRAME_REFUSE, 0, 0}, true, "too long"},
        {{TONGI_CONTROL_MAX + 1, TONGI_FRAME_REFUSE, 0, 0}, false, "too long"},
        {{0, 0, 0, 0}, true, "no known type"},
        {{0, 5, 0, 0}, true, "no known type"},
        {{0, 255, 0, 0}, true, "no known type"},
        {{0, 0, 0, 0}, false, "does not speak"},
        {{0x20544547, '/', 0, 0}, false, "does not speak"}, /* GET / */
    };

    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        const struct verdict *due = &verdicts[i];
        const char *fault = tongi_frame_fault(&due->frame, due->greeted, SIZE_MAX_BYTES);
        ck_assert_msg(due->part ? fault && strstr(fault, due->part) : !fault, "verdict %zu: %s", i,
                      fault ? fault : "acceptable");
    }
}

TONG_TEST(every_header_is_judged)
{
    uint64_t state = runner_seed();

    for (int i = 0; i < 100000; i++) {
        uint64_t word = runner_random(&state);
        uint8_t bytes[TONGI_FRAME_BYTES];
        for (int at = 0; at < 8; at++)
            bytes[at] = (uint8_t)(word >> 8 * at);
        struct tongi_frame frame = tongi_frame_decode(bytes);
        bool greeted = i & 1;
        bool good = !frame.flags && (!frame.descriptors || frame.type == TONGI_FRAME_DATA) &&
                    (frame.type == TONGI_FRAME_REFUSE  ? frame.len <= TONGI_CONTROL_MAX
                     : frame.type == TONGI_FRAME_HELLO ? !greeted && frame.len <= TONGI_CONTROL_MAX
                     : frame.type == TONGI_FRAME_DATA  ? greeted && frame.len <= SIZE_MAX_BYTES
                                                       : greeted && frame.type == TONGI_FRAME_END && frame.len == 0);
        if (good != !tongi_frame_fault(&frame, greeted, SIZE_MAX_BYTES))
            ck_abort_msg("%016llx", (unsigned long long)word);
    }
}

/* ---- hello ----------------------------------------------------------------------------------------------------- */

static const struct tongi_hello hello = {.role = TONG_PUSH, .size_max = 0x1122334455667788, .descriptors = 0xab};

TONG_TEST(hello_there_and_back)
{
    static const uint8_t due[TONGI_HELLO_BYTES] = {
        16,        0,    0,    0,    TONGI_FRAME_HELLO,
        0,         0,    0, /* header */
        'T',       'O',  'N',  'G',  TONGI_HELLO_VERSION,
        TONG_PUSH, 0xab, 0, /* who, and descriptors */
        0x88,      0x77, 0x66, 0x55, 0x44,
        0x33,      0x22, 0x11, /* size_max */
    };
    uint8_t bytes[TONGI_HELLO_BYTES];
    struct tongi_hello read;

    tongi_hello_encode(bytes, &hello);
    ck_assert_mem_eq(bytes, due, sizeof due);
    ck_ok(tongi_hello_decode(bytes + TONGI_FRAME_BYTES, sizeof bytes - TONGI_FRAME_BYTES, &read));
    ck_assert_uint_eq(read.role, hello.role);
    ck_assert(read.size_max == hello.size_max);
    ck_assert_uint_eq(read.descriptors, hello.descriptors);
}

TONG_TEST(what_is_no_hello)
{
    enum { BODY = sizeof(struct tongi_hello_layout) };
    uint8_t bytes[TONGI_HELLO_BYTES], longer[BODY + 9] = {0};
    const uint8_t *body = bytes + TONGI_FRAME_BYTES;
    struct tongi_hello read;

    tongi_hello_encode(bytes, &hello);
    for (size_t len = 0; len < BODY; len++)
        ck_error(tongi_hello_decode(body, len, &read), TONG_E_CORRUPT);
    for (size_t at = 0; at < 4; at++) {
        bytes[TONGI_FRAME_BYTES + at] ^= 1;
        ck_error(tongi_hello_decode(body, BODY, &read), TONG_E_CORRUPT);
        bytes[TONGI_FRAME_BYTES + at] ^= 1;
    }
    for (int version = 0; version < 256; version++) {
        bytes[TONGI_FRAME_BYTES + 4] = (uint8_t)version;
        if (version != TONGI_HELLO_VERSION)
            ck_error(tongi_hello_decode(body, BODY, &read), TONG_E_ABI);
    }
    bytes[TONGI_FRAME_BYTES + 4] = TONGI_HELLO_VERSION;
    /* A longer one is a newer minor revision's, whose beginning means the same. */
    memcpy(longer, body, BODY);
    ck_ok(tongi_hello_decode(longer, sizeof longer, &read));
    ck_assert(read.size_max == hello.size_max);
}

TONG_TEST(which_roles_talk_to_each_other)
{
    static const uint32_t pairs[][2] = {
        {TONG_PUSH, TONG_PULL},
        {TONG_PUB, TONG_SUB},
        {TONG_REQ, TONG_REP},
        {TONG_PAIR, TONG_PAIR},
    };

    for (uint32_t mine = 0; mine < 300; mine++)
        for (uint32_t theirs = 0; theirs < 300; theirs++) {
            bool due = false;
            for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
                due |= (mine == pairs[i][0] && theirs == pairs[i][1]) || (mine == pairs[i][1] && theirs == pairs[i][0]);
            if (tongi_roles_match(mine, theirs) != due)
                ck_abort_msg("%u and %u", mine, theirs);
        }
    ck_assert_str_eq(tongi_role_name(TONG_PUSH), "push");
    ck_assert_str_eq(tongi_role_name(TONG_REP), "rep");
    ck_assert_str_eq(tongi_role_name(0), "no role");
    ck_assert_str_eq(tongi_role_name(TONG_REP + 1), "no role");
    ck_assert_str_eq(tongi_role_name(UINT32_MAX), "no role");
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

static char sentence[2 * TONGI_CONTROL_MAX];

/* Decodes a refusal with this body into `room` bytes of an allocation of just that size. */
static int decode(const char *text, size_t len, int error, size_t room)
{
    uint8_t body[TONGI_CONTROL_MAX];
    char *exact = malloc(room);

    for (int i = 0; i < 4; i++)
        body[i] = (uint8_t)((uint32_t)error >> 8 * i);
    memcpy(body + 4, text, len);
    int r = tongi_refuse_decode(body, len + 4, exact, room);
    memcpy(sentence, exact, strlen(exact) + 1);
    free(exact);
    return r;
}

TONG_TEST(a_refusal_there_and_back)
{
    uint8_t bytes[TONGI_FRAME_BYTES + TONGI_CONTROL_MAX];
    size_t len = tongi_refuse_encode(bytes, -EBUSY, "later");
    struct tongi_frame frame = tongi_frame_decode(bytes);

    ck_assert_uint_eq(len, TONGI_FRAME_BYTES + 4 + 5);
    ck_assert_uint_eq(frame.type, TONGI_FRAME_REFUSE);
    ck_assert_uint_eq(frame.len, 4 + 5);
    ck_assert_ptr_null(tongi_frame_fault(&frame, false, 0));
    ck_error(tongi_refuse_decode(bytes + TONGI_FRAME_BYTES, frame.len, sentence, sizeof sentence), -EBUSY);
    ck_assert_str_eq(sentence, "later");
}

TONG_TEST(a_long_refusal_is_cut)
{
    uint8_t bytes[TONGI_FRAME_BYTES + TONGI_CONTROL_MAX];
    char text[3 * TONGI_CONTROL_MAX];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    size_t len = tongi_refuse_encode(bytes, -EBUSY, text);
    ck_assert_uint_eq(len, sizeof bytes);
    ck_assert_uint_eq(tongi_frame_decode(bytes).len, TONGI_CONTROL_MAX);
    tongi_refuse_decode(bytes + TONGI_FRAME_BYTES, TONGI_CONTROL_MAX, sentence, sizeof sentence);
    ck_assert_uint_eq(strlen(sentence), TONGI_CONTROL_MAX - 4);
    tongi_refuse_decode(bytes + TONGI_FRAME_BYTES, TONGI_CONTROL_MAX, sentence, 10);
    ck_assert_str_eq(sentence, "xxxxxxxxx");
}

TONG_TEST(nothing_in_a_refusal_reaches_a_terminal)
{
    for (size_t room = 1; room < 30; room++)
        decode("\x1b[31mred\x7f\0\n\t\xc2\x9bz", 15, -EBUSY, room);
    ck_assert_str_eq(sentence, "?[31mred?????z");
    /* UTF-8 is kept, whole characters of it at least. */
    ck_error(decode("\xed\x86\xb5 \xc2\xa9", 6, -EACCES, 100), -EACCES);
    ck_assert_str_eq(sentence, "\xed\x86\xb5 \xc2\xa9");
    /* The first byte of two at the very end says nothing about what may follow. */
    decode("a\xc2", 2, -EACCES, 100);
    ck_assert_str_eq(sentence, "a\xc2");
    for (int byte = 0; byte < 256; byte++) {
        char text[2] = {(char)byte, 0};
        decode(text, 1, -EBUSY, 2);
        ck_assert_uint_eq((unsigned char)sentence[0], byte < 0x20 || byte == 0x7f ? '?' : (unsigned)byte);
    }
}

TONG_TEST(a_refusal_is_always_a_failure)
{
    uint8_t body[4] = {0};

    ck_error(decode("", 0, 0, 1), TONG_E_REFUSED);
    ck_error(decode("", 0, 1, 1), TONG_E_REFUSED);
    ck_error(decode("", 0, INT32_MAX, 1), TONG_E_REFUSED);
    ck_error(decode("", 0, INT32_MIN, 1), INT32_MIN);
    for (size_t len = 0; len < 4; len++) {
        sentence[0] = 'x';
        ck_error(tongi_refuse_decode(body, len, sentence, sizeof sentence), TONG_E_REFUSED);
        ck_assert_str_eq(sentence, "");
    }
}

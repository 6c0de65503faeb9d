/* SPDX-License-Identifier: MIT */
#include "prim/fragment.h"

#include <string.h>
#include <tong/tong.h>

#include "runner/runner.h"

TONG_TEST(a_header_is_sixteen_little_endian_bytes)
{
    static const uint8_t due[TONGI_FRAGMENT_BYTES] = {
        TONGI_FRAGMENT_MAGIC, TONGI_FRAGMENT_LAST, 0x02, 0x01, 6, 5, 4, 3, 10, 9, 8, 7, 14, 13, 12, 11};
    const struct tongi_fragment fragment = {TONGI_FRAGMENT_LAST, 0x0102, 0x03040506, 0x0708090a, 0x0b0c0d0e};
    struct tongi_fragment again;
    uint8_t bytes[TONGI_FRAGMENT_BYTES];

    tongi_fragment_encode(bytes, &fragment);
    ck_assert_mem_eq(bytes, due, sizeof due);
    ck_ok(tongi_fragment_decode(bytes, &again));
    ck_assert_mem_eq(&again, &fragment, sizeof again);
}

static int decode(struct tongi_fragment fragment)
{
    uint8_t bytes[TONGI_FRAGMENT_BYTES];
    struct tongi_fragment again;

    tongi_fragment_encode(bytes, &fragment);
    return tongi_fragment_decode(bytes, &again);
}

TONG_TEST(what_no_writer_writes_is_no_fragment)
{
    static const struct tongi_fragment sound[] = {
        {0, 1, 1, 1, 0},
        {0, TONGI_FRAGMENT_MAX, 1, 1, 5},
        {TONGI_FRAGMENT_LAST, 0, 1, 1, 0},
        {TONGI_FRAGMENT_LAST, TONGI_FRAGMENT_MAX, 1, 1, 0},
        {TONGI_FRAGMENT_HELLO, 0, 0, 0, 0},
        {TONGI_FRAGMENT_END, 0, 1, 0, 0},
    };
    static const struct tongi_fragment unsound[] = {
        {0, 0, 1, 1, 0},
        {0, TONGI_FRAGMENT_MAX + 1, 1, 1, 0},
        {TONGI_FRAGMENT_LAST, 0, 1, 1, 7},
        {TONGI_FRAGMENT_LAST, TONGI_FRAGMENT_MAX + 1, 1, 1, 0},
        {TONGI_FRAGMENT_HELLO, 1, 1, 0, 0},
        {TONGI_FRAGMENT_HELLO, 0, 1, 0, 1},
        {TONGI_FRAGMENT_END, 1, 1, 0, 0},
        {TONGI_FRAGMENT_END | TONGI_FRAGMENT_LAST, 0, 1, 0, 0},
        {8, 1, 1, 1, 0},
    };

    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        ck_ok(decode(sound[i]));
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++)
        ck_error(decode(unsound[i]), TONG_E_CORRUPT);
}

TONG_TEST(another_first_byte_is_no_fragment)
{
    uint8_t bytes[TONGI_FRAGMENT_BYTES];
    struct tongi_fragment fragment = {TONGI_FRAGMENT_LAST, 1, 1, 1, 0};

    tongi_fragment_encode(bytes, &fragment);
    for (int first = 0; first < 256; first++) {
        bytes[0] = (uint8_t)first;
        ck_assert_int_eq(tongi_fragment_decode(bytes, &fragment),
                         first == TONGI_FRAGMENT_MAGIC ? 0 : (int)TONG_E_CORRUPT);
    }
}

TONG_TEST(the_next_fragment_is_sought_behind_the_first_byte)
{
    uint8_t bytes[20] = {TONGI_FRAGMENT_MAGIC};

    ck_assert_uint_eq(tongi_fragment_seek(bytes, sizeof bytes), sizeof bytes);
    ck_assert_uint_eq(tongi_fragment_seek(bytes, 1), 1);
    bytes[19] = TONGI_FRAGMENT_MAGIC;
    ck_assert_uint_eq(tongi_fragment_seek(bytes, sizeof bytes), 19);
    bytes[1] = TONGI_FRAGMENT_MAGIC;
    ck_assert_uint_eq(tongi_fragment_seek(bytes, sizeof bytes), 1);
}

/* SPDX-License-Identifier: MIT */
#include "prim/line.h"

#include <stdlib.h>

#include "base/limits.h"
#include "runner/runner.h"

static const uint8_t *bytes_of(const char *text)
{
    return (const uint8_t *)text;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

struct find_case {
    const char *text;
    size_t len;
    uint64_t size_max;
    int64_t due;
    size_t searched; /* afterwards */
};

TONG_TEST(where_the_first_line_ends)
{
    static const struct find_case cases[] = {
        {"", 0, 10, -EAGAIN, 0},
        {"\n", 1, 10, 0, 0},
        {"a", 1, 10, -EAGAIN, 1},
        {"ab\ncd\n", 6, 10, 2, 2},
        {"ab\r\n", 4, 10, 3, 3}, /* the '\r' is the message's */
        {"a\0b\n", 4, 10, 3, 3},
        {"\xff\xfe\n", 3, 10, 2, 2},
        {"abc", 3, 3, -EAGAIN, 3},
        {"abc\n", 4, 3, 3, 3},
        {"abcd", 4, 3, TONG_E_TOOBIG, 4},
        {"abcd\n", 5, 3, TONG_E_TOOBIG, 4}, /* beyond the limit nobody looks */
        {"abcdefgh", 8, 3, TONG_E_TOOBIG, 4},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct find_case *c = &cases[i];
        size_t searched = 0;
        ck_assert_int_eq(tongi_line_find(bytes_of(c->text), c->len, c->size_max, &searched), c->due);
        ck_assert_uint_eq(searched, c->searched);
        /* Asked again, it says the same. */
        ck_assert_int_eq(tongi_line_find(bytes_of(c->text), c->len, c->size_max, &searched), c->due);
    }
}

TONG_TEST(what_was_searched_is_not_searched_again)
{
    uint8_t line[100];
    size_t searched = 0;

    for (size_t i = 0; i < sizeof line; i++)
        line[i] = i + 1 < sizeof line ? 'x' : '\n';
    for (size_t len = 1; len < sizeof line; len++) {
        ck_assert_int_eq(tongi_line_find(line, len, 1000, &searched), -EAGAIN);
        ck_assert_uint_eq(searched, len);
        /* Nobody looks here any more. */
        line[len - 1] = '\n';
    }
    ck_assert_int_eq(tongi_line_find(line, sizeof line, 1000, &searched), sizeof line - 1);
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

TONG_TEST(lines_are_packed_one_behind_the_other)
{
    static const tong_view msgs[] = {{"one", 3}, {NULL, 0}, {"three", 5}};
    uint8_t room[32] = "##";
    size_t used = 2;

    ck_assert_uint_eq(tongi_line_pack(msgs, 3, true, room, sizeof room, &used), 3);
    ck_assert_uint_eq(used, 13);
    ck_assert_mem_eq(room, "##one\n\nthree\n\0", 14);
    used = 0;
    ck_assert_uint_eq(tongi_line_pack(msgs, 3, false, room, sizeof room, &used), 3);
    ck_assert_uint_eq(used, 8);
    ck_assert_mem_eq(room, "onethree", 8);
}

TONG_TEST(packing_stops_where_the_room_ends)
{
    static const tong_view msgs[] = {{"one", 3}, {"two", 3}};
    uint8_t exact[8];

    for (size_t room = 0; room <= sizeof exact; room++) {
        size_t used = 0;
        uint32_t due = room >= 8 ? 2 : room >= 4;
        ck_assert_uint_eq(tongi_line_pack(msgs, 2, true, exact, room, &used), due);
        ck_assert_uint_eq(used, 4 * due);
    }
}

TONG_TEST(long_messages_are_not_packed)
{
    static uint8_t big[TONGI_GATHER_BYTES + 1], room[3 * TONGI_GATHER_BYTES];
    const tong_view msgs[] = {{big, TONGI_GATHER_BYTES}, {big, TONGI_GATHER_BYTES + 1}};
    size_t used = 0;

    ck_assert_uint_eq(tongi_line_pack(msgs, 2, true, room, sizeof room, &used), 1);
    ck_assert_uint_eq(used, TONGI_GATHER_BYTES + 1);
}

/* ---- what cannot be sent ---------------------------------------------------------------------------------------- */

TONG_TEST(where_a_message_would_break)
{
    static const tong_view parts[] = {{"ab", 2}, {NULL, 0}, {"c\nd", 3}, {"\n", 1}};

    ck_assert_uint_eq(tongi_line_flaw(parts, 0), SIZE_MAX);
    ck_assert_uint_eq(tongi_line_flaw(parts, 2), SIZE_MAX);
    ck_assert_uint_eq(tongi_line_flaw(parts, 3), 3);
    ck_assert_uint_eq(tongi_line_flaw(parts + 3, 1), 0);
}

TONG_TEST(what_stands_around_a_message)
{
    ck_assert(!tongi_framing_is_foreign(0) && !tongi_framing_is_foreign(TONG_FRAMING_LENGTH));
    ck_assert(tongi_framing_is_foreign(TONG_FRAMING_LINE) && tongi_framing_is_foreign(TONG_FRAMING_RAW));
    ck_assert_uint_eq(tongi_framing_head(0), TONGI_FRAME_BYTES);
    ck_assert_uint_eq(tongi_framing_head(TONG_FRAMING_LENGTH), TONGI_FRAME_BYTES);
    ck_assert_uint_eq(tongi_framing_tail(TONG_FRAMING_LENGTH), 0);
    ck_assert_uint_eq(tongi_framing_head(TONG_FRAMING_LINE), 0);
    ck_assert_uint_eq(tongi_framing_tail(TONG_FRAMING_LINE), 1);
    ck_assert_uint_eq(tongi_framing_head(TONG_FRAMING_RAW) + tongi_framing_tail(TONG_FRAMING_RAW), 0);
}

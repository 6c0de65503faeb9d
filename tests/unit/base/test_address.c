/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/runner.h"
#include "tong/error.h"

static struct tongi_address parsed;

static void parses(const char *text, const char *scheme, const char *rest, const char *query)
{
    ck_ok(tongi_address_parse(text, &parsed));
    ck_assert_str_eq(parsed.scheme, scheme);
    ck_assert_str_eq(parsed.rest, rest);
    ck_assert_uint_eq(parsed.rest_len, strlen(rest));
    ck_assert_str_eq(parsed.query, query);
    ck_assert_uint_eq(parsed.query_len, strlen(query));
}

/* Refused, with a sentence that has these words: the object, the limit, the remedy. */
static void refuses(const char *text, const char *const *words)
{
    ck_error(tongi_address_parse(text, &parsed), TONG_E_ADDRESS);
    for (; *words; words++)
        ck_assert_msg(strstr(tong_error_detail(), *words) != NULL, "'%s' does not say '%s'", tong_error_detail(),
                      *words);
}
#define REFUSES(text, ...) refuses(text, (const char *[]){__VA_ARGS__, NULL})

/* What format writes is parsed to the same again. */
static void round_trip(const char *scheme, const char *rest, const char *text)
{
    char written[3 * 64];
    size_t len = tongi_address_format(scheme, rest, written, sizeof written);

    ck_assert_str_eq(written, text);
    ck_assert_uint_eq(len, strlen(text));
    parses(written, scheme, rest, "");
}

TONG_TEST(parts)
{
    parses("unix:x.sock", "unix", "x.sock", "");
    parses("unix:", "unix", "", "");
    parses("inproc:a?size=1k&wait=spin", "inproc", "a", "size=1k&wait=spin");
    parses("inproc:a?", "inproc", "a", "");
    parses("inproc:?size=1", "inproc", "", "size=1");
    parses("tcp:[::1]:80", "tcp", "[::1]:80", "");
    parses("a1b2:c", "a1b2", "c", "");
    parses("abcdefghijklmno:x", "abcdefghijklmno", "x", "");
    parses("fault:drop=5:unix:x?size=1", "fault", "drop=5:unix:x", "size=1");
    parses("unix:통.sock", "unix", "통.sock", "");
}

TONG_TEST(query_points_into_the_text)
{
    const char *text = "unix:a%20b?size=%31";

    ck_ok(tongi_address_parse(text, &parsed));
    ck_assert_ptr_eq(parsed.query, strchr(text, '?') + 1);
    ck_assert_str_eq(parsed.query, "size=%31");
}

TONG_TEST(one_leading_double_slash_is_dropped)
{
    parses("unix:///run/x.sock", "unix", "/run/x.sock", "");
    parses("unix://x.sock", "unix", "x.sock", "");
    parses("unix:/run/x.sock", "unix", "/run/x.sock", "");
    parses("unix:////x", "unix", "//x", "");
    parses("unix://", "unix", "", "");
    parses("unix:a//b", "unix", "a//b", "");
}

TONG_TEST(escapes)
{
    parses("unix:a%3Fb%26c%25d", "unix", "a?b&c%d", "");
    parses("unix:%2f%2F", "unix", "//", "");
    parses("unix:%ed%86%b5", "unix", "통", "");
    parses("unix:a&b", "unix", "a&b", "");
    REFUSES("unix:a%", "unix:a%:", "'%25'", "two hexadecimal digits");
    REFUSES("unix:a%4", "unix:a%4:");
    REFUSES("unix:a%4?size=1", "unix:a%4");
    REFUSES("unix:a%?41", "unix:a%");
    REFUSES("unix:a%zz", "unix:a%zz:");
    REFUSES("unix:a%4z", "unix:a%4z:");
    REFUSES("unix:a%z4", "unix:a%z4:");
    REFUSES("unix:a%-1", "unix:a%-1:");
    REFUSES("unix:a%00b", "unix:a%00b:", "not 00");
}

TONG_TEST(scheme)
{
    ck_error(tongi_address_parse(NULL, &parsed), -EINVAL);
    ck_assert_str_ne(tong_error_detail(), "");
    REFUSES("", "scheme:name", "unix:x.sock");
    REFUSES("/run/x.sock", "'/run/x.sock'", "unix:/run/x.sock");
    REFUSES("x.sock?a:b", "x.sock?a:b", "lower-case");
    REFUSES(":x.sock", "':x.sock'", "such as unix:x.sock");
    REFUSES("UNIX:x", "UNIX:x:", "lower-case letters and digits");
    REFUSES("1unix:x", "1unix:x:", "lower-case");
    REFUSES("un ix:x", "un ix:x:");
    REFUSES("unïx:x", "lower-case");
    REFUSES("abcdefghijklmnop:x", "abcdefghijklmnop:x:", "at most 15 letters");
}

/* A scheme, so many bytes of rest, and a tail. */
static char *make_long(const char *unit, size_t units, const char *tail)
{
    char *text = malloc(5 + units * strlen(unit) + strlen(tail) + 1);
    char *end = text + 5;

    ck_assert_ptr_nonnull(text);
    memcpy(text, "unix:", 5);
    for (size_t i = 0; i < units; i++, end += strlen(unit))
        memcpy(end, unit, strlen(unit));
    memcpy(end, tail, strlen(tail) + 1);
    return text;
}

TONG_TEST(longest_rest)
{
    char *fits = make_long("a", TONGI_REST_MAX, "?size=1");
    char *fits_decoded = make_long("%41", TONGI_REST_MAX, "");
    char *too_long = make_long("a", TONGI_REST_MAX + 1, "?size=1");
    char *too_long_decoded = make_long("%41", TONGI_REST_MAX + 1, "");

    ck_ok(tongi_address_parse(fits, &parsed));
    ck_assert_uint_eq(parsed.rest_len, TONGI_REST_MAX);
    ck_assert_str_eq(parsed.query, "size=1");
    ck_ok(tongi_address_parse(fits_decoded, &parsed));
    ck_assert_uint_eq(parsed.rest_len, TONGI_REST_MAX);
    ck_assert_uint_eq(strlen(parsed.rest), TONGI_REST_MAX);
    REFUSES(too_long, "unix:aaaa", "at most 4096 bytes");
    REFUSES(too_long_decoded, "unix:%41", "at most 4096 bytes");
    free(fits);
    free(fits_decoded);
    free(too_long);
    free(too_long_decoded);
}

TONG_TEST(a_long_bad_address_keeps_its_remedy)
{
    char *bad = make_long("a", TONGI_REST_MAX - 10, "%");

    REFUSES(bad, "unix:aaaa", "'%25'");
    free(bad);
}

TONG_TEST(round_trips)
{
    round_trip("unix", "x.sock", "unix:x.sock");
    round_trip("unix", "", "unix:");
    round_trip("unix", "/run/x", "unix:/run/x");
    round_trip("unix", "//x", "unix:////x");
    round_trip("unix", "//", "unix:////");
    round_trip("unix", "///x", "unix://///x");
    round_trip("unix", "a?b&c%d", "unix:a%3Fb%26c%25d");
    round_trip("unix", "a\nb\x7f\x01", "unix:a%0Ab%7F%01");
    round_trip("unix", "통 a+b=c;d", "unix:통 a+b=c;d");
    round_trip("fault", "drop=1:unix:x%y", "fault:drop=1:unix:x%25y");
}

TONG_TEST(every_byte_round_trips)
{
    for (int byte = 1; byte < 256; byte++) {
        const char rest[] = {(char)byte, 'x', (char)byte, 0};
        char written[32];

        tongi_address_format("a", rest, written, sizeof written);
        parses(written, "a", rest, "");
    }
}

TONG_TEST(format_into_any_room)
{
    static const char whole[] = "unix:////a%25b";
    size_t len = sizeof whole - 1;

    for (size_t room = 0; room <= len + 2; room++) {
        char *written = malloc(room ? room : 1);

        ck_assert_ptr_nonnull(written);
        written[0] = 'x';
        ck_assert_uint_eq(tongi_address_format("unix", "//a%b", written, room), len);
        if (room) {
            size_t kept = room <= len ? room - 1 : len;
            ck_assert_uint_eq(strlen(written), kept);
            ck_assert_int_eq(memcmp(written, whole, kept), 0);
        } else {
            ck_assert_int_eq(written[0], 'x');
        }
        free(written);
    }
    ck_assert_uint_eq(tongi_address_format("unix", "//a%b", NULL, 0), len);
}

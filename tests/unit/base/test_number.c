/* SPDX-License-Identifier: MIT */
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner/runner.h"

typedef int parser(const char *text, size_t len, uint64_t *ret_value);

/* Parses a copy that ends where the text ends, so that a sanitizer sees a read behind it. */
static int parse(parser *parse_it, const char *text, uint64_t *ret_value)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    int r;

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, text, len);
    r = parse_it(exact, len, ret_value);
    free(exact);
    return r;
}

static void gives(parser *parse_it, const char *text, uint64_t value)
{
    uint64_t parsed = ~value;

    ck_assert_msg(parse(parse_it, text, &parsed) == 0, "'%s' was not taken", text);
    ck_assert_msg(parsed == value, "'%s' is %llu", text, (unsigned long long)parsed);
}

static void fails(parser *parse_it, const char *text, int error)
{
    uint64_t untouched = 77;
    int r = parse(parse_it, text, &untouched);

    ck_assert_msg(r == error, "'%s' gave %d, not %d", text, r, error);
    ck_assert_uint_eq(untouched, 77);
}

static void fails_all(parser *parse_it, const char *const *texts, int error)
{
    for (; *texts; texts++)
        fails(parse_it, *texts, error);
}

TONG_TEST(count)
{
    gives(tongi_parse_count, "0", 0);
    gives(tongi_parse_count, "7", 7);
    gives(tongi_parse_count, "000042", 42);
    gives(tongi_parse_count, "18446744073709551615", UINT64_MAX);
    fails_all(tongi_parse_count,
              (const char *[]){"", " 1", "1 ", "+1", "-1", "0x1", "1k", "one", "1.5", "/", ":", NULL}, -EINVAL);
    fails_all(tongi_parse_count, (const char *[]){"18446744073709551616", "99999999999999999999999999", NULL}, -ERANGE);
}

TONG_TEST(what_is_no_number_is_none_however_long)
{
    fails(tongi_parse_count, "99999999999999999999999999x", -EINVAL);
    fails(tongi_parse_bytes, "99999999999999999999999999kk", -EINVAL);
    fails(tongi_parse_time, "99999999999999999999999999", -EINVAL);
}

TONG_TEST(count_is_bounded_by_its_length)
{
    uint64_t value;

    ck_assert_int_eq(tongi_parse_count("1234", 2, &value), 0);
    ck_assert_uint_eq(value, 12);
}

TONG_TEST(bytes)
{
    gives(tongi_parse_bytes, "0", 0);
    gives(tongi_parse_bytes, "512", 512);
    gives(tongi_parse_bytes, "64k", 64 << 10);
    gives(tongi_parse_bytes, "64K", 64 << 10);
    gives(tongi_parse_bytes, "3M", 3 << 20);
    gives(tongi_parse_bytes, "2G", UINT64_C(2) << 30);
    gives(tongi_parse_bytes, "17179869183G", UINT64_C(17179869183) << 30);
    fails_all(tongi_parse_bytes, (const char *[]){"", "k", "M", "G", "1kk", "1m", "1g", "1T", "1 k", "k1", "-1k", NULL},
              -EINVAL);
    fails_all(tongi_parse_bytes,
              (const char *[]){"17179869184G", "18446744073709551615k", "18446744073709551616", NULL}, -ERANGE);
}

TONG_TEST(mode)
{
    gives(tongi_parse_mode, "0", 0);
    gives(tongi_parse_mode, "600", 0600);
    gives(tongi_parse_mode, "0660", 0660);
    gives(tongi_parse_mode, "1777777777777777777777", UINT64_MAX);
    fails_all(tongi_parse_mode, (const char *[]){"", "8", "0o600", "rw", "60k", NULL}, -EINVAL);
    fails(tongi_parse_mode, "2000000000000000000000", -ERANGE);
}

TONG_TEST(time)
{
    gives(tongi_parse_time, "0s", 0);
    gives(tongi_parse_time, "1ns", 1);
    gives(tongi_parse_time, "20us", 20000);
    gives(tongi_parse_time, "300ms", 300000000);
    gives(tongi_parse_time, "5s", UINT64_C(5000000000));
    gives(tongi_parse_time, "2m", UINT64_C(120000000000));
    gives(tongi_parse_time, "18446744073709551615ns", UINT64_MAX);
    fails_all(tongi_parse_time,
              (const char *[]){"", "5", "s", "ms", "1h", "1min", "1 s", "1sm", "1.5s", "-1s", "1S", NULL}, -EINVAL);
    fails_all(tongi_parse_time,
              (const char *[]){"18446744073709551615us", "18446744073709551616ns", "307445734562m", NULL}, -ERANGE);
}

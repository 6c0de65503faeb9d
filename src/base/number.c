/* SPDX-License-Identifier: MIT */
#include "base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int parse_digits(const char *text, size_t len, uint64_t base, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool over = false;

    if (len == 0)
        return -EINVAL;
    /* To the end also when the range is left: what is not a number at all is not one out of range. */
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || (uint64_t)(text[i] - '0') >= base)
            return -EINVAL;
        over |= __builtin_mul_overflow(value, base, &value);
        over |= __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
    }
    if (over)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

static int parse_scaled(const char *text, size_t digits, uint64_t scale, uint64_t *ret_value)
{
    uint64_t value;
    int r = parse_digits(text, digits, 10, &value);

    if (r < 0)
        return r;
    if (__builtin_mul_overflow(value, scale, &value))
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int tongi_parse_count(const char *text, size_t len, uint64_t *ret_value)
{
    return parse_digits(text, len, 10, ret_value);
}

int tongi_parse_mode(const char *text, size_t len, uint64_t *ret_value)
{
    return parse_digits(text, len, 8, ret_value);
}

int tongi_parse_bytes(const char *text, size_t len, uint64_t *ret_value)
{
    uint64_t scale = 1;

    if (len == 0)
        return -EINVAL;
    switch (text[len - 1]) {
    case 'k':
    case 'K':
        scale = UINT64_C(1) << 10;
        break;
    case 'M':
        scale = UINT64_C(1) << 20;
        break;
    case 'G':
        scale = UINT64_C(1) << 30;
        break;
    default:
        return parse_digits(text, len, 10, ret_value);
    }
    return parse_scaled(text, len - 1, scale, ret_value);
}

int tongi_parse_time(const char *text, size_t len, uint64_t *ret_ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {
        {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"m", UINT64_C(60) * 1000000000},
    };
    size_t digits = 0;

    while (digits < len && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t unit_len = strlen(units[i].unit);
        if (len - digits == unit_len && memcmp(text + digits, units[i].unit, unit_len) == 0)
            return parse_scaled(text, digits, units[i].ns, ret_ns);
    }
    return -EINVAL;
}

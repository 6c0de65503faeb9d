/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"

#define FIELD_WIDTH(field) ((uint32_t)sizeof(((tong_opts *)NULL)->field))

const struct tongi_option_spec tongi_option_specs[TONGI_OPT_COUNT] = {
#define TONGI_OPTION(id, field, kind, least, most, words, sentence)                                                    \
    {#field, TONGI_KIND_##kind, offsetof(tong_opts, field), FIELD_WIDTH(field), least, most, words, sentence},
#include "base/options.def"
#undef TONGI_OPTION
};

/* The word of an option is its field without the unit: handshake_ns is "handshake" in an address. */
static size_t name_len(const struct tongi_option_spec *spec)
{
    size_t len = strlen(spec->name);

    return spec->kind == TONGI_KIND_TIME ? len - strlen("_ns") : len;
}

static uint64_t field_get(const tong_opts *opts, const struct tongi_option_spec *spec)
{
    const char *field = (const char *)opts + spec->offset;
    uint32_t narrow;
    uint64_t wide;

    if (spec->width == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, field, sizeof wide);
    return wide;
}

static void field_set(tong_opts *opts, const struct tongi_option_spec *spec, uint64_t value)
{
    char *field = (char *)opts + spec->offset;
    uint32_t narrow = (uint32_t)value;

    if (spec->width == sizeof narrow)
        memcpy(field, &narrow, sizeof narrow);
    else
        memcpy(field, &value, sizeof value);
}

static int parse_word(const char *words, const char *text, size_t len, uint64_t *ret_value)
{
    uint64_t value = 1;

    for (const char *word = words;; value++) {
        size_t word_len = strcspn(word, "|");
        if (word_len == len && memcmp(word, text, len) == 0) {
            *ret_value = value;
            return 0;
        }
        if (word[word_len] == 0)
            return -EINVAL;
        word += word_len + 1;
    }
}

static int parse_value(const struct tongi_option_spec *spec, const char *text, size_t len, uint64_t *ret_value)
{
    switch (spec->kind) {
    case TONGI_KIND_BYTES:
        return tongi_parse_bytes(text, len, ret_value);
    case TONGI_KIND_COUNT:
        return tongi_parse_count(text, len, ret_value);
    case TONGI_KIND_MODE:
        return tongi_parse_mode(text, len, ret_value);
    case TONGI_KIND_TIME:
        return tongi_parse_time(text, len, ret_value);
    case TONGI_KIND_WORD:
    case TONGI_KIND_TEXT:
        break;
    }
    return parse_word(spec->words, text, len, ret_value);
}

/* What a value looks like, for the sentence about one that does not. */
static const char *kind_example(const struct tongi_option_spec *spec)
{
    switch (spec->kind) {
    case TONGI_KIND_BYTES:
        return "a number with k, M or G";
    case TONGI_KIND_COUNT:
        return "a number";
    case TONGI_KIND_MODE:
        return "octal digits such as 0660";
    case TONGI_KIND_TIME:
        return "a number with ns, us, ms, s or m";
    case TONGI_KIND_TEXT:
        return "numbers of users and groups, such as uid:1000,gid:100";
    case TONGI_KIND_WORD:
        break;
    }
    return spec->words;
}

static int range_fail(const struct tongi_option_spec *spec, const char *address)
{
    if (spec->kind == TONGI_KIND_TEXT)
        return TONG_FAIL(-ERANGE, "%s: option '%s' takes at most %d users and groups, each of 0 to 4294967294", address,
                         spec->name, TONGI_ALLOW_MAX);
    if (spec->kind == TONGI_KIND_MODE)
        return TONG_FAIL(-ERANGE, "%s: option '%.*s' takes %llo to %llo (octal)", address, (int)name_len(spec),
                         spec->name, (unsigned long long)spec->least, (unsigned long long)spec->most);
    return TONG_FAIL(-ERANGE, "%s: option '%.*s' takes %llu to %llu%s", address, (int)name_len(spec), spec->name,
                     (unsigned long long)spec->least, (unsigned long long)spec->most,
                     spec->kind == TONGI_KIND_TIME ? " ns" : "");
}

static const struct tongi_option_spec *spec_find(const char *name, size_t len)
{
    for (uint32_t i = 0; i < TONGI_OPT_COUNT; i++) {
        const struct tongi_option_spec *spec = &tongi_option_specs[i];
        if (name_len(spec) == len && memcmp(spec->name, name, len) == 0)
            return spec;
    }
    return NULL;
}

/* "size, mode, wait": what the transport does have, for the sentence about what it has not. */
static void list_allowed(uint32_t allowed, char *ret_list, size_t room)
{
    size_t used = 0;

    ret_list[0] = 0;
    for (uint32_t i = 0; i < TONGI_OPT_COUNT && used + 1 < room; i++) {
        const struct tongi_option_spec *spec = &tongi_option_specs[i];
        if (allowed & (1u << i))
            used += (size_t)snprintf(ret_list + used, room - used, "%s%.*s", used ? ", " : "", (int)name_len(spec),
                                     spec->name);
    }
}

static int unknown_fail(const char *name, size_t len, uint32_t allowed, const char *address)
{
    char list[160];

    list_allowed(allowed, list, sizeof list);
    return TONG_FAIL(TONG_E_ADDRESS, "%s: there is no option '%.*s' here; there are: %s", address,
                     len > 40 ? 40 : (int)len, name, list[0] ? list : "none");
}

static int value_fail(const struct tongi_option_spec *spec, const char *address)
{
    return TONG_FAIL(TONG_E_ADDRESS, "%s: option '%.*s' takes %s", address, (int)name_len(spec), spec->name,
                     kind_example(spec));
}

/* Text of which the caller keeps only what it means. */
static int text_take(const struct tongi_option_spec *spec, const char *text, size_t len, const char *address,
                     struct tongi_allow *ret_allow)
{
    struct tongi_allow checked;
    int r = tongi_allow_parse(text, len, ret_allow ? ret_allow : &checked);

    if (r < 0)
        return r == -ERANGE ? range_fail(spec, address) : value_fail(spec, address);
    return 0;
}

static int parse_one(const char *text, size_t len, uint32_t allowed, const char *address, tong_opts *opts,
                     struct tongi_allow *ret_allow)
{
    const char *equals = memchr(text, '=', len);
    size_t word_len = equals ? (size_t)(equals - text) : len;
    const struct tongi_option_spec *spec = spec_find(text, word_len);
    uint64_t value;

    if (!spec || !(allowed & (1u << (spec - tongi_option_specs))))
        return unknown_fail(text, word_len, allowed, address);
    if (!equals)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: option '%.*s' needs a value: %s", address, (int)word_len, text,
                         kind_example(spec));
    if (field_get(opts, spec))
        return TONG_FAIL(TONG_E_ADDRESS, "%s: option '%.*s' is given twice", address, (int)word_len, text);

    if (spec->kind == TONGI_KIND_TEXT) {
        opts->allow = "in the address";
        return text_take(spec, equals + 1, len - word_len - 1, address, ret_allow);
    }
    int r = parse_value(spec, equals + 1, len - word_len - 1, &value);
    if (r == -EINVAL)
        return value_fail(spec, address);
    if (r < 0 || value < spec->least || value > spec->most)
        return range_fail(spec, address);
    field_set(opts, spec, value);
    return 0;
}

int tongi_options_parse(const char *query, size_t len, uint32_t allowed, const char *address, tong_opts *opts,
                        struct tongi_allow *ret_allow)
{
    while (len) {
        const char *next = memchr(query, '&', len);
        size_t one = next ? (size_t)(next - query) : len;
        int r = parse_one(query, one, allowed, address, opts, ret_allow);
        if (r < 0)
            return TONG_TRACE(r);
        query += next ? one + 1 : one;
        len -= next ? one + 1 : one;
        if (next && len == 0)
            return TONG_FAIL(TONG_E_ADDRESS, "%s: the address ends in '&'", address);
    }
    return 0;
}

/* The struct as it was first published: a shorter one was never compiled. */
#define FIRST_BYTES (offsetof(tong_opts, handshake_ns) + sizeof(int64_t))

/* A newer caller's struct is longer; what this library does not know may only be zero. */
static bool tail_is_zero(const tong_opts *given)
{
    const unsigned char *bytes = (const unsigned char *)given;

    for (size_t i = sizeof *given; i < given->struct_size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Every field that is given, against the table. */
static int fields_check(const tong_opts *opts, uint32_t allowed, const char *address, struct tongi_allow *ret_allow)
{
    for (uint32_t i = 0; i < TONGI_OPT_COUNT; i++) {
        const struct tongi_option_spec *spec = &tongi_option_specs[i];
        uint64_t value = field_get(opts, spec);
        int r = 0;
        if (value == 0)
            continue;
        if (!(allowed & (1u << i)))
            return unknown_fail(spec->name, name_len(spec), allowed, address);
        if (spec->kind == TONGI_KIND_TEXT)
            r = text_take(spec, opts->allow, strlen(opts->allow), address, ret_allow);
        else if (value < spec->least || value > spec->most)
            r = range_fail(spec, address);
        if (r < 0)
            return r;
    }
    return 0;
}

int tongi_options_take(const tong_opts *given, uint32_t allowed, const char *address, tong_opts *ret_opts,
                       struct tongi_allow *ret_allow)
{
    tong_opts taken = {.struct_size = sizeof taken};
    struct tongi_allow allow = {.count = 0};

    if (!given)
        goto out;
    if (given->struct_size < FIRST_BYTES || given->struct_size > 4096)
        return TONG_FAIL(-EINVAL, "%s: tong_opts.struct_size is %u; set it to sizeof (tong_opts), %zu", address,
                         given->struct_size, sizeof taken);
    if (!tail_is_zero(given))
        return TONG_FAIL(TONG_E_ADDRESS, "%s: tong_opts has an option that this version of the library does not know",
                         address);
    memcpy(&taken, given, given->struct_size < sizeof taken ? given->struct_size : sizeof taken);
    taken.struct_size = sizeof taken;
    int r = fields_check(&taken, allowed, address, &allow);
    if (r < 0)
        return TONG_TRACE(r);
out:
    *ret_opts = taken;
    if (ret_allow)
        *ret_allow = allow;
    return 0;
}

uint32_t tongi_options_given(const tong_opts *opts)
{
    uint32_t given = 0;

    for (uint32_t i = 0; i < TONGI_OPT_COUNT; i++)
        if (field_get(opts, &tongi_option_specs[i]))
            given |= 1u << i;
    return given;
}

int tongi_options_check(uint32_t given, uint32_t allowed, const char *address)
{
    for (uint32_t i = 0; i < TONGI_OPT_COUNT; i++)
        if (given & ~allowed & 1u << i)
            return unknown_fail(tongi_option_specs[i].name, name_len(&tongi_option_specs[i]), allowed, address);
    return 0;
}

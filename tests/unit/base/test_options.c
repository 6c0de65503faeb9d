/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/runner.h"

#define ALL ((1u << TONGI_OPT_COUNT) - 1)
#define ADDRESS "unix:x.sock"

/* Parses a copy without a closing 0, so that a sanitizer sees a read behind it. */
static int parse(const char *query, uint32_t allowed, tong_opts *opts)
{
    size_t len = strlen(query);
    char *exact = malloc(len ? len : 1);
    int r;

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, query, len);
    r = tongi_options_parse(exact, len, allowed, ADDRESS, opts, NULL);
    free(exact);
    return r;
}

static tong_opts parsed(const char *query)
{
    tong_opts opts = {0};

    ck_ok(parse(query, ALL, &opts));
    return opts;
}

/* The last failure's sentence begins with the object and has these words. */
static void says(const char *const *words)
{
    ck_assert_msg(strncmp(tong_error_detail(), ADDRESS ": ", sizeof ADDRESS + 1) == 0, "%s", tong_error_detail());
    for (; *words; words++)
        ck_assert_msg(strstr(tong_error_detail(), *words) != NULL, "'%s' does not say '%s'", tong_error_detail(),
                      *words);
}
#define SAYS(...) says((const char *[]){__VA_ARGS__, NULL})

static void refuses(const char *query, uint32_t allowed, int error)
{
    tong_opts opts = {0};

    ck_error(parse(query, allowed, &opts), error);
}

TONG_TEST(every_option)
{
    ck_assert_uint_eq(parsed("size=64k").size, 65536);
    ck_assert_uint_eq(parsed("depth=7").depth, 7);
    ck_assert_uint_eq(parsed("mode=0660").mode, 0660);
    ck_assert_uint_eq(parsed("wait=adaptive").wait, TONG_WAIT_ADAPTIVE);
    ck_assert_uint_eq(parsed("wait=spin").wait, TONG_WAIT_SPIN);
    ck_assert_uint_eq(parsed("wait=block").wait, TONG_WAIT_BLOCK);
    ck_assert_uint_eq(parsed("keep=unread").keep, TONG_KEEP_UNREAD);
    ck_assert_uint_eq(parsed("keep=never").keep, TONG_KEEP_NEVER);
    ck_assert_uint_eq(parsed("keep=always").keep, TONG_KEEP_ALWAYS);
    ck_assert_uint_eq(parsed("end=never").end, TONG_END_NEVER);
    ck_assert_uint_eq(parsed("end=last").end, TONG_END_LAST);
    ck_assert_uint_eq(parsed("reconnect=yes").reconnect, TONG_YES);
    ck_assert_uint_eq(parsed("reconnect=no").reconnect, TONG_NO);
    ck_assert_uint_eq(parsed("abstract=yes").abstract, TONG_YES);
    ck_assert_uint_eq(parsed("abstract=no").abstract, TONG_NO);
    ck_assert_uint_eq(parsed("peers=9").peers, 9);
    ck_assert_uint_eq(parsed("history=10").history, 10);
    ck_assert_int_eq(parsed("handshake=2s").handshake_ns, 2000000000);
}

TONG_TEST(several)
{
    tong_opts opts = parsed("size=1M&wait=spin&handshake=5ms&mode=1");

    ck_assert_uint_eq(opts.size, 1 << 20);
    ck_assert_uint_eq(opts.wait, TONG_WAIT_SPIN);
    ck_assert_int_eq(opts.handshake_ns, 5000000);
    ck_assert_uint_eq(opts.mode, 1);
    ck_assert_uint_eq(opts.depth, 0);
    opts = parsed("");
    ck_assert_int_eq(memcmp(&opts, &(tong_opts){0}, sizeof opts), 0);
}

/* An option at a value, as an address would have it. */
static void write_option(const struct tongi_option_spec *spec, uint64_t value, char *ret_query, size_t room)
{
    size_t len = strlen(spec->name);
    const char *word = spec->words;

    switch (spec->kind) {
    case TONGI_KIND_TIME:
        snprintf(ret_query, room, "%.*s=%lluns", (int)(len - strlen("_ns")), spec->name, (unsigned long long)value);
        break;
    case TONGI_KIND_TEXT:
        snprintf(ret_query, room, "%s=uid:%llu", spec->name, (unsigned long long)value);
        break;
    case TONGI_KIND_MODE:
        snprintf(ret_query, room, "%s=%llo", spec->name, (unsigned long long)value);
        break;
    case TONGI_KIND_WORD:
        for (uint64_t i = 1; i < value; i++)
            word = strchr(word, '|') + 1;
        snprintf(ret_query, room, "%s=%.*s", spec->name, (int)strcspn(word, "|"), word);
        break;
    default:
        snprintf(ret_query, room, "%s=%llu", spec->name, (unsigned long long)value);
        break;
    }
}

static uint64_t field(const tong_opts *opts, const struct tongi_option_spec *spec)
{
    uint32_t narrow;
    uint64_t wide;

    ck_assert(spec->width == sizeof narrow || spec->width == sizeof wide);
    memcpy(&narrow, (const char *)opts + spec->offset, sizeof narrow);
    if (spec->width == sizeof narrow)
        return narrow;
    memcpy(&wide, (const char *)opts + spec->offset, sizeof wide);
    return wide;
}

static tong_opts with_field(const struct tongi_option_spec *spec, uint64_t value)
{
    tong_opts opts = {.struct_size = sizeof opts};
    uint32_t narrow = (uint32_t)value;

    if (spec->kind == TONGI_KIND_TEXT)
        opts.allow = "uid:1";
    else if (spec->width == sizeof narrow)
        memcpy((char *)&opts + spec->offset, &narrow, sizeof narrow);
    else
        memcpy((char *)&opts + spec->offset, &value, sizeof value);
    return opts;
}

TONG_TEST_LOOP(range, 0, TONGI_OPT_COUNT)
{
    const struct tongi_option_spec *spec = &tongi_option_specs[_i];
    const uint64_t inside[] = {spec->least, spec->most}, outside[] = {spec->least - 1, spec->most + 1};
    tong_opts opts;
    char query[64];

    for (int i = 0; i < 2; i++) {
        opts = (tong_opts){0};
        write_option(spec, inside[i], query, sizeof query);
        ck_ok(parse(query, 1u << _i, &opts));
        if (spec->kind == TONGI_KIND_TEXT)
            continue;
        ck_assert_uint_eq(field(&opts, spec), inside[i]);
        if (spec->kind == TONGI_KIND_WORD)
            continue;
        write_option(spec, outside[i], query, sizeof query);
        refuses(query, 1u << _i, -ERANGE);
        SAYS("option '", " takes ", " to ");
    }
}

TONG_TEST_LOOP(range_of_a_struct, 0, TONGI_OPT_COUNT)
{
    const struct tongi_option_spec *spec = &tongi_option_specs[_i];
    tong_opts given = with_field(spec, spec->most), taken = {0};

    ck_ok(tongi_options_take(&given, 1u << _i, ADDRESS, &taken, NULL));
    if (spec->kind == TONGI_KIND_TEXT)
        return;
    ck_assert_uint_eq(field(&taken, spec), spec->most);
    given = with_field(spec, spec->most + 1);
    ck_error(tongi_options_take(&given, 1u << _i, ADDRESS, &taken, NULL), -ERANGE);
    SAYS("option '", " takes ");
    ck_assert_uint_eq(field(&taken, spec), spec->most);
}

TONG_TEST_LOOP(not_here, 0, TONGI_OPT_COUNT)
{
    const struct tongi_option_spec *spec = &tongi_option_specs[_i];
    tong_opts given = with_field(spec, spec->least), taken;
    char query[64];

    write_option(spec, spec->least, query, sizeof query);
    refuses(query, ALL & ~(1u << _i), TONG_E_ADDRESS);
    SAYS("there is no option '");
    ck_error(tongi_options_take(&given, ALL & ~(1u << _i), ADDRESS, &taken, NULL), TONG_E_ADDRESS);
    SAYS("there is no option '");
}

TONG_TEST(limits_in_the_sentence)
{
    refuses("mode=1000", ALL, -ERANGE);
    SAYS("'mode'", "1 to 777 (octal)");
    refuses("size=2G", ALL, -ERANGE);
    SAYS("'size'", "1 to 1073741824");
    refuses("size=99999999999999999999", ALL, -ERANGE);
    SAYS("'size'", "1 to 1073741824");
    refuses("handshake=1us", ALL, -ERANGE);
    SAYS("'handshake'", "1000000 to 3600000000000 ns");
    refuses("depth=0", ALL, -ERANGE);
    SAYS("'depth'", "1 to 1048576");
}

TONG_TEST(unknown)
{
    refuses("sizes=1", ALL, TONG_E_ADDRESS);
    SAYS("'sizes'", "size, depth, mode, wait, keep, end, reconnect, abstract, peers, history, handshake");
    refuses("siz=1", TONGI_OPT_SIZE | TONGI_OPT_WAIT, TONG_E_ADDRESS);
    SAYS("'siz'", "there are: size, wait");
    refuses("Size=1", ALL, TONG_E_ADDRESS);
    refuses("handshake_ns=1000000ns", ALL, TONG_E_ADDRESS);
    refuses("struct_size=64", ALL, TONG_E_ADDRESS);
    refuses("=1", ALL, TONG_E_ADDRESS);
    SAYS("there is no option ''");
    refuses("size=1", 0, TONG_E_ADDRESS);
    SAYS("there are: none");
    refuses("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", ALL, TONG_E_ADDRESS);
    SAYS("handshake");
}

TONG_TEST(no_value)
{
    refuses("size", ALL, TONG_E_ADDRESS);
    SAYS("'size'", "needs a value", "k, M or G");
    refuses("wait", ALL, TONG_E_ADDRESS);
    SAYS("'wait'", "adaptive|spin|block");
    refuses("depth", ALL, TONG_E_ADDRESS);
    SAYS("a number");
    refuses("mode", ALL, TONG_E_ADDRESS);
    SAYS("0660");
    refuses("handshake", ALL, TONG_E_ADDRESS);
    SAYS("ns, us, ms, s or m");
}

TONG_TEST(bad_value)
{
    static const char *const bad[] = {"size=",       "size=1x",         "depth=1k", "depth=-1",    "mode=8",
                                      "mode=rw",     "wait=",           "wait=spi", "wait=spinn",  "wait=|",
                                      "wait=a|spin", "wait=spin|block", "end=LAST", "handshake=5", "handshake=s",
                                      "keep=0",      "size=1?",         "size==1"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuses(bad[i], ALL, TONG_E_ADDRESS);
        SAYS("option '", "' takes ");
    }
}

TONG_TEST(twice)
{
    tong_opts opts = {.depth = 3};

    refuses("size=1&size=1", ALL, TONG_E_ADDRESS);
    SAYS("'size'", "given twice");
    ck_error(parse("depth=3", ALL, &opts), TONG_E_ADDRESS);
    SAYS("'depth'", "given twice");
}

TONG_TEST(separators)
{
    refuses("size=1&", ALL, TONG_E_ADDRESS);
    SAYS("ends in '&'");
    refuses("&size=1", ALL, TONG_E_ADDRESS);
    SAYS("there is no option ''");
    refuses("size=1&&depth=1", ALL, TONG_E_ADDRESS);
    SAYS("there is no option ''");
    refuses("&", ALL, TONG_E_ADDRESS);
}

TONG_TEST(the_first_error_counts)
{
    refuses("size=0&nonsense", ALL, -ERANGE);
    refuses("nonsense&size=0", ALL, TONG_E_ADDRESS);
}

/* ---- allow= ---------------------------------------------------------------------------------------------------- */

TONG_TEST(allow_in_the_address)
{
    static const char query[] = "allow=uid:7,gid:8&depth=3";
    struct tongi_allow allow = {.count = 0};
    tong_opts opts = {0};

    ck_ok(tongi_options_parse(query, strlen(query), ALL, ADDRESS, &opts, &allow));
    ck_assert_uint_eq(allow.count, 2);
    ck_assert(tongi_allow_has_user(&allow, 7) && tongi_allow_has_group(&allow, 8));
    ck_assert_uint_eq(opts.depth, 3);
    ck_assert_uint_eq(tongi_options_given(&opts), TONGI_OPT_ALLOW | TONGI_OPT_DEPTH);
    refuses("allow=uid:7&allow=uid:8", ALL, TONG_E_ADDRESS);
    SAYS("'allow'", "given twice");
    refuses("allow=root", ALL, TONG_E_ADDRESS);
    SAYS("'allow'", "uid:1000,gid:100");
    refuses("allow=uid:4294967295", ALL, -ERANGE);
    SAYS("'allow'", "4294967294");
    refuses("allow", ALL, TONG_E_ADDRESS);
    SAYS("'allow'", "needs a value");
}

TONG_TEST(allow_in_the_struct)
{
    struct tongi_allow allow = {.count = 9};
    tong_opts given = {.struct_size = sizeof given, .allow = "gid:5"}, taken;

    ck_ok(tongi_options_take(&given, ALL, ADDRESS, &taken, &allow));
    ck_assert_uint_eq(allow.count, 1);
    ck_assert(tongi_allow_has_group(&allow, 5));
    ck_error(tongi_options_parse("allow=uid:1", 11, ALL, ADDRESS, &taken, &allow), TONG_E_ADDRESS);
    SAYS("'allow'", "given twice");
    given.allow = "";
    ck_error(tongi_options_take(&given, ALL, ADDRESS, &taken, &allow), TONG_E_ADDRESS);
    SAYS("'allow'", "uid:1000,gid:100");
    ck_ok(tongi_options_take(NULL, ALL, ADDRESS, &taken, &allow));
    ck_assert_uint_eq(allow.count, 0);
}

/* ---- the struct ------------------------------------------------------------------------------------------------ */

TONG_TEST(no_struct_is_an_empty_one)
{
    tong_opts taken = {.depth = 7};

    ck_ok(tongi_options_take(NULL, 0, ADDRESS, &taken, NULL));
    ck_assert_uint_eq(taken.struct_size, sizeof taken);
    ck_assert_uint_eq(taken.depth, 0);
    ck_ok(tongi_options_take(&(tong_opts){.struct_size = sizeof taken}, 0, ADDRESS, &taken, NULL));
}

TONG_TEST(whole_struct)
{
    const tong_opts given = {.struct_size = sizeof given,
                             .depth = 2,
                             .size = 3,
                             .mode = 4,
                             .wait = 1,
                             .keep = 2,
                             .end = 1,
                             .reconnect = 2,
                             .abstract = 1,
                             .peers = 5,
                             .history = 6,
                             .handshake_ns = 7000000};
    tong_opts taken;

    ck_ok(tongi_options_take(&given, ALL, ADDRESS, &taken, NULL));
    ck_assert_int_eq(memcmp(&taken, &given, sizeof given), 0);
}

TONG_TEST(negative_time)
{
    const tong_opts given = {.struct_size = sizeof given, .handshake_ns = -1};
    tong_opts taken;

    ck_error(tongi_options_take(&given, ALL, ADDRESS, &taken, NULL), -ERANGE);
}

TONG_TEST(senseless_struct_size)
{
    const uint32_t senseless[] = {0, 1, 4, 8, offsetof(tong_opts, socket) - 1, 4097, UINT32_MAX};

    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        const tong_opts given = {.struct_size = senseless[i], .depth = 1};
        tong_opts taken = {.depth = 9};
        ck_error(tongi_options_take(&given, ALL, ADDRESS, &taken, NULL), -EINVAL);
        SAYS("struct_size", "sizeof (tong_opts), 88");
        ck_assert_uint_eq(taken.depth, 9);
    }
}

TONG_TEST(struct_of_a_newer_version)
{
    struct {
        tong_opts known;
        uint64_t unknown[2];
    } newer = {.known = {.struct_size = sizeof newer, .size = 5}};
    tong_opts taken;

    ck_ok(tongi_options_take(&newer.known, ALL, ADDRESS, &taken, NULL));
    ck_assert_uint_eq(taken.size, 5);
    ck_assert_uint_eq(taken.struct_size, sizeof taken);
    newer.unknown[1] = 1;
    ck_error(tongi_options_take(&newer.known, ALL, ADDRESS, &taken, NULL), TONG_E_ADDRESS);
    SAYS("this version of the library does not know");
}

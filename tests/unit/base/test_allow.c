/* SPDX-License-Identifier: MIT */
#include "base/allow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner/runner.h"

/* Parses a copy without a closing 0, so that a sanitizer sees a read behind it. */
static int parse(const char *text, struct tongi_allow *ret_allow)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, text, len);
    int r = tongi_allow_parse(exact, len, ret_allow);
    free(exact);
    return r;
}

TONG_TEST(users_and_groups)
{
    struct tongi_allow allow;
    char text[TONGI_ALLOW_TEXT_BYTES];

    ck_ok(parse("uid:0,gid:100,uid:4294967294", &allow));
    ck_assert(tongi_allow_has_user(&allow, 0) && tongi_allow_has_user(&allow, 4294967294));
    ck_assert(tongi_allow_has_group(&allow, 100));
    ck_assert(!tongi_allow_has_user(&allow, 100) && !tongi_allow_has_group(&allow, 0));
    ck_assert(tongi_allow_names_groups(&allow));
    tongi_allow_format(&allow, text, sizeof text);
    ck_assert_str_eq(text, "uid:0,gid:100,uid:4294967294");
    ck_ok(parse("uid:1", &allow));
    ck_assert(!tongi_allow_names_groups(&allow) && !tongi_allow_has_user(&allow, 0));
}

TONG_TEST(what_is_no_list)
{
    static const char *const bad[] = {"",        ",",      "uid",    "uid:",    "uid:x",       "uid:1,",
                                      ",uid:1",  "root",   "user:1", "uid:1 ",  "uid:-1",      "uid:+1",
                                      "uid:1;2", "uid=1",  "UID:1",  "uid:0x1", "1000",        "uid:1,2",
                                      "gid:",    "uid::1", "xid:1",  "uid:1\n", "uid:1,,uid:2"};
    struct tongi_allow allow = {.count = 77};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_error(parse(bad[i], &allow), -EINVAL);
    ck_error(parse("uid:4294967295", &allow), -ERANGE);
    ck_error(parse("gid:99999999999999999999999", &allow), -ERANGE);
    ck_assert_uint_eq(allow.count, 77);
}

TONG_TEST(as_many_as_there_is_room_for)
{
    char text[TONGI_ALLOW_TEXT_BYTES + sizeof "gid:4294967294,"] = "gid:4294967294", again[TONGI_ALLOW_TEXT_BYTES];
    struct tongi_allow allow;

    for (int i = 1; i < TONGI_ALLOW_MAX; i++)
        memcpy(text + strlen(text), ",gid:4294967294", sizeof ",gid:4294967294");
    ck_ok(parse(text, &allow));
    ck_assert_uint_eq(allow.count, TONGI_ALLOW_MAX);
    tongi_allow_format(&allow, again, sizeof again);
    ck_assert_str_eq(text, again);
    tongi_allow_format(&allow, again, 9);
    ck_assert_str_eq(again, "gid:4294");
    memcpy(text + strlen(text), ",uid:1", sizeof ",uid:1");
    ck_error(parse(text, &allow), -ERANGE);
}

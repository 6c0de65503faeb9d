/* SPDX-License-Identifier: MIT */
/* Capabilities, statistics and addresses, for callers of any version; listing and removing. */
#include "tiny.h"

#include <stdlib.h>

#include "support/faulty.h"

static tong_channel *ch;

/* Calls get() with a struct_size of every sense and nonsense; what lies behind it stays. */
static void every_version(int (*get)(const tong_channel *channel, void *record), size_t size, const char *name)
{
    unsigned char record[600];

    for (uint32_t room = 0; room < 512; room++) {
        memset(record, 0x55, sizeof record);
        memcpy(record, &room, sizeof room);
        if (room < sizeof room) {
            ck_error(get(ch, record), -EINVAL);
            ck_assert_ptr_nonnull(strstr(tong_error_detail(), name));
            continue;
        }
        ck_ok(get(ch, record));
        ck_assert_int_eq(memcmp(record, &room, sizeof room), 0);
        for (size_t i = room; i < sizeof record; i++)
            if (record[i] != 0x55)
                ck_abort_msg("byte %zu behind a record of %u", i, room);
        for (size_t i = size; i < room; i++)
            if (record[i] != 0)
                ck_abort_msg("byte %zu of a newer record of %u", i, room);
    }
    memset(record, 0xff, sizeof record);
    ck_error(get(ch, record), -EINVAL);
    ck_error(get(NULL, record), -EINVAL);
    ck_error(get(ch, NULL), -EINVAL);
}

static int get_caps(const tong_channel *channel, void *record)
{
    return tong_get_caps(channel, record);
}

static int get_stats(const tong_channel *channel, void *record)
{
    return tong_get_stats(channel, record);
}

TONG_TEST(records_of_every_version)
{
    ch = tiny_channel(TONG_PAIR);
    every_version(get_caps, sizeof(tong_caps), "tong_caps");
    every_version(get_stats, sizeof(tong_stats), "tong_stats");
    tong_close(ch);
}

TONG_TEST(what_a_channel_says_of_itself)
{
    tong_caps caps = {.struct_size = sizeof caps};
    char address[20];

    ck_ok(tong_open(&ch, "unix:a%20b.sock?size=100", TONG_PULL, NULL, tong_now()));
    ck_ok(tong_get_caps(ch, &caps));
    ck_assert_uint_eq(caps.size_max, 100);
    ck_assert_uint_eq(caps.level, TONG_ACCEPTED);
    ck_assert_int_eq(tong_address(ch, NULL, 0), 13);
    for (size_t room = 1; room < sizeof address; room++) {
        memset(address, 'x', sizeof address);
        ck_assert_int_eq(tong_address(ch, address, room), 13);
        ck_assert_uint_eq(strlen(address), room <= 13 ? room - 1 : 13);
        ck_assert_int_eq(memcmp(address, "unix:a b.sock", strlen(address)), 0);
    }
    ck_error(tong_address(NULL, address, 1), -EINVAL);
    tong_close(ch);
}

static int count_until(const char *address, const tong_stats *stats, void *context)
{
    int *left = context;

    (void)stats;
    ck_assert_ptr_nonnull(strchr(address, ':'));
    return --*left ? 0 : 42;
}

TONG_TEST(listing_stops_when_told)
{
    tong_channel *others[3];
    char address[] = "unix:0.sock";
    int left = 2;

    for (int i = 0; i < 3; i++) {
        address[5] = (char)('0' + i);
        ck_ok(tong_open(&others[i], address, TONG_PULL, NULL, tong_now()));
    }
    ck_assert_int_eq(tong_list(count_until, &left), 42);
    ck_assert_int_eq(left, 0);
    ck_error(tong_list(NULL, NULL), -EINVAL);
    faulty_install();
    faulty_fail(FAULTY_calloc, 1, ENOMEM);
    left = 100;
    ck_error(tong_list(count_until, &left), -ENOMEM);
    for (int i = 0; i < 3; i++)
        tong_close(others[i]);
}

TONG_TEST(removing_what_cannot_be)
{
    ck_error(tong_remove("unix:nothing.sock"), -ENOENT);
    ck_error(tong_remove("unix:nothing.sock?peers=x"), TONG_E_ADDRESS);
    ck_error(tong_remove("unix:name?abstract=yes"), TONG_E_NOCAP);
    ck_error(tong_remove("nonsense:x"), TONG_E_ADDRESS);
    ck_error(tong_remove(""), TONG_E_ADDRESS);
    ck_error(tong_remove("fault:seed=1:unix:x"), TONG_E_NOCAP);
    faulty_install();
    faulty_fail(FAULTY_calloc, 1, ENOMEM);
    ck_error(tong_remove("unix:nothing.sock"), -ENOMEM);
}

/* Counters are read from any thread, and each is a number that was true at some time. */
TONG_TEST(counters)
{
    tong_stats stats = {.struct_size = sizeof stats};
    tong_channel *ends[2];
    char room[10];

    ck_ok(tong_pair(ends, "unix:"));
    for (int i = 0; i < 5; i++)
        ck_ok(tong_send(ends[0], "abc", 3, tong_now()));
    ck_ok(tong_recv(ends[1], room, sizeof room, tong_now()));
    ck_error(tong_recv(ends[0], room, sizeof room, tong_in_ms(1)), -ETIMEDOUT);
    ck_ok(tong_get_stats(ends[0], &stats));
    ck_assert_uint_eq(stats.sent, 5);
    ck_assert_uint_eq(stats.sent_bytes, 15);
    ck_assert_uint_eq(stats.peers, 1);
    ck_assert_uint_eq(stats.connects, 1);
    ck_assert_uint_ge(stats.sleeps, 1);
    ck_ok(tong_get_stats(ends[1], &stats));
    ck_assert_uint_eq(stats.received, 1);
    ck_assert_uint_eq(stats.received_bytes, 3);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* SPDX-License-Identifier: MIT */
/*
 * A program that was built with 0.1.0 goes on working with every later libtong.so.0, and one that was built with a
 * later tong works with this one. The structs are as 0.1.0 had them, and stay so. Each lies right before a page that
 * nobody may touch: a byte read or written behind struct_size ends the test.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tong/tong.h>

#include "runner/runner.h"

struct opts_0_1 {
    uint32_t struct_size, depth;
    uint64_t size;
    uint32_t mode, wait, keep, end, reconnect, abstract, peers, history;
    int64_t handshake_ns;
};

struct meta_0_1 {
    uint32_t struct_size, flags;
    uint64_t sequence, lost;
    int64_t time_ns, kind;
    uint64_t call, peer;
    uint32_t pid, uid, gid, n_fds;
    int *fds;
};

struct caps_0_1 {
    uint32_t struct_size, level, bits, roles;
    uint64_t size_max;
    uint32_t copies, reserved;
};

struct stats_0_1 {
    uint32_t struct_size, peers;
    uint64_t sent, sent_bytes, received, received_bytes, lost, redelivered, depth, connects, refused, sleeps;
};

/* Bytes of 0xaa, the last of them right before a page without access. */
static void *guarded(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert(pages != MAP_FAILED && bytes <= page);
    ck_assert_int_eq(mprotect(pages + page, page, PROT_NONE), 0);
    return memset(pages + page - bytes, 0xaa, bytes);
}

/* A record of so many bytes, its struct_size set and nothing else. */
static void *record(size_t bytes)
{
    uint32_t struct_size = (uint32_t)bytes;

    return memcpy(guarded(bytes), &struct_size, sizeof struct_size);
}

static bool all_zero(const char *bytes, size_t from, size_t to)
{
    while (from < to)
        if (bytes[from++])
            return false;
    return true;
}

TONG_TEST(options_of_0_1)
{
    struct opts_0_1 *opts = guarded(sizeof *opts);
    tong_caps caps = {.struct_size = sizeof caps};
    tong_channel *ch;

    *opts = (struct opts_0_1){.struct_size = sizeof *opts, .size = 1000, .handshake_ns = 1000000000};
    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PULL, (tong_opts *)opts, tong_now()));
    ck_ok(tong_get_caps(ch, &caps));
    ck_assert_uint_eq(caps.size_max, 1000);
    tong_close(ch);
}

TONG_TEST(options_of_a_later_version)
{
    size_t bytes = sizeof(tong_opts) + sizeof(uint64_t);
    tong_opts *opts = guarded(bytes);
    tong_channel *ch;

    memset(opts, 0, bytes);
    opts->struct_size = (uint32_t)bytes;
    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PULL, opts, tong_now()));
    tong_close(ch);
    /* What this library does not know cannot be asked of it. */
    ((char *)opts)[bytes - 1] = 1;
    ck_error(tong_open(&ch, "unix:x.sock", TONG_PULL, opts, tong_now()), TONG_E_ADDRESS);
}

static int get_caps(const tong_channel *ch, void *ret_record)
{
    return tong_get_caps(ch, ret_record);
}

static int get_stats(const tong_channel *ch, void *ret_record)
{
    return tong_get_stats(ch, ret_record);
}

/* Every caller gets what its struct has room for; what it knows beyond this library is zero. */
static void given(int (*get)(const tong_channel *ch, void *ret_record), size_t bytes_0_1, size_t bytes_now)
{
    size_t sizes[] = {8, bytes_0_1 - 8, bytes_0_1, bytes_now, bytes_now + 24};
    char *whole = record(bytes_now);
    tong_channel *ch;

    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PULL, NULL, tong_now()));
    ck_ok(get(ch, whole));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t common = sizes[i] < bytes_now ? sizes[i] : bytes_now;
        char *other = record(sizes[i]);
        uint32_t struct_size;

        ck_ok(get(ch, other));
        memcpy(&struct_size, other, sizeof struct_size);
        ck_assert_uint_eq(struct_size, sizes[i]);
        ck_assert_mem_eq(other + sizeof struct_size, whole + sizeof struct_size, common - sizeof struct_size);
        ck_assert(all_zero(other, common, sizes[i]));
    }
    tong_close(ch);
}

TONG_TEST(capabilities_of_any_version)
{
    given(get_caps, sizeof(struct caps_0_1), sizeof(tong_caps));
}

TONG_TEST(statistics_of_any_version)
{
    given(get_stats, sizeof(struct stats_0_1), sizeof(tong_stats));
}

TONG_TEST(metadata_of_any_version)
{
    size_t sizes[] = {8, sizeof(struct meta_0_1), sizeof(tong_meta), sizeof(tong_meta) + 24};
    tong_view part = {"word", 4};
    tong_channel *ends[2];
    char word[4];

    ck_ok(tong_pair(ends, "unix:"));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *sent = memset(guarded(sizes[i]), 0, sizes[i]), *received = record(sizes[i]);
        struct meta_0_1 *known = (struct meta_0_1 *)received;

        memcpy(sent, &(uint32_t){(uint32_t)sizes[i]}, sizeof(uint32_t));
        if (sizes[i] >= sizeof *known)
            known->n_fds = 0;
        ck_ok(tong_send_parts(ends[0], &part, 1, (tong_meta *)sent, tong_in_ms(1000)));
        ck_assert_int_eq(ck_ok(tong_recv_meta(ends[1], word, sizeof word, (tong_meta *)received, tong_in_ms(1000))), 4);
        ck_assert_uint_eq(known->struct_size, sizes[i]);
        ck_assert_uint_eq(known->flags & TONG_REDELIVERED, 0);
        if (sizes[i] >= sizeof *known)
            ck_assert_uint_eq(known->lost, 0);
        ck_assert(sizes[i] < sizeof(tong_meta) || all_zero(received, sizeof(tong_meta), sizes[i]));
    }
    tong_close(ends[0]);
    tong_close(ends[1]);
}

TONG_TEST(metadata_of_0_1_in_a_row)
{
    enum { N = 3 };
    struct meta_0_1 *metas = guarded(N * sizeof *metas);
    tong_span spans[N];
    tong_channel *ends[2];
    int64_t n = 0;

    for (uint32_t i = 0; i < N; i++)
        metas[i] = (struct meta_0_1){.struct_size = sizeof metas[i], .lost = 77};
    ck_ok(tong_pair(ends, "inproc:"));
    for (uint32_t i = 0; i < N; i++)
        ck_ok(tong_send(ends[0], "word", 4, tong_in_ms(1000)));
    while (n < N)
        n += ck_ok(tong_peek(ends[1], spans + n, (tong_meta *)(metas + n), (uint32_t)(N - n), tong_in_ms(1000)));
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_uint_eq(metas[i].struct_size, sizeof metas[i]);
        ck_assert_uint_eq(metas[i].sequence, i + 1);
        ck_assert_uint_eq(metas[i].lost, 0);
    }
    ck_ok(tong_release(ends[1], spans, N));
    tong_close(ends[0]);
    tong_close(ends[1]);
}

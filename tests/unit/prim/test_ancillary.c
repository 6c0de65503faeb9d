/* SPDX-License-Identifier: MIT */
#include "prim/ancillary.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "prim/control.h"
#include "runner/runner.h"

enum { LET_IN = 3 };

static int ends[2];
static struct tongi_ancillary *ancillary;

static void begin(uint32_t descriptors, bool credentials)
{
    const int on = 1;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    if (credentials)
        ck_assert_int_eq(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    ancillary = tongi_ancillary_new(descriptors, credentials);
    ck_assert_ptr_nonnull(ancillary);
}

static void end(void)
{
    ancillary = tongi_ancillary_free(ancillary);
    close(ends[0]);
    close(ends[1]);
}

/* So many bytes, with so many descriptors. */
static void put(size_t len, uint32_t n)
{
    static char bytes[100];
    int fds[TONGI_DESCRIPTORS_MAX] = {0};
    union tongi_control_room room;
    struct iovec piece = {bytes, len};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    if (n) {
        message.msg_control = room.bytes;
        message.msg_controllen = tongi_control_write(&room, fds, n);
    }
    ck_assert_int_eq(sendmsg(ends[0], &message, 0), (ssize_t)len);
}

static ssize_t get(size_t room)
{
    static char bytes[100];
    struct iovec piece = {bytes, room};

    return tongi_ancillary_get(ancillary, ends[1], &piece, 1);
}

TONG_TEST(a_set_belongs_to_the_header_in_its_read)
{
    int before, fds[LET_IN];
    tong_meta meta = {.struct_size = sizeof meta, .fds = fds};

    begin(LET_IN, false);
    before = runner_count_fds();
    put(10, 0);
    put(10, 2);
    put(10, 0);
    ck_assert_int_eq(get(100), 20); /* the kernel ends the read behind what had descriptors */
    ck_assert_int_eq(tongi_ancillary_strays(ancillary, 0), TONGI_MATCH_OK);
    ck_assert_int_eq(tongi_ancillary_strays(ancillary, 19), TONGI_MATCH_OK);
    ck_assert_int_eq(tongi_ancillary_strays(ancillary, 20), TONGI_MATCH_STRAY);
    ck_assert_int_eq(tongi_ancillary_match(ancillary, 20, 2), TONGI_MATCH_FEWER);
    ck_assert_int_eq(tongi_ancillary_match(ancillary, 10, 1), TONGI_MATCH_MORE);
    ck_assert_int_eq(tongi_ancillary_match(ancillary, 10, 3), TONGI_MATCH_FEWER);
    for (int again = 0; again < 3; again++)
        ck_assert_int_eq(tongi_ancillary_match(ancillary, 10, 2), TONGI_MATCH_OK);
    ck_assert_int_eq(tongi_ancillary_match(ancillary, 11, 2), TONGI_MATCH_FEWER); /* it is taken */
    ck_assert_int_eq(tongi_ancillary_strays(ancillary, 20), TONGI_MATCH_OK);
    ck_assert_int_eq(get(100), 10);
    tongi_ancillary_hand_over(ancillary, &meta);
    ck_assert_uint_eq(meta.n_fds, 2);
    ck_assert_uint_eq(ancillary->count, 0);
    ck_assert_int_eq(runner_count_fds(), before + 2);
    close(fds[0]);
    close(fds[1]);
    end();
}

TONG_TEST(two_sets_one_behind_the_other)
{
    int before, fds[LET_IN];
    tong_meta meta = {.struct_size = sizeof meta, .fds = fds};

    begin(LET_IN, false);
    before = runner_count_fds();
    for (int i = 0; i < 50; i++) {
        uint64_t at = ancillary->received;
        put(10, 1);
        put(10, 3);
        ck_assert_int_eq(get(5), 5);
        ck_assert_int_eq(tongi_ancillary_match(ancillary, at, 1), TONGI_MATCH_OK);
        ck_assert_int_eq(get(100), 15);
        ck_assert_int_eq(tongi_ancillary_strays(ancillary, at + 10), TONGI_MATCH_OK);
        tongi_ancillary_hand_over(ancillary, i & 1 ? &meta : NULL);
        ck_assert_int_eq(tongi_ancillary_match(ancillary, at + 10, 3), TONGI_MATCH_OK);
        if (i & 1)
            close(fds[0]);
        tongi_ancillary_hand_over(ancillary, NULL);
        ck_assert_int_eq(runner_count_fds(), before);
    }
    end();
}

TONG_TEST(more_sets_than_messages_could_have)
{
    int before;

    begin(LET_IN, false);
    before = runner_count_fds();
    for (int i = 0; i < 10; i++) {
        put(1, LET_IN);
        ck_assert_int_eq(get(1), 1);
    }
    ck_assert_int_eq(runner_count_fds(), before + TONGI_SETS_MAX * LET_IN);
    ck_assert_int_eq(tongi_ancillary_strays(ancillary, 0), TONGI_MATCH_STRAY);
    end();
}

TONG_TEST(more_than_are_let_in)
{
    int before;

    begin(LET_IN, false);
    before = runner_count_fds();
    put(10, 100);
    ck_assert_int_eq(get(100), 10);
    ck_assert_int_eq(runner_count_fds(), before + LET_IN);
    ck_assert_int_eq(tongi_ancillary_match(ancillary, 0, LET_IN), TONGI_MATCH_MORE);
    tongi_ancillary_clear(ancillary);
    ck_assert_int_eq(runner_count_fds(), before);
    end();
    tongi_ancillary_clear(NULL);
    ck_assert_ptr_null(tongi_ancillary_free(NULL));
}

TONG_TEST(senders_without_descriptors)
{
    tong_meta meta = {.flags = TONG_VOUCHED | TONG_REDELIVERED, .pid = 77};

    begin(0, true);
    tongi_ancillary_sender(ancillary, 0, &meta);
    ck_assert_uint_eq(meta.flags, TONG_REDELIVERED);
    ck_assert_uint_eq(meta.pid, 0);
    put(10, 5); /* the kernel closes them, and there is nothing to complain of */
    ck_assert_int_eq(get(100), 10);
    ck_assert_int_eq(tongi_ancillary_strays(ancillary, 10), TONGI_MATCH_OK);
    tongi_ancillary_sender(ancillary, 0, &meta);
    ck_assert_uint_eq(meta.flags, TONG_REDELIVERED | TONG_VOUCHED);
    ck_assert_uint_eq(meta.pid, (uint32_t)getpid());
    ck_assert_int_eq(recv(ends[1], &(char){0}, 1, MSG_DONTWAIT), -1);
    end();
}

static int put_from_child(void *context)
{
    (void)context;
    put(10, 0);
    return 0;
}

TONG_TEST(a_change_of_senders)
{
    tong_meta meta = {.struct_size = sizeof meta};

    begin(0, true);
    put(10, 0);
    runner_join_ok(runner_fork(put_from_child, NULL), 5000);
    put(10, 0);
    ck_assert_int_eq(get(100), 10);
    tongi_ancillary_sender(ancillary, 0, &meta);
    ck_assert_uint_eq(meta.pid, (uint32_t)getpid());
    ck_assert_int_eq(get(100), 10);
    for (uint64_t at = 0; at <= 10; at++) {
        tongi_ancillary_sender(ancillary, at, &meta);
        ck_assert_uint_eq(meta.flags, at == 10 ? TONG_VOUCHED : 0);
        ck_assert(at == 10 ? meta.pid && meta.pid != (uint32_t)getpid() : !meta.pid);
    }
    ck_assert_int_eq(get(100), 10);
    tongi_ancillary_sender(ancillary, 20, &meta);
    ck_assert_uint_eq(meta.pid, (uint32_t)getpid());
    tongi_ancillary_sender(ancillary, 19, &meta);
    ck_assert_uint_eq(meta.flags, 0);
    end();
}

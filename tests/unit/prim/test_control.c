/* SPDX-License-Identifier: MIT */
#include "prim/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/runner.h"

static union tongi_control_room room;
static struct tongi_control control;

/* Reads a copy of just that length, so that a sanitizer sees a read behind it. */
static void read_exactly(const void *bytes, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, len);
    tongi_control_read(exact, len, &control);
    free(exact);
}

TONG_TEST(written_and_read)
{
    int fds[TONGI_DESCRIPTORS_MAX];

    for (uint32_t n = 1; n <= TONGI_DESCRIPTORS_MAX; n++) {
        for (uint32_t i = 0; i < n; i++)
            fds[i] = (int)(n * 1000 + i);
        size_t len = tongi_control_write(&room, fds, n);
        ck_assert_uint_le(len, sizeof room);
        read_exactly(room.bytes, len);
        ck_assert_uint_eq(control.n_fds, n);
        ck_assert_mem_eq(control.fds, fds, n * sizeof *fds);
        ck_assert(!control.credentials);
        /* Cut anywhere, nothing is made up. */
        read_exactly(room.bytes, CMSG_LEN(n * sizeof(int)) - 1);
        ck_assert_uint_eq(control.n_fds, 0);
    }
}

/* What the system itself writes and reads. */
TONG_TEST(the_system_understands_it)
{
    int ends[2], one = 1;
    char byte = 'x';
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room.bytes};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one), 0);
    for (uint32_t n = 1; n <= TONGI_DESCRIPTORS_MAX; n += 12) {
        int fds[TONGI_DESCRIPTORS_MAX] = {0};
        message.msg_controllen = tongi_control_write(&room, fds, n);
        ck_assert_int_eq(sendmsg(ends[0], &message, 0), 1);
        message.msg_controllen = tongi_control_len(n, true);
        ck_assert_uint_le(message.msg_controllen, sizeof room);
        ck_assert_int_eq(recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC), 1);
        ck_assert(!(message.msg_flags & MSG_CTRUNC));
        read_exactly(room.bytes, message.msg_controllen);
        ck_assert_uint_eq(control.n_fds, n);
        ck_assert(control.credentials && control.pid == (uint32_t)getpid() && control.uid == geteuid());
        ck_assert_uint_eq(control.gid, getegid());
        for (uint32_t i = 0; i < n; i++)
            ck_assert_int_eq(close(control.fds[i]), 0);
    }
    close(ends[0]);
    close(ends[1]);
}

/* Room for just so many: the kernel says that there were more, and gives none beyond. */
TONG_TEST(the_room_is_exact)
{
    int ends[2], fds[9] = {0};
    char byte = 'x';
    struct iovec piece = {&byte, 1};

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (uint32_t n = 1; n < 9; n++) {
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room.bytes};
        message.msg_controllen = tongi_control_write(&room, fds, n + 1);
        ck_assert_int_eq(sendmsg(ends[0], &message, 0), 1);
        message.msg_controllen = tongi_control_len(n, false);
        ck_assert_int_eq(recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC), 1);
        ck_assert(message.msg_flags & MSG_CTRUNC);
        tongi_control_read(room.bytes, message.msg_controllen, &control);
        ck_assert_uint_eq(control.n_fds, n);
        for (uint32_t i = 0; i < n; i++)
            ck_assert_int_eq(close(control.fds[i]), 0);
    }
    ck_assert_uint_eq(tongi_control_len(0, false), 0);
    close(ends[0]);
    close(ends[1]);
}

TONG_TEST(what_is_no_control_message)
{
    struct cmsghdr header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    uint8_t bytes[64] = {0};

    read_exactly(bytes, 0);
    ck_assert_uint_eq(control.n_fds, 0);
    read_exactly(bytes, sizeof bytes); /* lengths of 0 */
    for (size_t len = 0; len < sizeof bytes; len++) {
        header.cmsg_len = SIZE_MAX - len;
        memcpy(bytes, &header, sizeof header);
        read_exactly(bytes, sizeof bytes);
        ck_assert_uint_eq(control.n_fds, 0);
    }
    header.cmsg_len = CMSG_LEN(4);
    header.cmsg_level = SOL_SOCKET + 1;
    memcpy(bytes, &header, sizeof header);
    read_exactly(bytes, sizeof bytes);
    ck_assert_uint_eq(control.n_fds, 0);
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = SCM_CREDENTIALS; /* too short for one */
    memcpy(bytes, &header, sizeof header);
    read_exactly(bytes, sizeof bytes);
    ck_assert(!control.credentials);
}

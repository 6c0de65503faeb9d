/* SPDX-License-Identifier: MIT */
/* The misbehaving system itself: tests rely on it, so it is tested first. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runner/runner.h"
#include "support/faulty.h"

static int fds[2];

static void open_sockets(int type)
{
    ck_ok(tongi_sys_socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
}

static void close_both(void)
{
    close(fds[0]);
    close(fds[1]);
}

static int make_event(void)
{
    return tongi_sys_eventfd(0, EFD_CLOEXEC);
}

TONG_TEST(counts)
{
    faulty_install();
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 0);
    for (int i = 0; i < 3; i++)
        tongi_sys_close((int)ck_ok(make_event()));
    tongi_sys_free(tongi_sys_alloc(1));
    tongi_sys_free(tongi_sys_resize(NULL, 1));
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 3);
    ck_assert_uint_eq(faulty_count(FAULTY_close), 3);
    ck_assert_uint_eq(faulty_count(FAULTY_calloc), 1);
    ck_assert_uint_eq(faulty_count(FAULTY_realloc), 1);
    ck_assert_uint_eq(faulty_count(FAULTY_ALLOCATION), 2);
    faulty_install();
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 0);
}

TONG_TEST(the_kth_call_fails)
{
    faulty_install();
    tongi_sys_close((int)ck_ok(make_event()));
    faulty_fail(FAULTY_eventfd, 2, EMFILE);
    tongi_sys_close((int)ck_ok(make_event()));
    ck_error(make_event(), -EMFILE);
    tongi_sys_close((int)ck_ok(make_event()));
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 4);
}

TONG_TEST(and_every_later_one)
{
    faulty_install();
    faulty_fail_from(FAULTY_eventfd, 2, ENOMEM);
    tongi_sys_close((int)ck_ok(make_event()));
    ck_error(make_event(), -ENOMEM);
    ck_error(make_event(), -ENOMEM);
    faulty_fail(FAULTY_eventfd, 0, 0);
    tongi_sys_close((int)ck_ok(make_event()));
    faulty_fail_from(FAULTY_eventfd, 1, ENOMEM);
    ck_error(make_event(), -ENOMEM);
    faulty_remove();
    tongi_sys_close((int)ck_ok(make_event()));
}

TONG_TEST(close_is_done_and_reported_as_failed)
{
    int count = runner_count_fds();

    faulty_install();
    faulty_fail(FAULTY_close, 1, EIO);
    tongi_sys_close((int)ck_ok(make_event()));
    ck_assert_int_eq(runner_count_fds(), count);
    int fd = (int)ck_ok(make_event());
    faulty_fail(FAULTY_close, 1, EIO);
    ck_assert_int_eq(tongi_sys_table.close(fd), -1);
    ck_assert_int_eq(errno, EIO);
    ck_assert_int_eq(runner_count_fds(), count);
}

TONG_TEST(allocations)
{
    faulty_install();
    faulty_fail(FAULTY_ALLOCATION, 2, ENOMEM);
    void *block = tongi_sys_alloc(1);
    ck_assert_ptr_nonnull(block);
    ck_assert_ptr_null(tongi_sys_resize(block, 2));
    block = tongi_sys_resize(block, 2);
    ck_assert_ptr_nonnull(block);
    faulty_fail(FAULTY_calloc, 1, ENOMEM);
    ck_assert_ptr_null(tongi_sys_alloc(1));
    tongi_sys_free(block);
}

TONG_TEST(every_second_call_is_interrupted)
{
    struct epoll_event event;
    int epoll, events[5];

    faulty_install();
    epoll = (int)ck_ok(tongi_sys_epoll_create1(EPOLL_CLOEXEC));
    faulty_interrupt(2);
    /* Interrupted first, then repeated: one call of the library, two of the system. */
    for (int i = 0; i < 5; i++)
        events[i] = (int)ck_ok(make_event());
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 10);
    for (int i = 0; i < 5; i++)
        tongi_sys_close(events[i]);
    ck_assert_uint_eq(faulty_count(FAULTY_close), 5);
    faulty_interrupt(2);
    ck_error(tongi_sys_epoll_wait(epoll, &event, 1, 0), -EINTR);
    ck_assert_int_eq(tongi_sys_epoll_wait(epoll, &event, 1, 0), 0);
    ck_error(tongi_sys_epoll_wait(epoll, &event, 1, 0), -EINTR);
    faulty_interrupt(0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(tongi_sys_epoll_wait(epoll, &event, 1, 0), 0);
    tongi_sys_close(epoll);
}

TONG_TEST(streams_are_shortened)
{
    char buffer[16];

    faulty_install();
    faulty_shorten(3);
    open_sockets(SOCK_STREAM);
    ck_assert_int_eq(tongi_sys_send(fds[0], "abcdefgh", 8, 0), 3);
    ck_assert_int_eq(tongi_sys_write(fds[0], "de", 2), 2);
    ck_assert_int_eq(tongi_sys_recv(fds[1], buffer, sizeof buffer, 0), 3);
    ck_assert_int_eq(tongi_sys_read(fds[1], buffer + 3, sizeof buffer), 2);
    ck_assert_int_eq(memcmp(buffer, "abcde", 5), 0);
    faulty_shorten(0);
    ck_assert_int_eq(tongi_sys_send(fds[0], "abcdefgh", 8, 0), 8);
    ck_assert_int_eq(tongi_sys_recv(fds[1], buffer, sizeof buffer, 0), 8);
    close_both();
}

TONG_TEST(pipes_and_files_are_shortened)
{
    char buffer[16];
    int file = (int)ck_ok(tongi_sys_open_at(AT_FDCWD, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    faulty_install();
    faulty_shorten(1);
    ck_assert_int_eq(tongi_sys_write(fds[1], "abc", 3), 1);
    ck_assert_int_eq(tongi_sys_write(fds[1], "bc", 2), 1);
    ck_assert_int_eq(tongi_sys_read(fds[0], buffer, sizeof buffer), 1);
    ck_assert_int_eq(tongi_sys_write(file, "abc", 3), 1);
    close(file);
    close_both();
}

TONG_TEST(messages_are_not_shortened)
{
    uint64_t count = 5;
    char buffer[16];
    int event = (int)ck_ok(make_event());

    faulty_install();
    faulty_shorten(1);
    ck_assert_int_eq(tongi_sys_write(event, &count, sizeof count), sizeof count);
    ck_assert_int_eq(tongi_sys_read(event, &count, sizeof count), sizeof count);
    open_sockets(SOCK_SEQPACKET);
    ck_assert_int_eq(tongi_sys_send(fds[0], "abc", 3, 0), 3);
    ck_assert_int_eq(tongi_sys_recv(fds[1], buffer, sizeof buffer, 0), 3);
    close(event);
    close_both();
}

TONG_TEST(vectors_are_shortened)
{
    char text[] = "abcdefgh", left[4], right[8];
    struct iovec out[] = {{text, 2}, {NULL, 0}, {text + 2, 6}};
    struct iovec in[] = {{left, 1}, {right, sizeof right}};
    struct msghdr sent = {.msg_iov = out, .msg_iovlen = 3};
    struct msghdr taken = {.msg_iov = in, .msg_iovlen = 2, .msg_flags = -1};

    faulty_install();
    open_sockets(SOCK_STREAM);
    faulty_shorten(5);
    ck_assert_int_eq(tongi_sys_sendmsg(fds[0], &sent, 0), 5);
    faulty_shorten(4);
    ck_assert_int_eq(tongi_sys_recvmsg(fds[1], &taken, 0), 4);
    ck_assert_int_eq(left[0], 'a');
    ck_assert_int_eq(memcmp(right, "bcd", 3), 0);
    /* The caller's own vectors are as they were; what the call tells came through. */
    ck_assert_ptr_eq(taken.msg_iov, in);
    ck_assert_uint_eq(taken.msg_iovlen, 2);
    ck_assert_uint_eq(in[1].iov_len, sizeof right);
    ck_assert_int_eq(taken.msg_flags & ~MSG_CMSG_CLOEXEC, 0);
    faulty_shorten(1);
    ck_assert_int_eq(tongi_sys_sendmsg(fds[0], &sent, 0), 1);
    faulty_shorten(0);
    ck_assert_int_eq(tongi_sys_sendmsg(fds[0], &sent, 0), 8);
    close_both();
}

TONG_TEST(descriptors_come_along_when_shortened)
{
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int passed = (int)ck_ok(make_event());

    faulty_install();
    faulty_shorten(1);
    open_sockets(SOCK_STREAM);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof passed)};
    memcpy(CMSG_DATA(head), &passed, sizeof passed);
    ck_assert_int_eq(tongi_sys_sendmsg(fds[0], &message, 0), 1);
    close(passed);
    memset(control, 0, sizeof control);
    message.msg_controllen = sizeof control;
    ck_assert_int_eq(tongi_sys_recvmsg(fds[1], &message, MSG_CMSG_CLOEXEC), 1);
    ck_assert_uint_eq(message.msg_controllen, CMSG_SPACE(sizeof passed));
    memcpy(&passed, CMSG_DATA(head), sizeof passed);
    close(passed);
    close_both();
}

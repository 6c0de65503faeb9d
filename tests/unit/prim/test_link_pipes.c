/* SPDX-License-Identifier: MIT */
/* A link over two pipes: how it ends for both sides, while its numbers stay what they are. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "prim/frame.h"
#include "prim/link.h"
#include "runner/runner.h"
#include "support/faulty.h"

/* The link and the other ends of its pipes. */
static struct tongi_link *conn;
static int in, out;

static void begin(void)
{
    int there[2], back[2];

    ck_assert_int_eq(pipe2(there, O_CLOEXEC | O_NONBLOCK), 0);
    ck_assert_int_eq(pipe2(back, O_CLOEXEC | O_NONBLOCK), 0);
    conn = tongi_link_new(there[0], back[1], TONGI_WIRE_PIPE);
    ck_assert_ptr_nonnull(conn);
    in = back[0];
    out = there[1];
}

static void end(void)
{
    tongi_link_free(conn, true);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
}

static bool polls_at_once(int fd, short events)
{
    return poll(&(struct pollfd){.fd = fd, .events = events}, 1, 0) == 1;
}

TONG_TEST(bytes_go_both_ways)
{
    struct iovec pieces[2] = {{(char[]){"a"}, 1}, {(char[]){"bc"}, 2}};
    char bytes[8] = {0};

    begin();
    ck_assert_int_eq(tongi_link_get(conn, bytes, sizeof bytes), -EAGAIN);
    ck_assert_int_eq(tongi_link_put(conn, "put", 3), 3);
    ck_assert_int_eq(tongi_link_putv(conn, pieces, 2), 3);
    ck_assert_int_eq(read(in, bytes, sizeof bytes), 6);
    ck_assert_mem_eq(bytes, "putabc", 6);
    ck_assert_int_eq(write(out, "xyz", 3), 3);
    ck_assert_int_eq(tongi_link_getv(conn, pieces, 2), 3);
    ck_assert_mem_eq(pieces[1].iov_base, "yz", 2);
    end();
}

TONG_TEST(cut_ends_both_directions_for_both_sides)
{
    char byte;

    begin();
    ck_ok(tongi_link_arm(conn));
    ck_assert_int_eq(tongi_link_put(conn, "x", 1), 1);
    ck_assert(!polls_at_once(conn->in_fd, POLLIN));
    tongi_link_cut(conn);
    /* What was on its way arrives, and then the end; nobody would read what is written. */
    ck_assert_int_eq(read(in, &byte, 1), 1);
    ck_assert_int_eq(read(in, &byte, 1), 0);
    ck_assert_int_eq(tongi_link_put(conn, "x", 1), -EPIPE);
    ck_assert_int_lt(tongi_link_get(conn, &byte, 1), 0);
    ck_assert_int_ne(tongi_link_get(conn, &byte, 1), -EAGAIN);
    ck_assert(polls_at_once(conn->in_fd, POLLIN) && polls_at_once(conn->out_fd, POLLOUT));
    ck_assert(polls_at_once(out, 0)); /* POLLERR: no reader is left */
    ck_assert_int_eq(fcntl(conn->in_fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(conn->out_fd, F_GETFD), FD_CLOEXEC);
    tongi_link_cut(conn);
    end();
}

TONG_TEST(end_ends_one_direction)
{
    char byte;

    begin();
    ck_ok(tongi_link_arm(conn));
    tongi_link_end(conn);
    ck_assert_int_eq(read(in, &byte, 1), 0);
    ck_assert_int_eq(write(out, "x", 1), 1);
    ck_assert_int_eq(tongi_link_get(conn, &byte, 1), 1);
    ck_assert_int_eq(tongi_link_get(conn, &byte, 1), -EAGAIN);
    tongi_link_end(conn);
    end();
}

/* Writes one message as far as it goes, and tells what the pipe holds afterwards. */
static int capacity_after(size_t len)
{
    static uint8_t stage[TONGI_CHUNK_BYTES], message[200000];
    const struct tongi_batch batch = {.parts = &(tong_view){message, len}, .n = 1};
    struct tongi_written written;
    char bytes[4096];

    ck_ok(tongi_link_write(conn, &batch, 0, stage, &written));
    while (read(in, bytes, sizeof bytes) > 0)
        continue;
    return fcntl(in, F_GETPIPE_SZ);
}

TONG_TEST(a_long_message_makes_the_pipe_larger)
{
    begin();
    ck_assert_int_eq(capacity_after(TONGI_PIPE_BYTES - TONGI_FRAME_BYTES), TONGI_PIPE_BYTES);
    ck_assert_int_eq(capacity_after(TONGI_PIPE_BYTES), TONGI_PIPE_GROWN_BYTES);
    ck_assert_int_eq(fcntl(in, F_SETPIPE_SZ, TONGI_PIPE_BYTES), TONGI_PIPE_BYTES);
    ck_assert_int_eq(capacity_after(100000), TONGI_PIPE_BYTES); /* once */
    end();
    begin();
    faulty_install();
    faulty_fail_from(FAULTY_fcntl_int, 1, EPERM);
    ck_assert_int_eq(capacity_after(100000), TONGI_PIPE_BYTES);
    end();
}

TONG_TEST(without_descriptors_it_is_not_armed)
{
    begin();
    faulty_install();
    faulty_fail(FAULTY_pipe2, 1, EMFILE);
    ck_error(tongi_link_arm(conn), -EMFILE);
    ck_assert_int_eq(conn->dead_fd, -1);
    ck_ok(tongi_link_arm(conn));
    end();
}

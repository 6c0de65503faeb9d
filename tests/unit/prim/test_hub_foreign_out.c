/* SPDX-License-Identifier: MIT */
/* Writing to peers that do not speak tong: only what they can tell apart, to the last byte, whatever they say back. */
#include "hub_ends.h"

#include "support/faulty.h"

static struct end tx;
static uint8_t data[ROOM], sent[ROOM];

static void foreign_listen(uint32_t role, uint32_t framing)
{
    struct tongi_hub_setup setup = end_setup(&tx, role);

    hub_faults();
    setup.framing = framing;
    end_listen_with(&tx, &setup);
}

/* A bare peer in front of an end with one link. */
static int foreign_join(uint32_t role, uint32_t framing)
{
    struct tongi_hub_setup setup = end_setup(&tx, role);
    int fds[2];

    hub_faults();
    setup.framing = framing;
    setup.reconnect = false;
    end_init(&tx, &setup);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_ok(tongi_hub_join(&tx.hub, fds[0], false));
    return fds[1];
}

static int64_t send_text(const char *text)
{
    return end_send(&tx, text, strlen(text));
}

/* This is all that the peer can read now. */
static void bare_expect(int fd, const char *bytes)
{
    bare_read(fd, data, strlen(bytes));
    ck_assert_mem_eq(data, bytes, strlen(bytes));
    ck_assert(!is_readable(fd));
}

static void bare_expect_end(int fd)
{
    ck_assert_int_eq(recv(fd, data, 1, 0), 0);
    close(fd);
}

/* ---- what is written -------------------------------------------------------------------------------------------- */

TONG_TEST(nothing_but_the_lines_is_written)
{
    static const tong_view parts[] = {{"in ", 3}, {NULL, 0}, {"parts", 5}};
    const tong_meta more = {.struct_size = sizeof more, .flags = TONG_MORE};
    int fd = foreign_join(TONG_PUSH, TONG_FRAMING_LINE);

    ck_assert_int_eq(send_text("one"), 1);
    ck_assert_int_eq(send_text(""), 1);
    ck_assert_int_eq(tongi_hub_send_parts(&tx.hub, parts, 3, &more), 0);
    ck_assert_int_eq(tongi_hub_send_parts(&tx.hub, parts, 1, NULL), 0);
    ck_assert_int_eq(tongi_hub_finish(&tx.hub), 0);
    bare_read(fd, data, 18);
    ck_assert_mem_eq(data, "one\n\nin parts\nin \n", 18);
    end_close(&tx);
    bare_expect_end(fd);
}

TONG_TEST(raw_bytes_are_written_as_they_are)
{
    static const tong_view msgs[] = {{"one\n", 4}, {"two\0", 4}};
    int fd = foreign_join(TONG_PAIR, TONG_FRAMING_RAW);

    ck_assert_int_eq(tongi_hub_send(&tx.hub, msgs, 2), 2);
    ck_assert_int_eq(tongi_hub_finish(&tx.hub), 0);
    bare_read(fd, data, 8);
    ck_assert_mem_eq(data, "one\ntwo\0", 8);
    ck_assert_int_eq(recv(fd, data, 1, 0), 0);
    /* The other direction stays open. */
    bare_write(fd, "back", 4);
    tong_bytes room = {data, 10};
    ck_assert_int_eq(tongi_hub_recv(&tx.hub, &room, 1, NULL), 1);
    ck_assert_mem_eq(data, "back", 4);
    close(fd);
    end_close(&tx);
}

TONG_TEST(what_would_break_is_refused_before_anything_is_sent)
{
    static const tong_view msgs[] = {{"one", 3}, {"two", 3}, {"th\nree", 6}, {"four", 4}};
    static const tong_view parts[] = {{"abc", 3}, {"d\n", 2}};
    int fd = foreign_join(TONG_PUSH, TONG_FRAMING_LINE);

    ck_assert_int_eq(tongi_hub_send(&tx.hub, msgs, 4), 2);
    ck_error(tongi_hub_send(&tx.hub, msgs + 2, 2), -EINVAL);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "byte 2"));
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "framing=length"));
    ck_error(tongi_hub_send_parts(&tx.hub, parts, 2, NULL), -EINVAL);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "byte 4"));
    const tong_meta more = {.struct_size = sizeof more, .flags = TONG_MORE};
    ck_error(tongi_hub_send_parts(&tx.hub, parts, 2, &more), -EINVAL);
    bare_expect(fd, "one\ntwo\n");
    close(fd);
    end_close(&tx);

    fd = foreign_join(TONG_PUSH, TONG_FRAMING_RAW);
    ck_error(send_text(""), -EINVAL);
    ck_error(tongi_hub_send_parts(&tx.hub, NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(send_text("x\n"), 1);
    bare_expect(fd, "x\n");
    close(fd);
    end_close(&tx);
}

TONG_TEST(a_line_that_began_is_offered_again)
{
    enum { LEN = 900000 };
    int fd = foreign_join(TONG_PAIR, TONG_FRAMING_LINE);
    size_t got = 0;

    memset(sent, 'x', LEN);
    while (got < LEN + 1) {
        int64_t r = end_send(&tx, sent, LEN);
        CHECK(r == -EAGAIN || got + 300000 > LEN);
        if (r == 1)
            break;
        ssize_t more = recv(fd, data + got, sizeof data - got, 0);
        CHECK(more > 0);
        got += (size_t)more;
    }
    bare_read(fd, data + got, LEN + 1 - got);
    ck_assert_mem_eq(data, sent, LEN);
    ck_assert_int_eq(data[LEN], '\n');
    ck_assert(!is_readable(fd));
    close(fd);
    end_close(&tx);
}

TONG_TEST(whoever_has_no_place_is_hung_up_on_in_silence)
{
    struct tongi_hub_setup setup = end_setup(&tx, TONG_PULL);

    hub_faults();
    setup.framing = TONG_FRAMING_LINE;
    setup.peers_max = 1;
    end_listen_with(&tx, &setup);
    int one = bare_connect(), other = bare_connect();
    tongi_hub_look(&tx.hub);
    bare_expect_end(other);
    ck_assert_uint_eq(end_refused(&tx), 1);
    ck_assert_uint_eq(end_peers(&tx), 1);
    close(one);
    end_close(&tx);
}

/* ---- what readers say ------------------------------------------------------------------------------------------- */

TONG_TEST(what_a_reader_says_is_thrown_away)
{
    foreign_listen(TONG_PUSH, TONG_FRAMING_LINE);
    int fd = bare_connect();
    ck_assert_int_eq(send_text("one"), 1);
    memset(sent, 'x', 150000);
    for (int i = 0; i < 20; i++) {
        bare_write(fd, sent, 150000);
        for (int turn = 0; turn < 10; turn++)
            tongi_hub_look(&tx.hub);
        ck_assert_int_eq(send_text("two"), 1);
    }
    ck_assert_uint_eq(end_peers(&tx), 1);
    ck_assert_uint_eq(end_refused(&tx), 0);
    close(fd);
    end_close(&tx);
}

/* Closing the direction that nobody listens to is no goodbye: the rest is still wanted. */
TONG_TEST(a_reader_may_close_its_own_direction)
{
    foreign_listen(TONG_PUSH, TONG_FRAMING_LINE);
    int fd = bare_connect(), poll_fd = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_OUT));
    tongi_hub_look(&tx.hub);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    tongi_hub_look(&tx.hub);
    ck_assert_uint_eq(end_event(&tx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&tx), 0);
    ck_assert_int_eq(send_text("one"), 1);
    bare_expect(fd, "one\n");
    /* Its end of stream wakes nobody again. */
    struct pollfd inward = {.fd = tx.hub.in_epoll, .events = POLLIN};
    ck_assert_int_eq(poll(&inward, 1, 0), 0);
    ck_assert(is_readable(poll_fd)); /* there is room */
    close(fd);
    ck_assert_int_eq(poll(&inward, 1, 0), 1);
    tongi_hub_look(&tx.hub);
    ck_assert_uint_eq(end_event(&tx), TONG_LEFT);
    ck_assert_uint_eq(end_peers(&tx), 0);
    ck_error(send_text("two"), -EAGAIN);
    end_close(&tx);
}

TONG_TEST(a_connected_reader_may_too)
{
    int fd = foreign_join(TONG_PUSH, TONG_FRAMING_LINE);

    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(send_text("one"), 1);
    ck_ok(tongi_hub_step(&tx.hub, TONG_OUT));
    ck_assert_uint_eq(end_peers(&tx), 1);
    close(fd);
    int64_t r = 1;
    for (int i = 0; i < 100 && r == 1; i++)
        r = send_text("two");
    ck_error(r, TONG_E_GONE);
    end_close(&tx);
}

TONG_TEST(a_reader_that_cannot_be_left_unread_is_dropped)
{
    foreign_listen(TONG_PUSH, TONG_FRAMING_LINE);
    int fd = bare_connect();
    tongi_hub_look(&tx.hub);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    faulty_fail(FAULTY_epoll_ctl, 1, ENOMEM);
    tongi_hub_look(&tx.hub);
    ck_assert_uint_eq(end_peers(&tx), 0);
    close(fd);
    end_close(&tx);
}

/* An echo: it reads on only when what it wrote is taken. */
static void echo_through(int fd)
{
    enum { LEN = 1000000 };
    size_t held = 0, read_in_all = 0;
    uint8_t *bytes = data;
    int64_t r = -EAGAIN;

    memset(sent, 'e', LEN);
    for (int turn = 0; turn < 10000 && (r == -EAGAIN || read_in_all < LEN + 1); turn++) {
        struct pollfd set[SET_ROOM];
        int64_t until_ns = INT64_MAX;
        if (r == -EAGAIN)
            r = end_send(&tx, sent, LEN);
        else
            CHECK(tongi_hub_flush(&tx.hub) <= 0 && tongi_hub_step(&tx.hub, TONG_OUT) == 0);
        CHECK(r == 1 || r == -EAGAIN);
        if (held == 0) {
            ssize_t got = recv(fd, bytes, 50000, 0);
            held = got > 0 ? (size_t)got : 0;
            read_in_all += held;
        }
        if (held) {
            ssize_t put = send(fd, bytes, held, MSG_NOSIGNAL);
            held -= put > 0 ? (size_t)put : 0;
        }
        /* Whoever sleeps is woken by what the echo says. */
        int n = tongi_hub_pollset(&tx.hub, TONG_OUT, set, &until_ns);
        CHECK(r == 1 || poll(set, (nfds_t)n, 0) >= 1 || held == 0);
    }
    ck_assert_int_eq(r, 1);
    ck_assert_uint_eq(read_in_all, LEN + 1);
}

TONG_TEST(an_echo_does_not_get_stuck)
{
    int fd = foreign_join(TONG_PUSH, TONG_FRAMING_LINE);
    echo_through(fd);
    close(fd);
    end_close(&tx);
}

TONG_TEST(an_echo_of_a_listener_does_not_get_stuck)
{
    foreign_listen(TONG_PUSH, TONG_FRAMING_LINE);
    int fd = bare_connect();
    tongi_hub_look(&tx.hub);
    echo_through(fd);
    close(fd);
    end_close(&tx);
}

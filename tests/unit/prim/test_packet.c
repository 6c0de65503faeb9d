/* SPDX-License-Identifier: MIT */
/* Packets: one frame is one packet, and what is none is a breach, whoever sends it. */
#include "prim/packet.h"

#include "hub_ends.h"
#include "support/faulty.h"

enum { SIZE = 100000, LONG = 50000 };

static uint8_t message[SIZE], room[2 * SIZE];

/* Two sockets of packets. */
static void packet_sockets(int fds[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

static void end_join_packets(struct end *end, uint32_t role, int fd)
{
    struct tongi_hub_setup setup = end_setup(end, role);

    setup.reconnect = false;
    setup.wire = TONGI_WIRE_PACKET;
    setup.size_max = SIZE;
    end_init(end, &setup);
    ck_ok(tongi_hub_join(&end->hub, fd, false));
}

/* A hub, and a bare peer that has greeted it. */
static int end_meet(struct end *end, uint32_t role)
{
    int fds[2];

    packet_sockets(fds);
    end_join_packets(end, role, fds[0]);
    bare_greeted(fds[1], role);
    bare_hello(fds[1], role == TONG_PULL ? TONG_PUSH : role == TONG_PUSH ? TONG_PULL : TONG_PAIR, SIZE);
    return fds[1];
}

static void packet_ends(struct end ends[2])
{
    int fds[2];

    packet_sockets(fds);
    end_join_packets(&ends[0], TONG_PAIR, fds[0]);
    end_join_packets(&ends[1], TONG_PAIR, fds[1]);
}

static size_t frame_make(uint8_t *bytes, enum tongi_frame_type type, const void *body, size_t len)
{
    tongi_frame_encode(bytes, type, (uint32_t)len);
    if (len)
        memcpy(bytes + TONGI_FRAME_BYTES, body, len);
    return TONGI_FRAME_BYTES + len;
}

static void packet_write(int fd, const void *body, size_t len)
{
    static uint8_t bytes[TONGI_FRAME_BYTES + 2 * SIZE];

    bare_write(fd, bytes, frame_make(bytes, TONGI_FRAME_DATA, body, len));
}

/* The next packet that a bare peer gets is this whole message. */
static void packet_expect(int fd, const void *body, size_t len)
{
    ssize_t got = recv(fd, room, sizeof room, 0);

    CHECK(got == (ssize_t)(TONGI_FRAME_BYTES + len));
    CHECK(tongi_frame_decode(room).type == TONGI_FRAME_DATA && tongi_frame_decode(room).len == len);
    CHECK(len == 0 || memcmp(room + TONGI_FRAME_BYTES, body, len) == 0);
}

/* The hub takes its peer for one that broke the rules, and tells it. */
static void end_is_cut(struct end *end, int fd, int error)
{
    CHECK(end_recv(end, room, sizeof room) == TONG_E_GONE);
    CHECK(end_refused(end) == 1);
    ssize_t got = recv(fd, room, sizeof room, 0);
    CHECK(got > (ssize_t)TONGI_FRAME_BYTES && tongi_frame_decode(room).type == TONGI_FRAME_REFUSE);
    CHECK(tongi_refuse_decode(room + TONGI_FRAME_BYTES, (size_t)got - TONGI_FRAME_BYTES, (char *)room + 1000, 500) ==
          error);
    CHECK(recv(fd, room, sizeof room, 0) <= 0);
    close(fd);
    end_close(end);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

TONG_TEST(each_message_is_a_packet)
{
    tong_view views[100];
    struct end tx;
    int fd = end_meet(&tx, TONG_PAIR);
    int64_t sent = 0;

    pattern_fill(message, SIZE, 1);
    for (int i = 0; i < 100; i++)
        views[i] = (tong_view){message + i, (size_t)(i % 3 == 2 ? 5000 : i % 7)};
    for (int i = 0; i < 100; i++) {
        if (i == sent)
            sent += ck_ok(tongi_hub_send(&tx.hub, views + i, (uint32_t)(100 - i)));
        packet_expect(fd, views[i].data, views[i].len);
    }
    CHECK(sent == 100 && recv(fd, room, 1, 0) < 0);
    close(fd);
    end_close(&tx);
}

TONG_TEST(parts_make_one_packet)
{
    static tong_view parts[1000];
    struct end tx;
    int fd = end_meet(&tx, TONG_PAIR);

    pattern_fill(message, SIZE, 2);
    for (uint32_t n = 1; n <= 1000; n = n * 3 + 1) {
        for (size_t len = 10; len <= SIZE; len = len * 7 + 3) {
            size_t at = 0;
            for (uint32_t i = 0; i < n; i++) {
                size_t part = i == n - 1 ? len - at : (len - at) / (n - i);
                parts[i] = (tong_view){part ? message + at : NULL, part};
                at += part;
            }
            ck_ok(tongi_hub_send_parts(&tx.hub, parts, n, NULL));
            packet_expect(fd, message, len);
        }
    }
    close(fd);
    end_close(&tx);
}

TONG_TEST(more_is_kept_and_leaves_as_packets)
{
    const tong_meta more = {.struct_size = sizeof more, .flags = TONG_MORE};
    struct end tx;
    int fd = end_meet(&tx, TONG_PAIR);

    pattern_fill(message, SIZE, 3);
    for (size_t i = 0; i < 100; i++)
        ck_ok(tongi_hub_send_parts(&tx.hub, &(tong_view){message, i}, 1, &more));
    CHECK(recv(fd, room, 1, 0) < 0);
    ck_ok(tongi_hub_flush(&tx.hub));
    for (size_t i = 0; i < 100; i++)
        packet_expect(fd, message, i);
    close(fd);
    end_close(&tx);
}

TONG_TEST(a_full_socket_takes_whole_packets_or_none)
{
    struct end ends[2];
    uint64_t sent = 0, got = 0;

    packet_ends(ends);
    for (int round = 0; round < 5; round++) {
        int64_t r;
        for (;; sent++) {
            pattern_fill(message, LONG, sent);
            r = end_send(&ends[0], message, LONG);
            if (r != 1)
                break;
        }
        CHECK(r == -EAGAIN && tongi_hub_settle_out(&ends[0].hub) == 0);
        while (got < sent) {
            CHECK(end_recv(&ends[1], room, sizeof room) == LONG && pattern_holds(room, LONG, got));
            got++;
        }
        CHECK(end_recv(&ends[1], room, sizeof room) == -EAGAIN);
    }
    CHECK(sent > 10);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(what_the_system_says_about_sending)
{
    static const struct {
        int error, result;
    } says[] = {{EMSGSIZE, TONG_E_TOOBIG}, {ENOBUFS, -ENOMEM}, {ENOMEM, -ENOMEM}, {EAGAIN, -EAGAIN}};
    struct end ends[2];

    packet_ends(ends);
    ck_ok(end_send(&ends[0], "first", 5));
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        hub_faults();
        faulty_fail(FAULTY_send, 1, says[i].error);
        CHECK(end_send(&ends[0], "x", 1) == says[i].result);
        faulty_fail(FAULTY_sendmsg, 1, says[i].error);
        CHECK(end_send(&ends[0], message, LONG) == says[i].result);
        faulty_fail(FAULTY_sendmmsg, 1, says[i].error);
        CHECK(tongi_hub_send(&ends[0].hub, (tong_view[]){{"a", 1}, {"b", 1}}, 2) == says[i].result);
    }
    ck_ok(end_send(&ends[0], "last", 4));
    end_expect(&ends[1], "first");
    end_expect(&ends[1], "last");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

TONG_TEST(long_packets_reach_the_receivers_room)
{
    struct end ends[2];

    packet_ends(ends);
    for (uint64_t i = 0; i < 20; i++) {
        size_t len = i % 5 == 4 ? 10 : LONG + i;
        pattern_fill(message, len, i);
        ck_ok(end_send(&ends[0], message, len));
        memset(room, 0x55, sizeof room);
        /* Now and then the room is too small at first: the message stays. */
        if (i % 3 == 0)
            CHECK(end_recv(&ends[1], room, i % 5 == 4 ? 5 : LONG - 1) == TONG_E_TOOBIG);
        CHECK(end_recv(&ends[1], room, sizeof room) == (int64_t)len && pattern_holds(room, len, i));
    }
    ck_ok(tongi_hub_finish(&ends[0].hub));
    CHECK(end_recv(&ends[1], room, sizeof room) == TONG_E_END);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(many_are_read_for_a_call_that_wants_many)
{
    struct end rx;
    int fd = end_meet(&rx, TONG_PULL);
    tong_bytes rooms[30];

    for (int i = 0; i < 30; i++) {
        packet_write(fd, "0123456789", (size_t)i % 11);
        rooms[i] = (tong_bytes){room + (ptrdiff_t)20 * i, 20};
    }
    CHECK(tongi_hub_recv(&rx.hub, rooms, 29, NULL) == 28); /* its hello was one of them */
    for (int i = 0; i < 28; i++)
        CHECK(rooms[i].len == (size_t)i % 11);
    rooms[0].len = rooms[1].len = 20;
    CHECK(tongi_hub_recv(&rx.hub, rooms, 30, NULL) == 2);
    close(fd);
    end_close(&rx);
}

TONG_TEST(peeking_reads_on_behind_loans)
{
    struct end rx;
    int fd = end_meet(&rx, TONG_PULL);
    tong_span spans[3];

    packet_write(fd, "a", 1);
    packet_write(fd, "bc", 2);
    for (int i = 0; i < 2; i++)
        CHECK(tongi_hub_peek(&rx.hub, &spans[i], NULL, 1) == 1 && spans[i].len == (size_t)i + 1);
    CHECK(tongi_hub_peek(&rx.hub, &spans[2], NULL, 1) == -ENOBUFS);
    /* What is none stops it, and is judged when the loans are back. */
    bare_write(fd, "junk", 4);
    CHECK(tongi_hub_peek(&rx.hub, &spans[2], NULL, 1) == -ENOBUFS);
    CHECK(memcmp(spans[0].data, "a", 1) == 0 && memcmp(spans[1].data, "bc", 2) == 0);
    ck_ok(tongi_hub_release(&rx.hub, spans, 2));
    end_is_cut(&rx, fd, TONG_E_CORRUPT);
}

/* The kernel tells of the peer's unread packets before it gives those that it sent. */
TONG_TEST(an_end_with_unread_packets_loses_none)
{
    struct end rx;
    int fd = end_meet(&rx, TONG_PAIR);

    ck_ok(end_send(&rx, "never read", 10));
    packet_write(fd, "one", 3);
    packet_write(fd, "two", 3);
    close(fd);
    end_expect(&rx, "one");
    end_expect(&rx, "two");
    CHECK(end_recv(&rx, room, sizeof room) == TONG_E_GONE);
    end_close(&rx);
}

/* ---- breaches -------------------------------------------------------------------------------------------------- */

TONG_TEST_LOOP(what_is_not_one_frame_is_a_breach, 0, 6)
{
    uint8_t bytes[100];
    struct end rx;
    int fd = end_meet(&rx, TONG_PULL);

    packet_write(fd, "whole", 5);
    size_t len = frame_make(bytes, TONGI_FRAME_DATA, "0123456789", 10);
    switch (_i) {
    case 0:
        bare_write(fd, bytes, 0); /* empty, which reads as an end does */
        break;
    case 1:
        bare_write(fd, bytes, TONGI_FRAME_BYTES - 1);
        break;
    case 2:
        bare_write(fd, bytes, len - 1);
        break;
    case 3:
        bare_write(fd, bytes, len + 1);
        break;
    case 4: /* two frames are none */
        memcpy(bytes + len, bytes, len);
        bare_write(fd, bytes, 2 * len);
        break;
    default:
        tongi_frame_encode(bytes, (enum tongi_frame_type)200, 10);
        bare_write(fd, bytes, len);
    }
    packet_write(fd, "behind", 6);
    end_expect(&rx, "whole");
    end_is_cut(&rx, fd, TONG_E_CORRUPT);
}

TONG_TEST_LOOP(what_is_too_long_is_a_breach, 0, 2)
{
    struct end rx;
    int fd = end_meet(&rx, TONG_PULL);

    pattern_fill(message, SIZE, 1);
    if (_i) {
        /* Its length is not what the header says either. */
        memset(room, 0, sizeof room);
        tongi_frame_encode(room, TONGI_FRAME_DATA, 10);
        bare_write(fd, room, 2 * SIZE - 1);
    } else {
        memset(room, 0, sizeof room);
        packet_write(fd, room, 2 * SIZE);
    }
    end_is_cut(&rx, fd, _i ? TONG_E_CORRUPT : TONG_E_TOOBIG);
}

TONG_TEST(an_empty_packet_and_then_an_end_is_an_end)
{
    struct end rx;
    int fd = end_meet(&rx, TONG_PULL);

    bare_write(fd, "", 0);
    close(fd);
    CHECK(end_recv(&rx, room, sizeof room) == TONG_E_GONE);
    end_close(&rx);
}

TONG_TEST(who_pulls_sends_nothing_however_long)
{
    struct end tx;
    int fd = end_meet(&tx, TONG_PUSH);

    packet_write(fd, message, SIZE);
    tongi_hub_look(&tx.hub);
    CHECK(end_refused(&tx) == 1);
    close(fd);
    end_close(&tx);
}

/* ---- the socket ------------------------------------------------------------------------------------------------ */

TONG_TEST(room_is_made_or_refused_with_the_remedy)
{
    int fds[2], bytes = 0;
    socklen_t len = sizeof bytes;

    packet_sockets(fds);
    ck_ok(tongi_packet_reserve(fds[0], 1, 1, "x:y"));
    ck_assert_int_eq(getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
    size_t most = (size_t)bytes - TONGI_PACKET_KERNEL_BYTES;
    static uint8_t large[1 << 20];
    ck_assert_int_eq(send(fds[0], large, most + 1, 0), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    /* What the system grants at least, doubled. */
    ck_ok(tongi_packet_reserve(fds[0], most + 1000, most + 1000, "x:y"));
    ck_assert_int_eq(send(fds[0], large, most + 1000, 0), (ssize_t)most + 1000);

    ck_error(tongi_packet_reserve(fds[0], (size_t)1 << 30, 1 << 30, "x:y"), -ERANGE);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "x:y: "));
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "net.core.wmem_max"));
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "1073741824"));
    ck_error(tongi_packet_check(SOCK_DGRAM, (size_t)1 << 30, 1 << 30, "x:y"), -ERANGE);
    ck_ok(tongi_packet_check(SOCK_DGRAM, 1000, 1000, "x:y"));
    hub_faults();
    faulty_fail(FAULTY_socket, 1, EMFILE);
    ck_error(tongi_packet_check(SOCK_DGRAM, 1000, 1000, "x:y"), -EMFILE);
    faulty_fail(FAULTY_getsockopt, 1, EIO);
    ck_error(tongi_packet_reserve(fds[0], 1, 1, "x:y"), -EIO);
    close(fds[0]);
    close(fds[1]);
}

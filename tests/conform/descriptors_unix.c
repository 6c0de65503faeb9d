/* SPDX-License-Identifier: MIT */
/* Peers of unix: that lie about descriptors: whatever they do, none stays open here, and neighbours go on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"
#include "prim/control.h"

enum { LET_IN = 4, LONG = 100000 };

/* Writes bytes and attaches n descriptors to them. */
static void write_with(int fd, const void *bytes, size_t len, uint32_t n)
{
    union {
        const void *from;
        void *to;
    } base = {.from = bytes};
    struct iovec piece = {base.to, len};
    union tongi_control_room room;
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    int fds[TONGI_DESCRIPTORS_MAX];

    for (uint32_t i = 0; i < n; i++)
        fds[i] = STDERR_FILENO;
    if (n) {
        message.msg_control = room.bytes;
        message.msg_controllen = tongi_control_write(&room, fds, n);
    }
    SAME(sendmsg(fd, &message, MSG_NOSIGNAL), len);
}

/* A header that announces some, with others beside it. */
static void header_with(int fd, uint32_t len, uint32_t announced, uint32_t sent)
{
    uint8_t header[TONGI_FRAME_BYTES];

    tongi_frame_encode_with(header, TONGI_FRAME_DATA, len, announced);
    write_with(fd, header, sizeof header, sent);
}

/* An honest message of 4 bytes and two descriptors, as a stream or a packet. */
static void good(int fd)
{
    static const char body[] = "good";
    uint8_t frame[TONGI_FRAME_BYTES + sizeof body - 1];

    tongi_frame_encode_with(frame, TONGI_FRAME_DATA, sizeof body - 1, 2);
    memcpy(frame + TONGI_FRAME_BYTES, body, sizeof body - 1);
    write_with(fd, frame, sizeof frame, 2);
}

enum lie {
    A_HUNDRED,           /* where 4 are let in */
    A_HUNDRED_ANNOUNCED, /* and said so */
    MORE_THAN_ANNOUNCED,
    LESS_THAN_ANNOUNCED,
    NONE_WHERE_ANNOUNCED,
    NONE_WHERE_ANNOUNCED_IN_A_LONG_ONE,
    UNANNOUNCED,
    IN_THE_MIDDLE_OF_A_BODY,
    IN_THE_MIDDLE_OF_A_LONG_BODY,
    BEFORE_THE_ANNOUNCEMENT,
    BY_EVERY_BYTE,
    WITH_A_FAREWELL,
    ANNOUNCED_BY_A_FAREWELL,
    WITH_HALF_A_HEADER_THEN_GONE,
    WITH_HALF_A_BODY_THEN_GONE,
    LIES
};

static void lie(int fd, int how)
{
    static const uint8_t farewell[TONGI_FRAME_BYTES] = {0, 0, 0, 0, TONGI_FRAME_END, 0, 1, 0};
    static const char body[LONG];
    uint8_t byte[TONGI_FRAME_BYTES];

    switch ((enum lie)how) {
    case A_HUNDRED:
        header_with(fd, 0, LET_IN, 100);
        break;
    case A_HUNDRED_ANNOUNCED:
        header_with(fd, 0, 100, 100);
        break;
    case MORE_THAN_ANNOUNCED:
        header_with(fd, 0, 2, 3);
        break;
    case LESS_THAN_ANNOUNCED:
        header_with(fd, 0, 3, 2);
        break;
    case NONE_WHERE_ANNOUNCED:
        header_with(fd, 0, 1, 0);
        break;
    case NONE_WHERE_ANNOUNCED_IN_A_LONG_ONE:
        header_with(fd, LONG, 1, 0);
        break;
    case UNANNOUNCED:
        header_with(fd, 0, 0, 2);
        break;
    case IN_THE_MIDDLE_OF_A_BODY:
        header_with(fd, 100, 0, 0);
        write_with(fd, body, 50, 2);
        write_with(fd, body, 50, 0);
        break;
    case IN_THE_MIDDLE_OF_A_LONG_BODY:
        header_with(fd, LONG, 0, 0);
        write_with(fd, body, LONG / 2, 2);
        write_with(fd, body, LONG / 2, 0);
        break;
    case BEFORE_THE_ANNOUNCEMENT:
        header_with(fd, 1, 0, 2);
        write_with(fd, "x", 1, 0);
        header_with(fd, 0, 2, 0);
        break;
    case BY_EVERY_BYTE:
        tongi_frame_encode_with(byte, TONGI_FRAME_DATA, 0, 1);
        for (size_t i = 0; i < sizeof byte; i++)
            write_with(fd, byte + i, 1, 1);
        break;
    case WITH_A_FAREWELL:
        write_with(fd, farewell, 4, 0);
        write_with(fd, "\x03\0\0\0", 4, 2);
        break;
    case ANNOUNCED_BY_A_FAREWELL:
        write_with(fd, farewell, sizeof farewell, 1);
        break;
    case WITH_HALF_A_HEADER_THEN_GONE:
        write_with(fd, "\x10\0\0", 3, 2);
        shutdown(fd, SHUT_WR);
        break;
    default:
        header_with(fd, LONG, 2, 2);
        write_with(fd, body, LONG / 2, 0);
        shutdown(fd, SHUT_WR);
        break;
    }
}

/* The receiver works until this many peers are there; messages of liars that hold are taken on the way. */
static void take_until(tong_channel *rx, uint32_t peers)
{
    int64_t latest = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);
    char room[100];

    while (bare_stats(rx).peers != peers) {
        int64_t r = tong_recv(rx, room, sizeof room, tong_in_ms(1));
        CHECK(r >= 0 || r == -ETIMEDOUT);
        CHECK(conform_clock_ns() < latest);
    }
}

/* How many are open once a call has slept, for which a channel has a descriptor of its own. */
static int count_fds(tong_channel *rx)
{
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    return runner_count_fds();
}

/* Liars of a kind, one after the other, each of which first says something that holds. */
static void nothing_stays(int type, const char *query, int lies, void (*tell)(int fd, int how), int leaves)
{
    char both[64];
    tong_channel *rx, *tx;
    tong_event events[4];
    int before;

    snprintf(both, sizeof both, "?descriptors=4%s", query);
    rx = bare_open_as(TONG_PULL, both);
    tx = bare_open_as(TONG_PUSH, both);
    bare_neighbour_works(tx, rx);
    SAME(tong_events(rx, events, 4), 1);
    before = count_fds(rx);
    for (int how = 0; how < lies; how++) {
        int fd = bare_connect_as(type);

        bare_hello(fd, TONG_PUSH);
        good(fd);
        ends_expect(rx, "good");
        tell(fd, how);
        take_until(rx, 1);
        bare_expect_hang_up(fd);
        SAME(tong_events(rx, events, 4), 2);
        SAME(events[1].what, how == leaves ? TONG_LEFT : TONG_CUT);
        SAME(runner_count_fds(), before);
        bare_neighbour_works(tx, rx);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST_TIMEOUT(nothing_stays_of_a_liar, 30)
{
    nothing_stays(SOCK_STREAM, "", LIES, lie, WITH_A_FAREWELL);
}

/* ---- packets --------------------------------------------------------------------------------------------------- */

enum packet_lie {
    PACKET_OF_A_HUNDRED,
    PACKET_OF_A_HUNDRED_ANNOUNCED,
    PACKET_OF_MORE,
    PACKET_OF_LESS,
    PACKET_OF_NONE,
    PACKET_UNANNOUNCED,
    PACKET_UNANNOUNCED_LONG,
    PACKET_WITH_THE_NEXT_ONES,
    PACKET_EMPTY,
    PACKET_EMPTY_THEN_GONE,
    PACKET_OF_A_FEW_BYTES,
    PACKET_OF_TWO_FRAMES,
    PACKET_TOO_LONG,
    PACKET_FAREWELL,
    PACKET_FAREWELL_ANNOUNCES,
    PACKET_HELLO_AGAIN,
    PACKET_LIES
};

/* One packet: a header of a message, and as much of a body as is to come, with descriptors beside it. */
static void packet_with(int fd, uint32_t len, size_t body, uint32_t announced, uint32_t sent)
{
    static uint8_t packet[TONGI_FRAME_BYTES + LONG];

    tongi_frame_encode_with(packet, TONGI_FRAME_DATA, len, announced);
    write_with(fd, packet, TONGI_FRAME_BYTES + body, sent);
}

static void lie_in_a_packet(int fd, int how)
{
    uint8_t frame[TONGI_HELLO_BYTES];

    switch ((enum packet_lie)how) {
    case PACKET_OF_A_HUNDRED:
        packet_with(fd, 9, 9, LET_IN, 100);
        break;
    case PACKET_OF_A_HUNDRED_ANNOUNCED:
        packet_with(fd, 9, 9, 100, 100);
        break;
    case PACKET_OF_MORE:
        packet_with(fd, 9, 9, 2, 3);
        break;
    case PACKET_OF_LESS:
        packet_with(fd, 9, 9, 3, 2);
        break;
    case PACKET_OF_NONE:
        packet_with(fd, 9, 9, 1, 0);
        break;
    case PACKET_UNANNOUNCED:
        packet_with(fd, 9, 9, 0, 2);
        break;
    case PACKET_UNANNOUNCED_LONG:
        packet_with(fd, LONG, LONG, 0, 2);
        break;
    case PACKET_WITH_THE_NEXT_ONES:
        packet_with(fd, 9, 9, 2, 4);
        packet_with(fd, 9, 9, 2, 0);
        break;
    case PACKET_EMPTY:
        write_with(fd, "", 0, 2);
        break;
    case PACKET_EMPTY_THEN_GONE:
        write_with(fd, "", 0, 2);
        shutdown(fd, SHUT_WR);
        break;
    case PACKET_OF_A_FEW_BYTES:
        write_with(fd, "abc", 3, 2);
        break;
    case PACKET_OF_TWO_FRAMES:
        packet_with(fd, 0, TONGI_FRAME_BYTES, 2, 2);
        break;
    case PACKET_TOO_LONG:
        packet_with(fd, LONG, LONG, 2, 2);
        break;
    case PACKET_FAREWELL:
        tongi_frame_encode(frame, TONGI_FRAME_END, 0);
        write_with(fd, frame, TONGI_FRAME_BYTES, 2);
        break;
    case PACKET_FAREWELL_ANNOUNCES:
        tongi_frame_encode_with(frame, TONGI_FRAME_END, 0, 2);
        write_with(fd, frame, TONGI_FRAME_BYTES, 2);
        break;
    default:
        tongi_hello_encode(frame, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 1 << 20});
        write_with(fd, frame, sizeof frame, 2);
        break;
    }
}

TONG_TEST_TIMEOUT(nothing_stays_of_a_liar_with_packets, 30)
{
    nothing_stays(SOCK_SEQPACKET, "&socket=seqpacket&size=50000", PACKET_LIES, lie_in_a_packet, -1);
}

/* Nothing of a packet is taken whose descriptors are not those that it announces. */
TONG_TEST(a_packet_that_lies_is_not_delivered)
{
    tong_channel *rx = bare_open_as(TONG_PULL, "?descriptors=4&socket=seqpacket");
    int fd = bare_connect_as(SOCK_SEQPACKET);

    bare_hello(fd, TONG_PUSH);
    packet_with(fd, 1, 1, 0, 2);
    bare_until(rx, 1, 0);
    bare_expect_hang_up(fd);
    tong_close(rx);
}

/* However many packets a call could take, each has its own. */
TONG_TEST(many_packets_at_once)
{
    enum { MANY = 6 };
    tong_channel *rx = bare_open_as(TONG_PULL, "?descriptors=4&socket=seqpacket");
    int fd = bare_connect_as(SOCK_SEQPACKET), fds[MANY][LET_IN], before;
    tong_span spans[MANY];
    tong_meta metas[MANY];

    bare_hello(fd, TONG_PUSH);
    bare_until(rx, 0, 1);
    before = count_fds(rx);
    for (uint32_t i = 0; i < MANY; i++)
        packet_with(fd, 1, 1, i % 3, i % 3);
    for (uint32_t due = 0; due < MANY;) {
        for (uint32_t i = due; i < MANY; i++)
            metas[i] = (tong_meta){.struct_size = sizeof metas[i], .fds = fds[i], .n_fds = LET_IN};
        int64_t n = ck_ok(tong_peek(rx, spans, metas + due, MANY - due, conform_patience()));
        for (uint32_t end = due + (uint32_t)n; due < end; due++) {
            SAME(metas[due].n_fds, due % 3);
            for (uint32_t i = 0; i < metas[due].n_fds; i++)
                close(fds[due][i]);
        }
        ck_ok(tong_release(rx, spans, (uint32_t)n));
    }
    SAME(runner_count_fds(), before);
    close(fd);
    tong_close(rx);
}

/* ---- those that stay ------------------------------------------------------------------------------------------- */

/* Liars that stay: what they hold here is bounded, and closing gives it back. */
TONG_TEST(what_a_peer_can_hold_is_bounded)
{
    enum { PEERS = 10 };
    tong_channel *rx = bare_open_as(TONG_PULL, "?descriptors=4"), *tx = bare_open_as(TONG_PUSH, "");
    int fds[PEERS], before;

    bare_neighbour_works(tx, rx);
    before = count_fds(rx);
    for (int i = 0; i < PEERS; i++) {
        fds[i] = bare_connect();
        bare_hello(fds[i], TONG_PUSH);
        header_with(fds[i], LONG, LET_IN, LET_IN);
    }
    bare_until(rx, 0, PEERS + 1);
    bare_neighbour_works(tx, rx);
    CHECK(runner_count_fds() <= before + 2 * PEERS + PEERS * LET_IN);
    tong_close(tx);
    tong_close(rx);
    for (int i = 0; i < PEERS; i++)
        close(fds[i]);
}

TONG_TEST(none_is_let_in_unless_asked_for)
{
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, "");
    int before, fd;

    bare_neighbour_works(tx, rx);
    before = count_fds(rx);
    fd = bare_connect();
    bare_hello(fd, TONG_PUSH);
    for (int i = 0; i < 10; i++) {
        header_with(fd, 4, 0, 100); /* the kernel closes them */
        write_with(fd, "good", 4, 100);
        ends_expect(rx, "good");
    }
    SAME(runner_count_fds(), before + 2);
    header_with(fd, 0, 1, 1);
    take_until(rx, 1);
    bare_expect_hang_up(fd);
    SAME(runner_count_fds(), before);
    bare_neighbour_works(tx, rx);
    tong_close(tx);
    tong_close(rx);
}

/* The other side's connector learns why, also where it could not know. */
TONG_TEST(a_sender_who_did_not_know_is_told)
{
    tong_channel *listener = bare_open_as(TONG_PAIR | TONG_LISTEN, ""), *ch, *tx = bare_open_as(TONG_PAIR, "");
    int fd = STDERR_FILENO;
    tong_meta meta = {.struct_size = sizeof meta, .fds = &fd, .n_fds = 1};
    tong_view view = {"x", 1};

    ck_ok(tong_send_parts(tx, &view, 1, &meta, conform_patience()));
    ck_ok(tong_accept(listener, &ch, conform_patience()));
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
    ck_error(tong_recv(tx, NULL, 0, conform_patience()), TONG_E_REFUSED);
    SAYS("descriptors=");
    tong_close(tx);
    tong_close(ch);
    tong_close(listener);
}

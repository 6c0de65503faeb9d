/* SPDX-License-Identifier: MIT */
/* The packets and datagrams of unix, beside programs that are not tong's: what they send, and what they get. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"

#define SEQPACKET "?socket=seqpacket"
#define DGRAM "?socket=dgram"

static int packet_bind(int type)
{
    int fd = bare_bind(type);

    CHECK(type == SOCK_DGRAM || listen(fd, 10) == 0);
    return fd;
}

/* ---- packets --------------------------------------------------------------------------------------------------- */

TONG_TEST(strangers_with_packets_are_turned_away)
{
    static const char junk[300000];
    static const size_t lens[] = {0, 1, 7, 8, 24, 1000, 200000, 212960};
    tong_channel *rx = bare_open_as(TONG_PULL, SEQPACKET), *tx = bare_open_as(TONG_PUSH, SEQPACKET);

    bare_neighbour_works(tx, rx);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        int fd = bare_connect_as(SOCK_SEQPACKET);
        bare_write(fd, junk, lens[i]);
        bare_until(rx, i + 1, 1);
        bare_neighbour_works(tx, rx);
        bare_expect_hang_up(fd);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(a_packet_over_the_receivers_size_cuts_its_sender)
{
    static char message[100000];
    tong_channel *rx = bare_open_as(TONG_PULL, SEQPACKET "&size=1000"), *tx = bare_open_as(TONG_PUSH, SEQPACKET);
    int fd = bare_connect_as(SOCK_SEQPACKET);
    tong_event event;

    bare_hello(fd, TONG_PUSH);
    bare_neighbour_works(tx, rx);
    bare_until(rx, 0, 2);
    tongi_frame_encode((uint8_t *)message, TONGI_FRAME_DATA, sizeof message - TONGI_FRAME_BYTES);
    bare_write(fd, message, sizeof message);
    bare_until(rx, 1, 1);
    bare_expect_hang_up(fd);
    /* Who has read the limit does not send so much. */
    CHECK(tong_events(tx, &event, 1) == 1);
    ck_error(tong_send(tx, message, 1001, conform_patience()), TONG_E_TOOBIG);
    bare_neighbour_works(tx, rx);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(a_size_that_the_system_does_not_grant)
{
    static const char *const kinds[] = {SEQPACKET, DGRAM};

    for (int i = 0; i < 2; i++) {
        char address[100];
        tong_channel *ch = NULL, *ends[2];
        snprintf(address, sizeof address, BARE_ADDRESS "%s&size=1G", kinds[i]);
        ck_error(tong_open(&ch, address, TONG_PUSH, NULL, tong_now()), -ERANGE);
        BEGINS(BARE_ADDRESS);
        SAYS("net.core.wmem_max");
        SAYS("socket=stream");
        if (i == 0)
            ck_error(tong_pair(ends, "unix:?socket=seqpacket&size=1G"), -ERANGE);
    }
}

TONG_TEST(pairs_of_packets_without_a_name)
{
    tong_channel *ends[2];
    char text[8];

    ck_ok(tong_pair(ends, "unix:" SEQPACKET));
    ck_ok(tong_send(ends[0], "there", 5, conform_patience()));
    ck_ok(tong_send(ends[1], "", 0, conform_patience()));
    SAME(tong_recv(ends[1], text, sizeof text, conform_patience()), 5);
    SAME(tong_recv(ends[0], text, sizeof text, conform_patience()), 0);
    ck_ok(tong_finish(ends[0], conform_patience()));
    ck_error(tong_recv(ends[1], text, sizeof text, conform_patience()), TONG_E_END);
    tong_close(ends[0]);
    tong_close(ends[1]);
    ck_error(tong_pair(ends, "unix:" DGRAM), TONG_E_NOCAP);
    SAYS("unix:");
}

TONG_TEST(packet_sockets_are_adopted_as_what_they_are)
{
    const tong_opts packets = {.struct_size = sizeof packets, .socket = TONG_SOCKET_SEQPACKET};
    tong_channel *ends[2] = {NULL, NULL};
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    ck_error(tong_adopt(&ends[0], fds[0], TONG_PAIR, NULL), TONG_E_NOCAP);
    SAYS("socket=seqpacket");
    for (int i = 0; i < 2; i++)
        ck_ok(tong_adopt(&ends[i], fds[i], TONG_PAIR, &packets));
    ck_ok(tong_send(ends[0], "adopted", 7, conform_patience()));
    ends_expect(ends[1], "adopted");
    tong_close(ends[0]);
    tong_close(ends[1]);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) == 0);
    ck_error(tong_adopt(&ends[0], fds[0], TONG_PAIR, NULL), TONG_E_NOCAP);
    SAYS("seqpacket");
    close(fds[0]);
    close(fds[1]);
}

TONG_TEST(another_kind_of_socket_is_there)
{
    static const char *const kinds[] = {"", SEQPACKET, DGRAM};
    tong_channel *ch = NULL;

    for (int there = 0; there < 3; there++) {
        tong_channel *rx = bare_open_as(TONG_PULL, kinds[there]);
        for (int here = 0; here < 3; here++) {
            char address[100];
            if (here == there)
                continue;
            snprintf(address, sizeof address, BARE_ADDRESS "%s", kinds[here]);
            ck_error(tong_open(&ch, address, TONG_PUSH, NULL, conform_patience()), -EPROTOTYPE);
            BEGINS(BARE_ADDRESS);
            SAYS("socket=");
            ck_error(tong_open(&ch, address, TONG_PULL, NULL, conform_patience()), -EADDRINUSE);
        }
        tong_close(rx);
    }
}

/* A socket file of a program that is not tong's is left alone while it lives, and replaced when it does not. */
TONG_TEST(a_strangers_packet_socket)
{
    static const char *const kinds[] = {SEQPACKET, DGRAM};
    static const int types[] = {SOCK_SEQPACKET, SOCK_DGRAM};

    for (int i = 0; i < 4; i++) {
        char address[100];
        tong_channel *ch = NULL;
        int fd = packet_bind(types[i % 2]);
        snprintf(address, sizeof address, BARE_ADDRESS "%s", kinds[i / 2]);
        ck_error(tong_open(&ch, address, TONG_PULL, NULL, tong_now()), -EADDRINUSE);
        ck_error(tong_remove(BARE_ADDRESS), -EBUSY);
        close(fd);
        ck_ok(tong_open(&ch, address, TONG_PULL, NULL, tong_now()));
        tong_close(ch);
    }
}

/* ---- datagrams ------------------------------------------------------------------------------------------------- */

TONG_TEST(any_program_sends_datagrams)
{
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM);
    int fd = bare_connect_as(SOCK_DGRAM);
    struct stat status;

    CHECK(stat(BARE_PATH, &status) == 0 && (status.st_mode & 0777) == 0600);
    bare_write(fd, "raw", 3);
    bare_write(fd, "", 0);
    bare_write(fd, "behind", 6);
    ends_expect(rx, "raw");
    ends_expect(rx, "");
    ends_expect(rx, "behind");
    /* Who goes leaves what it sent, and ends nothing. */
    bare_write(fd, "last", 4);
    close(fd);
    ends_expect(rx, "last");
    ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    tong_close(rx);
}

TONG_TEST(any_program_receives_datagrams)
{
    int fd = packet_bind(SOCK_DGRAM);
    tong_channel *tx = bare_open_as(TONG_PUSH, DGRAM);
    tong_view parts[2] = {{"ab", 2}, {"cd", 2}};
    char bytes[100];

    ck_ok(tong_send(tx, "hello", 5, conform_patience()));
    ck_ok(tong_send(tx, "", 0, conform_patience()));
    ck_ok(tong_send_parts(tx, parts, 2, NULL, conform_patience()));
    SAME(recv(fd, bytes, sizeof bytes, 0), 5);
    SAME(recv(fd, bytes, sizeof bytes, 0), 0);
    SAME(recv(fd, bytes, sizeof bytes, 0), 4);
    CHECK(memcmp(bytes, "abcd", 4) == 0);
    close(fd);
    CHECK(unlink(BARE_PATH) == 0);
    tong_close(tx);
}

/* Nothing is cut short in silence: the receiver is told once of each, and goes on. */
TONG_TEST(a_datagram_over_the_receivers_size)
{
    static char message[50000];
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM "&size=40000"), *tx = bare_open_as(TONG_PUSH, DGRAM);
    tong_meta meta = {.struct_size = sizeof meta};
    tong_bytes rooms[3] = {{message, 10}, {message, 10}, {message, 10}};
    tong_span span;

    ck_ok(tong_send(tx, "before", 6, conform_patience()));
    ck_ok(tong_send(tx, message, 40001, conform_patience()));
    SAME(tong_recv_many(rx, rooms, 3, conform_patience()), 1);
    ck_error(tong_recv(rx, message, sizeof message, tong_now()), -EMSGSIZE);
    BEGINS(BARE_ADDRESS);
    SAYS("40001");
    SAYS("size=40000");
    ck_error(tong_recv(rx, message, sizeof message, tong_now()), -EAGAIN);
    SAME(bare_stats(rx).lost, 1);
    ck_ok(tong_send(tx, "x", 1, conform_patience()));
    SAME(tong_recv_meta(rx, message, sizeof message, &meta, conform_patience()), 1);
    SAME(meta.lost, 1);

    ck_ok(tong_send(tx, message, 50000, conform_patience()));
    ck_error(tong_peek(rx, &span, NULL, 1, conform_patience()), -EMSGSIZE);
    ck_ok(tong_send(tx, message, 50000, conform_patience()));
    ck_error(tong_next_size(rx), -EMSGSIZE);
    /* The largest that fits, also where long ones go straight to their room. */
    for (int i = 0; i < 3; i++) {
        ck_ok(tong_send(tx, message, 40000, conform_patience()));
        SAME(tong_recv(rx, message, sizeof message, conform_patience()), 40000);
        ck_ok(tong_send(tx, message, 40001, conform_patience()));
        ck_error(tong_recv(rx, message, sizeof message, conform_patience()), -EMSGSIZE);
        ck_ok(tong_send(tx, message, 40000, conform_patience()));
        ck_error(tong_recv(rx, message, 20000, conform_patience()), TONG_E_TOOBIG);
        SAME(tong_next_size(rx), 40000);
        SAME(tong_recv(rx, message, 40000, conform_patience()), 40000);
    }
    SAME(bare_stats(rx).lost, 6);
    tong_close(tx);
    tong_close(rx);
}

enum { SENDERS = 4, EACH = 2000 };

static int send_datagrams(void *number)
{
    tong_channel *tx = bare_open_as(TONG_PUSH, DGRAM);
    char message[100];

    for (uint64_t i = 0; i < EACH; i++) {
        ledger_write(message, sizeof message, *(const uint32_t *)number, i);
        ck_ok(tong_send(tx, message, sizeof message, conform_patience()));
    }
    ck_ok(tong_finish(tx, conform_patience()));
    tong_close(tx);
    return 0;
}

/* The queue holds about ten, whoever sends: the others wait, and nothing is lost. */
TONG_TEST_TIMEOUT(a_full_queue_is_waited_for, 60)
{
    struct ledger ledger = {.taken = 0};
    uint32_t numbers[SENDERS] = {1, 2, 3, 4};
    pid_t senders[SENDERS];
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM);
    char room[200];

    for (int i = 0; i < SENDERS; i++)
        senders[i] = runner_fork(send_datagrams, &numbers[i]);
    for (int i = 0; i < SENDERS * EACH; i++)
        ledger_take_next(&ledger, room, (size_t)ck_ok(tong_recv(rx, room, sizeof room, conform_patience())));
    for (int i = 0; i < SENDERS; i++)
        runner_join_ok(senders[i], CONFORM_PATIENCE_MS);
    ck_error(tong_recv(rx, room, sizeof room, tong_now()), -EAGAIN);
    tong_close(rx);
}

/* It sleeps until there is room, rather than trying again and again. */
TONG_TEST(a_full_queue_is_slept_for)
{
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM), *tx = bare_open_as(TONG_PUSH, DGRAM "&wait=block");
    uint64_t sleeps;

    while (tong_send(tx, "x", 1, tong_now()) == 0)
        continue;
    sleeps = conform_sleeps(tx);
    ck_error(tong_send(tx, "x", 1, tong_in_ms(50)), -ETIMEDOUT);
    CHECK(conform_sleeps(tx) <= sleeps + 2);
    ends_expect(rx, "x");
    ck_ok(tong_send(tx, "x", 1, tong_now()));
    tong_close(tx);
    tong_close(rx);
}

static int receiver_lingers(void *context)
{
    char byte;

    return read(*(int *)context, &byte, 1) == 1 ? 0 : 1;
}

/* A child of the puller's still holds the socket: what is sent from then on must not end up there. */
TONG_TEST(a_closed_puller_takes_nothing_more)
{
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM), *tx = bare_open_as(TONG_PUSH, DGRAM);
    int fds[2];
    pid_t child;

    CHECK(pipe(fds) == 0);
    while (tong_send(tx, "x", 1, tong_now()) == 0)
        continue;
    child = runner_fork(receiver_lingers, &fds[0]);
    rx = tong_close(rx);
    ck_error(tong_send(tx, "y", 1, tong_in_ms(20)), -ETIMEDOUT);
    rx = bare_open_as(TONG_PULL, DGRAM);
    ck_ok(tong_send(tx, "z", 1, conform_patience()));
    ends_expect(rx, "z");
    SAME(bare_stats(tx).connects, 2);
    CHECK(write(fds[1], "q", 1) == 1);
    runner_join_ok(child, CONFORM_PATIENCE_MS);
    close(fds[0]);
    close(fds[1]);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(a_pusher_that_does_not_reconnect)
{
    tong_channel *rx = bare_open_as(TONG_PULL, DGRAM), *tx = bare_open_as(TONG_PUSH, DGRAM "&reconnect=no");

    bare_neighbour_works(tx, rx);
    rx = tong_close(rx);
    ck_error(tong_send(tx, "x", 1, conform_patience()), TONG_E_GONE);
    BEGINS(BARE_ADDRESS);
    rx = bare_open_as(TONG_PULL, DGRAM);
    ck_error(tong_send(tx, "x", 1, conform_patience()), TONG_E_GONE);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(what_datagrams_have_not)
{
    static const char *const options[] = {"end=last", "peers=10", "handshake=1s", "abstract=yes"};
    tong_channel *ch = NULL;

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char address[100];
        snprintf(address, sizeof address, BARE_ADDRESS DGRAM "&%s", options[i]);
        ck_error(tong_open(&ch, address, TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
        BEGINS(BARE_ADDRESS);
    }
    ck_error(tong_open(&ch, BARE_ADDRESS DGRAM, TONG_PAIR, NULL, tong_now()), TONG_E_NOCAP);
    SAYS("socket=stream");
    SAYS("socket=seqpacket");
    ck_error(tong_open(&ch, BARE_ADDRESS DGRAM, TONG_PUSH | TONG_LISTEN, NULL, tong_now()), TONG_E_NOCAP);
    SAYS("socket=stream");
}

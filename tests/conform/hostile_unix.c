/* SPDX-License-Identifier: MIT */
/* Peers of unix: that do not play by the rules, made of bare sockets: neighbours go on, memory stays bounded. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ends.h"
#include "prim/frame.h"

#define PATH "hostile.sock"
#define ADDRESS "unix:" PATH

/* ---- bare peers ------------------------------------------------------------------------------------------------ */

static int bare_socket(struct sockaddr_un *ret_name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = PATH};
    return fd;
}

static int bare_connect(void)
{
    struct sockaddr_un name;
    int fd = bare_socket(&name);

    CHECK(connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

static int bare_listen(void)
{
    struct sockaddr_un name;
    int fd = bare_socket(&name);

    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 10) == 0);
    return fd;
}

static void bare_write(int fd, const void *bytes, size_t len)
{
    CHECK(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void bare_header(int fd, enum tongi_frame_type type, uint32_t len)
{
    uint8_t header[TONGI_FRAME_BYTES];

    tongi_frame_encode(header, type, len);
    bare_write(fd, header, sizeof header);
}

static void bare_hello(int fd, uint32_t role)
{
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = role, .size_max = 1 << 20});
    bare_write(fd, hello, sizeof hello);
}

/* ---- the honest ones ------------------------------------------------------------------------------------------- */

static tong_channel *open_as(uint32_t role, const char *query)
{
    char address[64];
    tong_channel *ch;

    snprintf(address, sizeof address, ADDRESS "%s", query);
    ck_ok(tong_open(&ch, address, role, NULL, conform_patience()));
    return ch;
}

static tong_stats stats_of(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats;
}

/* The listener works until this many peers were turned away and this many are there. */
static void until(tong_channel *rx, uint64_t refused, uint32_t peers)
{
    int64_t latest = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);

    while (stats_of(rx).refused != refused || stats_of(rx).peers != peers) {
        int64_t r = tong_recv(rx, NULL, 0, tong_in_ms(1));
        CHECK(r == -ETIMEDOUT);
        if (conform_clock_ns() > latest)
            conform_fail(__FILE__, __LINE__, "refused %d peers %d, due were %d and %d", (int)stats_of(rx).refused,
                         (int)stats_of(rx).peers, (int)refused, (int)peers);
    }
}

/* The other side ends the connection; what it says before does not matter. */
static void expect_hang_up(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char bytes[1024];
    ssize_t n;

    do {
        CHECK(poll(&polled, 1, CONFORM_PATIENCE_MS) == 1);
        n = recv(fd, bytes, sizeof bytes, 0);
    } while (n > 0);
    CHECK(n == 0 || errno == ECONNRESET);
    close(fd);
}

static void neighbour_works(tong_channel *tx, tong_channel *rx)
{
    ck_ok(tong_send(tx, "neighbour", 9, conform_patience()));
    ends_expect(rx, "neighbour");
}

/* ---- before the greeting --------------------------------------------------------------------------------------- */

TONG_TEST(strangers_are_turned_away)
{
    static const char http[] = "GET / HTTP/1.0\r\n\r\n";
    static const uint8_t zeros[64];
    tong_channel *rx = open_as(TONG_PULL, ""), *tx = open_as(TONG_PUSH, "");
    uint8_t hello[TONGI_HELLO_BYTES];
    uint64_t refused = 0;

    neighbour_works(tx, rx);
    for (int kind = 0; kind < 8; kind++) {
        int fd = bare_connect();

        tongi_hello_encode(hello, &(struct tongi_hello){.role = kind == 4 ? TONG_PULL : TONG_PUSH, .size_max = 100});
        if (kind == 0)
            bare_write(fd, http, sizeof http);
        if (kind == 1)
            bare_write(fd, zeros, sizeof zeros);
        if (kind == 2)
            bare_header(fd, TONGI_FRAME_DATA, 1); /* no hello first */
        if (kind == 3)
            bare_header(fd, TONGI_FRAME_HELLO, 1U << 31);
        if (kind == 5)
            hello[TONGI_FRAME_BYTES + offsetof(struct tongi_hello_layout, version)]++;
        if (kind == 6)
            hello[TONGI_FRAME_BYTES + offsetof(struct tongi_hello_layout, magic)]++;
        if (kind == 7)
            hello[TONGI_FRAME_BYTES + offsetof(struct tongi_hello_layout, role)] = 200;
        if (kind >= 4)
            bare_write(fd, hello, sizeof hello);
        until(rx, ++refused, 1);
        neighbour_works(tx, rx);
        expect_hang_up(fd);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(half_a_hello_then_eof)
{
    tong_channel *rx = open_as(TONG_PULL, ""), *tx = open_as(TONG_PUSH, "");
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 100});
    neighbour_works(tx, rx);
    for (size_t len = 0; len < sizeof hello; len++) {
        int fd = bare_connect();

        if (len)
            bare_write(fd, hello, len);
        close(fd);
        neighbour_works(tx, rx);
    }
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    SAME(stats_of(rx).peers, 1);
    SAME(stats_of(rx).connects, 1);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST_TIMEOUT(a_thousand_silent_connections, 60)
{
    enum { SILENT = 1000 };
    struct rlimit limit = {4096, 4096};
    tong_channel *rx, *tx;
    int fds[SILENT], before;
    size_t memory;

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    rx = open_as(TONG_PULL, "?handshake=300ms&peers=2000");
    tx = open_as(TONG_PUSH, "");
    neighbour_works(tx, rx);
    until(rx, 0, 1); /* it has what it sleeps on */
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    before = runner_count_fds();
    memory = mallinfo2().uordblks;
    for (int i = 0; i < SILENT; i++) {
        fds[i] = bare_connect();
        if (i % 3 == 0)
            bare_write(fds[i], "\x10", 1);
        if (i % 50 == 0)
            neighbour_works(tx, rx);
    }
    neighbour_works(tx, rx);
    CHECK(mallinfo2().uordblks <= memory + SILENT * 1024);
    until(rx, SILENT, 1);
    for (int i = 0; i < SILENT; i++)
        expect_hang_up(fds[i]);
    SAME(runner_count_fds(), before);
    neighbour_works(tx, rx);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(a_limit_of_connections)
{
    tong_channel *rx = open_as(TONG_PULL, "?peers=2"), *tx = open_as(TONG_PUSH, "");
    int second = bare_connect(), third;

    bare_hello(second, TONG_PUSH);
    neighbour_works(tx, rx);
    until(rx, 0, 2);
    third = bare_connect();
    bare_hello(third, TONG_PUSH);
    until(rx, 1, 2);
    expect_hang_up(third);
    close(second);
    until(rx, 1, 1);
    second = bare_connect();
    bare_hello(second, TONG_PUSH);
    until(rx, 1, 2);
    neighbour_works(tx, rx);
    close(second);
    tong_close(tx);
    tong_close(rx);
}

/* ---- after the greeting ---------------------------------------------------------------------------------------- */

static void misbehave(int fd, int kind)
{
    static const uint8_t flagged[TONGI_FRAME_BYTES] = {1, 0, 0, 0, TONGI_FRAME_DATA, 1, 0, 0};

    switch (kind) {
    case 0:
        bare_header(fd, TONGI_FRAME_DATA, UINT32_MAX);
        break;
    case 1:
        bare_header(fd, TONGI_FRAME_DATA, (1 << 20) + 1);
        break;
    case 2:
        bare_hello(fd, TONG_PUSH);
        break;
    case 3:
        bare_header(fd, TONGI_FRAME_END, 1);
        break;
    case 4:
        bare_header(fd, (enum tongi_frame_type)77, 0);
        break;
    case 5:
        bare_write(fd, flagged, sizeof flagged);
        break;
    default:
        bare_header(fd, TONGI_FRAME_REFUSE, 1 << 20);
        break;
    }
}

TONG_TEST(rules_broken_after_the_greeting)
{
    tong_channel *rx = open_as(TONG_PULL, ""), *tx = open_as(TONG_PUSH, "");
    tong_event events[4];

    neighbour_works(tx, rx);
    SAME(tong_events(rx, events, 4), 1);
    for (int kind = 0; kind <= 6; kind++) {
        int fd = bare_connect();

        bare_hello(fd, TONG_PUSH);
        bare_header(fd, TONGI_FRAME_DATA, 4);
        bare_write(fd, "good", 4);
        ends_expect(rx, "good");
        misbehave(fd, kind);
        while (stats_of(rx).peers != 1)
            ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
        expect_hang_up(fd);
        SAME(tong_events(rx, events, 4), 2);
        SAME(events[0].what, TONG_JOINED);
        SAME(events[1].what, TONG_CUT);
        neighbour_works(tx, rx);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(half_a_frame_then_eof)
{
    tong_channel *rx = open_as(TONG_PULL, ""), *tx = open_as(TONG_PUSH, "");
    tong_event events[4];

    neighbour_works(tx, rx);
    SAME(tong_events(rx, events, 4), 1);
    for (int kind = 0; kind < 3; kind++) {
        int fd = bare_connect();

        bare_hello(fd, TONG_PUSH);
        if (kind == 0) {
            bare_write(fd, "\x10\0\0", 3);
        } else {
            bare_header(fd, TONGI_FRAME_DATA, kind == 1 ? 16 : 500000);
            bare_write(fd, "begun", 5);
        }
        neighbour_works(tx, rx);
        close(fd);
        while (stats_of(rx).peers != 1)
            ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
        SAME(tong_events(rx, events, 4), 2);
        SAME(events[1].what, TONG_CUT);
        neighbour_works(tx, rx);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(announced_and_not_sent_costs_no_memory)
{
    enum { LIARS = 100 };
    tong_channel *rx = open_as(TONG_PULL, ""), *tx = open_as(TONG_PUSH, "");
    int fds[LIARS];
    size_t memory;

    neighbour_works(tx, rx);
    memory = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < LIARS; i++) {
        fds[i] = bare_connect();
        bare_hello(fds[i], TONG_PUSH);
        bare_header(fds[i], TONGI_FRAME_DATA, 1 << 20);
        bare_write(fds[i], "little", 6);
    }
    until(rx, 0, LIARS + 1);
    neighbour_works(tx, rx);
    CHECK(mallinfo2().uordblks + mallinfo2().hblkhd <= memory + LIARS * (64 << 10));
    for (int i = 0; i < LIARS; i++)
        close(fds[i]);
    until(rx, 0, 1);
    neighbour_works(tx, rx);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(byte_by_byte)
{
    struct ledger ledger = {.taken = 0};
    tong_channel *rx = open_as(TONG_PULL, "");
    uint8_t bytes[TONGI_HELLO_BYTES + 3 * (TONGI_FRAME_BYTES + 100)], *at = bytes + TONGI_HELLO_BYTES;
    int fd = bare_connect();
    char room[100];

    tongi_hello_encode(bytes, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 100});
    for (uint64_t i = 0; i < 3; i++) {
        tongi_frame_encode(at, TONGI_FRAME_DATA, 100);
        ledger_write(at + TONGI_FRAME_BYTES, 100, 1, i);
        at += TONGI_FRAME_BYTES + 100;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        int64_t len;

        bare_write(fd, bytes + i, 1);
        len = tong_recv(rx, room, sizeof room, tong_now());
        if (len != -EAGAIN)
            ledger_take_next(&ledger, room, (size_t)ck_ok(len));
    }
    SAME(ledger.taken, 3);
    close(fd);
    tong_close(rx);
}

/* ---- hostile listeners ----------------------------------------------------------------------------------------- */

TONG_TEST(a_listener_that_talks_nonsense)
{
    static const char refusal[] = "\xff\xff\xff\xff\x1b[31mgo away";
    int listener = bare_listen();

    for (int kind = 0; kind < 4; kind++) {
        tong_channel *ch = open_as(TONG_PAIR, "?reconnect=no");
        int fd = accept(listener, NULL, NULL);
        int64_t r;

        CHECK(fd >= 0);
        if (kind == 0)
            bare_write(fd, "220 mail.example ESMTP\r\n", 24);
        if (kind == 1)
            bare_header(fd, TONGI_FRAME_DATA, 4);
        if (kind == 2)
            bare_hello(fd, TONG_PULL);
        if (kind == 3) {
            bare_header(fd, TONGI_FRAME_REFUSE, sizeof refusal);
            bare_write(fd, refusal, sizeof refusal);
        }
        r = tong_recv(ch, NULL, 0, conform_patience());
        CHECK(r < 0 && r != -ETIMEDOUT && r != TONG_E_END && r != -EAGAIN);
        BEGINS(ADDRESS);
        CHECK(!strchr(tong_error_detail(), '\x1b'));
        expect_hang_up(fd);
        tong_close(ch);
    }
    close(listener);
    unlink(PATH);
}

/* Half a frame of one connection is no beginning of the next one's. */
TONG_TEST(a_connector_forgets_half_a_frame)
{
    int listener = bare_listen();
    tong_channel *ch = open_as(TONG_PAIR, "");

    for (int kind = 0; kind < 3; kind++) {
        int fd = accept(listener, NULL, NULL);

        CHECK(fd >= 0);
        bare_hello(fd, TONG_PAIR);
        bare_header(fd, TONGI_FRAME_DATA, 4);
        bare_write(fd, "good", 4);
        if (kind == 0) {
            bare_write(fd, "\x10\0\0", 3);
        } else {
            bare_header(fd, TONGI_FRAME_DATA, kind == 1 ? 16 : 500000);
            bare_write(fd, "begun", 5);
        }
        ends_expect(ch, "good");
        close(fd);
        ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
        ck_error(tong_recv(ch, NULL, 0, tong_in_ms(500)), -ETIMEDOUT);
    }
    tong_close(ch);
    close(listener);
    unlink(PATH);
}

TONG_TEST(a_pusher_learns_of_its_pullers)
{
    tong_channel *tx = open_as(TONG_PUSH | TONG_LISTEN, "");
    tong_event event;
    int fd = bare_connect();

    bare_hello(fd, TONG_PULL);
    ck_ok(tong_send(tx, "one", 3, conform_patience()));
    SAME(tong_events(tx, &event, 1), 1);
    SAME(event.what, TONG_JOINED);
    close(fd);
    ck_error(tong_send(tx, "two", 3, tong_now()), -EAGAIN);
    SAME(tong_events(tx, &event, 1), 1);
    SAME(event.what, TONG_CUT);
    fd = bare_connect();
    bare_hello(fd, TONG_PULL);
    bare_header(fd, TONGI_FRAME_DATA, 1); /* a puller has nothing to say */
    ck_error(tong_send(tx, "three", 5, tong_in_ms(20)), -ETIMEDOUT);
    SAME(stats_of(tx).refused, 1);
    SAME(stats_of(tx).peers, 0);
    close(fd);
    tong_close(tx);
}

TONG_TEST(a_stranger_at_a_pair)
{
    tong_channel *listener = open_as(TONG_PAIR | TONG_LISTEN, ""), *ch;

    for (int kind = 0; kind < 4; kind++) {
        int fd = bare_connect();
        int64_t r;

        ck_ok(tong_accept(listener, &ch, conform_patience()));
        if (kind == 0)
            bare_write(fd, "GET / HTTP/1.0\r\n\r\n", 18);
        if (kind == 1)
            bare_hello(fd, TONG_PUSH);
        if (kind == 2)
            bare_hello(fd, TONG_PAIR);
        if (kind == 2)
            misbehave(fd, 0);
        if (kind == 3)
            shutdown(fd, SHUT_WR);
        r = tong_recv(ch, NULL, 0, conform_patience());
        CHECK(r < 0 && r != -ETIMEDOUT && r != TONG_E_END && r != -EAGAIN);
        BEGINS(ADDRESS);
        tong_close(ch);
        expect_hang_up(fd);
    }
    tong_close(listener);
}

/* ---- no descriptor left ---------------------------------------------------------------------------------------- */

static int connect_and_wait(void *context)
{
    char byte;
    int fd = bare_connect();

    (void)context;
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
    return 0;
}

TONG_TEST_TIMEOUT(no_descriptor_for_a_newcomer, 30)
{
    tong_channel *rx = open_as(TONG_PULL, ""), *tx = open_as(TONG_PUSH, ""), *later;
    struct rlimit limit, none;
    pid_t newcomer;

    neighbour_works(tx, rx);
    newcomer = runner_fork(connect_and_wait, NULL);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = (struct rlimit){(rlim_t)dup(0), limit.rlim_max};
    close((int)none.rlim_cur);
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    while (stats_of(rx).refused == 0)
        ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    neighbour_works(tx, rx);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    runner_join_ok(newcomer, CONFORM_PATIENCE_MS);
    later = open_as(TONG_PUSH, "");
    neighbour_works(later, rx);
    tong_close(later);
    tong_close(tx);
    tong_close(rx);
}

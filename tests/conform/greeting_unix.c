/* SPDX-License-Identifier: MIT */
/* Newcomers of unix: that say nothing, nonsense or half a greeting, and those for whom there is no room. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"

TONG_TEST(strangers_are_turned_away)
{
    static const char http[] = "GET / HTTP/1.0\r\n\r\n";
    static const uint8_t zeros[64];
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, "");
    uint8_t hello[TONGI_HELLO_BYTES];
    uint64_t refused = 0;

    bare_neighbour_works(tx, rx);
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
        bare_until(rx, ++refused, 1);
        bare_neighbour_works(tx, rx);
        bare_expect_hang_up(fd);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(half_a_hello_then_eof)
{
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, "");
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 100});
    bare_neighbour_works(tx, rx);
    for (size_t len = 0; len < sizeof hello; len++) {
        int fd = bare_connect();

        if (len)
            bare_write(fd, hello, len);
        close(fd);
        bare_neighbour_works(tx, rx);
    }
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    SAME(bare_stats(rx).peers, 1);
    SAME(bare_stats(rx).connects, 1);
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
    rx = bare_open_as(TONG_PULL, "?handshake=300ms&peers=2000");
    tx = bare_open_as(TONG_PUSH, "");
    bare_neighbour_works(tx, rx);
    bare_until(rx, 0, 1); /* it has what it sleeps on */
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    before = runner_count_fds();
    memory = mallinfo2().uordblks;
    for (int i = 0; i < SILENT; i++) {
        fds[i] = bare_connect();
        if (i % 3 == 0)
            bare_write(fds[i], "\x10", 1);
        if (i % 50 == 0)
            bare_neighbour_works(tx, rx);
    }
    bare_neighbour_works(tx, rx);
    CHECK(mallinfo2().uordblks <= memory + SILENT * 1024);
    bare_until(rx, SILENT, 1);
    for (int i = 0; i < SILENT; i++)
        bare_expect_hang_up(fds[i]);
    SAME(runner_count_fds(), before);
    bare_neighbour_works(tx, rx);
    tong_close(tx);
    tong_close(rx);
}

/* Nothing but its descriptor tells an event loop that somebody has been silent for too long. */
TONG_TEST(an_event_loop_sheds_the_silent)
{
    tong_channel *rx = bare_open_as(TONG_PULL, "?handshake=50ms");
    struct pollfd in = {.fd = (int)ck_ok(tong_fd(rx, TONG_IN)), .events = POLLIN};
    int fd = bare_connect();

    while (bare_stats(rx).refused == 0) {
        CHECK(poll(&in, 1, CONFORM_PATIENCE_MS) == 1);
        ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    }
    bare_expect_hang_up(fd);
    tong_close(rx);
}

TONG_TEST(a_limit_of_connections)
{
    tong_channel *rx = bare_open_as(TONG_PULL, "?peers=2"), *tx = bare_open_as(TONG_PUSH, "");
    int second = bare_connect(), third;

    bare_hello(second, TONG_PUSH);
    bare_neighbour_works(tx, rx);
    bare_until(rx, 0, 2);
    third = bare_connect();
    bare_hello(third, TONG_PUSH);
    bare_until(rx, 1, 2);
    bare_expect_hang_up(third);
    close(second);
    bare_until(rx, 1, 1);
    second = bare_connect();
    bare_hello(second, TONG_PUSH);
    bare_until(rx, 1, 2);
    bare_neighbour_works(tx, rx);
    close(second);
    tong_close(tx);
    tong_close(rx);
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
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, ""), *later;
    struct rlimit limit, none;
    pid_t newcomer;

    bare_neighbour_works(tx, rx);
    newcomer = runner_fork(connect_and_wait, NULL);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = (struct rlimit){(rlim_t)dup(0), limit.rlim_max};
    close((int)none.rlim_cur);
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    while (bare_stats(rx).refused == 0)
        ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    bare_neighbour_works(tx, rx);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    runner_join_ok(newcomer, CONFORM_PATIENCE_MS);
    later = bare_open_as(TONG_PUSH, "");
    bare_neighbour_works(later, rx);
    tong_close(later);
    tong_close(tx);
    tong_close(rx);
}

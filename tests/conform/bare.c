/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ends.h"

static int bare_socket(int type, struct sockaddr_un *ret_name)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = BARE_PATH};
    return fd;
}

int bare_connect_as(int type)
{
    struct sockaddr_un name;
    int fd = bare_socket(type, &name);

    CHECK(connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

int bare_connect(void)
{
    return bare_connect_as(SOCK_STREAM);
}

int bare_bind(int type)
{
    struct sockaddr_un name;
    int fd = bare_socket(type, &name);

    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

int bare_listen(void)
{
    int fd = bare_bind(SOCK_STREAM);

    CHECK(listen(fd, 10) == 0);
    return fd;
}

void bare_write(int fd, const void *bytes, size_t len)
{
    CHECK(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

void bare_header(int fd, enum tongi_frame_type type, uint32_t len)
{
    uint8_t header[TONGI_FRAME_BYTES];

    tongi_frame_encode(header, type, len);
    bare_write(fd, header, sizeof header);
}

void bare_hello(int fd, uint32_t role)
{
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = role, .size_max = 1 << 20});
    bare_write(fd, hello, sizeof hello);
}

/* ---- the honest ones ------------------------------------------------------------------------------------------- */

tong_channel *bare_open_as(uint32_t role, const char *query)
{
    char address[64];
    tong_channel *ch;

    snprintf(address, sizeof address, BARE_ADDRESS "%s", query);
    ck_ok(tong_open(&ch, address, role, NULL, conform_patience()));
    return ch;
}

tong_stats bare_stats(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats;
}

/* The listener works until this many peers were turned away and this many are there. */
void bare_until(tong_channel *rx, uint64_t refused, uint32_t peers)
{
    int64_t latest = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);

    while (bare_stats(rx).refused != refused || bare_stats(rx).peers != peers) {
        int64_t r = tong_recv(rx, NULL, 0, tong_in_ms(1));
        CHECK(r == -ETIMEDOUT);
        if (conform_clock_ns() > latest)
            conform_fail(__FILE__, __LINE__, "refused %d peers %d, due were %d and %d", (int)bare_stats(rx).refused,
                         (int)bare_stats(rx).peers, (int)refused, (int)peers);
    }
}

/* The other side ends the connection; what it says before does not matter. */
void bare_expect_hang_up(int fd)
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

void bare_neighbour_works(tong_channel *tx, tong_channel *rx)
{
    ck_ok(tong_send(tx, "neighbour", 9, conform_patience()));
    ends_expect(rx, "neighbour");
}

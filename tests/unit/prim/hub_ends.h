/* SPDX-License-Identifier: MIT */
/*
 * Hubs without a channel around them, and bare sockets as their peers. Nothing here waits: what a channel would sleep
 * for, the tests turn by hand, under a clock of their own.
 */
#ifndef TESTS_UNIT_PRIM_HUB_ENDS_H
#define TESTS_UNIT_PRIM_HUB_ENDS_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "prim/hub.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/sys.h"

#define MS INT64_C(1000000)
/* Room for what tongi_hub_pollset fills in. */
enum { SET_ROOM = 4 };

/* An assertion that costs nothing when it holds, for what is asserted thousands of times. */
#define CHECK(condition) ((condition) ? (void)0 : ck_abort_msg("not so: %s: %s", #condition, tong_error_detail()))

/* ---- the clock ------------------------------------------------------------------------------------------------- */

static int64_t hub_now_ns = 1000 * MS;

static inline int hub_clock(clockid_t clock, struct timespec *ret_time)
{
    (void)clock;
    *ret_time = (struct timespec){.tv_sec = hub_now_ns / 1000000000, .tv_nsec = hub_now_ns % 1000000000};
    return 0;
}

/* The counting table with that clock; no plans. */
static inline void hub_faults(void)
{
    faulty_install();
    tongi_sys_table.clock_gettime = hub_clock;
}

/* ---- a name to meet at ----------------------------------------------------------------------------------------- */

/* An abstract name, so that no file is left behind; the kernel chooses it. */
static struct sockaddr_un meeting;
static socklen_t meeting_len = sizeof(sa_family_t);
static uint32_t meeting_tries; /* how often a hub tried to connect */

static inline int meeting_listen(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    meeting.sun_family = AF_UNIX;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&meeting, meeting_len), 0);
    meeting_len = sizeof meeting;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&meeting, &meeting_len), 0);
    ck_assert_int_eq(listen(fd, 1000), 0);
    return fd;
}

static inline int meeting_connect(void *place)
{
    int fd = tongi_sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)place;
    meeting_tries++;
    if (fd < 0)
        return TONG_FAIL(fd, "hub:test: no socket");
    int r = tongi_sys_connect(fd, (const struct sockaddr *)&meeting, meeting_len);
    if (r >= 0)
        return fd;
    tongi_sys_close(fd);
    return r == -ECONNREFUSED ? -EAGAIN : TONG_FAIL(r, "hub:test: connect failed");
}

/* ---- hubs ------------------------------------------------------------------------------------------------------ */

struct end {
    struct tongi_report report;
    struct tongi_hub hub;
    tong_view sending; /* lasts as long as the hub may borrow it */
};

static const struct tongi_net meeting_net = {.connect = meeting_connect};

static inline struct tongi_hub_setup end_setup(struct end *end, uint32_t role)
{
    return (struct tongi_hub_setup){
        .net = &meeting_net,
        .address = "hub:test",
        .report = &end->report,
        .role = role,
        .reconnect = true,
        .size_max = TONGI_STREAM_SIZE_DEFAULT,
        .peers_max = 100,
        .handshake_ns = TONGI_HANDSHAKE_NS,
    };
}

static inline void end_init(struct end *end, const struct tongi_hub_setup *setup)
{
    tongi_report_init(&end->report);
    ck_ok(tongi_hub_init(&end->hub, setup));
}

static inline void end_listen_with(struct end *end, const struct tongi_hub_setup *setup)
{
    struct tongi_hub_setup listening = *setup;

    listening.listening = true;
    end_init(end, &listening);
    ck_ok(tongi_hub_listen(&end->hub, meeting_listen()));
}

static inline void end_listen(struct end *end, uint32_t role)
{
    const struct tongi_hub_setup setup = end_setup(end, role);

    end_listen_with(end, &setup);
}

static inline void end_connect(struct end *end, uint32_t role)
{
    const struct tongi_hub_setup setup = end_setup(end, role);

    end_init(end, &setup);
    ck_ok(tongi_hub_step(&end->hub, role == TONG_PULL ? TONG_IN : TONG_OUT));
}

/* A hub over a socket that is there already. */
static inline void end_join(struct end *end, uint32_t role, int fd)
{
    struct tongi_hub_setup setup = end_setup(end, role);

    setup.reconnect = false;
    end_init(end, &setup);
    ck_ok(tongi_hub_join(&end->hub, fd, false));
}

static inline void end_close(struct end *end)
{
    tongi_hub_fini(&end->hub, true);
    tongi_report_fini(&end->report);
}

/* Two joined ends of a pair. */
static inline void ends_pair(struct end ends[2])
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    end_join(&ends[0], TONG_PAIR, fds[0]);
    end_join(&ends[1], TONG_PAIR, fds[1]);
}

static inline uint64_t end_refused(const struct end *end)
{
    return tongi_load_relaxed_u64(&end->report.refused);
}

static inline uint64_t end_peers(const struct end *end)
{
    return tongi_load_relaxed_u64(&end->report.peers);
}

/* The next event, or 0. */
static inline uint32_t end_event(struct end *end)
{
    tong_event event = {0};

    return tongi_report_take(&end->report, &event, 1) ? event.what : 0;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

enum { ROOM = 2 * TONGI_STREAM_SIZE_DEFAULT };

static inline int64_t end_send(struct end *end, const void *data, size_t len)
{
    end->sending = (tong_view){data, len};
    return tongi_hub_send(&end->hub, &end->sending, 1);
}

static inline int64_t end_recv(struct end *end, void *data, size_t room)
{
    tong_bytes msg = {data, room};
    int64_t r = tongi_hub_recv(&end->hub, &msg, 1, NULL);

    return r == 1 ? (int64_t)msg.len : r;
}

/* The next message is this text. */
static inline void end_expect(struct end *end, const char *text)
{
    char data[100];
    int64_t len = ck_ok(end_recv(end, data, sizeof data));

    ck_assert_uint_eq((uint64_t)len, strlen(text));
    ck_assert_mem_eq(data, text, strlen(text));
}

/* len bytes that tell message and place, so that nothing mixed up or torn passes for whole. */
static inline uint8_t pattern_byte(uint64_t number, size_t at)
{
    return (uint8_t)(number * 151 + at * 31 + (at >> 8) * 7);
}

static inline void pattern_fill(uint8_t *data, size_t len, uint64_t number)
{
    for (size_t i = 0; i < len; i++)
        data[i] = pattern_byte(number, i);
}

static inline bool pattern_holds(const uint8_t *data, size_t len, uint64_t number)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != pattern_byte(number, i))
            return false;
    return true;
}

/* ---- bare peers ------------------------------------------------------------------------------------------------ */

static inline int bare_connect(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&meeting, meeting_len), 0);
    return fd;
}

static inline void bare_write(int fd, const void *bytes, size_t len)
{
    ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void bare_frame(int fd, enum tongi_frame_type type, uint32_t len, const void *body, size_t body_len)
{
    uint8_t header[TONGI_FRAME_BYTES];

    tongi_frame_encode(header, type, len);
    bare_write(fd, header, sizeof header);
    if (body_len)
        bare_write(fd, body, body_len);
}

static inline void bare_text(int fd, const char *text)
{
    bare_frame(fd, TONGI_FRAME_DATA, (uint32_t)strlen(text), text, strlen(text));
}

static inline void bare_hello(int fd, uint32_t role, uint64_t size_max)
{
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = role, .size_max = size_max});
    bare_write(fd, hello, sizeof hello);
}

/* Exactly this many bytes of what the hub wrote. */
static inline void bare_read(int fd, void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = recv(fd, (uint8_t *)bytes + at, len - at, 0);
        ck_assert_int_gt(got, 0);
        at += (size_t)got;
    }
}

/* Reads the hub's hello. */
static inline void bare_greeted(int fd, uint32_t role)
{
    uint8_t bytes[TONGI_HELLO_BYTES];
    struct tongi_hello hello;

    bare_read(fd, bytes, sizeof bytes);
    ck_assert_uint_eq(tongi_frame_decode(bytes).type, TONGI_FRAME_HELLO);
    ck_ok(tongi_hello_decode(bytes + TONGI_FRAME_BYTES, sizeof bytes - TONGI_FRAME_BYTES, &hello));
    ck_assert_uint_eq(hello.role, role);
}

/* The hub ended the connection, after a refusal with this error; 0: without one. */
static inline void bare_cut_off(int fd, int error)
{
    uint8_t bytes[TONGI_FRAME_BYTES + TONGI_CONTROL_MAX];
    char sentence[TONGI_CONTROL_MAX];
    struct pollfd hangs_up = {.fd = fd};

    if (error) {
        bare_read(fd, bytes, TONGI_FRAME_BYTES);
        struct tongi_frame frame = tongi_frame_decode(bytes);
        ck_assert_uint_eq(frame.type, TONGI_FRAME_REFUSE);
        bare_read(fd, bytes, frame.len);
        ck_assert_int_eq(tongi_refuse_decode(bytes, frame.len, sentence, sizeof sentence), error);
        ck_assert_ptr_nonnull(strstr(sentence, "hub:test"));
    }
    ck_assert_int_le(recv(fd, bytes, sizeof bytes, 0), 0);
    ck_assert(errno != EAGAIN || poll(&hangs_up, 1, 0) == 1);
    close(fd);
}

/* Is the descriptor readable just now? */
static inline bool is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

#endif

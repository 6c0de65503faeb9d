/* SPDX-License-Identifier: MIT */
/*
 * unix: datagram sockets. A message is a datagram and nothing else, so that any program can be the other side. The
 * kernel neither loses nor reorders them: a receiver's queue that is full (net.unix.max_dgram_qlen) is room to wait
 * for. What a connection would bring is missing: a puller does not know its pushers, and nobody agrees on anything.
 */
#include "transport/unix_dgram.h"

#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/error.h"
#include "prim/packet.h"
#include "sys/clock.h"
#include "sys/sys.h"

/* ---- the puller that a pusher has ------------------------------------------------------------------------------ */

static void watch(struct tongi_unix_dgram *dgram, int fd, uint32_t events, int *ret_r)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (*ret_r >= 0 && dgram->epoll >= 0)
        *ret_r = tongi_sys_epoll_ctl(dgram->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* While there is no puller, time brings the next try; who polls is woken for it. */
static void timer_arm(struct tongi_unix_dgram *dgram)
{
    struct itimerspec when = {0};

    if (dgram->timer < 0)
        return;
    if (dgram->fd < 0 && !dgram->gone) {
        int64_t due_ns = dgram->next_try_ns ? dgram->next_try_ns : 1;
        when.it_value = (struct timespec){.tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000};
    }
    tongi_sys_timerfd_settime(dgram->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int gone_fail(const struct tongi_unix_dgram *dgram)
{
    return TONG_FAIL(TONG_E_GONE, "%s: the puller is gone; what it had not taken is lost", dgram->start->address);
}

/* 0: there is a puller. A try costs the puller nothing, so that many pushers need not be spread. */
static int hold(struct tongi_unix_dgram *dgram)
{
    int64_t now_ns;

    if (dgram->fd >= 0)
        return 0;
    if (dgram->gone)
        return gone_fail(dgram);
    now_ns = tongi_clock_ns();
    if (now_ns < dgram->next_try_ns)
        return -EAGAIN;
    /* Also if this one succeeds: a puller may accept nobody's datagrams, having closed under a fork. */
    dgram->next_try_ns = now_ns + dgram->backoff_ns;
    dgram->backoff_ns = dgram->backoff_ns * 2 < TONGI_BACKOFF_LAST_NS ? dgram->backoff_ns * 2 : TONGI_BACKOFF_LAST_NS;
    int r = tongi_unix_connect(&dgram->name);
    if (r >= 0) {
        int fd = r;
        watch(dgram, fd, EPOLLOUT, &r);
        if (r >= 0) {
            /* Granted at start; should the system grant less by now, the message that does not fit says so. */
            (void)tongi_packet_reserve(fd, dgram->start->opts.size, dgram->start->opts.size, dgram->start->address);
            dgram->fd = fd;
            dgram->peer = tongi_report_peer(dgram->start->report);
            tongi_report_event(dgram->start->report, TONG_JOINED, dgram->peer);
        } else {
            tongi_sys_close(fd);
            r = TONG_FAIL(r, "%s: the socket cannot be watched: %s", dgram->start->address, tong_error_text(r));
        }
    }
    timer_arm(dgram);
    return r < 0 ? r : 0;
}

/* The puller is gone. 0: another one may come. */
static int lost(struct tongi_unix_dgram *dgram)
{
    dgram->fd = tongi_sys_close(dgram->fd);
    tongi_report_event(dgram->start->report, TONG_CUT, dgram->peer);
    dgram->gone = dgram->start->opts.reconnect == TONG_NO;
    timer_arm(dgram);
    return dgram->gone ? gone_fail(dgram) : 0;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

/* What became of n messages: how many are sent, 0 to try again with another puller, or an error. */
static int64_t sent(struct tongi_unix_dgram *dgram, ssize_t put, int64_t n)
{
    if (put >= 0) {
        dgram->backoff_ns = TONGI_BACKOFF_FIRST_NS;
        return n;
    }
    switch (put) {
    case -EAGAIN:
        return put;
    case -ECONNREFUSED:
    case -ECONNRESET:
    case -ENOTCONN:
    case -EPIPE:
        return lost(dgram);
    case -EMSGSIZE:
        return TONG_FAIL(TONG_E_TOOBIG,
                         "%s: the message is more than the socket's buffer takes as one datagram; send less, or use "
                         "socket=stream",
                         dgram->start->address);
    case -ENOMEM:
    case -ENOBUFS:
        return TONG_FAIL(-ENOMEM, "%s: the system has no memory to send with", dgram->start->address);
    default:
        return TONG_FAIL((int)put, "%s: sending failed: %s", dgram->start->address, tong_error_text((int)put));
    }
}

static int64_t dgram_send(void *state, const tong_view *msgs, uint32_t n)
{
    struct tongi_unix_dgram *dgram = state;
    int64_t r = 0;

    while (r == 0) {
        r = hold(dgram);
        if (r < 0)
            return r;
        ssize_t put = n == 1 ? tongi_sys_send(dgram->fd, msgs[0].data, msgs[0].len, MSG_DONTWAIT | MSG_NOSIGNAL)
                             : tongi_packet_put_many(dgram->fd, msgs, n);
        r = sent(dgram, put, n == 1 ? 1 : put);
    }
    return r;
}

static int dgram_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    struct tongi_unix_dgram *dgram = state;
    const struct tongi_batch batch = {.parts = parts, .n = n, .gather = true};
    uint8_t stage[TONGI_GATHER_BYTES];
    int64_t r = 0;

    (void)meta; /* each datagram is a call of its own, so that one with TONG_MORE has nothing to wait for */
    while (r == 0) {
        r = hold(dgram);
        if (r < 0)
            return (int)r;
        r = sent(dgram, tongi_packet_put(dgram->fd, stage, 0, &batch), 1);
    }
    return r < 0 ? (int)r : 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static int dgram_start(void *state, const struct tongi_start *start)
{
    struct tongi_unix_dgram *dgram = state;
    bool listening = start->side == TONG_LISTEN;

    dgram->start = start;
    dgram->fd = dgram->epoll = dgram->timer = -1;
    dgram->backoff_ns = TONGI_BACKOFF_FIRST_NS;
    if (listening != (start->role == TONG_PULL))
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: with socket=dgram the puller listens and pushers connect; inproc:, and unix: with "
                         "socket=stream or socket=seqpacket, can do it the other way round",
                         start->address);
    int r = tongi_unix_name_init(&dgram->name, start);
    if (r >= 0 && listening)
        r = dgram->fd = tongi_unix_listen(&dgram->name, start->opts.mode);
    else if (r >= 0)
        r = tongi_packet_check(SOCK_DGRAM, start->opts.size, start->opts.size, start->address);
    return r < 0 ? TONG_TRACE(r) : 0;
}

static int dgram_step(void *state, uint32_t direction)
{
    return direction == TONG_OUT ? hold(state) : 0;
}

static void dgram_close(void *state, bool owner)
{
    struct tongi_unix_dgram *dgram = state;
    char byte;

    if (!dgram->start)
        return;
    if (owner && dgram->fd >= 0 && dgram->start->role == TONG_PULL) {
        /* A forked child may still hold the socket: nothing more gets in, and who waits for room is woken. */
        tongi_sys_shutdown(dgram->fd, SHUT_RD);
        while (tongi_sys_recv(dgram->fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) > 0)
            continue;
    }
    tongi_sys_close(dgram->fd);
    tongi_sys_close(dgram->epoll);
    tongi_sys_close(dgram->timer);
    tongi_sys_free(dgram->stage.data);
    tongi_unix_name_fini(&dgram->name, owner);
    *dgram = (struct tongi_unix_dgram){0};
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

static int dgram_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    struct tongi_unix_dgram *dgram = state;

    if (dgram->fd >= 0) {
        set[0] = (struct pollfd){.fd = dgram->fd, .events = direction == TONG_IN ? POLLIN : POLLOUT};
        return 1;
    }
    if (dgram->next_try_ns < *until_ns)
        *until_ns = dgram->next_try_ns;
    return 0;
}

static int dgram_fd(void *state, uint32_t direction)
{
    struct tongi_unix_dgram *dgram = state;
    int r = 0;

    /* A puller's socket is the same for as long as it lives; a pusher's changes with its puller. */
    if (direction == TONG_IN)
        return dgram->fd;
    if (dgram->timer < 0)
        r = dgram->timer = tongi_sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (r >= 0 && dgram->epoll < 0) {
        r = dgram->epoll = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
        watch(dgram, dgram->timer, EPOLLIN, &r);
        if (dgram->fd >= 0)
            watch(dgram, dgram->fd, EPOLLOUT, &r);
        if (r < 0)
            dgram->epoll = tongi_sys_close(dgram->epoll);
    }
    if (r < 0)
        return TONG_FAIL(r, "%s: no descriptor for an event loop: %s", dgram->start->address, tong_error_text(r));
    timer_arm(dgram);
    return dgram->epoll;
}

static bool dgram_ready(void *state, uint32_t direction)
{
    const struct tongi_unix_dgram *dgram = state;

    return direction == TONG_IN ? tongi_unix_dgram_in_ready(dgram) : dgram->gone;
}

#define DGRAM_BITS (TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_PEEK | TONG_CAP_FAN_IN | TONG_CAP_PROCESSES)
#define DGRAM_CAPS .level = TONG_ACCEPTED, .roles = TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL), .copies = 2
#define DGRAM_SLOTS                                                                                                    \
    .ops_bytes = sizeof(struct tongi_transport_ops), .scheme = "unix", .state_bytes = sizeof(struct tongi_unix_dgram), \
    .options = TONGI_OPT_SIZE | TONGI_OPT_MODE | TONGI_OPT_WAIT | TONGI_OPT_RECONNECT | TONGI_OPT_SOCKET |             \
               TONGI_OPT_ALLOW | TONGI_OPT_CREDENTIALS,                                                                \
    .presets = {.size = TONGI_DATAGRAM_SIZE_DEFAULT,                                                                   \
                .mode = 0600,                                                                                          \
                .wait = TONG_WAIT_ADAPTIVE,                                                                            \
                .reconnect = TONG_YES,                                                                                 \
                .socket = TONG_SOCKET_DGRAM,                                                                           \
                .credentials = TONG_CREDENTIALS_CONNECTION},                                                           \
    .start = dgram_start, .step = dgram_step, .close = dgram_close, .send = dgram_send,                                \
    .send_parts = dgram_send_parts, .recv = tongi_unix_dgram_recv, .next_size = tongi_unix_dgram_next_size,            \
    .peek = tongi_unix_dgram_peek, .release = tongi_unix_dgram_release, .pollset = dgram_pollset, .fd = dgram_fd,      \
    .ready = dgram_ready, .instead = "unix: with socket=stream or socket=seqpacket, or inproc",                        \
    .list = tongi_unix_list, .remove = tongi_unix_remove

const struct tongi_transport_ops tongi_unix_dgram_ops = {
    DGRAM_SLOTS,
    .caps = {DGRAM_CAPS, .bits = DGRAM_BITS},
};

const struct tongi_transport_ops tongi_unix_dgram_senders_ops = {
    DGRAM_SLOTS,
    .caps = {DGRAM_CAPS, .bits = DGRAM_BITS | TONG_CAP_CREDENTIALS},
};

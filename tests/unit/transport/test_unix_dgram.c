/* SPDX-License-Identifier: MIT */
/* The slots of unix: with datagrams: what the system says about sending, and how a pusher waits for its puller. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/sys.h"
#include "transport/transport.h"

struct end {
    const struct tongi_transport_ops *ops;
    void *state;
    struct tongi_report report;
    struct tongi_start start;
};

static struct end tx, rx;
static int64_t now_ns = INT64_C(1000000000);

static int clock_by_hand(clockid_t clock, struct timespec *ret_time)
{
    (void)clock;
    *ret_time = (struct timespec){.tv_sec = now_ns / 1000000000, .tv_nsec = now_ns % 1000000000};
    return 0;
}

static void end_open(struct end *end, uint32_t role)
{
    const tong_opts asked = {.socket = TONG_SOCKET_DGRAM};

    end->ops = tongi_unix_ops.variant(&asked);
    tongi_report_init(&end->report);
    end->state = tongi_sys_alloc(end->ops->state_bytes);
    end->start = (struct tongi_start){.address = "unix:test",
                                      .rest = "d.sock",
                                      .role = role,
                                      .side = role == TONG_PULL ? TONG_LISTEN : TONG_CONNECT,
                                      .opts = end->ops->presets,
                                      .report = &end->report};
    ck_ok(end->ops->start(end->state, &end->start));
}

static void end_close(struct end *end)
{
    end->ops->close(end->state, true);
    tongi_sys_free(end->state);
    tongi_report_fini(&end->report);
}

static void ends_open(void)
{
    faulty_install();
    tongi_sys_table.clock_gettime = clock_by_hand;
    end_open(&rx, TONG_PULL);
    end_open(&tx, TONG_PUSH);
    ck_ok(tx.ops->step(tx.state, TONG_OUT));
}

static int64_t send_text(const char *text)
{
    return tx.ops->send(tx.state, &(tong_view){text, strlen(text)}, 1);
}

static void expect(const char *text)
{
    char room[100];
    tong_bytes msg = {room, sizeof room};

    ck_assert_int_eq(rx.ops->recv(rx.state, &msg, 1, NULL), 1);
    ck_assert_uint_eq(msg.len, strlen(text));
    ck_assert_mem_eq(room, text, msg.len);
}

static bool is_due(uint32_t direction, struct end *end)
{
    struct pollfd polled = {.fd = end->ops->fd(end->state, direction), .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

TONG_TEST(what_the_system_says_about_sending)
{
    static const struct {
        int error, result;
    } says[] = {{EAGAIN, -EAGAIN}, {EMSGSIZE, TONG_E_TOOBIG}, {ENOBUFS, -ENOMEM}, {ENOMEM, -ENOMEM}, {EPERM, -EPERM}};
    static char large[10000];
    tong_view two[2] = {{"a", 1}, {"b", 1}}, part = {large, sizeof large};

    ends_open();
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        faulty_fail(FAULTY_send, 1, says[i].error);
        ck_assert_int_eq(send_text("x"), says[i].result);
        faulty_fail(FAULTY_sendmmsg, 1, says[i].error);
        ck_assert_int_eq(tx.ops->send(tx.state, two, 2), says[i].result);
        faulty_fail(FAULTY_sendmsg, 1, says[i].error);
        ck_assert_int_eq(tx.ops->send_parts(tx.state, &part, 1, NULL), says[i].result);
    }
    /* None of it cost the puller anything. */
    ck_assert_int_eq(send_text("works"), 1);
    expect("works");
    end_close(&tx);
    end_close(&rx);
}

TONG_TEST(a_puller_that_is_gone_is_waited_for)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = INT64_MAX;
    tong_event event;

    ends_open();
    ck_assert_int_eq(send_text("lost"), 1);
    ck_assert(is_due(TONG_OUT, &tx));
    end_close(&rx);
    ck_assert_int_eq(send_text("x"), -EAGAIN);
    ck_assert_int_eq(tx.ops->pollset(tx.state, TONG_OUT, set, &until_ns), 0);
    ck_assert_int_gt(until_ns, now_ns);
    /* Not before its time, each time later, and not for ever later. */
    uint64_t tries = faulty_count(FAULTY_socket);
    ck_assert_int_eq(send_text("x"), -EAGAIN);
    ck_assert_uint_eq(faulty_count(FAULTY_socket), tries);
    for (int i = 0; i < 20; i++) {
        now_ns = until_ns;
        ck_assert_int_eq(send_text("x"), -EAGAIN);
        ck_assert_uint_eq(faulty_count(FAULTY_socket), ++tries);
        until_ns = INT64_MAX;
        ck_assert_int_eq(tx.ops->pollset(tx.state, TONG_OUT, set, &until_ns), 0);
        ck_assert_int_gt(until_ns, now_ns);
        ck_assert_int_le(until_ns, now_ns + TONGI_BACKOFF_LAST_NS);
    }
    now_ns = until_ns;
    end_open(&rx, TONG_PULL);
    ck_assert_int_eq(send_text("found"), 1);
    ck_assert(is_due(TONG_OUT, &tx));
    expect("found");
    ck_assert_int_eq(tongi_report_take(&tx.report, &event, 1), 1);
    ck_assert_uint_eq(event.what, TONG_JOINED);
    ck_assert_int_eq(tongi_report_take(&tx.report, &event, 1), 1);
    ck_assert_uint_eq(event.what, TONG_CUT);
    end_close(&tx);
    end_close(&rx);
}

/* A puller shut down under a child's copy refuses what is sent: each try costs an interval. */
TONG_TEST(a_puller_that_refuses_is_not_hammered)
{
    ends_open();
    ck_assert_int_eq(shutdown(rx.ops->fd(rx.state, TONG_IN), SHUT_RD), 0);
    ck_assert_int_eq(send_text("x"), -EAGAIN);
    uint64_t tries = faulty_count(FAULTY_socket);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(send_text("x"), -EAGAIN);
    ck_assert_uint_le(faulty_count(FAULTY_socket), tries + 1);
    end_close(&tx);
    end_close(&rx);
}

static int swap_and_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    ck_assert_int_eq(rename("other.sock", "d.sock"), 0);
    return connect(fd, address, len);
}

/* Whose file was looked at is who gets the message, whatever the name means by then. */
TONG_TEST(the_socket_that_was_judged_is_the_one)
{
    const struct sockaddr_un place = {.sun_family = AF_UNIX, .sun_path = "other.sock"};
    int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char byte;

    ck_assert_int_eq(bind(other, (const struct sockaddr *)&place, sizeof place), 0);
    faulty_install();
    end_open(&rx, TONG_PULL);
    end_open(&tx, TONG_PUSH);
    tongi_sys_table.connect = swap_and_connect;
    ck_assert_int_eq(send_text("judged"), 1);
    expect("judged");
    ck_assert_int_lt(recv(other, &byte, 1, MSG_DONTWAIT), 0);
    close(other);
    end_close(&tx);
    end_close(&rx);
    ck_assert_int_eq(unlink("d.sock"), 0);
}

TONG_TEST(a_try_that_fails_leaves_nothing)
{
    static const struct {
        enum faulty_call call;
        int error, result;
    } says[] = {{FAULTY_open_at, ENOENT, -EAGAIN},
                {FAULTY_open_at, EMFILE, -EMFILE},
                {FAULTY_fstat, EIO, -EIO},
                {FAULTY_connect, EACCES, -EACCES},
                {FAULTY_connect, ECONNREFUSED, -EAGAIN}};
    int before;

    faulty_install();
    tongi_sys_table.clock_gettime = clock_by_hand;
    end_open(&rx, TONG_PULL);
    end_open(&tx, TONG_PUSH);
    before = runner_count_fds();
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        faulty_fail(says[i].call, 1, says[i].error);
        ck_assert_int_eq(send_text("x"), says[i].result);
        ck_assert_int_eq(runner_count_fds(), before);
        now_ns += 2 * TONGI_BACKOFF_LAST_NS;
    }
    /* Without /proc it cannot be told whose socket it is. */
    faulty_fail(FAULTY_connect, 1, ENOENT);
    faulty_fail(FAULTY_fstatat, 1, ENOENT);
    ck_error((int)send_text("x"), -EACCES);
    ck_assert(strstr(tong_error_detail(), "/proc"));
    now_ns += 2 * TONGI_BACKOFF_LAST_NS;
    ck_assert_int_eq(send_text("works"), 1);
    expect("works");
    end_close(&tx);
    end_close(&rx);
}

TONG_TEST(failing_descriptors_are_given_back)
{
    ends_open();
    faulty_fail(FAULTY_timerfd_create, 1, EMFILE);
    ck_error(tx.ops->fd(tx.state, TONG_OUT), -EMFILE);
    faulty_fail(FAULTY_epoll_create1, 1, EMFILE);
    ck_error(tx.ops->fd(tx.state, TONG_OUT), -EMFILE);
    faulty_fail(FAULTY_epoll_ctl, 2, ENOMEM);
    ck_error(tx.ops->fd(tx.state, TONG_OUT), -ENOMEM);
    ck_assert(is_due(TONG_OUT, &tx));
    ck_assert(!is_due(TONG_IN, &rx));
    ck_assert_int_eq(send_text("x"), 1);
    ck_assert(is_due(TONG_IN, &rx));
    faulty_fail(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_error((int)rx.ops->next_size(rx.state), -ENOMEM);
    expect("x");
    end_close(&tx);
    end_close(&rx);
}

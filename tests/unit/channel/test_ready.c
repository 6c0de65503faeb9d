/* SPDX-License-Identifier: MIT */
/* Readiness: what tong_fd and tong_poll say is so, also of what only the transport knows. */
#include "tiny.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/faulty.h"

static tong_channel *ch, *rx, *tx;
static char room[10000];

static bool is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

/* ---- tong_fd --------------------------------------------------------------------------------------------------- */

/* tong_events reads on: what it read stands in no socket any more, and still the descriptor tells. */
TONG_TEST(events_do_not_swallow_readiness)
{
    tong_event event;

    ck_ok(tong_open(&rx, "unix:x.sock", TONG_PULL, NULL, tong_now()));
    ck_ok(tong_open(&tx, "unix:x.sock", TONG_PUSH, NULL, tong_now()));
    int in = (int)ck_ok(tong_fd(rx, TONG_IN));
    ck_ok(tong_send(tx, "one", 3, tong_now()));
    ck_ok(tong_send(tx, "two", 3, tong_now()));
    for (int i = 0; i < 3; i++)
        (void)!tong_events(rx, &event, 1);
    ck_assert(is_readable(in));
    ck_assert_int_eq(tong_recv(rx, room, sizeof room, tong_now()), 3);
    ck_assert(is_readable(in));
    (void)!tong_events(rx, &event, 1);
    ck_assert(is_readable(in));
    ck_assert_int_eq(tong_recv(rx, room, sizeof room, tong_now()), 3);
    ck_assert(!is_readable(in));
    tong_close(tx);
    tong_close(rx);
}

/* Every call that may read or take leaves the descriptor true. */
TONG_TEST_LOOP(readiness_after_every_call, 0, 6)
{
    tong_bytes msgs[2] = {{room, 10}, {room + 10, 10}};
    tong_pollitem item = {NULL, TONG_IN, 0};
    tong_channel *ends[2];
    tong_span span;

    ck_ok(tong_pair(ends, "unix:"));
    int in = (int)ck_ok(tong_fd(ends[1], TONG_IN));
    ck_assert_int_eq(tong_fd(ends[1], TONG_IN), in);
    for (int left = 4; left; left--)
        ck_ok(tong_send(ends[0], "x", 1, tong_now()));
    for (int left = 4; left;) {
        ck_assert(is_readable(in));
        switch (_i) {
        case 0:
            left -= (int)ck_ok(tong_recv(ends[1], room, 1, tong_now()));
            break;
        case 1:
            left -= (int)ck_ok(tong_recv_many(ends[1], msgs, 2, tong_now()));
            break;
        case 2:
            left -= (int)ck_ok(tong_peek(ends[1], &span, NULL, 1, tong_now()));
            ck_ok(tong_release(ends[1], &span, 1));
            break;
        case 3:
            ck_assert_int_eq(tong_next_size(ends[1]), 1);
            ck_assert(is_readable(in));
            left -= (int)ck_ok(tong_recv_meta(ends[1], room, 1, NULL, tong_now()));
            break;
        case 4:
            ck_error(tong_recv(ends[1], room, 0, tong_now()), TONG_E_TOOBIG);
            ck_assert(is_readable(in));
            left -= (int)ck_ok(tong_recv(ends[1], room, 1, tong_now()));
            break;
        default:
            item.ch = ends[1];
            ck_assert_int_eq(tong_poll(&item, 1, tong_now()), 1);
            ck_assert(is_readable(in));
            left -= (int)ck_ok(tong_recv(ends[1], room, 1, tong_now()));
            break;
        }
    }
    ck_assert(!is_readable(in));
    ck_ok(tong_finish(ends[0], tong_now()));
    ck_assert(is_readable(in));
    ck_error(tong_recv(ends[1], room, 1, tong_now()), TONG_E_END);
    ck_assert(is_readable(in));
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* A loan that is out is no reason to call again. */
TONG_TEST(a_lent_long_message_is_not_ready)
{
    enum { LEN = 50000 };
    char *message = calloc(1, LEN);
    tong_channel *ends[2];
    tong_span span;

    ck_ok(tong_pair(ends, "unix:"));
    int in = (int)ck_ok(tong_fd(ends[1], TONG_IN));
    ck_ok(tong_send(ends[0], message, LEN, tong_now()));
    ck_assert_int_eq(tong_peek(ends[1], &span, NULL, 1, tong_now()), 1);
    ck_assert(!is_readable(in));
    ck_ok(tong_release(ends[1], &span, 1));
    ck_assert(!is_readable(in));
    free(message);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

TONG_TEST_LOOP(a_descriptor_that_cannot_be_made_yet, 1, 8)
{
    static const enum faulty_call calls[] = {FAULTY_epoll_create1, FAULTY_epoll_ctl, FAULTY_eventfd,
                                             FAULTY_timerfd_create};
    tong_channel *ends[2];

    ck_ok(tong_pair(ends, "unix:"));
    faulty_install();
    for (size_t i = 0; i < 4; i++) {
        faulty_fail(calls[i], (uint64_t)_i, EMFILE);
        int in = tong_fd(ends[0], TONG_IN);
        ck_assert(in >= 0 || in == -EMFILE);
        if (in < 0)
            ck_assert_ptr_nonnull(strstr(tong_error_detail(), "unix:"));
        faulty_fail(calls[i], 0, 0);
    }
    int in = (int)ck_ok(tong_fd(ends[0], TONG_IN));
    ck_error(tong_recv(ends[0], room, sizeof room, tong_now()), -EAGAIN); /* but the peer's greeting */
    ck_assert(!is_readable(in));
    ck_ok(tong_send(ends[1], "x", 1, tong_now()));
    ck_assert(is_readable(in));
    tong_close(ends[0]);
    tong_close(ends[1]);
}

TONG_TEST(descriptors_of_what_has_none)
{
    ch = tiny_channel(TONG_PAIR);
    ck_error(tong_fd(ch, TONG_IN), TONG_E_NOCAP);
    ck_error(tong_fd(ch, (enum tong_direction)0), -EINVAL);
    ck_error(tong_fd(ch, (enum tong_direction)3), -EINVAL);
    ck_error(tong_fd(NULL, TONG_IN), -EINVAL);
    tong_close(ch);
}

/* ---- tong_poll ------------------------------------------------------------------------------------------------- */

static int64_t poll_one(tong_channel *channel, uint32_t want, tong_deadline deadline, uint32_t *ret_ready)
{
    tong_pollitem item = {channel, want, 99};
    int64_t r = tong_poll(&item, 1, deadline);

    *ret_ready = item.ready;
    return r;
}

TONG_TEST(polling_asks_the_transport)
{
    uint32_t ready;

    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    tiny.step_answer = -EAGAIN;
    ck_error(poll_one(ch, TONG_IN | TONG_OUT, tong_now(), &ready), -EAGAIN);
    ck_assert_uint_eq(ready, 0);
    ck_error(poll_one(ch, TONG_IN, tong_in_ms(50), &ready), -ETIMEDOUT);
    tiny.ready[TONG_IN] = true;
    ck_assert_int_eq(poll_one(ch, TONG_IN | TONG_OUT, tong_now(), &ready), 1);
    ck_assert_uint_eq(ready, TONG_IN);
    tiny.ready[TONG_IN] = false;
    tiny.ready[TONG_OUT] = true;
    ck_assert_int_eq(poll_one(ch, TONG_IN | TONG_OUT, tong_now(), &ready), 1);
    ck_assert_uint_eq(ready, TONG_OUT);
    tiny.ready[TONG_OUT] = false;
    tiny.recv_answer = TONG_E_END;
    ck_assert_int_eq(poll_one(ch, TONG_IN, tong_now(), &ready), 1);
    /* Whatever a send would say that is not "wait" is worth waking up for. */
    tiny.step_answer = -EACCES;
    ck_assert_int_eq(poll_one(ch, TONG_OUT, tong_now(), &ready), 1);
    ck_assert_uint_eq(ready, TONG_OUT);
    tiny.step_answer = 0;
    tiny.fd = (int)ck_ok(tongi_sys_eventfd(0, 0));
    tiny.events = POLLOUT;
    ck_assert_int_eq(poll_one(ch, TONG_OUT, tong_now(), &ready), 1);
    close(tiny.fd);
    tong_close(ch);
}

TONG_TEST(polling_what_makes_no_sense)
{
    uint32_t ready;

    ch = tiny_channel(TONG_PULL);
    ck_error(tong_poll(NULL, 1, tong_now()), -EINVAL);
    ck_error(tong_poll(&(tong_pollitem){ch, TONG_IN, 0}, 0, tong_now()), -EINVAL);
    ck_error(poll_one(ch, 0, tong_now(), &ready), -EINVAL);
    ck_error(poll_one(ch, 4, tong_now(), &ready), -EINVAL);
    ck_error(poll_one(NULL, TONG_IN, tong_now(), &ready), -EINVAL);
    ck_error(poll_one(ch, TONG_OUT, tong_now(), &ready), TONG_E_NOCAP);
    tong_shutdown(ch);
    ck_assert_int_eq(poll_one(ch, TONG_IN, tong_now(), &ready), 1);
    tong_close(ch);
}

/* A listening pair is ready for tong_accept when somebody stands at the door, and not before. */
TONG_TEST(polling_a_listening_pair)
{
    tong_channel *listener, *peer, *accepted;
    uint32_t ready;

    ck_ok(tong_open(&listener, "unix:x.sock", TONG_PAIR | TONG_LISTEN, NULL, tong_now()));
    ck_error(poll_one(listener, TONG_IN, tong_now(), &ready), -EAGAIN);
    ck_error(poll_one(listener, TONG_IN, tong_in_ms(1), &ready), -ETIMEDOUT);
    ck_ok(tong_open(&peer, "unix:x.sock", TONG_PAIR, NULL, tong_now()));
    ck_assert_int_eq(poll_one(listener, TONG_IN, tong_forever(), &ready), 1);
    ck_ok(tong_accept(listener, &accepted, tong_now()));
    ck_error(poll_one(listener, TONG_IN, tong_now(), &ready), -EAGAIN);
    tong_close(accepted);
    tong_close(peer);
    tong_close(listener);
}

/* Somebody binds a socket of another kind where the connector waits for its listener: it will never be let in. */
TONG_TEST(polling_a_connector_that_cannot_connect)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "x.sock"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint32_t ready;

    ck_ok(tong_open(&tx, "unix:x.sock", TONG_PUSH, NULL, tong_now()));
    ck_error(poll_one(tx, TONG_OUT, tong_now(), &ready), -EAGAIN);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(poll_one(tx, TONG_OUT, tong_in_ms(9000), &ready), 1);
    unlink("x.sock");
    close(fd);
    tong_close(tx);
}

TONG_TEST(polling_many)
{
    enum { N = 40 };
    tong_channel *ends[N][2];
    tong_pollitem items[N];

    for (int i = 0; i < N; i++) {
        ck_ok(tong_pair(ends[i], i % 2 ? "unix:" : "inproc:"));
        items[i] = (tong_pollitem){ends[i][0], TONG_IN, 0};
    }
    ck_error(tong_poll(items, N, tong_now()), -EAGAIN);
    ck_ok(tong_send(ends[7][1], "x", 1, tong_now()));
    ck_ok(tong_send(ends[30][1], "x", 1, tong_now()));
    tong_shutdown(ends[39][0]);
    ck_assert_int_eq(tong_poll(items, N, tong_forever()), 3);
    for (int i = 0; i < N; i++)
        ck_assert_uint_eq(items[i].ready, i == 7 || i == 30 || i == 39 ? TONG_IN : 0);
    faulty_install();
    faulty_fail(FAULTY_calloc, 1, ENOMEM);
    ck_error(tong_poll(items, N, tong_forever()), -ENOMEM);
    for (int i = 0; i < N; i++) {
        tong_close(ends[i][0]);
        tong_close(ends[i][1]);
    }
}

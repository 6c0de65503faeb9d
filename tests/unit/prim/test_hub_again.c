/* SPDX-License-Identifier: MIT */
/* What becomes of a hub when links are lost: connecting again, ends, event loops, forks. */
#include "hub_ends.h"
#include "support/faulty.h"

#include <fcntl.h>
#include <sys/resource.h>

static struct end rx, tx;
static uint8_t room[100];

static void turn(struct end *end)
{
    ck_error(end_recv(end, room, sizeof room), -EAGAIN);
}

/* ---- connecting again ------------------------------------------------------------------------------------------ */

TONG_TEST(retries_are_spaced_wider_and_wider)
{
    struct tongi_hub_setup setup = end_setup(&tx, TONG_PUSH);
    struct pollfd set[SET_ROOM];
    int64_t interval_ns = TONGI_BACKOFF_FIRST_NS, least_ns = INT64_MAX, most_ns = 0;

    hub_faults();
    close(meeting_listen());
    end_init(&tx, &setup);
    for (uint32_t i = 0; i < 100; i++) {
        int64_t until_ns = INT64_MAX;
        for (int again = 0; again < 5; again++)
            ck_error(tongi_hub_step(&tx.hub, TONG_OUT), -EAGAIN);
        ck_assert_uint_eq(meeting_tries, i + 1);
        ck_assert_int_eq(tongi_hub_pollset(&tx.hub, TONG_OUT, set, &until_ns), 0);
        int64_t wait_ns = until_ns - hub_now_ns;
        ck_assert_int_ge(wait_ns, interval_ns / 2);
        ck_assert_int_le(wait_ns, interval_ns * 3 / 2);
        interval_ns = 2 * interval_ns < TONGI_BACKOFF_LAST_NS ? 2 * interval_ns : TONGI_BACKOFF_LAST_NS;
        if (i > 20) {
            least_ns = wait_ns < least_ns ? wait_ns : least_ns;
            most_ns = wait_ns > most_ns ? wait_ns : most_ns;
        }
        hub_now_ns = until_ns - 1;
        ck_error(tongi_hub_step(&tx.hub, TONG_OUT), -EAGAIN);
        ck_assert_uint_eq(meeting_tries, i + 1);
        hub_now_ns = until_ns;
    }
    /* Jittered: many clients of one server spread. */
    ck_assert_int_lt(least_ns, TONGI_BACKOFF_LAST_NS * 8 / 10);
    ck_assert_int_gt(most_ns, TONGI_BACKOFF_LAST_NS * 12 / 10);
    end_close(&tx);
}

/* A listener that cuts everyone off is not hammered; one that greets sets the interval back. */
TONG_TEST(the_interval_after_a_loss)
{
    int listener = meeting_listen();

    hub_faults();
    end_connect(&tx, TONG_PULL);
    for (int i = 0; i < 20; i++) {
        close(accept(listener, NULL, NULL));
        ck_error(end_recv(&tx, room, sizeof room), -EAGAIN);
        hub_now_ns += 2 * TONGI_BACKOFF_LAST_NS;
        ck_error(end_recv(&tx, room, sizeof room), -EAGAIN);
    }
    ck_assert_uint_eq(meeting_tries, 21);
    ck_assert_int_eq(tx.hub.backoff_ns, TONGI_BACKOFF_LAST_NS);
    int fd = accept(listener, NULL, NULL);
    bare_hello(fd, TONG_PUSH, 1);
    ck_error(end_recv(&tx, room, sizeof room), -EAGAIN);
    ck_assert_int_eq(tx.hub.backoff_ns, TONGI_BACKOFF_FIRST_NS);
    close(fd);
    close(listener);
    end_close(&tx);
}

TONG_TEST(a_pair_is_told_once_and_goes_on)
{
    int listener = meeting_listen(), fd;

    hub_faults();
    end_connect(&tx, TONG_PAIR);
    fd = accept(listener, NULL, NULL);
    bare_hello(fd, TONG_PAIR, 100);
    bare_text(fd, "first");
    end_expect(&tx, "first");
    close(fd);
    ck_error(end_recv(&tx, room, sizeof room), TONG_E_GONE);
    ck_error(end_send(&tx, "x", 1), TONG_E_GONE);
    ck_error(end_recv(&tx, room, sizeof room), -EAGAIN);
    hub_now_ns += TONGI_BACKOFF_LAST_NS;
    ck_ok(end_send(&tx, "x", 1));
    fd = accept(listener, NULL, NULL);
    bare_hello(fd, TONG_PAIR, 100);
    bare_text(fd, "second");
    end_expect(&tx, "second");
    for (int i = 0; i < 3; i++) {
        static const uint32_t due[] = {TONG_JOINED, TONG_CUT, TONG_JOINED};
        ck_assert_uint_eq(end_event(&tx), due[i]);
    }
    ck_assert_uint_eq(end_event(&tx), 0);
    ck_assert_uint_eq(end_peers(&tx), 1);
    close(fd);
    close(listener);
    end_close(&tx);
}

/* The sending half has connected again; what the old connection still holds is received first. */
TONG_TEST(what_was_on_its_way_is_not_lost_by_reconnecting)
{
    int listener = meeting_listen(), old, new;

    hub_faults();
    end_connect(&tx, TONG_PAIR);
    old = accept(listener, NULL, NULL);
    bare_hello(old, TONG_PAIR, 100);
    bare_text(old, "one");
    end_expect(&tx, "one");
    bare_text(old, "two");
    close(old);
    ck_error(end_send(&tx, "x", 1), TONG_E_GONE);
    hub_now_ns += TONGI_BACKOFF_LAST_NS;
    ck_ok(end_send(&tx, "y", 1));
    new = accept(listener, NULL, NULL);
    int in = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_IN));
    ck_assert(is_readable(in));
    end_expect(&tx, "two");
    ck_assert(is_readable(in));
    ck_error(end_recv(&tx, room, sizeof room), TONG_E_GONE);
    ck_assert(!is_readable(in));
    bare_hello(new, TONG_PAIR, 100);
    bare_text(new, "three");
    ck_assert(is_readable(in));
    end_expect(&tx, "three");
    ck_assert(!is_readable(in));
    close(new);
    close(listener);
    end_close(&tx);
}

TONG_TEST(without_reconnecting_gone_is_for_good)
{
    struct end ends[2];

    hub_faults();
    ends_pair(ends);
    ck_ok(end_send(&ends[0], "last", 4));
    end_close(&ends[0]);
    end_expect(&ends[1], "last");
    for (int i = 0; i < 3; i++) {
        ck_error(end_recv(&ends[1], room, sizeof room), TONG_E_GONE);
        ck_error(end_send(&ends[1], "x", 1), TONG_E_GONE);
        hub_now_ns += TONGI_BACKOFF_LAST_NS;
    }
    ck_assert(tongi_hub_ready(&ends[1].hub, TONG_IN));
    ck_assert(is_readable((int)ck_ok(tongi_hub_fd(&ends[1].hub, TONG_OUT))));
    ck_assert_uint_eq(end_peers(&ends[1]), 0);
    end_close(&ends[1]);
}

/* ---- the end of a fan-in --------------------------------------------------------------------------------------- */

TONG_TEST(the_last_sender_ends_it_if_asked)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    struct end other;

    hub_faults();
    setup.end_last = true;
    end_listen_with(&rx, &setup);
    close(bare_connect()); /* who never greeted does not count */
    turn(&rx);
    end_connect(&tx, TONG_PUSH);
    end_connect(&other, TONG_PUSH);
    ck_ok(end_send(&tx, "a", 1));
    ck_ok(end_send(&other, "b", 1));
    ck_ok(tongi_hub_finish(&tx.hub));
    end_close(&tx);
    ck_ok(end_recv(&rx, room, sizeof room));
    ck_ok(end_recv(&rx, room, sizeof room));
    turn(&rx);
    ck_ok(tongi_hub_finish(&other.hub));
    end_close(&other);
    ck_error(end_recv(&rx, room, sizeof room), TONG_E_END);
    ck_assert(tongi_hub_ready(&rx.hub, TONG_IN));
    ck_error(end_recv(&rx, room, sizeof room), TONG_E_END);
    end_close(&rx);
}

TONG_TEST(a_pusher_outlives_its_last_puller)
{
    struct tongi_hub_setup setup = end_setup(&tx, TONG_PUSH);

    hub_faults();
    setup.end_last = true;
    end_listen_with(&tx, &setup);
    for (int i = 0; i < 2; i++) {
        end_connect(&rx, TONG_PULL);
        int64_t r = -EAGAIN;
        for (int again = 0; again < 4 && r == -EAGAIN; again++)
            r = end_send(&tx, "x", 1);
        ck_assert_int_eq(r, 1);
        end_expect(&rx, "x");
        end_close(&rx);
        tongi_hub_look(&tx.hub);
        ck_error(end_send(&tx, "x", 1), -EAGAIN);
        ck_assert(!tongi_hub_ready(&tx.hub, TONG_OUT));
    }
    end_close(&tx);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------- */

TONG_TEST(descriptors_through_loss_and_return)
{
    int listener = meeting_listen(), fd;

    hub_faults();
    end_connect(&tx, TONG_PAIR);
    int in = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_IN)), out = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_OUT));
    ck_assert_int_eq(tongi_hub_fd(&tx.hub, TONG_IN), in);
    fd = accept(listener, NULL, NULL);
    ck_assert(!is_readable(in));
    ck_assert(is_readable(out));
    bare_hello(fd, TONG_PAIR, 100);
    bare_text(fd, "x");
    ck_assert(is_readable(in));
    end_expect(&tx, "x");
    ck_assert(!is_readable(in));
    close(fd);
    ck_assert(is_readable(in));
    ck_error(end_recv(&tx, room, sizeof room), TONG_E_GONE);
    /* The sending half holds the link too and has yet to hear of it. */
    ck_assert(is_readable(out));
    ck_error(end_send(&tx, "x", 1), TONG_E_GONE);
    ck_error(end_send(&tx, "x", 1), -EAGAIN);
    /* Only the timer is left; it goes off by the real clock, at the moment that the test's clock has long passed. */
    hub_now_ns += TONGI_BACKOFF_LAST_NS;
    ck_ok(end_send(&tx, "x", 1));
    ck_assert(is_readable(out));
    ck_assert(!is_readable(in));
    close(listener);
    end_close(&tx);
}

static struct itimerspec timer_set;

static int64_t timer_due_ns(void)
{
    return (int64_t)timer_set.it_value.tv_sec * 1000000000 + timer_set.it_value.tv_nsec;
}

static int settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
    static const struct itimerspec never;

    timer_set = *value;
    return tongi_sys_real.timerfd_settime(fd, flags, &never, old);
}

/* A half that never held the lost link is not told of it for ever: until the next try there is nothing to be done. */
TONG_TEST_LOOP(a_lost_link_is_not_polled_on, TONG_IN, TONG_OUT + 1)
{
    struct tongi_hub_setup setup = end_setup(&tx, TONG_PAIR);
    int listener = meeting_listen();

    hub_faults();
    tongi_sys_table.timerfd_settime = settime;
    end_init(&tx, &setup);
    ck_ok(tongi_hub_step(&tx.hub, (uint32_t)_i));
    int in = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_IN)), out = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_OUT));
    close(accept(listener, NULL, NULL));
    ck_assert(is_readable(in));
    ck_assert(is_readable(out));
    ck_error(_i == TONG_IN ? end_recv(&tx, room, sizeof room) : end_send(&tx, "x", 1), TONG_E_GONE);
    ck_assert(!is_readable(in));
    ck_assert(!is_readable(out));
    ck_assert_int_gt(timer_due_ns(), hub_now_ns);
    ck_assert_int_le(timer_due_ns(), hub_now_ns + 2 * TONGI_BACKOFF_LAST_NS);
    close(listener);
    end_close(&tx);
}

TONG_TEST(the_timer_follows_what_time_alone_brings)
{
    int fd;

    hub_faults();
    tongi_sys_table.timerfd_settime = settime;
    end_listen(&rx, TONG_PULL);
    ck_ok(tongi_hub_fd(&rx.hub, TONG_IN));
    fd = bare_connect();
    turn(&rx);
    ck_assert_int_eq(timer_due_ns(), hub_now_ns + TONGI_HANDSHAKE_NS);
    bare_hello(fd, TONG_PUSH, 1);
    turn(&rx);
    ck_assert_int_eq(timer_due_ns(), 0);
    close(fd);
    end_close(&rx);
}

TONG_TEST(a_descriptor_that_could_not_be_made_is_made_later)
{
    static const enum faulty_call calls[] = {FAULTY_timerfd_create, FAULTY_epoll_create1, FAULTY_epoll_ctl};

    hub_faults();
    for (size_t i = 0; i < 3; i++)
        for (uint64_t k = 1; k <= 3; k++) {
            struct end ends[2];
            ends_pair(ends);
            faulty_fail(calls[i], k, ENOMEM);
            int in = tongi_hub_fd(&ends[0].hub, TONG_IN), out = tongi_hub_fd(&ends[0].hub, TONG_OUT);
            faulty_fail(calls[i], 0, 0);
            ck_assert(in >= 0 || in == -ENOMEM);
            ck_assert(out >= 0 || out == -ENOMEM);
            in = (int)ck_ok(tongi_hub_fd(&ends[0].hub, TONG_IN));
            out = (int)ck_ok(tongi_hub_fd(&ends[0].hub, TONG_OUT));
            ck_assert(is_readable(out));
            ck_ok(end_send(&ends[1], "x", 1));
            ck_assert(is_readable(in));
            end_expect(&ends[0], "x");
            ck_assert(!is_readable(in));
            end_close(&ends[0]);
            end_close(&ends[1]);
        }
}

/* The timer's watch failed once: later it must be there, or a silent newcomer would never be shed. */
TONG_TEST(a_timer_that_could_not_be_watched)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    int fd;

    hub_faults();
    hub_now_ns = setup.handshake_ns = 1; /* and so long ago for the timer */
    end_listen_with(&rx, &setup);
    faulty_fail(FAULTY_epoll_ctl, 1, ENOSPC);
    ck_error(tongi_hub_fd(&rx.hub, TONG_IN), -ENOSPC);
    int in = (int)ck_ok(tongi_hub_fd(&rx.hub, TONG_IN));
    ck_assert(!is_readable(in));
    fd = bare_connect();
    turn(&rx);
    ck_assert(is_readable(in));
    close(fd);
    end_close(&rx);
}

/* A connection that an event loop would not hear of is not made. */
TONG_TEST(a_connection_that_cannot_be_watched)
{
    int listener = meeting_listen();
    struct tongi_hub_setup setup = end_setup(&tx, TONG_PAIR);

    hub_faults();
    end_init(&tx, &setup);
    int in = (int)ck_ok(tongi_hub_fd(&tx.hub, TONG_IN));
    ck_ok(tongi_hub_fd(&tx.hub, TONG_OUT));
    for (uint64_t k = 1; k <= 2; k++) {
        hub_now_ns += 2 * TONGI_BACKOFF_LAST_NS;
        faulty_fail(FAULTY_epoll_ctl, k, ENOSPC);
        ck_error(tongi_hub_step(&tx.hub, TONG_OUT), -ENOSPC);
        close(accept(listener, NULL, NULL));
    }
    faulty_fail(FAULTY_epoll_ctl, 0, 0);
    hub_now_ns += 2 * TONGI_BACKOFF_LAST_NS;
    ck_ok(tongi_hub_step(&tx.hub, TONG_OUT));
    int fd = accept(listener, NULL, NULL);
    bare_hello(fd, TONG_PAIR, 100);
    ck_assert(is_readable(in));
    close(fd);
    close(listener);
    end_close(&tx);
}

TONG_TEST(a_newcomer_that_cannot_be_watched)
{
    int fd;

    hub_faults();
    end_listen(&tx, TONG_PUSH);
    for (uint64_t k = 1; k <= 2; k++) {
        fd = bare_connect();
        bare_hello(fd, TONG_PULL, 100);
        faulty_fail(FAULTY_epoll_ctl, k, ENOSPC);
        ck_error(end_send(&tx, "x", 1), -EAGAIN);
        ck_assert_uint_eq(tx.hub.count, 0);
        faulty_fail(FAULTY_epoll_ctl, 0, 0);
        close(fd);
    }
    fd = bare_connect();
    bare_hello(fd, TONG_PULL, 100);
    ck_ok(end_send(&tx, "x", 1));
    close(fd);
    end_close(&tx);
}

/* ---- forks ----------------------------------------------------------------------------------------------------- */

static int close_copies(void *context)
{
    (void)context;
    tongi_hub_fini(&rx.hub, false);
    tongi_hub_fini(&tx.hub, false);
    return 0;
}

TONG_TEST(a_child_that_closes_its_copy_is_not_noticed)
{
    hub_faults();
    end_listen(&rx, TONG_PULL);
    end_connect(&tx, TONG_PUSH);
    ck_ok(tongi_hub_fd(&rx.hub, TONG_IN));
    ck_ok(end_send(&tx, "before", 6));
    runner_join_ok(runner_fork(close_copies, NULL), 5000);
    end_expect(&rx, "before");
    ck_ok(end_send(&tx, "after", 5));
    ck_assert(is_readable(rx.hub.in_epoll));
    end_expect(&rx, "after");
    end_close(&tx);
    end_close(&rx);
}

static int outlive(void *context)
{
    int *leash = context;
    char byte;

    close(leash[1]);
    return read(leash[0], &byte, 1) != 0;
}

/* A child still holds the socket, and yet the peer learns at once that this end is closed. */
TONG_TEST(a_child_that_keeps_its_copy_keeps_nothing_alive)
{
    int leash[2];

    hub_faults();
    ck_assert_int_eq(pipe2(leash, O_CLOEXEC), 0);
    end_listen(&rx, TONG_PULL);
    end_connect(&tx, TONG_PUSH);
    ck_ok(end_send(&tx, "last", 4));
    end_expect(&rx, "last");
    pid_t child = runner_fork(outlive, leash);
    close(leash[0]);
    end_close(&tx);
    turn(&rx);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_CUT);
    close(leash[1]);
    runner_join_ok(child, 5000);
    end_close(&rx);
}

/* SPDX-License-Identifier: MIT */
/* Bells: descriptors that tell the truth by level, and cost nothing where nobody waits. */
#include "inproc_ends.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "support/faulty.h"

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

/* The descriptor that a call in this direction would sleep on. */
static int bed(struct end *end, uint32_t direction)
{
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = INT64_MAX;

    ck_assert_int_eq(ck_ok(OPS->pollset(end->state, direction, set, &until_ns)), 1);
    ck_assert_int_eq(set[0].events, POLLIN);
    ck_assert(until_ns == INT64_MAX);
    return set[0].fd;
}

static void open_both(struct end *push, struct end *pull, uint32_t depth)
{
    end_open_with(push, "x", TONG_PUSH, &(tong_opts){.depth = depth});
    end_open(pull, "x", TONG_PULL);
}

TONG_TEST(in_follows_messages)
{
    struct end push, pull;
    tong_span span;
    int fd;

    open_both(&push, &pull, 5);
    fd = (int)ck_ok(OPS->fd(pull.state, TONG_IN));
    ck_assert_int_eq(OPS->fd(pull.state, TONG_IN), fd);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    for (int round = 0; round < 3; round++) {
        ck_assert(!is_readable(fd));
        say(&push, "a");
        say(&push, "b");
        ck_assert(is_readable(fd));
        hear(&pull, "a");
        ck_assert(is_readable(fd));
        span = look(&pull, "b");
        ck_assert(!is_readable(fd));
        ck_ok(OPS->reject(pull.state, &span, 1));
        ck_assert(is_readable(fd));
        hear(&pull, "b");
    }
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(out_follows_room)
{
    struct end push, pull;
    tong_span span;
    int fd;

    open_both(&push, &pull, 2);
    fd = (int)ck_ok(OPS->fd(push.state, TONG_OUT));
    ck_assert(is_readable(fd));
    ck_ok(OPS->claim(push.state, 1, &span));
    ck_assert(is_readable(fd));
    ck_ok(OPS->commit(push.state, &span, 1, NULL));
    ck_ok(OPS->claim(push.state, 1, &span));
    ck_assert(!is_readable(fd));
    OPS->abort(push.state, &span);
    ck_assert(is_readable(fd));
    fill(&push, "m");
    ck_assert(!is_readable(fd));
    ck_assert_int_eq(OPS->peek(pull.state, &span, NULL, 1), 1);
    ck_assert(!is_readable(fd));
    ck_ok(OPS->release(pull.state, &span, 1));
    ck_assert(is_readable(fd));
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(a_rival_changes_the_level)
{
    struct end push[2], pull[2];
    int in, out;

    for (int i = 0; i < 2; i++)
        open_both(&push[i], &pull[i], 1);
    in = (int)ck_ok(OPS->fd(pull[0].state, TONG_IN));
    out = (int)ck_ok(OPS->fd(push[0].state, TONG_OUT));
    say(&push[1], "m");
    ck_assert(is_readable(in));
    ck_assert(!is_readable(out));
    hear(&pull[1], "m");
    ck_assert(!is_readable(in));
    ck_assert(is_readable(out));
    say(&push[1], "m");
    look(&pull[1], "m");
    ck_assert(!is_readable(in));
    end_close(&pull[1]);
    ck_assert(is_readable(in));
    for (int i = 0; i < 2; i++)
        end_close(&push[i]);
    end_close(&pull[0]);
}

TONG_TEST(an_end_is_readable)
{
    struct end a, b, push, pull;
    int in, out, last;

    end_open(&a, "pair", TONG_PAIR);
    end_open(&b, "pair", TONG_PAIR);
    in = (int)ck_ok(OPS->fd(b.state, TONG_IN));
    ck_assert(!is_readable(in));
    ck_ok(OPS->finish(a.state));
    ck_assert(is_readable(in));
    ck_error(try_recv(&b, NULL), TONG_E_END);
    ck_assert(is_readable(in));
    fill(&b, "m");
    out = (int)ck_ok(OPS->fd(b.state, TONG_OUT));
    ck_assert(!is_readable(out));
    end_close(&a);
    ck_assert(is_readable(out));
    end_close(&b);

    end_open_with(&pull, "x", TONG_PULL, &(tong_opts){.end = TONG_END_LAST});
    end_open(&push, "x", TONG_PUSH);
    last = (int)ck_ok(OPS->fd(pull.state, TONG_IN));
    ck_assert(!is_readable(last));
    end_close(&push);
    ck_assert(is_readable(last));
    end_open(&push, "x", TONG_PUSH);
    ck_assert(!is_readable(last));
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(answers_and_failures_are_readable)
{
    struct end req, rep;
    int in, out, calls;

    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.depth = 1});
    end_open(&rep, "x", TONG_REP);
    in = (int)ck_ok(OPS->fd(req.state, TONG_IN));
    out = (int)ck_ok(OPS->fd(req.state, TONG_OUT));
    calls = (int)ck_ok(OPS->fd(rep.state, TONG_IN));
    say(&req, "call");
    ck_assert(is_readable(calls) && !is_readable(in) && !is_readable(out));
    hear(&rep, "call");
    ck_assert(!is_readable(calls) && !is_readable(in) && !is_readable(out));
    end_close(&rep);
    ck_assert(is_readable(in) && !is_readable(out));
    ck_error(try_recv(&req, NULL), TONG_E_GONE);
    ck_assert(!is_readable(in) && is_readable(out));
    end_close(&req);
}

TONG_TEST(epoll_sees_levels)
{
    struct end push, pull;
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    open_both(&push, &pull, 5);
    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, (int)ck_ok(OPS->fd(pull.state, TONG_IN)), &event), 0);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
    say(&push, "m");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(epoll_wait(epoll, &event, 1, 1000), 1);
    hear(&pull, "m");
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
    close(epoll);
    end_close(&push);
    end_close(&pull);
}

/* ---- sleeping -------------------------------------------------------------------------------------------------- */

TONG_TEST(a_sleeper_is_woken_once)
{
    struct end push, pull;
    uint64_t writes;
    int fd;

    open_both(&push, &pull, 5);
    faulty_install();
    fd = bed(&pull, TONG_IN);
    ck_assert(!is_readable(fd));
    for (int i = 0; i < 5; i++)
        say(&push, "m");
    ck_assert(is_readable(fd));
    ck_assert_uint_eq(faulty_count(FAULTY_write), 1);
    for (int i = 0; i < 5; i++)
        hear(&pull, "m");
    say(&push, "m");
    hear(&pull, "m");
    ck_assert_uint_eq(faulty_count(FAULTY_write), 1);
    ck_assert_uint_eq(faulty_count(FAULTY_read), 0);
    ck_assert_int_eq(bed(&pull, TONG_IN), fd); /* before the next sleep the level is the truth again */
    ck_assert(!is_readable(fd));
    say(&push, "m");
    ck_assert(is_readable(fd));
    writes = faulty_count(FAULTY_write);
    bed(&pull, TONG_IN);
    ck_assert(is_readable(fd));
    ck_assert_uint_eq(faulty_count(FAULTY_write), writes);
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 1);
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(who_never_waits_pays_nothing)
{
    struct end push, pull;

    faulty_install();
    open_both(&push, &pull, 3);
    for (int i = 0; i < 10; i++) {
        fill(&push, "m");
        for (int j = 0; j < 3; j++)
            hear(&pull, "m");
        ck_error(try_recv(&pull, NULL), -EAGAIN);
    }
    ck_assert_uint_eq(faulty_count(FAULTY_eventfd), 0);
    ck_assert_uint_eq(faulty_count(FAULTY_write), 0);
    ck_assert_uint_eq(faulty_count(FAULTY_read), 0);
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(a_flush_sleeps_until_all_is_taken)
{
    struct end push, pull;
    int room, taken;

    open_both(&push, &pull, 5);
    room = bed(&push, TONG_OUT);
    say(&push, "a");
    say(&push, "b");
    ck_error(OPS->flush(push.state, TONG_TAKEN), -EAGAIN);
    taken = bed(&push, TONG_OUT);
    ck_assert_int_ne(taken, room);
    hear(&pull, "a");
    ck_assert(!is_readable(taken));
    hear(&pull, "b");
    ck_assert(is_readable(taken));
    ck_ok(OPS->flush(push.state, TONG_TAKEN));
    ck_assert_int_eq(bed(&push, TONG_OUT), room);
    say(&push, "c");
    ck_error(OPS->flush(push.state, TONG_TAKEN), -EAGAIN);
    ck_assert_int_eq(bed(&push, TONG_OUT), taken);
    ck_assert_int_eq(bed(&push, TONG_OUT), room); /* whoever sleeps now is not the flush: that would have said so */
    ck_error(OPS->flush(push.state, TONG_TAKEN), -EAGAIN);
    say(&push, "given up");
    ck_assert_int_eq(bed(&push, TONG_OUT), room);
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(a_flush_wakes_when_the_taker_goes)
{
    struct end pub, sub, a, b;
    int taken;

    end_open(&pub, "x", TONG_PUB);
    end_open(&sub, "x", TONG_SUB);
    say(&pub, "m");
    ck_error(OPS->flush(pub.state, TONG_TAKEN), -EAGAIN);
    taken = bed(&pub, TONG_OUT);
    ck_assert(!is_readable(taken));
    hear(&sub, "m");
    ck_assert(is_readable(taken));
    say(&pub, "m");
    ck_error(OPS->flush(pub.state, TONG_TAKEN), -EAGAIN);
    ck_assert_int_eq(bed(&pub, TONG_OUT), taken);
    ck_assert(!is_readable(taken));
    end_close(&sub);
    ck_assert(is_readable(taken));
    end_close(&pub);

    end_open(&a, "y", TONG_PAIR);
    end_open(&b, "y", TONG_PAIR);
    say(&a, "m");
    ck_error(OPS->flush(a.state, TONG_TAKEN), -EAGAIN);
    taken = bed(&a, TONG_OUT);
    end_close(&b);
    ck_assert(is_readable(taken));
    ck_error(OPS->flush(a.state, TONG_TAKEN), TONG_E_GONE);
    end_close(&a);
}

TONG_TEST(no_descriptor_left)
{
    struct end push, pull;
    struct pollfd set[TONGI_POLLSET_MAX];
    int64_t until_ns = INT64_MAX;

    open_both(&push, &pull, 5);
    faulty_install();
    faulty_fail_from(FAULTY_eventfd, 1, EMFILE);
    ck_error(OPS->fd(pull.state, TONG_IN), -EMFILE);
    expect_sentence(&pull, "ulimit -n");
    ck_error(OPS->pollset(push.state, TONG_OUT, set, &until_ns), -EMFILE);
    say(&push, "works all the same");
    hear(&pull, "works all the same");
    faulty_install();
    ck_ok(OPS->fd(pull.state, TONG_IN));
    end_close(&push);
    end_close(&pull);
}

TONG_TEST(a_ring_that_failed_is_made_good)
{
    struct end push, pull;
    int fd;

    open_both(&push, &pull, 5);
    faulty_install();
    fd = bed(&pull, TONG_IN);
    faulty_fail(FAULTY_write, 1, EIO);
    say(&push, "a");
    ck_assert(!is_readable(fd));
    say(&push, "b");
    ck_assert(is_readable(fd));
    end_close(&push);
    end_close(&pull);
}

/* Thousands of random steps of four ends; after each, every watched descriptor tells what its end would get. */
TONG_TEST(random_steps_keep_the_truth)
{
    enum { PUSHES = 2, ENDS = 4, STEPS = 5000 };
    struct end ends[ENDS];
    int fds[ENDS];
    tong_span held[ENDS];
    bool holds[ENDS] = {false};
    uint64_t seed = runner_seed();

    for (int i = 0; i < ENDS; i++) {
        end_open_with(&ends[i], "x", i < PUSHES ? TONG_PUSH : TONG_PULL, &(tong_opts){.depth = 3});
        fds[i] = (int)ck_ok(OPS->fd(ends[i].state, i < PUSHES ? TONG_OUT : TONG_IN));
    }
    for (int step = 0; step < STEPS; step++) {
        int i = (int)(runner_random(&seed) % ENDS);
        bool sends = i < PUSHES;

        if (holds[i]) {
            if (sends && runner_random(&seed) % 2)
                OPS->abort(ends[i].state, &held[i]);
            else if (sends)
                ck_ok(OPS->commit(ends[i].state, &held[i], 1, NULL));
            else if (runner_random(&seed) % 2)
                ck_ok(OPS->release(ends[i].state, &held[i], 1));
            else
                ck_ok(OPS->reject(ends[i].state, &held[i], 1));
            holds[i] = false;
        } else if (runner_random(&seed) % 2) {
            holds[i] =
                sends ? OPS->claim(ends[i].state, 1, &held[i]) == 0 : OPS->peek(ends[i].state, &held[i], NULL, 1) == 1;
        } else if (sends) {
            (void)try_send(&ends[i], "m");
        } else {
            (void)try_recv(&ends[i], NULL);
        }
        for (int j = 0; j < PUSHES; j++) {
            bool told = is_readable(fds[j]);
            tong_span span;

            if (holds[j])
                continue;
            ck_assert_int_eq(OPS->claim(ends[j].state, 1, &span) == 0, told);
            if (told)
                OPS->abort(ends[j].state, &span);
        }
        for (int j = PUSHES; j < ENDS; j++)
            ck_assert_int_eq(is_readable(fds[j]), OPS->next_size(ends[j].state) >= 0);
    }
    for (int i = 0; i < ENDS; i++)
        end_close(&ends[i]);
}

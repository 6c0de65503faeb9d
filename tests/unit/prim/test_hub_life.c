/* SPDX-License-Identifier: MIT */
/* Hubs meeting, refusing, losing each other and finding each other again. */
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

/* ---- greeting -------------------------------------------------------------------------------------------------- */

TONG_TEST(push_to_a_listening_pull)
{
    hub_faults();
    end_listen(&rx, TONG_PULL);
    end_connect(&tx, TONG_PUSH);
    ck_ok(end_send(&tx, "one", 3));
    end_expect(&rx, "one");
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&tx), TONG_JOINED);
    end_close(&tx);
    turn(&rx);
    ck_assert_uint_eq(end_event(&rx), TONG_CUT);
    ck_assert_uint_eq(end_peers(&rx), 0);
    end_close(&rx);
}

TONG_TEST(a_farewell_is_told_from_a_cut)
{
    hub_faults();
    end_listen(&rx, TONG_PULL);
    end_connect(&tx, TONG_PUSH);
    ck_ok(end_send(&tx, "one", 3));
    ck_ok(tongi_hub_finish(&tx.hub));
    end_close(&tx);
    end_expect(&rx, "one");
    turn(&rx);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_LEFT);
    end_close(&rx);
}

TONG_TEST(roles_that_do_not_talk)
{
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    end_connect(&tx, TONG_PAIR);
    turn(&rx);
    ck_assert_uint_eq(end_refused(&rx), 1);
    ck_error(end_recv(&tx, room, sizeof room), TONG_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "pull"));
    ck_error(end_recv(&tx, room, sizeof room), TONG_E_REFUSED);
    ck_error(end_send(&tx, "x", 1), TONG_E_REFUSED);
    end_close(&tx);
    fd = bare_connect();
    bare_hello(fd, 200, 1);
    turn(&rx);
    bare_greeted(fd, TONG_PULL);
    bare_cut_off(fd, TONG_E_REFUSED);
    ck_assert_uint_eq(end_event(&rx), 0);
    end_close(&rx);
}

TONG_TEST(other_versions_and_strangers)
{
    uint8_t hello[TONGI_HELLO_BYTES];
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    for (int kind = 0; kind < 3; kind++) {
        fd = bare_connect();
        tongi_hello_encode(hello, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 1});
        hello[TONGI_FRAME_BYTES + (kind == 0 ? 4 : 0)]++; /* version, magic */
        bare_write(fd, kind == 2 ? (const void *)"GET / HTTP/1.0\r\n\r\n" : hello, 18);
        if (kind < 2)
            bare_write(fd, hello + 18, sizeof hello - 18);
        turn(&rx);
        bare_greeted(fd, TONG_PULL);
        bare_cut_off(fd, kind == 0 ? TONG_E_ABI : TONG_E_CORRUPT);
        ck_assert_uint_eq(end_refused(&rx), (uint64_t)kind + 1);
    }
    end_close(&rx);
}

/* Whoever may not come back is told so when it sends. */
TONG_TEST(a_refused_pusher_learns_of_it)
{
    int listener = meeting_listen(), fd;
    int64_t r = 0;

    hub_faults();
    end_connect(&tx, TONG_PUSH);
    fd = accept(listener, NULL, NULL);
    bare_greeted(fd, TONG_PUSH);
    bare_frame(fd, TONGI_FRAME_REFUSE, 4 + 7, "\xf3\xff\xff\xffgo away", 4 + 7); /* -EACCES */
    for (int i = 0; i < 2 * TONGI_LOOK_EVERY && r >= 0; i++)
        r = end_send(&tx, "x", 1);
    ck_error(r, TONG_E_REFUSED);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "go away"));
    ck_error(tongi_hub_finish(&tx.hub), TONG_E_REFUSED);
    close(fd);
    close(listener);
    end_close(&tx);
}

/* ---- who comes too late, too many or too slowly ---------------------------------------------------------------- */

TONG_TEST(the_silent_are_shed)
{
    struct pollfd set[SET_ROOM];
    int64_t until_ns = INT64_MAX, first_ns = hub_now_ns + TONGI_HANDSHAKE_NS;
    int fds[10], honest;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    for (int i = 0; i < 10; i++) {
        fds[i] = bare_connect();
        if (i % 2)
            bare_write(fds[i], "\x10\0\0", 3);
        turn(&rx);
        hub_now_ns += MS;
    }
    honest = bare_connect();
    bare_hello(honest, TONG_PUSH, 1);
    turn(&rx);
    ck_ok(tongi_hub_pollset(&rx.hub, TONG_IN, set, &until_ns));
    ck_assert_int_eq(until_ns, first_ns);
    for (int i = 0; i < 10; i++) {
        hub_now_ns = first_ns + i * MS - 1;
        turn(&rx);
        ck_assert_uint_eq(end_refused(&rx), (uint64_t)i);
        hub_now_ns++;
        turn(&rx);
        ck_assert_uint_eq(end_refused(&rx), (uint64_t)i + 1);
        bare_greeted(fds[i], TONG_PULL);
        bare_cut_off(fds[i], 0);
    }
    ck_assert_uint_eq(end_peers(&rx), 1);
    bare_text(honest, "here");
    end_expect(&rx, "here");
    close(honest);
    end_close(&rx);
}

/* The link whose bytes stand in the stage is the one that is shed. */
TONG_TEST(a_silent_one_in_the_middle_of_its_hello)
{
    uint8_t hello[TONGI_HELLO_BYTES];
    int slow, other;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    slow = bare_connect();
    tongi_hello_encode(hello, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 1});
    bare_write(slow, hello, sizeof hello - 1);
    turn(&rx);
    hub_now_ns += TONGI_HANDSHAKE_NS;
    other = bare_connect();
    bare_hello(other, TONG_PUSH, 1);
    bare_text(other, "whole");
    end_expect(&rx, "whole");
    ck_assert_uint_eq(end_refused(&rx), 1);
    close(slow);
    close(other);
    turn(&rx);
    end_close(&rx);
}

TONG_TEST(a_limit_of_peers)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    int fds[3];

    hub_faults();
    setup.peers_max = 2;
    end_listen_with(&rx, &setup);
    for (int i = 0; i < 3; i++) {
        fds[i] = bare_connect();
        bare_hello(fds[i], TONG_PUSH, 1);
    }
    turn(&rx);
    ck_assert_uint_eq(end_peers(&rx), 2);
    ck_assert_uint_eq(end_refused(&rx), 1);
    bare_cut_off(fds[2], -EBUSY);
    close(fds[0]);
    turn(&rx);
    fds[2] = bare_connect();
    bare_hello(fds[2], TONG_PUSH, 1);
    bare_text(fds[2], "room again");
    end_expect(&rx, "room again");
    close(fds[1]);
    close(fds[2]);
    end_close(&rx);
}

/* What is refused for lack of room tries again, without a word to its user. */
TONG_TEST(busy_is_not_for_good)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    int first;

    hub_faults();
    setup.peers_max = 1;
    end_listen_with(&rx, &setup);
    first = bare_connect();
    turn(&rx);
    end_connect(&tx, TONG_PUSH);
    turn(&rx);
    ck_assert_uint_eq(end_refused(&rx), 1);
    close(first);
    turn(&rx);
    hub_now_ns += TONGI_BACKOFF_LAST_NS * 2;
    ck_ok(end_send(&tx, "again", 5));
    end_expect(&rx, "again");
    end_close(&tx);
    end_close(&rx);
}

TONG_TEST(a_flood_of_newcomers_does_not_keep_the_call)
{
    enum { MANY = 3 * TONGI_ACCEPT_BATCH };
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    int fds[MANY];

    hub_faults();
    setup.peers_max = 4;
    end_listen_with(&rx, &setup);
    for (int i = 0; i < MANY; i++)
        fds[i] = bare_connect();
    for (int i = 1; i <= 3; i++) {
        turn(&rx);
        ck_assert_uint_eq(faulty_count(FAULTY_accept4), (uint64_t)i * TONGI_ACCEPT_BATCH);
    }
    turn(&rx);
    ck_assert_uint_eq(end_refused(&rx), MANY - 4);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    end_close(&rx);
}

/* ---- accepting when it fails ----------------------------------------------------------------------------------- */

static int newcomer(const char *text)
{
    int fd = bare_connect();

    bare_hello(fd, TONG_PUSH, 1);
    bare_text(fd, text);
    return fd;
}

TONG_TEST(an_aborted_connection_is_passed_over)
{
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    fd = newcomer("second");
    faulty_fail(FAULTY_accept4, 1, ECONNABORTED);
    end_expect(&rx, "second");
    close(fd);
    end_close(&rx);
}

TONG_TEST_LOOP(no_descriptor_for_anything, 0, 4)
{
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, EPERM};
    struct pollfd set[SET_ROOM];
    int64_t until_ns = INT64_MAX;
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    fd = newcomer("patient");
    faulty_fail_from(FAULTY_accept4, 1, errors[_i]);
    for (int i = 0; i < 1000; i++)
        turn(&rx);
    /* It rests: the newcomer's waiting wakes nobody before the time. */
    ck_assert_uint_le(faulty_count(FAULTY_accept4), 2);
    ck_assert_int_eq(tongi_hub_pollset(&rx.hub, TONG_IN, set, &until_ns), 1);
    ck_assert(!is_readable(set[0].fd));
    ck_assert_int_eq(until_ns, hub_now_ns + TONGI_ACCEPT_REST_NS);
    for (uint64_t i = 1; i <= 10; i++) {
        hub_now_ns += TONGI_ACCEPT_REST_NS;
        for (int again = 0; again < 10; again++)
            turn(&rx);
        ck_assert_uint_le(faulty_count(FAULTY_accept4), 2 * (i + 1));
    }
    faulty_fail(FAULTY_accept4, 0, 0);
    hub_now_ns += TONGI_ACCEPT_REST_NS;
    end_expect(&rx, "patient");
    close(fd);
    end_close(&rx);
}

TONG_TEST(the_spare_descriptor_turns_newcomers_away)
{
    struct rlimit limit, none;
    int fds[5];

    hub_faults();
    end_listen(&rx, TONG_PULL);
    fds[0] = newcomer("before");
    end_expect(&rx, "before");
    for (int i = 1; i < 5; i++)
        fds[i] = newcomer("turned away");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){(rlim_t)dup(0), limit.rlim_max};
    close((int)none.rlim_cur);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 100; i++)
        turn(&rx);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(end_refused(&rx), 4);
    ck_assert_uint_le(faulty_count(FAULTY_accept4), 2 + 2 * 4 + 2);
    ck_assert_int_ge(rx.hub.spare, 0);
    for (int i = 1; i < 5; i++)
        bare_cut_off(fds[i], -EBUSY);
    bare_text(fds[0], "still here");
    end_expect(&rx, "still here");
    fds[1] = newcomer("welcome");
    hub_now_ns += TONGI_ACCEPT_REST_NS;
    end_expect(&rx, "welcome");
    close(fds[0]);
    close(fds[1]);
    end_close(&rx);
}

TONG_TEST(a_pair_accepts_one_by_one)
{
    struct end first, second;
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PAIR);
    ck_error(tongi_hub_accept(&rx.hub), -EAGAIN);
    ck_error(end_recv(&rx, room, sizeof room), TONG_E_STATE);
    ck_error(end_send(&rx, "x", 1), TONG_E_STATE);
    end_connect(&tx, TONG_PAIR);
    fd = bare_connect();
    faulty_fail(FAULTY_accept4, 1, ECONNABORTED);
    end_join(&first, TONG_PAIR, (int)ck_ok(tongi_hub_accept(&rx.hub)));
    end_join(&second, TONG_PAIR, (int)ck_ok(tongi_hub_accept(&rx.hub)));
    ck_error(tongi_hub_accept(&rx.hub), -EAGAIN);
    ck_ok(end_send(&tx, "to the first", 12));
    end_expect(&first, "to the first");
    end_close(&rx);
    ck_ok(end_send(&first, "it outlives", 11));
    end_expect(&tx, "it outlives");
    close(fd);
    ck_error(end_recv(&second, room, sizeof room), TONG_E_GONE);
    end_close(&second);
    end_close(&first);
    end_close(&tx);
}

TONG_TEST(a_pair_has_no_descriptor_to_accept_with)
{
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PAIR);
    fd = bare_connect();
    faulty_fail(FAULTY_accept4, 1, EMFILE); /* the spare is enough to turn it away */
    ck_error(tongi_hub_accept(&rx.hub), -EMFILE);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "ulimit"));
    bare_cut_off(fd, -EBUSY);
    fd = bare_connect();
    faulty_fail_from(FAULTY_accept4, 1, EMFILE);
    ck_error(tongi_hub_accept(&rx.hub), -EMFILE);
    ck_error(tongi_hub_accept(&rx.hub), -EAGAIN);
    faulty_fail(FAULTY_accept4, 0, 0);
    ck_error(tongi_hub_accept(&rx.hub), -EAGAIN);
    hub_now_ns += TONGI_ACCEPT_REST_NS;
    close((int)ck_ok(tongi_hub_accept(&rx.hub)));
    close(fd);
    end_close(&rx);
}

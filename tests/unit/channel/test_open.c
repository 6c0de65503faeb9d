/* SPDX-License-Identifier: MIT */
/* Opening, accepting, joining and adopting when something fails on the way: a clear error, nothing left behind. */
#include "tiny.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "support/faulty.h"

static tong_channel *ch, *ends[2];
static char room[10];

/* What fails, and how; with this the k-th of them. */
static const struct {
    enum faulty_call call;
    int error;
} faults[] = {
    {FAULTY_calloc, ENOMEM},
    {FAULTY_realloc, ENOMEM},
    {FAULTY_socket, EMFILE},
    {FAULTY_socketpair, EMFILE},
    {FAULTY_epoll_create1, EMFILE},
    {FAULTY_epoll_ctl, ENOMEM},
    {FAULTY_open_at, EMFILE},
    {FAULTY_fchmod, EACCES},
    {FAULTY_bind, EACCES},
    {FAULTY_listen, ENOMEM},
    {FAULTY_fcntl_lock, ENOLCK},
    {FAULTY_fstat, EIO},
    {FAULTY_fstatat, EACCES},
    {FAULTY_fchmodat, EPERM},
    {FAULTY_connect, EACCES},
    {FAULTY_getsockopt, ENOBUFS},
    {FAULTY_accept4, EMFILE},
    {FAULTY_fcntl_int, EBADF},
    {FAULTY_eventfd, EMFILE},
    {FAULTY_getrandom, ENOSYS},
    {FAULTY_current_directory, ENOENT},
    {FAULTY_unlinkat, EACCES},
    {FAULTY_close, EIO},
};
enum { FAULTS = sizeof faults / sizeof *faults };

struct opening {
    const char *address;
    uint32_t role;
};

static const struct opening openings[] = {
    {"unix:x.sock?mode=0666", TONG_PULL},
    {"unix:x.sock", TONG_PUSH | TONG_LISTEN},
    {"unix:name?abstract=yes", TONG_PAIR | TONG_LISTEN},
    {"unix:absent.sock", TONG_PUSH},
    {"inproc:x", TONG_PULL},
    {"fault:seed=1:unix:x.sock", TONG_PAIR | TONG_LISTEN},
    {"fault:seed=1,drop=5:inproc:x?depth=3", TONG_PUSH},
};

static void check_failure(int r)
{
    ck_assert_int_lt(r, 0);
    ck_assert_msg(tong_error_detail()[0], "%s has no sentence", tong_error_name(r));
}

TONG_TEST_LOOP(opening_fails_at_every_call, 0, FAULTS)
{
    int fds = runner_count_fds();

    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
        for (uint64_t k = 1;; k++) {
            faulty_install();
            faulty_fail(faults[_i].call, k, faults[_i].error);
            ch = NULL;
            int r = tong_open(&ch, openings[i].address, openings[i].role, NULL, tong_now());
            if (r < 0) {
                check_failure(r);
                ck_assert_ptr_null(ch);
            }
            bool struck = faulty_count(faults[_i].call) >= k;
            faulty_fail(faults[_i].call, 0, 0);
            tong_close(ch);
            ck_assert_int_eq(runner_count_fds(), fds);
            /* Only where the system refused to remove something may something remain; the next one deals with it. */
            if (faults[_i].call != FAULTY_unlinkat && faults[_i].call != FAULTY_fstatat)
                ck_assert_int_ne(access("x.sock", F_OK), 0);
            ck_ok(tong_open(&ch, openings[i].address, openings[i].role, NULL, tong_now()));
            tong_close(ch);
            ck_assert_int_ne(access("x.sock", F_OK), 0);
            ck_assert_int_ne(access("x.sock.lock", F_OK), 0);
            if (!struck)
                break;
        }
}

TONG_TEST_LOOP(accepting_fails_at_every_call, 0, FAULTS)
{
    tong_channel *listener, *peer, *accepted;

    ck_ok(tong_open(&listener, "unix:x.sock", TONG_PAIR | TONG_LISTEN, NULL, tong_now()));
    int fds = runner_count_fds();
    for (uint64_t k = 1;; k++) {
        ck_ok(tong_open(&peer, "unix:x.sock?reconnect=no", TONG_PAIR, NULL, tong_in_ms(5000)));
        faulty_install();
        faulty_fail(faults[_i].call, k, faults[_i].error);
        accepted = NULL;
        int r = tong_accept(listener, &accepted, tong_now());
        bool struck = faulty_count(faults[_i].call) >= k;
        faulty_fail(faults[_i].call, 0, 0);
        if (r < 0) {
            check_failure(r);
            ck_assert_ptr_null(accepted);
        }
        tong_close(accepted);
        tong_close(peer);
        ck_assert_int_eq(runner_count_fds(), fds);
        if (!struck)
            break;
        /* Whoever was not taken stands at the door still, or was turned away. */
        while (tong_accept(listener, &accepted, tong_now()) == 0)
            tong_close(accepted);
    }
    tong_close(listener);
}

TONG_TEST_LOOP(joining_fails_at_every_call, 0, FAULTS)
{
    static const char *const addresses[] = {"unix:", "inproc:", "fault:seed=1:unix:"};
    int fds = runner_count_fds();

    for (int i = 0; i < 3; i++)
        for (uint64_t k = 1;; k++) {
            faulty_install();
            faulty_fail(faults[_i].call, k, faults[_i].error);
            ends[0] = ends[1] = NULL;
            int r = tong_pair(ends, addresses[i]);
            bool struck = faulty_count(faults[_i].call) >= k;
            faulty_fail(faults[_i].call, 0, 0);
            if (r < 0) {
                check_failure(r);
                ck_assert(!ends[0] && !ends[1]);
            } else {
                ck_ok(tong_send(ends[0], "x", 1, tong_now()));
                ck_assert_int_eq(tong_recv(ends[1], room, sizeof room, tong_now()), 1);
            }
            tong_close(ends[0]);
            tong_close(ends[1]);
            ck_assert_int_eq(runner_count_fds(), fds);
            if (!struck)
                break;
        }
}

TONG_TEST_LOOP(adopting_fails_at_every_call, 0, FAULTS)
{
    int fds = runner_count_fds();

    for (uint64_t k = 1;; k++) {
        int pair[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        faulty_install();
        faulty_fail(faults[_i].call, k, faults[_i].error);
        ch = NULL;
        int r = tong_adopt(&ch, pair[0], TONG_PAIR, NULL);
        bool struck = faulty_count(faults[_i].call) >= k;
        faulty_fail(faults[_i].call, 0, 0);
        if (r < 0) {
            check_failure(r);
            ck_assert_ptr_null(ch);
            /* It is still the caller's. */
            ck_assert_int_ge(fcntl(pair[0], F_GETFD), 0);
            close(pair[0]);
        }
        tong_close(ch);
        close(pair[1]);
        ck_assert_int_eq(runner_count_fds(), fds);
        if (!struck)
            break;
    }
}

TONG_TEST(what_cannot_be_adopted)
{
    int pipes[2], datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_error(tong_adopt(&ch, pipes[0], TONG_PAIR, NULL), TONG_E_NOCAP);
    ck_error(tong_adopt(&ch, datagram, TONG_PAIR, NULL), TONG_E_NOCAP);
    close(datagram);
    ck_error(tong_adopt(&ch, datagram, TONG_PAIR, NULL), -EBADF);
    ck_error(tong_adopt(&ch, -1, TONG_PAIR, NULL), -EBADF);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- waiting for somebody -------------------------------------------------------------------------------------- */

TONG_TEST(open_waits_up_to_its_deadline)
{
    tiny_time();
    tongi_sys_table.sched_getaffinity = NULL; /* wait=block asks for none */
    int64_t due_ns = tiny_now_ns + 2000 * MS;
    ck_error(tong_open(&ch, "unix:absent.sock?wait=block", TONG_PUSH, NULL, tong_in_ms(2000)), -ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "nobody listened there within 2000ms"));
    ck_assert_int_eq(tiny_now_ns, due_ns);
    /* The tries are spaced wider and wider, to at most every 100 to 300 ms. */
    ck_assert_uint_ge(tiny_sleeps, 8);
    ck_assert_uint_le(tiny_sleeps, 40);
    ck_assert_uint_le(faulty_count(FAULTY_connect), 41);
}

TONG_TEST(open_now_goes_on_connecting)
{
    tong_channel *rx;

    ck_ok(tong_open(&ch, "unix:x.sock", TONG_PUSH, NULL, tong_now()));
    ck_error(tong_send(ch, "x", 1, tong_now()), -EAGAIN);
    ck_ok(tong_open(&rx, "unix:x.sock", TONG_PULL, NULL, tong_now()));
    ck_ok(tong_send(ch, "x", 1, tong_in_ms(9000)));
    ck_assert_int_eq(tong_recv(rx, room, sizeof room, tong_in_ms(9000)), 1);
    tong_close(ch);
    tong_close(rx);
}

/* SPDX-License-Identifier: MIT */
/* A pipe whose reader is gone, on a kernel with RWF_NOSIGNAL and on one without. */
#include "sys/quiet.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "runner/runner.h"
#include "support/faulty.h"

static int ends[2];
static struct tongi_quiet quiet;
static volatile sig_atomic_t caught;

static void count(int signo)
{
    (void)signo;
    caught++;
}

static void begin(int without)
{
    memset(&quiet, 0, sizeof quiet);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = count}, NULL), 0);
    faulty_install();
    if (without)
        faulty_fail_from(FAULTY_pwritev2, 1, EOPNOTSUPP);
}

static void end(void)
{
    close(ends[0]);
    close(ends[1]);
}

static ssize_t put(void)
{
    char bytes[2][3] = {"abc", "def"};
    const struct iovec vector[2] = {{bytes[0], 3}, {bytes[1], 3}};

    return tongi_quiet_writev(&quiet, ends[1], vector, 2);
}

static bool is_pending(void)
{
    sigset_t set;

    ck_assert_int_eq(sigpending(&set), 0);
    return sigismember(&set, SIGPIPE);
}

static bool is_blocked(void)
{
    sigset_t set;

    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
    return sigismember(&set, SIGPIPE);
}

static void block(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

TONG_TEST_LOOP(writes_all_pieces, 0, 2)
{
    char got[7] = "";

    begin(_i);
    ck_assert_int_eq(put(), 6);
    ck_assert_int_eq(put(), 6);
    ck_assert_int_eq(read(ends[0], got, 6), 6);
    ck_assert_str_eq(got, "abcdef");
    ck_assert_uint_eq(faulty_count(FAULTY_pwritev2), _i ? 1 : 2);
    ck_assert(!is_blocked());
    end();
}

TONG_TEST_LOOP(a_missing_reader_is_an_error_and_no_signal, 0, 2)
{
    begin(_i);
    ends[0] = tongi_sys_close(ends[0]);
    ck_error(put(), -EPIPE);
    ck_error(put(), -EPIPE);
    ck_assert_int_eq(caught, 0);
    ck_assert(!is_pending());
    ck_assert(!is_blocked());
    end();
}

TONG_TEST_LOOP(a_held_back_signal_of_others_stays, 0, 2)
{
    begin(_i);
    block();
    ends[0] = tongi_sys_close(ends[0]);
    ck_error(put(), -EPIPE);
    ck_assert(!is_pending());
    ck_assert_int_eq(pthread_kill(pthread_self(), SIGPIPE), 0);
    ck_error(put(), -EPIPE);
    ck_assert(is_pending());
    ck_assert(is_blocked());
    ck_assert_int_eq(caught, 0);
    end();
}

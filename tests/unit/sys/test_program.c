/* SPDX-License-Identifier: MIT */
/* A program that is started gets the descriptors it is granted, and a clean slate of signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/runner.h"
#include "sys/program.h"
#include "sys/sys.h"

static const char *const nothing[] = {NULL};

static int run(const char *script, const struct tongi_grant *grants, uint32_t n)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    pid_t pid;

    ck_ok(tongi_program_start(&pid, argv, tongi_sys_environment(), grants, n));
    return runner_join(pid, 10000);
}

TONG_TEST(descriptors_as_granted)
{
    int fds[2];
    char bytes[8];

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    /* Under another number, under its own, and not at all. */
    ck_assert_int_eq(run("printf one >&9", &(struct tongi_grant){fds[1], 9}, 1), 0);
    ck_assert_int_eq(read(fds[0], bytes, sizeof bytes), 3);
    ck_assert_int_ge(fds[1], 3);
    ck_assert_int_lt(fds[1], 10);
    char script[] = "exec 2>/dev/null; printf own >&N";
    script[strlen(script) - 1] = (char)('0' + fds[1]);
    ck_assert_int_eq(run(script, &(struct tongi_grant){fds[1], fds[1]}, 1), 0);
    ck_assert_int_eq(read(fds[0], bytes, sizeof bytes), 3);
    ck_assert_int_ne(run(script, NULL, 0), 0);
    ck_assert_int_eq(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
    close(fds[0]);
    close(fds[1]);
}

/* A shell cannot be killed by a signal that is blocked or ignored. */
TONG_TEST(signals_are_as_by_default)
{
    sigset_t all, before;
    int status;

    sigfillset(&all);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &all, &before), 0);
    ck_assert_int_eq(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), 0);
    status = run("kill -PIPE $$; exit 7", NULL, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    status = run("kill -TERM $$; exit 7", NULL, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

TONG_TEST(what_cannot_be_started)
{
    const char *const nowhere[] = {"no-such-program-at-all", NULL}, *const directory[] = {"/", NULL};
    pid_t pid = -7;

    ck_error(tongi_program_start(&pid, nowhere, nothing, NULL, 0), -ENOENT);
    ck_error(tongi_program_start(&pid, directory, nothing, NULL, 0), -EACCES);
    ck_error(tongi_program_start(&pid, (const char *const[]){"true", NULL}, nothing, &(struct tongi_grant){9999, 5}, 1),
             -EBADF);
}

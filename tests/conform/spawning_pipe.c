/* SPDX-License-Identifier: MIT */
/* tong_spawn: programs that speak tong, this one started again; others that do not; and those that never start. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

#define PART "TONG_CONFORM_PART"

/* ---- this program as the child --------------------------------------------------------------------------------- */

/* There is no runner here: the exit code tells the line. */
#define NEED(condition) ((condition) ? (void)0 : exit(__LINE__ % 199 + 1))

static tong_channel *child_open(uint32_t role)
{
    tong_channel *ch;

    NEED(tong_open(&ch, "pipe:", role, NULL, conform_patience()) == 0);
    return ch;
}

static void child_echo(void)
{
    tong_channel *ch = child_open(TONG_PAIR), *again = NULL;
    char room[64];
    int64_t len;

    NEED(tong_open(&again, "pipe:", TONG_PAIR, NULL, tong_now()) == -EBUSY && !again);
    while ((len = tong_recv(ch, room, sizeof room, conform_patience())) >= 0)
        NEED(tong_send(ch, room, (size_t)len, conform_patience()) == 0);
    NEED(len == TONG_E_END);
    NEED(tong_finish(ch, conform_patience()) == 0);
    tong_close(ch);
}

static void child_count(void)
{
    tong_channel *ch = child_open(TONG_PULL);
    char room[8];
    int64_t len;
    int n = 0;

    while ((len = tong_recv(ch, room, sizeof room, conform_patience())) >= 0)
        n++;
    NEED(len == TONG_E_END && n == 100);
    tong_close(ch);
}

static void child_push(void)
{
    tong_channel *ch = child_open(TONG_PUSH);

    for (int i = 0; i < 100; i++)
        NEED(tong_send(ch, "x", 1, conform_patience()) == 0);
    NEED(tong_finish(ch, conform_patience()) == 0);
    tong_close(ch);
}

static int open_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int n = -3; /* the directory itself, "." and ".." */

    NEED(fds);
    while (readdir(fds))
        n++;
    closedir(fds);
    return n;
}

/* Tells how many descriptors it was started with, before it opens anything. */
static void child_tell_descriptors(void)
{
    int n = open_fds();
    tong_channel *ch = child_open(TONG_PUSH);

    NEED(tong_send(ch, &n, sizeof n, conform_patience()) == 0);
    NEED(tong_finish(ch, conform_patience()) == 0);
    tong_close(ch);
}

/* No signal is blocked, SIGPIPE is not ignored, what else was ignored still is, and the environment is as given. */
static void child_look_around(void)
{
    struct sigaction action;
    sigset_t blocked;

    NEED(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0);
    for (int signo = 1; signo < 32; signo++)
        NEED(sigismember(&blocked, signo) != 1);
    NEED(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    NEED(sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    NEED(getenv("GIVEN") && strcmp(getenv("GIVEN"), "yes") == 0 && !getenv("HOME"));
    NEED(strcmp(getenv("TONG_PIPE"), "stale") != 0);
    tong_close(child_open(TONG_PULL));
}

/* Fills its pipe to the brim, stops until the other side has done likewise, and then takes everything. */
static void child_fill_and_drain(void)
{
    tong_channel *ch = child_open(TONG_PAIR);
    char message[1000] = {0}, room[1000];
    uint64_t told[2] = {0, 0}; /* how many it sent and got */
    int64_t r;

    while ((r = tong_send(ch, message, sizeof message, tong_now())) == 0)
        told[0]++;
    NEED(r == -EAGAIN && told[0] > 0);
    raise(SIGSTOP);
    while ((r = tong_recv(ch, room, sizeof room, conform_patience())) >= 0)
        told[1]++;
    NEED(r == TONG_E_END && told[1] > 0);
    NEED(tong_send(ch, told, sizeof told, conform_patience()) == 0);
    NEED(tong_finish(ch, conform_patience()) == 0);
    tong_close(ch);
}

static const struct {
    const char *name;
    void (*play)(void);
} parts[] = {
    {"echo", child_echo},          {"count", child_count},
    {"push", child_push},          {"descriptors", child_tell_descriptors},
    {"around", child_look_around}, {"fill", child_fill_and_drain},
};

__attribute__((constructor)) static void be_the_child(void)
{
    const char *part = getenv(PART);

    for (size_t i = 0; part && i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(part, parts[i].name) == 0) {
            parts[i].play();
            exit(0);
        }
}

/* ---- starting it ----------------------------------------------------------------------------------------------- */

static pid_t spawn_part(tong_channel **ret_ch, uint32_t role, const char *part)
{
    const char *const argv[] = {"/proc/self/exe", NULL};
    pid_t pid;

    CHECK(setenv(PART, part, 1) == 0);
    ck_ok(tong_spawn(ret_ch, "pipe:", role, NULL, argv, NULL, &pid));
    CHECK(unsetenv(PART) == 0);
    return pid;
}

static pid_t spawn_shell(tong_channel **ret_ch, uint32_t role, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    pid_t pid;

    ck_ok(tong_spawn(ret_ch, "pipe:", role, NULL, argv, NULL, &pid));
    return pid;
}

TONG_TEST(a_program_answers)
{
    tong_channel *ch;
    pid_t pid = spawn_part(&ch, TONG_PAIR, "echo");

    for (int i = 0; i < 100; i++) {
        ck_ok(tong_send(ch, "question", 8, conform_patience()));
        ends_expect(ch, "question");
    }
    ck_ok(tong_finish(ch, conform_patience()));
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_END);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
}

TONG_TEST(a_program_pulls_and_another_pushes)
{
    tong_channel *push, *pull;
    pid_t puller = spawn_part(&push, TONG_PUSH, "count"), pusher = spawn_part(&pull, TONG_PULL, "push");
    char room[8];
    int64_t len;
    int n = 0;

    while ((len = tong_recv(pull, room, sizeof room, conform_patience())) >= 0) {
        ck_ok(tong_send(push, room, (size_t)len, conform_patience()));
        n++;
    }
    ck_error(len, TONG_E_END);
    SAME(n, 100);
    ck_ok(tong_finish(push, conform_patience()));
    runner_join_ok(puller, CONFORM_PATIENCE_MS);
    runner_join_ok(pusher, CONFORM_PATIENCE_MS);
    tong_close(push);
    tong_close(pull);
}

/* Nothing is taken before everything is full, on both sides. */
TONG_TEST(two_full_pipes)
{
    tong_channel *ch;
    pid_t pid = spawn_part(&ch, TONG_PAIR, "fill");
    char message[1000] = {0}, room[1000];
    uint64_t sent = 0, got = 0, told[2];
    int64_t len;
    int status;

    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    while ((len = tong_send(ch, message, sizeof message, tong_now())) == 0)
        sent++;
    ck_error(len, -EAGAIN);
    ck_error(tong_send(ch, message, sizeof message, tong_in_ms(1)), -ETIMEDOUT);
    CHECK(kill(pid, SIGCONT) == 0);
    while ((len = tong_recv(ch, room, sizeof room, conform_patience())) == sizeof message) {
        got++;
        if (got == 1)
            ck_ok(tong_finish(ch, conform_patience()));
    }
    SAME(len, sizeof told);
    memcpy(told, room, sizeof told);
    SAME(told[0], got);
    SAME(told[1], sent);
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_END);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
}

/* ---- what it inherits ------------------------------------------------------------------------------------------ */

static int inheritable_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 4096; fd++) {
        int flags = fcntl(fd, F_GETFD);
        n += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return n;
}

static void spawn_and_count(struct side *me, struct conform *c)
{
    const int *due = me->arg;
    const char *const argv[] = {"/proc/self/exe", NULL};
    tong_channel *ch;
    pid_t pid;
    int n;

    (void)c;
    for (int i = 0; i < 20; i++) {
        ck_ok(tong_spawn(&ch, "pipe:", TONG_PULL, NULL, argv, NULL, &pid));
        SAME(tong_recv(ch, &n, sizeof n, conform_patience()), sizeof n);
        SAME(n, *due);
        ck_error(tong_recv(ch, &n, sizeof n, conform_patience()), TONG_E_END);
        tong_close(ch);
        runner_join_ok(pid, CONFORM_PATIENCE_MS);
    }
}

/* Many programs are started at the same time by several threads, which have other channels: each gets its two ends. */
TONG_TEST_TIMEOUT(no_stray_descriptors, 60)
{
    enum { THREADS = 4 };
    struct conform c = {.scheme = "pipe"};
    tong_channel *joined[2], *sockets[2], *listener;
    struct side threads[THREADS];
    int due = inheritable_fds() + 2;

    ck_ok(tong_pair(joined, "pipe:"));
    ck_ok(tong_pair(sockets, "unix:"));
    ck_ok(tong_open(&listener, "unix:listener.sock", TONG_PULL, NULL, tong_now()));
    ck_ok(tong_fd(joined[0], TONG_IN));
    ck_ok(tong_fd(listener, TONG_IN));
    CHECK(setenv(PART, "descriptors", 1) == 0);
    /* The sides' own descriptors are close-on-exec. */
    for (int i = 0; i < THREADS; i++)
        side_start_thread(&threads[i], &c, spawn_and_count, &due);
    for (int i = 0; i < THREADS; i++)
        side_join(&threads[i]);
    CHECK(unsetenv(PART) == 0);
    for (int i = 0; i < 2; i++) {
        tong_close(joined[i]);
        tong_close(sockets[i]);
    }
    tong_close(listener);
}

TONG_TEST(signals_and_environment)
{
    const char *const argv[] = {"/proc/self/exe", NULL};
    const char *const envp[] = {"TONG_PIPE=stale", "GIVEN=yes", PART "=around", NULL};
    tong_channel *ch;
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t all;
    pid_t pid;

    sigfillset(&all);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    CHECK(sigaction(SIGPIPE, &ignored, NULL) == 0 && sigaction(SIGHUP, &ignored, NULL) == 0);
    ck_ok(tong_spawn(&ch, "pipe:", TONG_PUSH, NULL, argv, envp, &pid));
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
    tong_close(ch);
}

static int spawn_without_standard_descriptors(void *context)
{
    tong_channel *ch;
    pid_t pid;

    (void)context;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    pid = spawn_part(&ch, TONG_PAIR, "echo");
    ck_ok(tong_send(ch, "still", 5, conform_patience()));
    ends_expect(ch, "still");
    ck_ok(tong_finish(ch, conform_patience()));
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_END);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
    return 0;
}

TONG_TEST(a_starter_without_standard_descriptors)
{
    runner_join_ok(runner_fork(spawn_without_standard_descriptors, NULL), CONFORM_PATIENCE_MS);
}

/* ---- programs that do not open their ends ---------------------------------------------------------------------- */

static const char *const strangers[] = {
    "exit 0",
    "exec true",
    "kill -KILL $$",
    "exec sh -c 'exit 1'",
};

/* SIGPIPE has its default here, by which the first of them would end this process. */
TONG_TEST_LOOP(a_program_that_never_opens, 0, sizeof strangers / sizeof strangers[0])
{
    static const uint32_t roles[] = {TONG_PAIR, TONG_PUSH, TONG_PULL};

    for (int i = 0; i < 6; i++) {
        uint32_t role = roles[i % 3];
        tong_channel *ch;
        pid_t pid = spawn_shell(&ch, role, strangers[_i]);
        int64_t r = 0;

        if (i >= 3) /* it has ended already, or it ends while the call waits */
            runner_join(pid, CONFORM_PATIENCE_MS);
        if (role != TONG_PUSH)
            r = tong_recv(ch, NULL, 0, conform_patience());
        else
            while (r == 0)
                r = tong_send(ch, "x", 1, conform_patience());
        ck_error(r, TONG_E_GONE);
        BEGINS("pipe:");
        SAYS("hello");
        if (role != TONG_PULL)
            ck_error(tong_send(ch, "x", 1, tong_forever()), TONG_E_GONE);
        if (role == TONG_PUSH)
            ck_error(tong_finish(ch, tong_forever()), TONG_E_GONE);
        tong_close(ch);
        if (i < 3)
            runner_join(pid, CONFORM_PATIENCE_MS);
    }
}

TONG_TEST(a_program_that_lives_and_does_not_open)
{
    tong_channel *ch;
    pid_t pid = spawn_shell(&ch, TONG_PAIR, "exec sleep 1000");
    char message[1000] = {0};
    int r;

    ck_error(tong_recv(ch, NULL, 0, tong_in_ms(10)), -ETIMEDOUT);
    while ((r = tong_send(ch, message, sizeof message, tong_in_ms(10))) == 0)
        continue;
    ck_error(r, -ETIMEDOUT);
    CHECK(kill(pid, SIGKILL) == 0);
    runner_join(pid, CONFORM_PATIENCE_MS);
    ck_error(tong_send(ch, message, sizeof message, conform_patience()), TONG_E_GONE);
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
    tong_close(ch);
}

static void wait_for_gone(struct side *me, struct conform *c)
{
    char message[1000] = {0};
    int r;

    (void)c;
    do
        r = tong_send(me->arg, message, sizeof message, tong_forever());
    while (r == 0);
    ck_error(r, TONG_E_GONE);
}

/* Both directions sleep, each in a thread, when the program dies. */
TONG_TEST(a_death_wakes_both_directions)
{
    struct conform c = {.scheme = "pipe"};
    struct side sender;
    tong_channel *ch;
    pid_t pid = spawn_shell(&ch, TONG_PAIR, "exec sleep 1000");
    uint64_t sleeps = conform_sleeps(ch);

    side_start_thread(&sender, &c, wait_for_gone, ch);
    conform_await_sleep(ch, sleeps);
    CHECK(kill(pid, SIGKILL) == 0);
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
    side_join(&sender);
    runner_join(pid, CONFORM_PATIENCE_MS);
    tong_close(ch);
}

/* The other side's role does not fit: refused, with the reason. */
TONG_TEST(a_program_in_the_wrong_role)
{
    tong_channel *ch;
    pid_t pid = spawn_part(&ch, TONG_PAIR, "push");

    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_REFUSED);
    SAYS("push");
    tong_close(ch);
    runner_join(pid, CONFORM_PATIENCE_MS);
}

/* ---- programs that never start --------------------------------------------------------------------------------- */

static void refused(const char *address, uint32_t role, const char *const *argv, int error, const char *says)
{
    tong_channel *ch = NULL;
    pid_t pid = -7;

    ck_error(tong_spawn(&ch, address, role, NULL, argv, NULL, &pid), error);
    CHECK(!ch && pid == -7);
    SAYS(says);
}

TONG_TEST(programs_that_cannot_be_started)
{
    enum { HUGE_BYTES = 64 << 20 };
    const char *const nowhere[] = {"no-such-program-at-all", NULL}, *const there[] = {"./nothing", NULL};
    const char *const plain[] = {"./plain", NULL}, *const fine[] = {"true", NULL}, *const none[] = {NULL};
    char *huge = calloc(1, HUGE_BYTES);
    const char *long_one[] = {"true", huge, NULL};
    struct rlimit limit, few;
    tong_channel *ch;
    pid_t pid;
    int fd;

    CHECK(huge);
    memset(huge, 'x', HUGE_BYTES - 1);
    refused("pipe:", TONG_PULL, nowhere, -ENOENT, "no-such-program-at-all");
    refused("pipe:", TONG_PULL, there, -ENOENT, "./nothing");
    fd = open("plain", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    close(fd);
    refused("pipe:", TONG_PAIR, plain, -EACCES, "executed");
    refused("pipe:", TONG_PUSH, long_one, -E2BIG, "limit");
    refused("pipe:name", TONG_PUSH, fine, TONG_E_ADDRESS, "no name");
    refused("pipe:?nosuch=1", TONG_PUSH, fine, TONG_E_ADDRESS, "nosuch");
    refused("pipe:", TONG_PAIR | TONG_LISTEN, fine, TONG_E_NOCAP, "unix:");
    refused("pipe:", TONG_PUB, fine, TONG_E_NOCAP, "inproc:");
    refused("unix:", TONG_PAIR, fine, TONG_E_NOCAP, "pipe:");
    refused("pipe:", 99, fine, -EINVAL, "role");
    refused("pipe:", TONG_PAIR, none, -EINVAL, "argv");
    refused("pipe:", TONG_PAIR, NULL, -EINVAL, "argv");
    ck_error(tong_spawn(NULL, "pipe:", TONG_PAIR, NULL, fine, NULL, &pid), -EINVAL);
    ck_error(tong_spawn(&ch, "pipe:", TONG_PAIR, NULL, fine, NULL, NULL), -EINVAL);
    ck_error(tong_spawn(&ch, NULL, TONG_PAIR, NULL, fine, NULL, &pid), -EINVAL);

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    few = limit;
    for (few.rlim_cur = (rlim_t)runner_count_fds(); few.rlim_cur < (rlim_t)runner_count_fds() + 4; few.rlim_cur++) {
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        int r = tong_spawn(&ch, "pipe:", TONG_PAIR, NULL, fine, NULL, &pid);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        ck_error(r, -EMFILE);
        SAYS("ulimit -n");
    }
    free(huge);
}

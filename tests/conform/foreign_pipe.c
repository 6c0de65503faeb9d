/* SPDX-License-Identifier: MIT */
/* tong_spawn of programs that know nothing of tong: lines and bytes on their standard input and output. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

static pid_t spawn_at(tong_channel **ret_ch, const char *address, uint32_t role, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    pid_t pid;

    ck_ok(tong_spawn(ret_ch, address, role, NULL, argv, NULL, &pid));
    return pid;
}

static pid_t spawn_lines(tong_channel **ret_ch, uint32_t role, const char *script)
{
    return spawn_at(ret_ch, "pipe:?framing=line", role, script);
}

static uint64_t lost_of(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats.lost;
}

static void expect_end(tong_channel *ch)
{
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_END);
}

/* Sends until the channel says why not. */
static int send_until(tong_channel *ch, tong_deadline deadline)
{
    char message[1000];
    int r;

    memset(message, 'x', sizeof message);
    do
        r = tong_send(ch, message, sizeof message, deadline);
    while (r == 0);
    return r;
}

TONG_TEST(the_record_says_what_messages_are)
{
    static const struct {
        const char *address;
        uint32_t bits;
    } rows[] = {
        {"pipe:?framing=length", 0}, {"pipe:?framing=line", TONG_CAP_LINES}, {"pipe:?framing=raw", TONG_CAP_BYTES}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tong_caps caps = {.struct_size = sizeof caps};
        tong_channel *ends[2];
        ck_ok(tong_pair(ends, rows[i].address));
        ck_ok(tong_get_caps(ends[0], &caps));
        SAME(caps.bits & (TONG_CAP_LINES | TONG_CAP_BYTES), rows[i].bits);
        CHECK(caps.bits & TONG_CAP_SPAWN);
        tong_close(ends[0]);
        tong_close(ends[1]);
    }
}

TONG_TEST(nobody_inherits_such_an_end)
{
    tong_channel *ch = NULL;

    ck_error(tong_open(&ch, "pipe:?framing=line", TONG_PULL, NULL, tong_now()), TONG_E_NOCAP);
    BEGINS("pipe:");
    SAYS("tong_spawn");
    CHECK(!ch);
}

TONG_TEST(joined_ends)
{
    tong_channel *ends[2];

    ck_ok(tong_pair(ends, "pipe:?framing=line"));
    ck_error(tong_send(ends[0], "two\nlines", 9, tong_now()), -EINVAL);
    ck_ok(tong_send(ends[0], "there", 5, conform_patience()));
    ck_ok(tong_send(ends[1], "", 0, conform_patience()));
    ends_expect(ends[1], "there");
    ends_expect(ends[0], "");
    ck_ok(tong_finish(ends[0], conform_patience()));
    expect_end(ends[1]);
    ck_ok(tong_send(ends[1], "back", 4, conform_patience()));
    ends_expect(ends[0], "back");
    tong_close(ends[1]);
    expect_end(ends[0]);
    tong_close(ends[0]);
}

/* ---- programs that work ---------------------------------------------------------------------------------------- */

TONG_TEST(sort_sorts)
{
    enum { LINES = 1000 };
    tong_channel *ch;
    pid_t pid = spawn_lines(&ch, TONG_PAIR, "exec sort");
    char text[16];

    for (int i = 0; i < LINES; i++) {
        snprintf(text, sizeof text, "%06d", i * 7 % LINES);
        ck_ok(tong_send(ch, text, strlen(text), conform_patience()));
    }
    ck_ok(tong_finish(ch, conform_patience()));
    for (int i = 0; i < LINES; i++) {
        snprintf(text, sizeof text, "%06d", i);
        ends_expect(ch, text);
    }
    expect_end(ch);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
}

/* Both pipes are full at times: cat waits to write while this side waits to. */
TONG_TEST_LOOP(an_echo_behind_full_pipes, 0, 2)
{
    enum { COUNT = 3000, LEN = 1000 };
    static char message[LEN], room[LEN];
    tong_channel *ch;
    pid_t pid = spawn_at(&ch, _i ? "pipe:?framing=raw" : "pipe:?framing=line", TONG_PAIR, "exec cat");
    size_t sent = 0, got = 0, fulls = 0;
    int64_t r;

    memset(message, 'm', LEN);
    while (sent < COUNT) {
        if ((r = tong_send(ch, message, LEN, tong_now())) == 0) {
            sent++;
            continue;
        }
        ck_error(r, -EAGAIN);
        fulls++;
        r = tong_recv(ch, room, LEN, conform_patience());
        CHECK(r > 0 && memcmp(room, message, (size_t)r) == 0);
        got += (size_t)r;
    }
    CHECK(fulls > 0);
    while ((r = tong_flush(ch, TONG_ACCEPTED, tong_now())) == -EAGAIN && got < (size_t)COUNT * LEN) {
        r = tong_recv(ch, room, LEN, conform_patience());
        CHECK(r > 0);
        got += (size_t)r;
    }
    ck_ok(tong_finish(ch, conform_patience()));
    while ((r = tong_recv(ch, room, LEN, conform_patience())) > 0)
        got += (size_t)r;
    ck_error(r, TONG_E_END);
    SAME(got, (size_t)COUNT * LEN);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
}

static void file_expect(const char *path, const char *text)
{
    char got[100] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0 && read(fd, got, sizeof got - 1) >= 0);
    close(fd);
    CHECK(strcmp(got, text) == 0);
}

/* A number of this process means a file for a moment, which a program inherits. */
static int number_be(int number, const char *path, int flags)
{
    int before = fcntl(number, F_DUPFD_CLOEXEC, 10), fd = open(path, flags | O_CLOEXEC, 0600);

    CHECK(before >= 0 && fd >= 0 && dup2(fd, number) == number);
    close(fd);
    return before;
}

static void number_restore(int number, int before)
{
    CHECK(dup2(before, number) == number);
    close(before);
}

TONG_TEST(a_pushers_program_writes_where_this_one_does)
{
    tong_channel *ch;
    int before = number_be(1, "out", O_CREAT | O_RDWR);
    pid_t pid = spawn_lines(&ch, TONG_PUSH, "exec tr a-z A-Z");

    number_restore(1, before);
    ck_ok(tong_send(ch, "to the", 6, conform_patience()));
    ck_ok(tong_send(ch, "file", 4, conform_patience()));
    ck_error(tong_recv(ch, NULL, 0, tong_now()), TONG_E_NOCAP);
    ck_ok(tong_finish(ch, conform_patience()));
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
    tong_close(ch);
    file_expect("out", "TO THE\nFILE\n");
}

TONG_TEST(a_pullers_program_reads_where_this_one_does)
{
    tong_channel *ch;
    int fd = open("in", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, "one\n\nthree\n", 11) == 11);
    close(fd);
    int before = number_be(0, "in", O_RDONLY);
    pid_t pid = spawn_lines(&ch, TONG_PULL, "exec cat");
    number_restore(0, before);
    ends_expect(ch, "one");
    ends_expect(ch, "");
    ends_expect(ch, "three");
    expect_end(ch);
    SAME(lost_of(ch), 0);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
}

TONG_TEST(an_event_loop_is_told)
{
    tong_channel *pull, *push;
    pid_t puller = spawn_lines(&push, TONG_PUSH, "read line; test \"$line\" = go");
    pid_t pusher = spawn_lines(&pull, TONG_PULL, "echo here");
    struct pollfd set = {.events = POLLIN};

    ck_ok(set.fd = tong_fd(pull, TONG_IN));
    SAME(poll(&set, 1, CONFORM_PATIENCE_MS), 1);
    ends_expect(pull, "here");
    SAME(poll(&set, 1, CONFORM_PATIENCE_MS), 1);
    expect_end(pull);
    ck_ok(set.fd = tong_fd(push, TONG_OUT));
    SAME(poll(&set, 1, CONFORM_PATIENCE_MS), 1);
    ck_ok(tong_send(push, "go", 2, tong_now()));
    ck_ok(tong_finish(push, conform_patience()));
    runner_join_ok(puller, CONFORM_PATIENCE_MS);
    runner_join_ok(pusher, CONFORM_PATIENCE_MS);
    tong_close(pull);
    tong_close(push);
}

/* ---- what they inherit ----------------------------------------------------------------------------------------- */

static const char tell_descriptors[] =
    "i=0; while test $i -lt 100; do test -e /proc/$$/fd/$i && echo $i; i=$((i+1)); done;"
    "echo ${TONG_PIPE-none}; kill -TERM $$";

TONG_TEST(no_stray_descriptors)
{
    tong_channel *ch, *other[2];
    int status;

    for (int fd = 3; fd < 100; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    ck_ok(tong_pair(other, "pipe:?framing=raw"));
    for (int i = 0; i < 2; i++) {
        pid_t pid = spawn_lines(&ch, i ? TONG_PULL : TONG_PAIR, tell_descriptors);
        ends_expect(ch, "0");
        ends_expect(ch, "1");
        ends_expect(ch, "2");
        ends_expect(ch, "none");
        expect_end(ch);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        tong_close(ch);
    }
    tong_close(other[0]);
    tong_close(other[1]);
}

static int echo_without_standard_descriptors(void *context)
{
    tong_channel *ch;
    pid_t pid;

    (void)context;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    pid = spawn_lines(&ch, TONG_PAIR, "exec cat");
    ck_ok(tong_send(ch, "still", 5, conform_patience()));
    ends_expect(ch, "still");
    ck_ok(tong_finish(ch, conform_patience()));
    expect_end(ch);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
    return 0;
}

TONG_TEST(a_starter_without_standard_descriptors)
{
    runner_join_ok(runner_fork(echo_without_standard_descriptors, NULL), CONFORM_PATIENCE_MS);
}

/* ---- programs that do not -------------------------------------------------------------------------------------- */

/* SIGPIPE has its default here, by which each of them would end this process. */
static const char *const unwilling[] = {"exit 0", "kill -KILL $$", "exec <&-; exec sleep 1000"};

TONG_TEST_LOOP(a_program_that_reads_nothing_any_more, 0, sizeof unwilling / sizeof unwilling[0])
{
    for (int i = 0; i < 2; i++) {
        tong_channel *ch;
        pid_t pid = spawn_lines(&ch, i ? TONG_PAIR : TONG_PUSH, unwilling[_i]);

        ck_error(send_until(ch, conform_patience()), TONG_E_GONE);
        BEGINS("pipe:");
        SAYS("gone");
        ck_error(tong_send(ch, "x", 1, tong_forever()), TONG_E_GONE);
        kill(pid, SIGKILL);
        runner_join(pid, CONFORM_PATIENCE_MS);
        if (i)
            expect_end(ch);
        tong_close(ch);
    }
}

TONG_TEST(a_program_that_never_reads)
{
    tong_channel *ch;
    pid_t pid = spawn_lines(&ch, TONG_PUSH, "exec sleep 1000");

    ck_error(send_until(ch, tong_now()), -EAGAIN);
    ck_error(send_until(ch, tong_in_ms(10)), -ETIMEDOUT);
    CHECK(kill(pid, SIGKILL) == 0);
    runner_join(pid, CONFORM_PATIENCE_MS);
    tong_close(ch);
}

/* Sending finds out before anything was received. */
TONG_TEST(what_it_wrote_before_it_went)
{
    tong_channel *ch;
    pid_t pid = spawn_lines(&ch, TONG_PAIR, "echo one; echo two");

    ck_error(send_until(ch, conform_patience()), TONG_E_GONE);
    ends_expect(ch, "one");
    ends_expect(ch, "two");
    expect_end(ch);
    tong_close(ch);
    runner_join_ok(pid, CONFORM_PATIENCE_MS);
}

static void wait_for_gone(struct side *me, struct conform *c)
{
    (void)c;
    ck_error(send_until(me->arg, tong_forever()), TONG_E_GONE);
}

TONG_TEST(a_death_wakes_who_waits_for_room)
{
    struct conform c = {.scheme = "pipe"};
    struct side sender;
    tong_channel *ch;
    pid_t pid = spawn_lines(&ch, TONG_PUSH, "exec sleep 1000");
    uint64_t sleeps = conform_sleeps(ch);

    side_start_thread(&sender, &c, wait_for_gone, ch);
    conform_await_sleep(ch, sleeps);
    CHECK(kill(pid, SIGKILL) == 0);
    side_join(&sender);
    runner_join(pid, CONFORM_PATIENCE_MS);
    tong_close(ch);
}

TONG_TEST(half_a_line)
{
    for (int i = 0; i < 2; i++) {
        tong_channel *ch;
        pid_t pid = spawn_lines(&ch, i ? TONG_PAIR : TONG_PULL, "printf 'whole\\nhalf'; kill -KILL $$");

        ends_expect(ch, "whole");
        ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
        SAYS("in the middle of a line");
        SAME(lost_of(ch), 1);
        runner_join(pid, CONFORM_PATIENCE_MS);
        tong_close(ch);
    }
}

TONG_TEST(a_line_without_end)
{
    tong_channel *ch;
    pid_t pid = spawn_at(&ch, "pipe:?framing=line&size=100k", TONG_PULL, "echo short; exec tr '\\0' x </dev/zero");
    int status;

    ends_expect(ch, "short");
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
    SAYS("size=");
    SAME(lost_of(ch), 1);
    /* Nobody reads it any more. */
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    tong_close(ch);
}

TONG_TEST(nothing_to_start)
{
    const char *const nowhere[] = {"no-such-program-at-all", NULL};
    const uint32_t roles[] = {TONG_PUSH, TONG_PULL, TONG_PAIR};
    int fds = runner_count_fds();

    for (int i = 0; i < 3; i++) {
        tong_channel *ch = NULL;
        pid_t pid = -7;
        ck_error(tong_spawn(&ch, "pipe:?framing=line", roles[i], NULL, nowhere, NULL, &pid), -ENOENT);
        CHECK(!ch && pid == -7);
        SAME(runner_count_fds(), fds);
    }
}

/* One descriptor more is allowed each time, until they are enough. */
TONG_TEST_LOOP(no_descriptor_left, 0, 3)
{
    const char *const fine[] = {"true", NULL};
    const uint32_t roles[] = {TONG_PUSH, TONG_PULL, TONG_PAIR};
    int fds = runner_count_fds(), first_free = dup(0), r, failures = -1;
    struct rlimit limit, few;
    tong_channel *ch = NULL;
    pid_t pid = -7;

    close(first_free);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    few = limit;
    few.rlim_cur = (rlim_t)first_free;
    do {
        SAME(runner_count_fds(), fds);
        CHECK(!ch && pid == -7);
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        r = tong_spawn(&ch, "pipe:?framing=line", roles[_i], NULL, fine, NULL, &pid);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        if (r < 0)
            SAYS("ulimit -n");
        few.rlim_cur++;
        failures++;
    } while (r == -EMFILE);
    ck_ok(r);
    /* The pipes themselves, and one that an end is replaced by. */
    CHECK(failures >= (roles[_i] == TONG_PAIR ? 6 : 4));
    runner_join(pid, CONFORM_PATIENCE_MS);
    tong_close(ch);
}

/* SPDX-License-Identifier: MIT */
/*
 * FIFOs that somebody else left or made wide open, programs that are not tong at the other end, and readers and writers
 * that are killed between two system calls: nothing partial arrives, and the neighbours go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ends.h"
#include "prim/fragment.h"

#if TONG_SEAMS
#include "support/faulty.h"
#endif

#define NAME "x.fifo"
#define MANY "fifo:" NAME
#define ONE MANY "?writers=one"

enum { LONG = 100000, WHOLE = 64 };

static tong_channel *open_as(const char *address, uint32_t role)
{
    tong_channel *ch;

    ck_ok(tong_open(&ch, address, role, NULL, conform_patience()));
    return ch;
}

static void refused(const char *address, uint32_t role, int error, const char *says)
{
    tong_channel *ch = NULL;

    ck_error(tong_open(&ch, address, role, NULL, tong_now()), error);
    CHECK(!ch);
    BEGINS(MANY);
    SAYS(says);
}

static tong_stats stats_of(tong_channel *ch)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(ch, &stats));
    return stats;
}

/* What a shell does: opens when there is a reader, writes, closes. */
static void shell_write(const char *text, size_t len)
{
    int fd = open(NAME, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(write(fd, text, len) == (ssize_t)len);
    close(fd);
}

static void nothing_more(tong_channel *rx)
{
    ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
    ck_error(tong_recv(rx, NULL, 0, tong_in_ms(5)), -ETIMEDOUT);
}

/* ---- what is there already ------------------------------------------------------------------------------------- */

static void refused_both(int error, const char *says)
{
    refused(MANY, TONG_PULL, error, says);
    refused(MANY, TONG_PUSH | TONG_LISTEN, error, says);
    refused(MANY, TONG_PUSH, error, says);
    refused(MANY, TONG_PULL | TONG_CONNECT, error, says);
}

TONG_TEST(what_is_no_fifo_is_left_alone)
{
    struct stat status;
    int fd = open(NAME, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    refused_both(-EEXIST, "something else than a FIFO");
    ck_error(tong_remove(MANY), -EEXIST);
    CHECK(fstat(fd, &status) == 0 && status.st_nlink == 1 && status.st_size == 0);
    close(fd);
    CHECK(unlink(NAME) == 0);
    CHECK(mkdir(NAME, 0700) == 0);
    refused_both(-EEXIST, "something else than a FIFO");
    CHECK(rmdir(NAME) == 0);
}

TONG_TEST(a_symbolic_link_is_not_followed)
{
    CHECK(mkfifo("elsewhere", 0600) == 0);
    CHECK(symlink("elsewhere", NAME) == 0);
    refused_both(-EACCES, "symbolic link");
    CHECK(unlink(NAME) == 0);
    CHECK(symlink("nowhere", NAME) == 0);
    refused_both(-EACCES, "symbolic link");
    CHECK(unlink(NAME) == 0 && unlink("elsewhere") == 0);
}

TONG_TEST(another_users_fifo_is_refused)
{
    if (geteuid() != 0)
        return; /* only root can give files away */
    CHECK(mkfifo(NAME, 0600) == 0 && chown(NAME, 65534, 65534) == 0);
    refused_both(-EACCES, "user 65534's");
    ck_error(tong_remove(MANY), -EACCES);
    CHECK(unlink(NAME) == 0);
}

TONG_TEST(a_fifo_open_to_others_is_refused_unless_allowed)
{
    static const mode_t lax[] = {0620, 0602, 0640, 0604, 0666};
    tong_channel *rx, *tx;

    umask(0);
    for (size_t i = 0; i < sizeof lax / sizeof *lax; i++) {
        CHECK(mkfifo(NAME, lax[i]) == 0);
        refused_both(-EACCES, "chmod 600");
        SAYS("mode=0");
        CHECK(unlink(NAME) == 0);
    }
    CHECK(mkfifo(NAME, 0620) == 0);
    rx = open_as(MANY "?mode=0620", TONG_PULL);
    refused(MANY, TONG_PUSH, -EACCES, "others may write");
    tx = open_as(MANY "?mode=0660", TONG_PUSH);
    ck_ok(tong_send(tx, "hello", 5, conform_patience()));
    ends_expect(rx, "hello");
    tong_close(tx);
    tong_close(rx);
    CHECK(unlink(NAME) == 0); /* it was there before, and so it stays */
}

TONG_TEST(the_mode_is_exact_whatever_the_umask)
{
    static const mode_t masks[] = {0, 022, 077, 0777};

    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct stat status;
        tong_channel *ch;

        umask(masks[i]);
        ch = open_as(MANY, TONG_PULL);
        CHECK(stat(NAME, &status) == 0 && status.st_mode == (S_IFIFO | 0600));
        tong_close(ch);
        ch = open_as(MANY "?mode=0662", TONG_PUSH | TONG_LISTEN);
        CHECK(stat(NAME, &status) == 0 && status.st_mode == (S_IFIFO | 0662));
        tong_close(ch);
        CHECK(access(NAME, F_OK) < 0);
    }
}

TONG_TEST(a_fifo_that_was_there_stays)
{
    tong_channel *rx;

    CHECK(mkfifo(NAME, 0600) == 0);
    rx = open_as(MANY, TONG_PULL);
    ck_error(tong_remove(MANY), -EBUSY);
    tong_close(rx);
    CHECK(access(NAME, F_OK) == 0);
    ck_ok(tong_remove(MANY));
    CHECK(access(NAME, F_OK) < 0);
}

TONG_TEST(one_reader_and_one_of_one_writer)
{
    tong_channel *rx = open_as(ONE, TONG_PULL), *tx = open_as(ONE, TONG_PUSH);

    refused(ONE, TONG_PULL, -EADDRINUSE, "one reader");
    refused(MANY, TONG_PULL, -EADDRINUSE, "one reader");
    ck_ok(tong_send(tx, "x", 1, conform_patience()));
    ends_expect(rx, "x");
    refused(ONE, TONG_PUSH, -EBUSY, "another writer");
    tong_close(tx);
    nothing_more(rx);
    tx = open_as(ONE, TONG_PUSH);
    ck_ok(tong_send(tx, "y", 1, conform_patience()));
    ends_expect(rx, "y");
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(ends_that_frame_otherwise_are_refused)
{
    static const char *const queries[] = {"", "?writers=one", "?framing=line", "?framing=raw"};
    char reader[64], writer[64];

    for (int i = 0; i < 4; i++) {
        snprintf(reader, sizeof reader, MANY "%s", queries[i]);
        tong_channel *rx = open_as(reader, TONG_PULL);
        for (int j = 0; j < 4; j++) {
            snprintf(writer, sizeof writer, MANY "%s", queries[j]);
            if (i != j)
                refused(writer, TONG_PUSH, TONG_E_REFUSED, "open both alike");
        }
        tong_close(rx);
    }
}

/* The FIFO's file is removed under the reader: it makes a new one as soon as its last writer has left. */
TONG_TEST(a_removed_name_is_made_again)
{
    tong_channel *rx = open_as(MANY, TONG_PULL), *tx = open_as(MANY, TONG_PUSH);

    ck_ok(tong_send(tx, "before", 6, conform_patience()));
    ends_expect(rx, "before");
    CHECK(unlink(NAME) == 0);
    tong_close(tx);
    nothing_more(rx);
    tx = open_as(MANY, TONG_PUSH);
    ck_ok(tong_send(tx, "after", 5, conform_patience()));
    ends_expect(rx, "after");
    tong_close(tx);
    tong_close(rx);
}

/* ---- programs that are not tong -------------------------------------------------------------------------------- */

TONG_TEST(what_a_shell_writes_by_mistake_harms_nobody)
{
    char junk[3000];
    struct ledger ledger = {.taken = 0};
    static char message[LONG], room[LONG];
    tong_channel *rx = open_as(MANY, TONG_PULL), *tx = open_as(MANY, TONG_PUSH);

    memset(junk, TONGI_FRAGMENT_MAGIC, sizeof junk);
    for (uint64_t i = 0; i < 20; i++) {
        ledger_write(message, 40000, 1, i);
        ck_ok(tong_send(tx, message, 40000, conform_patience()));
        if (i % 2)
            shell_write("echo hello\n", 11);
        else
            shell_write(junk, sizeof junk);
        ledger_take_next(&ledger, room, (size_t)ck_ok(tong_recv(rx, room, sizeof room, conform_patience())));
    }
    nothing_more(rx);
    CHECK(stats_of(rx).refused >= 10 && stats_of(rx).lost == 0);
    tong_close(tx);
    tong_close(rx);
}

/* Half of a fragment, as no tong leaves it; then its writer is gone. */
TONG_TEST(half_a_fragment_is_nothing)
{
    uint8_t bytes[TONGI_FRAGMENT_BYTES + 10] = {0};
    const struct tongi_fragment fragment = {TONGI_FRAGMENT_LAST, 100, 7, 1, 0};
    tong_channel *rx = open_as(MANY, TONG_PULL), *tx;

    tongi_fragment_encode(bytes, &fragment);
    shell_write((const char *)bytes, sizeof bytes);
    nothing_more(rx);
    shell_write((const char *)bytes, 5);
    nothing_more(rx);
    tx = open_as(MANY, TONG_PUSH);
    ck_ok(tong_send(tx, "whole", 5, conform_patience()));
    ends_expect(rx, "whole");
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(a_stranger_cannot_begin_where_one_writes)
{
    tong_channel *rx = open_as(ONE, TONG_PULL), *tx;

    shell_write("hello, world\n", 13);
    nothing_more(rx);
    SAME(stats_of(rx).refused, 1);
    tx = open_as(ONE, TONG_PUSH);
    ck_ok(tong_send(tx, "whole", 5, conform_patience()));
    ends_expect(rx, "whole");
    tong_close(tx);
    tong_close(rx);
}

/* More writers than peers= allows, and messages longer than size=: an error that says so, and then it goes on. */
TONG_TEST(limits_of_the_reader)
{
    tong_channel *rx = open_as(MANY "?peers=2&size=5000", TONG_PULL), *tx[3];
    static char message[9000];
    char room[5000];

    for (int i = 0; i < 3; i++)
        tx[i] = open_as(MANY "?size=9000", TONG_PUSH);
    for (int i = 0; i < 2; i++) {
        ck_ok(tong_send(tx[i], "x", 1, conform_patience()));
        ends_expect(rx, "x");
    }
    ck_ok(tong_send(tx[2], "x", 1, conform_patience()));
    ck_error(tong_recv(rx, room, sizeof room, conform_patience()), -ENOBUFS);
    SAYS("peers=");
    tong_close(tx[1]);
    ck_ok(tong_send(tx[2], "y", 1, conform_patience()));
    ends_expect(rx, "y");
    ck_ok(tong_send(tx[0], message, sizeof message, conform_patience()));
    ck_error(tong_recv(rx, room, sizeof room, conform_patience()), -EMSGSIZE);
    SAYS("size=");
    ck_ok(tong_send(tx[0], message, 5000, conform_patience()));
    SAME(tong_recv(rx, room, sizeof room, conform_patience()), 5000);
    SAME(stats_of(rx).lost, 2);
    tong_close(tx[0]);
    tong_close(tx[2]);
    tong_close(rx);
}

/* ---- lines and bytes ------------------------------------------------------------------------------------------- */

TONG_TEST(lines_of_any_program)
{
    char longest[101], room[100];
    tong_channel *rx = open_as(MANY "?framing=line&size=100", TONG_PULL), *tx;

    memset(longest, 'l', sizeof longest);
    shell_write("one\n\nthree\nfo", 13);
    ends_expect(rx, "one");
    ends_expect(rx, "");
    ends_expect(rx, "three");
    nothing_more(rx); /* the fourth had no end */
    SAME(stats_of(rx).lost, 1);
    int fd = open(NAME, O_WRONLY | O_CLOEXEC);
    CHECK(write(fd, "in two ", 7) == 7);
    ck_error(tong_recv(rx, room, sizeof room, tong_now()), -EAGAIN);
    CHECK(write(fd, "parts\n", 6) == 6);
    ends_expect(rx, "in two parts");
    CHECK(write(fd, longest, 101) == 101 && write(fd, "more\nnext\n", 10) == 10);
    ck_error(tong_recv(rx, room, sizeof room, conform_patience()), -EMSGSIZE);
    SAYS("100");
    ends_expect(rx, "next");
    SAME(stats_of(rx).lost, 2);
    close(fd);
    tx = open_as(MANY "?framing=line", TONG_PUSH);
    ck_ok(tong_send(tx, "of tong", 7, conform_patience()));
    ck_error(tong_send(tx, "two\nlines", 9, conform_patience()), -EINVAL);
    SAYS("newline");
    char big[TONGI_ATOMIC_BYTES] = {0};
    ck_error(tong_send(tx, big, sizeof big, conform_patience()), TONG_E_TOOBIG);
    SAYS("4095");
    ends_expect(rx, "of tong");
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(lines_end_with_the_last_writer_if_asked)
{
    tong_channel *rx = open_as(MANY "?framing=line&end=last", TONG_PULL);

    shell_write("one\ntwo\n", 8);
    ends_expect(rx, "one");
    ends_expect(rx, "two");
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), TONG_E_END);
    tong_close(rx);
    rx = open_as(MANY "?framing=line&end=last", TONG_PULL);
    shell_write("one\ntw", 6);
    ends_expect(rx, "one");
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), TONG_E_GONE);
    tong_close(rx);
}

static int read_as_a_stranger(void *context)
{
    char room[64];
    size_t got = 0;
    int fd = open(NAME, O_RDONLY | O_CLOEXEC);

    (void)context;
    CHECK(fd >= 0);
    for (ssize_t n; (n = read(fd, room + got, sizeof room - got)) > 0;)
        got += (size_t)n;
    close(fd);
    CHECK(got == 9 && memcmp(room, "one\ntwo\n\n", 9) == 0);
    return 0;
}

/* As `cat x.fifo`: nobody holds a lock, and everything comes as it was written. */
TONG_TEST(any_program_may_read_lines)
{
    const tong_view lines[] = {{"one", 3}, {"two", 3}, {"", 0}};
    tong_channel *tx;
    pid_t reader;

    CHECK(mkfifo(NAME, 0600) == 0);
    reader = runner_fork(read_as_a_stranger, NULL);
    tx = open_as(MANY "?framing=line", TONG_PUSH);
    SAME(tong_send_many(tx, lines, 3, conform_patience()), 3);
    ck_ok(tong_finish(tx, conform_patience()));
    tong_close(tx);
    runner_join_ok(reader, CONFORM_PATIENCE_MS);
    CHECK(unlink(NAME) == 0);
}

TONG_TEST(bytes_as_they_come)
{
    char room[64];
    tong_channel *rx = open_as(MANY "?framing=raw", TONG_PULL), *tx;

    shell_write("any\nbytes", 9);
    ends_expect(rx, "any\nbytes");
    tx = open_as(MANY "?framing=raw", TONG_PUSH);
    ck_ok(tong_send(tx, "of", 2, conform_patience()));
    ck_ok(tong_send(tx, " tong", 5, conform_patience()));
    ends_expect(rx, "of tong");
    ck_error(tong_recv(rx, room, sizeof room, tong_now()), -EAGAIN);
    tong_close(tx);
    tong_close(rx);
}

/* ---- the end of file ------------------------------------------------------------------------------------------- */

/* When the last writer has left, the kernel would call the FIFO readable for ever. */
TONG_TEST(no_storm_when_nobody_writes)
{
    static const char *const addresses[] = {MANY, ONE, MANY "?framing=line"};

    for (int i = 0; i < 3; i++) {
        tong_channel *rx = open_as(addresses[i], TONG_PULL), *tx;
        struct pollfd polled = {.fd = (int)ck_ok(tong_fd(rx, TONG_IN)), .events = POLLIN};

        for (int round = 0; round < 3; round++) {
            tx = open_as(addresses[i], TONG_PUSH);
            ck_ok(tong_send(tx, "x", 1, conform_patience()));
            ends_expect(rx, "x");
            tong_close(tx);
            CHECK(poll(&polled, 1, CONFORM_PATIENCE_MS) == 1); /* that it left */
            ck_error(tong_recv(rx, NULL, 0, tong_now()), -EAGAIN);
            CHECK(poll(&polled, 1, 10) == 0);
            uint64_t sleeps = conform_sleeps(rx);
            ck_error(tong_recv(rx, NULL, 0, tong_in_ms(20)), -ETIMEDOUT);
            CHECK(conform_sleeps(rx) - sleeps <= 3);
        }
        tong_close(rx);
    }
}

TONG_TEST(no_sigpipe)
{
    static const char *const addresses[] = {MANY, ONE, MANY "?framing=line", MANY "?framing=raw"};

    for (int i = 0; i < 4; i++) {
        tong_channel *rx = open_as(addresses[i], TONG_PULL), *tx = open_as(addresses[i], TONG_PUSH);

        ck_ok(tong_send(tx, "x", 1, conform_patience()));
        ends_expect(rx, "x");
        tong_close(rx);
        ck_error(tong_send(tx, "x", 1, tong_in_ms(5)), -ETIMEDOUT);
        tong_close(tx);
    }
}

static int send_and_die(void *context)
{
    tong_channel *tx = open_as(MANY, TONG_PUSH);

    (void)context;
    ck_ok(tong_send(tx, "last words", 10, conform_patience()));
    return kill(getpid(), SIGKILL);
}

/* One writer is killed and another finishes: the last is who finished, and that is an end. */
TONG_TEST(who_died_before_does_not_spoil_the_end)
{
    tong_channel *rx = open_as(MANY "?end=last", TONG_PULL), *tx = open_as(MANY, TONG_PUSH);

    ck_ok(tong_send(tx, "first", 5, conform_patience()));
    ends_expect(rx, "first");
    runner_join(runner_fork(send_and_die, NULL), CONFORM_PATIENCE_MS);
    ends_expect(rx, "last words");
    nothing_more(rx);
    ck_ok(tong_send(tx, "then", 4, conform_patience()));
    ck_ok(tong_finish(tx, conform_patience()));
    ends_expect(rx, "then");
    ck_error(tong_recv(rx, NULL, 0, conform_patience()), TONG_E_END);
    tong_close(tx);
    tong_close(rx);
}

/* ---- killed between two system calls --------------------------------------------------------------------------- */

#if TONG_SEAMS

/* The process ends itself at its call number `lives` of those that touch the FIFO. */
static int lives;

static void live_on(void)
{
    if (--lives == 0)
        kill(getpid(), SIGKILL);
}

static ssize_t dying_pwritev2(int fd, const struct iovec *vector, int n, off_t offset, int flags)
{
    live_on();
    ssize_t written = tongi_sys_real.pwritev2(fd, vector, n, offset, flags);
    live_on();
    return written;
}

static ssize_t dying_read(int fd, void *data, size_t len)
{
    live_on();
    ssize_t got = tongi_sys_real.read(fd, data, len);
    live_on();
    return got;
}

static ssize_t dying_readv(int fd, const struct iovec *vector, int n)
{
    live_on();
    ssize_t got = tongi_sys_real.readv(fd, vector, n);
    live_on();
    return got;
}

static int dying_fcntl_lock(int fd, int command, struct flock *lock)
{
    live_on();
    return tongi_sys_real.fcntl_lock(fd, command, lock);
}

static int dying_open_at(int directory, const char *path, int flags, mode_t mode)
{
    live_on();
    return tongi_sys_real.open_at(directory, path, flags, mode);
}

static void arm(int calls)
{
    lives = calls;
    tongi_sys_table.pwritev2 = dying_pwritev2;
    tongi_sys_table.read = dying_read;
    tongi_sys_table.readv = dying_readv;
    tongi_sys_table.fcntl_lock = dying_fcntl_lock;
    tongi_sys_table.open_at = dying_open_at;
}

struct victim {
    const char *address;
    int calls;
    uint32_t sender;
};

enum { VICTIMS_MESSAGES = 6 };

static int write_until_killed(void *context)
{
    const struct victim *victim = context;
    static char message[LONG];
    tong_channel *tx;

    arm(victim->calls);
    ck_ok(tong_open(&tx, victim->address, TONG_PUSH, NULL, conform_patience()));
    for (uint64_t i = 0; i < VICTIMS_MESSAGES; i++) {
        size_t len = i % 2 ? LONG : WHOLE;
        ledger_write(message, len, victim->sender, i);
        ck_ok(tong_send(tx, message, len, conform_patience()));
    }
    ck_ok(tong_finish(tx, conform_patience()));
    tong_close(tx);
    return 0;
}

/* Everything that comes is whole; returns whether the victim lived to its end. */
static bool receive_beside(tong_channel *rx, struct ledger *l, pid_t victim)
{
    static char room[LONG];
    int status = 0;
    bool over = false;

    for (;;) {
        int64_t len = tong_recv(rx, room, sizeof room, tong_in_ms(2));
        if (len >= 0) {
            ledger_take_next(l, room, (size_t)len);
        } else {
            ck_error(len, -ETIMEDOUT);
            if (over)
                break;
            over = waitpid(victim, &status, WNOHANG) == victim;
        }
    }
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return !WIFSIGNALED(status);
}

static void kill_writers_at_each_call(const char *address)
{
    tong_channel *rx = open_as(address, TONG_PULL), *tx;
    bool lived = false;

    for (int calls = 1; !lived; calls++) {
        struct victim victim = {address, calls, 1};
        struct ledger ledger = {.taken = 0};

        lived = receive_beside(rx, &ledger, runner_fork(write_until_killed, &victim));
        CHECK(!lived || ledger.next[1] == VICTIMS_MESSAGES);
        tx = open_as(address, TONG_PUSH);
        ck_ok(tong_send(tx, "after", 5, conform_patience()));
        ends_expect(rx, "after");
        tong_close(tx);
        nothing_more(rx);
    }
    tong_close(rx);
}

TONG_TEST_TIMEOUT(a_writer_of_many_killed_at_each_call, 60)
{
    kill_writers_at_each_call(MANY);
}

TONG_TEST_TIMEOUT(the_one_writer_killed_at_each_call, 60)
{
    kill_writers_at_each_call(ONE);
}

struct reading {
    const char *address;
    int calls;
    _Atomic bool *over;
};

static int read_until_killed(void *context)
{
    const struct reading *reading = context;
    static char room[LONG];
    struct ledger ledger = {.taken = 0};
    tong_channel *rx;

    arm(reading->calls);
    ck_ok(tong_open(&rx, reading->address, TONG_PULL, NULL, conform_patience()));
    while (!*reading->over) {
        int64_t len = tong_recv(rx, room, sizeof room, tong_in_ms(2));
        if (len >= 0)
            ledger_take(&ledger, room, (size_t)len);
    }
    tong_close(rx);
    return 0;
}

/* The pusher goes on with one reader after the other, each killed one call later than the one before. */
static void kill_readers_at_each_call(const char *address, int calls_max)
{
    _Atomic bool *over = conform_shared(sizeof *over);
    static char message[LONG], room[LONG];
    tong_channel *tx, *rx;
    struct ledger ledger = {.taken = 0};
    uint64_t sent = 0;

    ck_ok(tong_open(&tx, address, TONG_PUSH, NULL, tong_now()));
    for (int calls = 1; calls <= calls_max; calls++) {
        struct reading reading = {address, calls, over};
        pid_t reader = runner_fork(read_until_killed, &reading);
        int status;

        *over = false;
        for (int tries = 0; waitpid(reader, &status, WNOHANG) == 0; tries++) {
            size_t len = sent % 2 ? LONG : WHOLE;
            ledger_write(message, len, 1, sent);
            int r = tong_send(tx, message, len, tong_in_ms(2));
            sent += r == 0;
            CHECK(r == 0 || r == -ETIMEDOUT);
            *over = tries > 2000;
        }
        CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    }
    /* A reader that lives gets whole messages in their order; what those before held is lost. */
    rx = open_as(address, TONG_PULL);
    uint64_t first = sent;
    while (ledger.next[1] <= first) {
        ledger_write(message, LONG, 1, sent);
        sent += tong_send(tx, message, LONG, tong_in_ms(1)) == 0;
        int64_t len = tong_recv(rx, room, sizeof room, tong_in_ms(1));
        if (len >= 0)
            ledger_take(&ledger, room, (size_t)len);
    }
    tong_close(tx);
    tong_close(rx);
    int r = tong_remove(MANY); /* the first reader, which made it, was killed */
    CHECK(r == 0 || r == -ENOENT);
}

TONG_TEST_TIMEOUT(readers_of_many_killed_at_each_call, 60)
{
    kill_readers_at_each_call(MANY, 80);
}

TONG_TEST_TIMEOUT(readers_of_one_killed_at_each_call, 60)
{
    kill_readers_at_each_call(ONE, 80);
}

#endif

/* ---- storms ---------------------------------------------------------------------------------------------------- */

struct writer {
    const char *address;
    uint32_t sender;
    uint64_t count; /* 0: until it is killed */
};

static int write_long_ones(void *context)
{
    const struct writer *writer = context;
    static char message[102400];
    tong_channel *tx = open_as(writer->address, TONG_PUSH);

    for (uint64_t i = 0; writer->count == 0 || i < writer->count; i++) {
        ledger_write(message, sizeof message, writer->sender, i);
        ck_ok(tong_send(tx, message, sizeof message, conform_patience()));
    }
    ck_ok(tong_finish(tx, conform_patience()));
    tong_close(tx);
    return 0;
}

/* Four writers of 100 KiB messages into one FIFO, one of them killed again and again. */
TONG_TEST_TIMEOUT(four_writers_one_of_them_killed_again_and_again, 60)
{
    enum { STEADY = 3, EACH = 150, KILLS = 40 };
    struct writer jobs[STEADY + 1];
    struct ledger ledger = {.taken = 0};
    static char room[102400];
    pid_t steady[STEADY];
    uint32_t killed = 0;
    tong_channel *rx = open_as(MANY, TONG_PULL);
    struct dice dice = {runner_seed()};

    for (uint32_t i = 0; i < STEADY; i++) {
        jobs[i] = (struct writer){MANY, i, EACH};
        steady[i] = runner_fork(write_long_ones, &jobs[i]);
    }
    while (killed < KILLS || ledger.next[0] + ledger.next[1] + ledger.next[2] < STEADY * EACH) {
        jobs[STEADY] = (struct writer){MANY, STEADY + killed % 50, 0};
        ledger.next[STEADY + killed % 50] = 0;
        pid_t victim = killed < KILLS ? runner_fork(write_long_ones, &jobs[STEADY]) : 0;
        for (uint64_t n = dice_below(&dice, 12); n > 0; n--) {
            int64_t len = tong_recv(rx, room, sizeof room, tong_in_ms(50));
            if (len == -ETIMEDOUT)
                continue;
            SAME(len, sizeof room);
            ledger_take_next(&ledger, room, (size_t)ck_ok(len));
        }
        if (!victim)
            continue;
        CHECK(kill(victim, SIGKILL) == 0);
        int status = runner_join(victim, CONFORM_PATIENCE_MS);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        killed++;
    }
    for (int i = 0; i < STEADY; i++)
        runner_join_ok(steady[i], CONFORM_PATIENCE_MS);
    /* What is left are whole messages of the killed. */
    for (int64_t len; (len = tong_recv(rx, room, sizeof room, tong_now())) >= 0;)
        ledger_take_next(&ledger, room, (size_t)len);
    SAME(stats_of(rx).peers, 0);
    SAME(stats_of(rx).refused, 0);
    tong_close(rx);
}

/* The same for one writer at a time: the next begins where nothing of the killed one can be mistaken for its own. */
TONG_TEST_TIMEOUT(one_writer_killed_again_and_again, 60)
{
    struct dice dice = {runner_seed()};
    static char room[102400];
    tong_channel *rx = open_as(ONE, TONG_PULL);

    for (uint32_t round = 0; round < 60; round++) {
        struct writer job = {ONE, round, 0};
        struct ledger ledger = {.taken = 0};
        pid_t victim = runner_fork(write_long_ones, &job);
        int64_t len;

        for (uint64_t n = 1 + dice_below(&dice, 8); n > 0; n--)
            ledger_take_next(&ledger, room, (size_t)ck_ok(tong_recv(rx, room, sizeof room, conform_patience())));
        for (uint64_t n = dice_below(&dice, 200); n > 0; n--)
            sched_yield();
        CHECK(kill(victim, SIGKILL) == 0);
        runner_join(victim, CONFORM_PATIENCE_MS);
        while ((len = tong_recv(rx, room, sizeof room, tong_now())) >= 0)
            ledger_take_next(&ledger, room, (size_t)len);
        ck_error(len, -EAGAIN);
    }
    SAME(stats_of(rx).refused, 0);
    tong_close(rx);
}

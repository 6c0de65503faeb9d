/* SPDX-License-Identifier: MIT */
/*
 * Programs that are not tong at the other end of a FIFO, limits, and writers that are killed at any moment: nothing
 * partial arrives, and the neighbours go on.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fifo_ends.h"
#include "prim/fragment.h"

enum { LONG = 100000 };

/* What a shell does: opens when there is a reader, writes, closes. */
static void shell_write(const char *text, size_t len)
{
    int fd = open(NAME, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(write(fd, text, len) == (ssize_t)len);
    close(fd);
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

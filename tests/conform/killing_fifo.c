/* SPDX-License-Identifier: MIT */
/* Readers and writers of a FIFO that are killed before or after each system call: what arrives is whole. */
#if TONG_SEAMS

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fifo_ends.h"
#include "support/faulty.h"

enum { LONG = 100000, WHOLE = 64 };

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

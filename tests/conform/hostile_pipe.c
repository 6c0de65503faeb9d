/* SPDX-License-Identifier: MIT */
/* The other ends of a pipe: channel held bare: what they see when it ends, and what they can do to it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ends.h"
#include "prim/frame.h"
#include "side.h"

/* A channel, and the bare ends of its two pipes. */
struct bare_end {
    tong_channel *ch;
    int in, out;
};

static void variable_set(int in, int out)
{
    struct stat first, second;
    char text[64];

    CHECK(fstat(in, &first) == 0 && fstat(out, &second) == 0);
    snprintf(text, sizeof text, "%d:%ju,%d:%ju", in, (uintmax_t)first.st_ino, out, (uintmax_t)second.st_ino);
    CHECK(setenv("TONG_PIPE", text, 1) == 0);
}

static void on_sigpipe(void (*what)(int))
{
    CHECK(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = what}, NULL) == 0);
}

static void bare_end_open(struct bare_end *b, uint32_t role)
{
    int there[2], back[2];

    CHECK(pipe(there) == 0 && pipe(back) == 0);
    variable_set(there[0], back[1]);
    ck_ok(tong_open(&b->ch, "pipe:", role, NULL, tong_now()));
    b->in = back[0];
    b->out = there[1];
    /* What waits for ever is a mistake here. */
    CHECK(fcntl(b->in, F_SETFL, O_NONBLOCK) == 0 && fcntl(b->out, F_SETFL, O_NONBLOCK) == 0);
    on_sigpipe(SIG_IGN); /* for the bare ends */
}

static void bare_end_close(struct bare_end *b)
{
    tong_close(b->ch);
    close(b->in);
    close(b->out);
}

static void bare_hello(const struct bare_end *b, uint32_t role)
{
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = role, .size_max = 1 << 20});
    CHECK(write(b->out, hello, sizeof hello) == sizeof hello);
}

/* Everything was taken out, and no more can come. */
static bool bare_reads_end(const struct bare_end *b)
{
    char bytes[4096];
    ssize_t n;

    do
        n = read(b->in, bytes, sizeof bytes);
    while (n > 0);
    return n == 0;
}

static bool bare_cannot_write(const struct bare_end *b)
{
    return write(b->out, "x", 1) < 0 && errno == EPIPE;
}

TONG_TEST(nonsense_cuts_both_ways)
{
    static const uint32_t roles[] = {TONG_PAIR, TONG_PULL, TONG_PUSH};

    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        struct bare_end b;

        bare_end_open(&b, roles[i]);
        if (roles[i] != TONG_PULL)
            ck_ok(tong_send(b.ch, "x", 1, tong_now())); /* so that the sending half holds the link */
        CHECK(write(b.out, "certainly no frame of tong", 26) == 26);
        if (roles[i] == TONG_PUSH) {
            int r;
            do
                r = tong_send(b.ch, "x", 1, tong_now());
            while (r == 0);
            ck_error(r, TONG_E_GONE);
        } else {
            ck_error(tong_recv(b.ch, NULL, 0, tong_now()), TONG_E_GONE);
        }
        SAYS("speak tong");
        /* The channel is still open, and yet the conversation is over for whoever was there. */
        CHECK(bare_cannot_write(&b));
        CHECK(bare_reads_end(&b));
        if (roles[i] != TONG_PULL)
            ck_error(tong_send(b.ch, "x", 1, tong_now()), TONG_E_GONE);
        bare_end_close(&b);
    }
}

static void send_until_gone(struct side *me, struct conform *c)
{
    static char message[100000];
    int r;

    (void)c;
    do
        r = tong_send(me->arg, message, sizeof message, tong_forever());
    while (r == 0);
    ck_error(r, TONG_E_GONE);
}

/* The reading half cuts while the sending half sleeps on the descriptor that is replaced. */
TONG_TEST(a_cut_while_the_other_half_sleeps)
{
    struct conform c = {.scheme = "pipe"};
    struct side sender;
    struct bare_end b;

    for (int i = 0; i < 20; i++) {
        bare_end_open(&b, TONG_PAIR);
        uint64_t sleeps = conform_sleeps(b.ch);
        side_start_thread(&sender, &c, send_until_gone, b.ch);
        conform_await_sleep(b.ch, sleeps);
        CHECK(write(b.out, "certainly no frame of tong", 26) == 26);
        ck_error(tong_recv(b.ch, NULL, 0, conform_patience()), TONG_E_GONE);
        CHECK(bare_cannot_write(&b));
        /* Room for the sleeper, who then finds that there is nobody. */
        int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000);
        while (!bare_reads_end(&b))
            CHECK(conform_clock_ns() < until);
        side_join(&sender);
        bare_end_close(&b);
    }
}

/* An event loop is told of a cut, also while a forked child keeps the pipes alive. */
static void hold_copies(struct side *me, struct conform *c)
{
    (void)c;
    side_meet(me);
    side_meet(me);
}

static bool is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

TONG_TEST(an_event_loop_learns_of_a_cut)
{
    struct conform c = {.scheme = "pipe", .caps = {.bits = TONG_CAP_PROCESSES}};
    struct side holder;
    struct bare_end b;
    int in, out;
    int r;

    bare_end_open(&b, TONG_PAIR);
    bare_hello(&b, TONG_PAIR);
    in = (int)ck_ok(tong_fd(b.ch, TONG_IN));
    out = (int)ck_ok(tong_fd(b.ch, TONG_OUT));
    while ((r = tong_send(b.ch, "x", 1, tong_now())) == 0)
        continue;
    ck_error(r, -EAGAIN);
    ck_error(tong_recv(b.ch, NULL, 0, tong_now()), -EAGAIN);
    side_start(&holder, &c, hold_copies, NULL);
    side_meet(&holder);
    CHECK(!is_readable(in) && !is_readable(out));
    CHECK(write(b.out, "certainly no frame of tong", 26) == 26);
    CHECK(is_readable(in));
    ck_error(tong_recv(b.ch, NULL, 0, tong_now()), TONG_E_GONE);
    CHECK(is_readable(out));
    ck_error(tong_send(b.ch, "x", 1, tong_now()), TONG_E_GONE);
    side_meet(&holder);
    side_join(&holder);
    bare_end_close(&b);
}

/* Behind END the pipe itself ends, although the channel stays open and goes on receiving. */
TONG_TEST(finish_ends_the_pipe)
{
    uint8_t bytes[256], end[TONGI_FRAME_BYTES];
    struct bare_end b;
    ssize_t n;

    bare_end_open(&b, TONG_PAIR);
    bare_hello(&b, TONG_PAIR);
    ck_ok(tong_fd(b.ch, TONG_OUT));
    ck_ok(tong_send(b.ch, "last", 4, tong_now()));
    ck_ok(tong_finish(b.ch, tong_now()));
    ck_ok(tong_finish(b.ch, tong_now()));
    n = read(b.in, bytes, sizeof bytes);
    SAME(n, TONGI_HELLO_BYTES + TONGI_FRAME_BYTES + 4 + TONGI_FRAME_BYTES);
    tongi_frame_encode(end, TONGI_FRAME_END, 0);
    CHECK(memcmp(bytes + n - sizeof end, end, sizeof end) == 0);
    CHECK(bare_reads_end(&b));
    tongi_frame_encode(bytes, TONGI_FRAME_DATA, 2);
    memcpy(bytes + TONGI_FRAME_BYTES, "in", 2);
    CHECK(write(b.out, bytes, TONGI_FRAME_BYTES + 2) == TONGI_FRAME_BYTES + 2);
    ends_expect(b.ch, "in");
    bare_end_close(&b);
}

/* SIGPIPE has its default in this process, and only in the child that sends does it matter. */
static int send_to_nobody(void *context)
{
    struct bare_end b;
    int r;

    (void)context;
    bare_end_open(&b, TONG_PAIR);
    on_sigpipe(SIG_DFL);
    close(b.in);
    do
        r = tong_send(b.ch, "x", 1, conform_patience());
    while (r == 0);
    ck_error(r, TONG_E_GONE);
    tong_close(b.ch);
    bare_end_open(&b, TONG_PULL);
    on_sigpipe(SIG_DFL);
    close(b.in);
    tong_close(b.ch); /* says a farewell to nobody */
    return 0;
}

TONG_TEST(sigpipe_does_not_occur)
{
    runner_join_ok(runner_fork(send_to_nobody, NULL), CONFORM_PATIENCE_MS);
}

/* ---- a variable that lies -------------------------------------------------------------------------------------- */

static void refused(const char *text, int error, const char *says)
{
    tong_channel *ch = NULL;

    if (text)
        CHECK(setenv("TONG_PIPE", text, 1) == 0);
    ck_error(tong_open(&ch, "pipe:", TONG_PAIR, NULL, tong_now()), error);
    CHECK(!ch);
    BEGINS("pipe:");
    SAYS(says);
}

TONG_TEST(a_senseless_variable)
{
    static const char *const senseless[] = {
        "",
        ":",
        ",",
        "1",
        "1:2",
        "1:2,",
        "1:2,3",
        "1:2,3:",
        "1:2,3:x",
        "x:2,3:4",
        "1:2,3:4,5",
        "-1:2,3:4",
        "1:-2,3:4",
        " 1:2,3:4",
        "1:2,3:4 ",
        "1:2;3:4",
        "1:2,1:3",
        "4294967295:1,5:1",
        "99999999999999999999:1,2:2",
        "1:99999999999999999999,2:2",
        "1:2:3,4:5",
    };

    CHECK(unsetenv("TONG_PIPE") == 0);
    refused(NULL, -ENOENT, "not set");
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++)
        refused(senseless[i], TONG_E_CORRUPT, "5:81724");
}

TONG_TEST(a_variable_of_other_descriptors)
{
    int pipes[2], others[2], file = open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    struct stat status, other, regular;
    tong_channel *ch;
    char text[128];

    CHECK(file >= 0 && pipe(pipes) == 0 && pipe(others) == 0);
    CHECK(fstat(pipes[0], &status) == 0 && fstat(others[0], &other) == 0 && fstat(file, &regular) == 0);
    refused("1000:1,1001:2", -ENOENT, "1000");
    refused("2147483647:1,1001:2", -ENOENT, "not open");
    /* Another pipe, no pipe at all, and the wrong ends of the right ones. */
    snprintf(text, sizeof text, "%d:%ju,%d:%ju", others[0], (uintmax_t)status.st_ino, pipes[1],
             (uintmax_t)status.st_ino);
    refused(text, -ENOENT, "not the pipe");
    snprintf(text, sizeof text, "%d:%ju,%d:%ju", file, (uintmax_t)regular.st_ino, pipes[1], (uintmax_t)status.st_ino);
    refused(text, -ENOENT, "not the pipe");
    snprintf(text, sizeof text, "%d:%ju,%d:%ju", pipes[1], (uintmax_t)status.st_ino, others[0],
             (uintmax_t)other.st_ino);
    refused(text, -ENOENT, "not the pipe");
    /* The right ones are taken once. */
    variable_set(pipes[0], others[1]);
    CHECK(fcntl(pipes[0], F_SETFD, FD_CLOEXEC) == 0);
    refused(NULL, -EBUSY, "already");
    CHECK(fcntl(pipes[0], F_SETFD, 0) == 0);
    ck_ok(tong_open(&ch, "pipe:", TONG_PAIR, NULL, tong_now()));
    refused(NULL, -EBUSY, "already");
    tong_close(ch);
    refused(NULL, -ENOENT, "not open");
    close(pipes[1]);
    close(others[0]);
    close(file);
}

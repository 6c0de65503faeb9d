/* SPDX-License-Identifier: MIT */
/* Descriptors with messages: each set comes with its own message, whole, and nothing stays open that nobody took. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ends.h"
#include "side.h"

enum { FDS_MAX = 5, LEN_MAX = 40000 };

/* An open file that says which one it is. */
static int numbered(uint64_t number)
{
    int fd = memfd_create("numbered", MFD_CLOEXEC);

    CHECK(fd >= 0 && pwrite(fd, &number, sizeof number, 0) == sizeof number);
    return fd;
}

static void is_numbered(int fd, uint64_t number)
{
    uint64_t read = 0;

    CHECK(pread(fd, &read, sizeof read, 0) == sizeof read);
    SAME(read, number);
    SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

/* Sends a message of a ledger with n descriptors numbered from sequence * FDS_MAX on; their originals are closed. */
static int send_with(tong_channel *tx, uint64_t sequence, size_t len, uint32_t n, tong_deadline deadline)
{
    static char message[LEN_MAX];
    int fds[FDS_MAX], r;
    tong_meta meta = {.struct_size = sizeof meta, .n_fds = n, .fds = fds};
    size_t half = len / 2;
    tong_view parts[2] = {{message, half}, {message + half, len - half}};

    ledger_write(message, len, 1, sequence);
    for (uint32_t i = 0; i < n; i++)
        fds[i] = numbered(sequence * FDS_MAX + i);
    r = tong_send_parts(tx, parts, 2, &meta, deadline);
    for (uint32_t i = 0; i < n; i++)
        close(fds[i]);
    return r;
}

static void is_whole(const void *data, size_t len, uint64_t sequence)
{
    struct ledger ledger = {.next[1] = sequence};

    ledger_take_next(&ledger, data, len);
}

static void take_all(const int *fds, uint32_t n, uint64_t sequence)
{
    for (uint32_t i = 0; i < n; i++) {
        is_numbered(fds[i], sequence * FDS_MAX + i);
        close(fds[i]);
    }
}

/* Until both ends are greeted, an end does not know what the other takes. */
static void get_acquainted(struct ends *e)
{
    ck_ok(tong_send(e->tx, "first", 5, conform_patience()));
    ends_expect(e->rx, "first");
    if (tong_next_size(e->tx) != TONG_E_NOCAP)
        CHECK(tong_next_size(e->tx) < 0);
}

static bool cannot(const struct conform *c)
{
    return !conform_has(c, TONG_CAP_DESCRIPTORS);
}

/* ---- with their messages --------------------------------------------------------------------------------------- */

struct due {
    uint64_t sent, taken;
    size_t len[2000];
    uint32_t n[2000];
};

static void send_one(struct conform *c, struct ends *e, struct due *due)
{
    uint64_t at = due->sent;
    size_t longest = dice_below(&c->dice, 8) ? 300 : LEN_MAX;
    int r;

    due->len[at] = LEDGER_HEAD_BYTES + (size_t)dice_below(&c->dice, longest - LEDGER_HEAD_BYTES);
    due->n[at] = dice_below(&c->dice, 2) ? (uint32_t)dice_below(&c->dice, FDS_MAX + 1) : 0;
    r = send_with(e->tx, at, due->len[at], due->n[at], tong_now());
    CHECK(r == -EAGAIN || r >= 0);
    due->sent += r >= 0;
}

static void receive_one(struct conform *c, struct ends *e, struct due *due)
{
    static char room[LEN_MAX];
    int fds[FDS_MAX];
    uint64_t at = due->taken;
    tong_meta meta = {.struct_size = sizeof meta, .n_fds = FDS_MAX, .fds = fds};
    bool in_place = dice_below(&c->dice, 3) == 0, unwanted = dice_below(&c->dice, 5) == 0;
    tong_span span = {.data = room};
    int64_t r;

    if (in_place) {
        r = tong_peek(e->rx, &span, unwanted ? NULL : &meta, 1, tong_now());
        r = r == 1 ? (int64_t)span.len : r;
    } else if (unwanted) {
        r = tong_recv(e->rx, room, sizeof room, tong_now());
    } else {
        r = tong_recv_meta(e->rx, room, sizeof room, &meta, tong_now());
    }
    if (r == -EAGAIN) {
        CHECK(tong_flush(e->tx, TONG_ACCEPTED, tong_now()) <= 0);
        return;
    }
    CHECK(at < due->sent);
    SAME(r, due->len[at]);
    is_whole(span.data, (size_t)r, at);
    if (!unwanted) {
        SAME(meta.n_fds, due->n[at]);
        SAME(meta.fds == fds, true);
        take_all(fds, meta.n_fds, at);
    }
    if (in_place)
        ck_ok(tong_release(e->rx, &span, 1));
    due->taken++;
}

CONFORM_TEST(they_come_with_their_message, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct due *due = calloc(1, sizeof *due);
    uint64_t messages = sizeof due->n / sizeof *due->n;
    struct ends e;
    int before;

    CHECK(due);
    if (cannot(c)) {
        free(due);
        return;
    }
    ends_open(c, &e, "?descriptors=5");
    get_acquainted(&e);
    before = runner_count_fds();
    while (due->taken < messages) {
        for (uint64_t i = dice_below(&c->dice, 20); i > 0 && due->sent < messages; i--)
            send_one(c, &e, due);
        for (uint64_t i = dice_below(&c->dice, 20); i > 0 && due->taken < messages; i--)
            receive_one(c, &e, due);
    }
    SAME(runner_count_fds(), before);
    ends_close(&e);
    free(due);
}

CONFORM_TEST(as_many_as_the_system_passes, CONFORM_ONE_WAY)
{
    enum { N = 253 };
    int fds[N], came[N], before;
    tong_meta out = {.struct_size = sizeof out, .fds = fds, .n_fds = N};
    tong_meta in = {.struct_size = sizeof in, .fds = came, .n_fds = N};
    tong_view empty = {NULL, 0};
    struct ends e;

    if (cannot(c))
        return;
    ends_open(c, &e, "?descriptors=253");
    get_acquainted(&e);
    before = runner_count_fds();
    for (uint64_t i = 0; i < N; i++)
        fds[i] = numbered(i);
    ck_ok(tong_send_parts(e.tx, &empty, 1, &out, conform_patience()));
    SAME(tong_recv_meta(e.rx, NULL, 0, &in, conform_patience()), 0);
    SAME(in.n_fds, N);
    for (uint64_t i = 0; i < N; i++) {
        is_numbered(came[i], i);
        close(came[i]);
        close(fds[i]);
    }
    SAME(runner_count_fds(), before);
    out.n_fds = N + 1;
    ck_error(tong_send_parts(e.tx, &empty, 1, &out, conform_patience()), TONG_E_TOOBIG);
    SAYS("253");
    ends_close(&e);
}

/* MORE keeps a message back; one with descriptors does not wait, and what waited goes before it. */
CONFORM_TEST(they_do_not_wait_for_more, CONFORM_ONE_WAY)
{
    int fd, came;
    tong_meta more = {.struct_size = sizeof more, .flags = TONG_MORE};
    tong_meta out = {.struct_size = sizeof out, .flags = TONG_MORE, .fds = &fd, .n_fds = 1};
    tong_meta in = {.struct_size = sizeof in, .fds = &came, .n_fds = 1};
    tong_view one = {"one", 3}, two = {"two", 3};
    char room[8];
    struct ends e;

    if (cannot(c))
        return;
    ends_open(c, &e, "?descriptors=1");
    get_acquainted(&e);
    fd = numbered(7);
    ck_ok(tong_send_parts(e.tx, &one, 1, &more, conform_patience()));
    ck_ok(tong_send_parts(e.tx, &two, 1, &out, conform_patience()));
    close(fd);
    SAME(tong_recv_meta(e.rx, room, sizeof room, &in, conform_patience()), 3);
    SAME(in.n_fds, 0);
    in.n_fds = 1;
    SAME(tong_recv_meta(e.rx, room, sizeof room, &in, conform_patience()), 3);
    SAME(in.n_fds, 1);
    is_numbered(came, 7);
    close(came);
    ends_close(&e);
}

/* ---- limits ---------------------------------------------------------------------------------------------------- */

CONFORM_TEST(a_message_stays_until_there_is_room_for_them, CONFORM_ONE_WAY)
{
    int fds[3];
    tong_meta meta = {.struct_size = sizeof meta, .fds = fds, .n_fds = 2};
    static const size_t lens[] = {100, LEN_MAX};
    static char room[LEN_MAX];
    tong_span span;
    struct ends e;

    if (cannot(c))
        return;
    ends_open(c, &e, "?descriptors=3");
    get_acquainted(&e);
    for (int i = 0; i < 2; i++) {
        ck_ok(send_with(e.tx, 4, lens[i], 3, conform_patience()));
        for (int again = 0; again < 3; again++) {
            meta.n_fds = (uint32_t)again;
            ck_error(tong_recv_meta(e.rx, room, sizeof room, &meta, conform_patience()), TONG_E_TOOBIG);
            BEGINS(c->address);
            SAYS("3 descriptors");
            memset(room, 0, sizeof room); /* nothing of it is lent on */
            ck_error(tong_peek(e.rx, &span, &meta, 1, conform_patience()), TONG_E_TOOBIG);
        }
        SAME(tong_next_size(e.rx), lens[i]);
        meta.n_fds = 3;
        SAME(tong_recv_meta(e.rx, room, sizeof room, &meta, conform_patience()), lens[i]);
        is_whole(room, lens[i], 4);
        SAME(meta.n_fds, 3);
        take_all(fds, 3, 4);
    }
    ends_close(&e);
}

CONFORM_TEST(the_sender_learns_what_the_other_side_takes, CONFORM_ONE_WAY)
{
    struct ends e;
    int before;

    if (cannot(c))
        return;
    ends_open(c, &e, NULL);
    get_acquainted(&e);
    before = runner_count_fds();
    ck_error(send_with(e.tx, 0, 100, 2, conform_patience()), TONG_E_NOCAP);
    BEGINS(c->address);
    SAYS("descriptors=2");
    get_acquainted(&e);
    SAME(runner_count_fds(), before);
    ends_close(&e);

    ends_open(c, &e, "?descriptors=3");
    get_acquainted(&e);
    ck_error(send_with(e.tx, 0, 100, 4, conform_patience()), TONG_E_TOOBIG);
    BEGINS(c->address);
    SAYS("limit of 3");
    SAYS("descriptors=");
    get_acquainted(&e);
    ends_close(&e);
}

CONFORM_TEST(what_cannot_be_passed, CONFORM_ONE_WAY)
{
    int fds[2] = {STDERR_FILENO, 987};
    tong_meta meta = {.struct_size = sizeof meta, .n_fds = 2};
    tong_view view = {"x", 1};
    struct ends e;

    if (cannot(c))
        return;
    ends_open(c, &e, "?descriptors=3");
    get_acquainted(&e);
    ck_error(tong_send_parts(e.tx, &view, 1, &meta, conform_patience()), -EINVAL);
    SAYS("fds is NULL");
    meta.fds = fds;
    ck_error(tong_send_parts(e.tx, &view, 1, &meta, conform_patience()), -EBADF);
    BEGINS(c->address);
    SAYS("not open");
    get_acquainted(&e);
    ends_close(&e);
}

/* ---- nothing is left ------------------------------------------------------------------------------------------- */

CONFORM_TEST(closing_takes_what_nobody_took, CONFORM_ONE_WAY)
{
    struct ends e;

    if (cannot(c))
        return;
    for (int i = 0; i < 4; i++) {
        int before = runner_count_fds();

        ends_open(c, &e, "?descriptors=5");
        get_acquainted(&e);
        for (uint64_t n = 0; n < 5; n++)
            ck_ok(send_with(e.tx, n, i & 1 ? LEN_MAX / 2 : 100, 5, tong_in_ms(1)));
        if (i & 2) /* the first is in the channel's hands, and the next perhaps */
            SAME(tong_next_size(e.rx), i & 1 ? LEN_MAX / 2 : 100);
        ends_close(&e);
        SAME(runner_count_fds(), before);
    }
}

/* ---- this process has none left -------------------------------------------------------------------------------- */

static void limit_descriptors(rlim_t limit)
{
    struct rlimit now;

    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
    now.rlim_cur = limit;
    CHECK(setrlimit(RLIMIT_NOFILE, &now) == 0);
}

static void send_at_the_limit(struct side *me, struct conform *c)
{
    struct end tx;

    side_meet(me);
    end_open(c, &tx, END_SENDER, "?descriptors=5");
    ck_ok(tong_send(tx.ch, "first", 5, conform_patience()));
    side_meet(me);
    ck_ok(send_with(tx.ch, 0, 100, 5, conform_patience()));
    side_meet(me);
    if (conform_is_pair(c))
        ck_error(tong_recv(tx.ch, NULL, 0, conform_patience()), TONG_E_GONE);
    end_close(&tx);
    end_open(c, &tx, END_SENDER, "?descriptors=5");
    ck_ok(send_with(tx.ch, 1, 100, 5, conform_patience()));
    side_meet(me);
    end_close(&tx);
}

static void lose_one_and_go_on(struct conform *c, struct side *sender, tong_channel *listener, tong_channel **rx)
{
    int fds[FDS_MAX];
    tong_meta meta = {.struct_size = sizeof meta, .fds = fds, .n_fds = FDS_MAX};
    char room[100];
    int64_t r;
    int before;

    /* A channel's calls sleep on a descriptor of its own, made by the first that does. */
    ck_error(tong_recv(*rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    before = runner_count_fds();
    side_meet(sender);
    limit_descriptors((rlim_t)before + 3); /* some number is free, but not enough */
    ck_error(tong_recv_meta(*rx, room, sizeof room, &meta, conform_patience()), -EMFILE);
    BEGINS(c->address);
    SAYS("ulimit -n");
    limit_descriptors(1024);
    CHECK(runner_count_fds() <= before);
    side_meet(sender);
    if (listener) {
        tong_close(*rx);
        ck_ok(tong_accept(listener, rx, conform_patience()));
    }
    meta = (tong_meta){.struct_size = sizeof meta, .fds = fds, .n_fds = FDS_MAX};
    while ((r = tong_recv_meta(*rx, room, sizeof room, &meta, conform_patience())) == TONG_E_GONE)
        continue;
    SAME(r, 100);
    SAME(meta.n_fds, FDS_MAX);
    take_all(fds, FDS_MAX, 1);
    side_meet(sender);
}

CONFORM_TEST(without_descriptors_left_the_limit_is_named, CONFORM_PIPELINE | CONFORM_PAIR)
{
    struct side sender;
    struct end rx;

    if (cannot(c) || !conform_has(c, TONG_CAP_PROCESSES))
        return;
    side_start(&sender, c, send_at_the_limit, NULL);
    side_meet(&sender);
    end_open(c, &rx, END_RECEIVER, "?descriptors=5");
    ends_expect(rx.ch, "first");
    lose_one_and_go_on(c, &sender, rx.listener, &rx.ch);
    side_join(&sender);
    end_close(&rx);
}

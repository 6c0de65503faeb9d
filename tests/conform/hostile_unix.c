/* SPDX-License-Identifier: MIT */
/* Peers of unix: that greet and then break the rules: neighbours go on, memory stays bounded, nothing is mixed up. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"

static void misbehave(int fd, int kind)
{
    static const uint8_t flagged[TONGI_FRAME_BYTES] = {1, 0, 0, 0, TONGI_FRAME_DATA, 1, 0, 0};

    switch (kind) {
    case 0:
        bare_header(fd, TONGI_FRAME_DATA, UINT32_MAX);
        break;
    case 1:
        bare_header(fd, TONGI_FRAME_DATA, (1 << 20) + 1);
        break;
    case 2:
        bare_hello(fd, TONG_PUSH);
        break;
    case 3:
        bare_header(fd, TONGI_FRAME_END, 1);
        break;
    case 4:
        bare_header(fd, (enum tongi_frame_type)77, 0);
        break;
    case 5:
        bare_write(fd, flagged, sizeof flagged);
        break;
    default:
        bare_header(fd, TONGI_FRAME_REFUSE, 1 << 20);
        break;
    }
}

TONG_TEST(rules_broken_after_the_greeting)
{
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, "");
    tong_event events[4];

    bare_neighbour_works(tx, rx);
    SAME(tong_events(rx, events, 4), 1);
    for (int kind = 0; kind <= 6; kind++) {
        int fd = bare_connect();

        bare_hello(fd, TONG_PUSH);
        bare_header(fd, TONGI_FRAME_DATA, 4);
        bare_write(fd, "good", 4);
        ends_expect(rx, "good");
        misbehave(fd, kind);
        while (bare_stats(rx).peers != 1)
            ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
        bare_expect_hang_up(fd);
        SAME(tong_events(rx, events, 4), 2);
        SAME(events[0].what, TONG_JOINED);
        SAME(events[1].what, TONG_CUT);
        bare_neighbour_works(tx, rx);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(half_a_frame_then_eof)
{
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, "");
    tong_event events[4];

    bare_neighbour_works(tx, rx);
    SAME(tong_events(rx, events, 4), 1);
    for (int kind = 0; kind < 3; kind++) {
        int fd = bare_connect();

        bare_hello(fd, TONG_PUSH);
        if (kind == 0) {
            bare_write(fd, "\x10\0\0", 3);
        } else {
            bare_header(fd, TONGI_FRAME_DATA, kind == 1 ? 16 : 500000);
            bare_write(fd, "begun", 5);
        }
        bare_neighbour_works(tx, rx);
        close(fd);
        while (bare_stats(rx).peers != 1)
            ck_error(tong_recv(rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
        SAME(tong_events(rx, events, 4), 2);
        SAME(events[1].what, TONG_CUT);
        bare_neighbour_works(tx, rx);
    }
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(announced_and_not_sent_costs_no_memory)
{
    enum { LIARS = 100 };
    tong_channel *rx = bare_open_as(TONG_PULL, ""), *tx = bare_open_as(TONG_PUSH, "");
    int fds[LIARS];
    size_t memory;

    bare_neighbour_works(tx, rx);
    memory = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < LIARS; i++) {
        fds[i] = bare_connect();
        bare_hello(fds[i], TONG_PUSH);
        bare_header(fds[i], TONGI_FRAME_DATA, 1 << 20);
        bare_write(fds[i], "little", 6);
    }
    bare_until(rx, 0, LIARS + 1);
    bare_neighbour_works(tx, rx);
    CHECK(mallinfo2().uordblks + mallinfo2().hblkhd <= memory + LIARS * (64 << 10));
    for (int i = 0; i < LIARS; i++)
        close(fds[i]);
    bare_until(rx, 0, 1);
    bare_neighbour_works(tx, rx);
    tong_close(tx);
    tong_close(rx);
}

TONG_TEST(byte_by_byte)
{
    struct ledger ledger = {.taken = 0};
    tong_channel *rx = bare_open_as(TONG_PULL, "");
    uint8_t bytes[TONGI_HELLO_BYTES + 3 * (TONGI_FRAME_BYTES + 100)], *at = bytes + TONGI_HELLO_BYTES;
    int fd = bare_connect();
    char room[100];

    tongi_hello_encode(bytes, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 100});
    for (uint64_t i = 0; i < 3; i++) {
        tongi_frame_encode(at, TONGI_FRAME_DATA, 100);
        ledger_write(at + TONGI_FRAME_BYTES, 100, 1, i);
        at += TONGI_FRAME_BYTES + 100;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        int64_t len;

        bare_write(fd, bytes + i, 1);
        len = tong_recv(rx, room, sizeof room, tong_now());
        if (len != -EAGAIN)
            ledger_take_next(&ledger, room, (size_t)ck_ok(len));
    }
    SAME(ledger.taken, 3);
    close(fd);
    tong_close(rx);
}

/* ---- hostile listeners ----------------------------------------------------------------------------------------- */

TONG_TEST(a_listener_that_talks_nonsense)
{
    static const char refusal[] = "\xff\xff\xff\xff\x1b[31mgo away";
    int listener = bare_listen();

    for (int kind = 0; kind < 4; kind++) {
        tong_channel *ch = bare_open_as(TONG_PAIR, "?reconnect=no");
        int fd = accept(listener, NULL, NULL);
        int64_t r;

        CHECK(fd >= 0);
        if (kind == 0)
            bare_write(fd, "220 mail.example ESMTP\r\n", 24);
        if (kind == 1)
            bare_header(fd, TONGI_FRAME_DATA, 4);
        if (kind == 2)
            bare_hello(fd, TONG_PULL);
        if (kind == 3) {
            bare_header(fd, TONGI_FRAME_REFUSE, sizeof refusal);
            bare_write(fd, refusal, sizeof refusal);
        }
        r = tong_recv(ch, NULL, 0, conform_patience());
        CHECK(r < 0 && r != -ETIMEDOUT && r != TONG_E_END && r != -EAGAIN);
        BEGINS(BARE_ADDRESS);
        CHECK(!strchr(tong_error_detail(), '\x1b'));
        bare_expect_hang_up(fd);
        tong_close(ch);
    }
    close(listener);
    unlink(BARE_PATH);
}

/* A pair that only sends has nobody who reads, and is told all the same. */
TONG_TEST(a_pair_that_only_sends_is_told_why)
{
    static const char refusal[] = "\xf3\xff\xff\xffgo away"; /* -EACCES */
    int listener = bare_listen();
    tong_channel *ch = bare_open_as(TONG_PAIR, "");
    int fd = accept(listener, NULL, NULL), r;

    CHECK(fd >= 0);
    bare_hello(fd, TONG_PAIR);
    bare_header(fd, TONGI_FRAME_REFUSE, sizeof refusal - 1);
    bare_write(fd, refusal, sizeof refusal - 1);
    close(fd);
    do
        r = tong_send(ch, "x", 1, conform_patience());
    while (r == 0);
    SAME(r, TONG_E_REFUSED);
    SAYS("go away");
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_REFUSED);
    tong_close(ch);
    close(listener);
    unlink(BARE_PATH);
}

/* Half a frame of one connection is no beginning of the next one's. */
TONG_TEST(a_connector_forgets_half_a_frame)
{
    int listener = bare_listen();
    tong_channel *ch = bare_open_as(TONG_PAIR, "");

    for (int kind = 0; kind < 3; kind++) {
        int fd = accept(listener, NULL, NULL);

        CHECK(fd >= 0);
        bare_hello(fd, TONG_PAIR);
        bare_header(fd, TONGI_FRAME_DATA, 4);
        bare_write(fd, "good", 4);
        if (kind == 0) {
            bare_write(fd, "\x10\0\0", 3);
        } else {
            bare_header(fd, TONGI_FRAME_DATA, kind == 1 ? 16 : 500000);
            bare_write(fd, "begun", 5);
        }
        ends_expect(ch, "good");
        close(fd);
        ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_GONE);
        ck_error(tong_recv(ch, NULL, 0, tong_in_ms(500)), -ETIMEDOUT);
    }
    tong_close(ch);
    close(listener);
    unlink(BARE_PATH);
}

TONG_TEST(a_pusher_learns_of_its_pullers)
{
    tong_channel *tx = bare_open_as(TONG_PUSH | TONG_LISTEN, "");
    tong_event event;
    int fd = bare_connect();

    bare_hello(fd, TONG_PULL);
    ck_ok(tong_send(tx, "one", 3, conform_patience()));
    SAME(tong_events(tx, &event, 1), 1);
    SAME(event.what, TONG_JOINED);
    close(fd);
    ck_error(tong_send(tx, "two", 3, tong_now()), -EAGAIN);
    SAME(tong_events(tx, &event, 1), 1);
    SAME(event.what, TONG_CUT);
    fd = bare_connect();
    bare_hello(fd, TONG_PULL);
    bare_header(fd, TONGI_FRAME_DATA, 1); /* a puller has nothing to say */
    ck_error(tong_send(tx, "three", 5, tong_in_ms(20)), -ETIMEDOUT);
    SAME(bare_stats(tx).refused, 1);
    SAME(bare_stats(tx).peers, 0);
    close(fd);
    tong_close(tx);
}

TONG_TEST(a_stranger_at_a_pair)
{
    tong_channel *listener = bare_open_as(TONG_PAIR | TONG_LISTEN, ""), *ch;

    for (int kind = 0; kind < 4; kind++) {
        int fd = bare_connect();
        int64_t r;

        ck_ok(tong_accept(listener, &ch, conform_patience()));
        if (kind == 0)
            bare_write(fd, "GET / HTTP/1.0\r\n\r\n", 18);
        if (kind == 1)
            bare_hello(fd, TONG_PUSH);
        if (kind == 2)
            bare_hello(fd, TONG_PAIR);
        if (kind == 2)
            misbehave(fd, 0);
        if (kind == 3)
            shutdown(fd, SHUT_WR);
        r = tong_recv(ch, NULL, 0, conform_patience());
        CHECK(r < 0 && r != -ETIMEDOUT && r != TONG_E_END && r != -EAGAIN);
        BEGINS(BARE_ADDRESS);
        tong_close(ch);
        bare_expect_hang_up(fd);
    }
    tong_close(listener);
}

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

enum { PIECE_MAX = 20000, LENGTH_MAX = 150000, MESSAGES = 40 };

struct pieces {
    struct conform c;
    tong_channel *rx;
    struct ledger ledger;
    size_t lengths[MESSAGES];
    char *room[2]; /* a long body may be on its way into either */
};

/* One call of the receiver's, which gets the next message, whole, or nothing. */
static void receive_somehow(struct pieces *p)
{
    struct dice *dice = &p->c.dice;
    char *room = p->room[dice_below(dice, 2)];
    size_t len = dice_below(dice, 3) ? LENGTH_MAX : (size_t)dice_below(dice, LENGTH_MAX);
    tong_deadline deadline = dice_below(dice, 4) ? tong_now() : tong_in_ns(1000);
    size_t due = p->lengths[p->ledger.taken];
    tong_span span;
    int64_t r;

    switch (dice_below(dice, 4)) {
    case 0:
        r = tong_next_size(p->rx);
        CHECK(r == -EAGAIN || r == (int64_t)due);
        return;
    case 1:
        r = tong_peek(p->rx, &span, NULL, 1, deadline);
        if (r != 1)
            break;
        ledger_take_next(&p->ledger, span.data, span.len);
        ck_ok(tong_release(p->rx, &span, 1));
        return;
    default:
        r = tong_recv(p->rx, room, len, deadline);
        if (r < 0)
            break;
        ledger_take_next(&p->ledger, room, (size_t)r);
        return;
    }
    CHECK(r == -EAGAIN || r == -ETIMEDOUT || (r == TONG_E_TOOBIG && due > len));
}

static char *all_frames(struct pieces *p, size_t *ret_len)
{
    char *frames = malloc(TONGI_HELLO_BYTES + MESSAGES * (TONGI_FRAME_BYTES + LENGTH_MAX));
    size_t len = TONGI_HELLO_BYTES;

    CHECK(frames);
    tongi_hello_encode((uint8_t *)frames, &(struct tongi_hello){.role = TONG_PAIR, .size_max = 1 << 20});
    for (uint64_t i = 0; i < MESSAGES; i++) {
        p->lengths[i] = LEDGER_HEAD_BYTES + dice_below(&p->c.dice, LENGTH_MAX - LEDGER_HEAD_BYTES);
        tongi_frame_encode((uint8_t *)frames + len, TONGI_FRAME_DATA, (uint32_t)p->lengths[i]);
        ledger_write(frames + len + TONGI_FRAME_BYTES, p->lengths[i], 1, i);
        len += TONGI_FRAME_BYTES + p->lengths[i];
    }
    *ret_len = len;
    return frames;
}

/* Long messages come in pieces of any size, and the receiver tries now this, now that in between. */
TONG_TEST_TIMEOUT(long_messages_in_pieces, 60)
{
    struct pieces p = {.c.dice.state = runner_seed()};
    int listener = bare_listen(), fd;
    size_t len, at = 0;
    char *frames = all_frames(&p, &len);

    p.room[0] = malloc(LENGTH_MAX);
    p.room[1] = malloc(LENGTH_MAX);
    CHECK(p.room[0] && p.room[1]);
    p.rx = bare_open_as(TONG_PAIR, "");
    fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    while (p.ledger.taken < MESSAGES) {
        size_t piece = 1 + (size_t)dice_below(&p.c.dice, PIECE_MAX);

        piece = piece < len - at ? piece : len - at;
        if (piece) {
            ssize_t sent = send(fd, frames + at, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
            CHECK(sent > 0 || errno == EAGAIN);
            at += sent > 0 ? (size_t)sent : 0;
        }
        for (uint64_t calls = dice_below(&p.c.dice, 4); calls > 0 && p.ledger.taken < MESSAGES; calls--)
            receive_somehow(&p);
    }
    SAME(at, len);
    close(fd);
    ck_error(tong_recv(p.rx, NULL, 0, conform_patience()), TONG_E_GONE);
    tong_close(p.rx);
    close(listener);
    unlink(BARE_PATH);
    free(frames);
    free(p.room[0]);
    free(p.room[1]);
}

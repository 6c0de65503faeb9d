/* SPDX-License-Identifier: MIT */
/* Peers of unix: that know nothing of tong: what a program sees of them, and they of it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "ends.h"

static tong_caps caps_of(tong_channel *ch)
{
    tong_caps caps = {.struct_size = sizeof caps};

    ck_ok(tong_get_caps(ch, &caps));
    return caps;
}

/* Reads just these bytes, and then the end of the stream if nothing else may follow. */
static void bare_expect(int fd, const char *bytes, bool then_end)
{
    char got[100];
    size_t len = strlen(bytes);

    SAME(recv(fd, got, len, MSG_WAITALL), len);
    CHECK(memcmp(got, bytes, len) == 0);
    if (then_end)
        SAME(recv(fd, got, sizeof got, 0), 0);
}

TONG_TEST(the_record_says_what_messages_are)
{
    static const struct {
        const char *query;
        uint32_t bits;
    } rows[] = {{"", 0}, {"?framing=length", 0}, {"?framing=line", TONG_CAP_LINES}, {"?framing=raw", TONG_CAP_BYTES}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tong_channel *ch = bare_open_as(TONG_PULL, rows[i].query);
        SAME(caps_of(ch).bits & (TONG_CAP_LINES | TONG_CAP_BYTES), rows[i].bits);
        SAME(caps_of(ch).size_max, 1 << 20);
        tong_close(ch);
    }
}

TONG_TEST(options_that_mean_nothing_without_a_greeting)
{
    tong_channel *ch = NULL;

    ck_error(tong_open(&ch, BARE_ADDRESS "?framing=raw&handshake=1s", TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
    SAYS("'handshake'");
    ck_error(tong_open(&ch, "inproc:x?framing=line", TONG_PULL, NULL, tong_now()), TONG_E_ADDRESS);
    SAYS("'framing'");
    CHECK(!ch);
}

TONG_TEST(the_kernel_vouches_for_a_foreign_peer_too)
{
    tong_channel *rx = bare_open_as(TONG_PULL, "?framing=line");
    tong_meta meta = {.struct_size = sizeof meta};
    tong_event event;
    int fd = bare_connect();
    char room[10];

    bare_write(fd, "a\nb\n", 4);
    SAME(tong_recv_meta(rx, room, sizeof room, &meta, conform_patience()), 1);
    SAME(tong_recv_meta(rx, room, sizeof room, &meta, conform_patience()), 1);
    SAME(meta.sequence, 2);
    CHECK(meta.flags & TONG_VOUCHED);
    SAME(meta.pid, getpid());
    SAME(meta.uid, geteuid());
    SAME(tong_events(rx, &event, 1), 1);
    SAME(event.what, TONG_JOINED);
    SAME(event.peer, meta.peer);
    close(fd);
    tong_close(rx);
}

TONG_TEST(a_batch_stops_before_what_is_no_line)
{
    static const tong_view msgs[] = {{"one", 3}, {"two", 3}, {"no\nline", 7}, {"four", 4}};
    int listener = bare_listen();
    tong_channel *tx = bare_open_as(TONG_PUSH, "?framing=line");
    int fd = accept(listener, NULL, NULL);
    tong_span span;

    SAME(tong_send_many(tx, msgs, 4, conform_patience()), 2);
    ck_error(tong_send_many(tx, msgs + 2, 2, conform_patience()), -EINVAL);
    BEGINS(BARE_ADDRESS);
    SAYS("byte 2");
    ck_error(tong_send(tx, "\n", 1, conform_patience()), -EINVAL);
    /* What was claimed is given back. */
    ck_ok(tong_claim(tx, 10, &span, conform_patience()));
    memcpy(span.data, "also\nnone", 9);
    ck_error(tong_commit(tx, &span, 9, NULL), -EINVAL);
    ck_ok(tong_claim(tx, 10, &span, conform_patience()));
    memcpy(span.data, "claimed", 7);
    ck_ok(tong_commit(tx, &span, 7, NULL));
    ck_ok(tong_finish(tx, conform_patience()));
    bare_expect(fd, "one\ntwo\nclaimed\n", true);
    tong_close(tx);
    close(fd);
    close(listener);
    unlink(BARE_PATH);
}

TONG_TEST(a_foreign_pair_is_accepted)
{
    tong_channel *listener = bare_open_as(TONG_PAIR | TONG_LISTEN, "?framing=line"), *ch;
    int fd = bare_connect();

    ck_ok(tong_accept(listener, &ch, conform_patience()));
    SAME(caps_of(ch).bits & TONG_CAP_LINES, TONG_CAP_LINES);
    ck_ok(tong_send(ch, "hello", 5, conform_patience()));
    bare_expect(fd, "hello\n", false);
    bare_write(fd, "you\nto", 6);
    ends_expect(ch, "you");
    ck_error(tong_recv(ch, NULL, 0, tong_now()), -EAGAIN);
    bare_write(fd, "o\n", 2);
    ends_expect(ch, "too");
    shutdown(fd, SHUT_WR);
    ck_error(tong_recv(ch, NULL, 0, conform_patience()), TONG_E_END);
    ck_ok(tong_send(ch, "bye", 3, conform_patience()));
    ck_ok(tong_finish(ch, conform_patience()));
    bare_expect(fd, "bye\n", true);
    tong_close(ch);
    tong_close(listener);
    close(fd);
}

TONG_TEST(joined_and_adopted_ends_are_foreign_if_asked)
{
    const tong_opts opts = {.struct_size = sizeof opts, .framing = TONG_FRAMING_LINE};
    tong_channel *ends[2], *ch;
    int fds[2];

    ck_ok(tong_pair(ends, "unix:?framing=line"));
    ck_ok(tong_send(ends[0], "joined", 6, conform_patience()));
    ends_expect(ends[1], "joined");
    tong_close(ends[0]);
    ck_error(tong_recv(ends[1], NULL, 0, conform_patience()), TONG_E_END);
    tong_close(ends[1]);

    SAME(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_ok(tong_adopt(&ch, fds[0], TONG_PAIR, &opts));
    ck_ok(tong_send(ch, "adopted", 7, conform_patience()));
    bare_expect(fds[1], "adopted\n", false);
    bare_write(fds[1], "it is\n", 6);
    ends_expect(ch, "it is");
    tong_close(ch);
    close(fds[1]);
}

/* Bare bytes have no messages to send or to miss, so the whole stream is compared. */
TONG_TEST(raw_bytes_are_a_stream)
{
    enum { LEN = 3000000, PIECE = 70000 };
    static unsigned char sent[LEN], got[LEN + 1];
    tong_channel *ends[2];
    size_t out = 0, in = 0;

    for (size_t i = 0; i < LEN; i++)
        sent[i] = (unsigned char)(i * 31 + (i >> 8) * 7);
    ck_ok(tong_pair(ends, "unix:?framing=raw"));
    ck_error(tong_send(ends[0], NULL, 0, tong_now()), -EINVAL);
    while (in < LEN) {
        size_t piece = out + PIECE < LEN ? PIECE : LEN - out;
        int r =
            piece ? tong_send(ends[0], sent + out, piece, tong_now()) : tong_flush(ends[0], TONG_ACCEPTED, tong_now());
        CHECK(r == 0 || r == -EAGAIN);
        out += r == 0 ? piece : 0;
        int64_t n = tong_recv(ends[1], got + in, LEN + 1 - in, tong_now());
        CHECK(n > 0 || n == -EAGAIN);
        in += n > 0 ? (size_t)n : 0;
    }
    CHECK(memcmp(sent, got, LEN) == 0);
    ck_ok(tong_finish(ends[0], conform_patience()));
    ck_error(tong_recv(ends[1], got, 1, conform_patience()), TONG_E_END);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* Without a word that would pass for data. */
TONG_TEST(a_puller_that_closes_hangs_up)
{
    tong_channel *rx = bare_open_as(TONG_PULL, "?framing=line");
    int fd = bare_connect();
    char byte;

    bare_write(fd, "x\n", 2);
    ends_expect(rx, "x");
    tong_close(rx);
    SAME(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

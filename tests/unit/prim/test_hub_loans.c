/* SPDX-License-Identifier: MIT */
/* Receiving in place, and from several senders in turn. */
#include "hub_ends.h"

#include "support/faulty.h"

enum { BIG = 100000 };

static struct end rx, ends[2];
static uint8_t data[ROOM], sent[ROOM];

static void send_text(struct end *end, const char *text)
{
    ck_assert_int_eq(end_send(end, text, strlen(text)), 1);
}

/* A bare peer in front of a pair's end. */
static int bare_pair(struct end *end)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    end_join(end, TONG_PAIR, fds[0]);
    bare_greeted(fds[1], TONG_PAIR);
    bare_hello(fds[1], TONG_PAIR, ROOM);
    return fds[1];
}

/* ---- loans ----------------------------------------------------------------------------------------------------- */

TONG_TEST(loans_go_on_behind_each_other)
{
    tong_span spans[6];
    tong_meta metas[2];

    hub_faults();
    ends_pair(ends);
    for (int i = 0; i < 5; i++)
        send_text(&ends[0], "abcde");
    memset(metas, 0xff, sizeof metas);
    ck_assert_int_eq(tongi_hub_peek(&ends[1].hub, spans, metas, 2), 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(metas[i].sequence, (uint64_t)i + 1);
        ck_assert_uint_eq(metas[i].flags, 0);
        ck_assert(!metas[i].lost && !metas[i].time_ns && !metas[i].kind && !metas[i].call && !metas[i].n_fds);
        ck_assert_uint_eq(metas[i].peer, ends[1].hub.in->peer);
    }
    ck_assert_int_eq(tongi_hub_peek(&ends[1].hub, spans + 2, NULL, 4), 3);
    ck_error(tongi_hub_peek(&ends[1].hub, spans + 5, NULL, 1), -ENOBUFS);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "5 loans"));
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(spans[i].len, 5);
        ck_assert_mem_eq(spans[i].data, "abcde", 5);
    }
    ck_error(tongi_hub_release(&ends[1].hub, spans + 1, 1), -EINVAL);
    ck_error(tongi_hub_release(&ends[1].hub, (tong_span[]){spans[0], spans[0]}, 2), -EINVAL);
    ck_ok(tongi_hub_release(&ends[1].hub, spans, 2));
    ck_error(tongi_hub_release(&ends[1].hub, spans, 1), -EINVAL);
    send_text(&ends[0], "later");
    ck_error(tongi_hub_peek(&ends[1].hub, spans + 5, NULL, 1), -ENOBUFS);
    ck_assert_mem_eq(spans[4].data, "abcde", 5);
    ck_ok(tongi_hub_release(&ends[1].hub, spans + 2, 3));
    ck_error(tongi_hub_release(&ends[1].hub, &(tong_span){.token = 6}, 1), -EINVAL);
    end_expect(&ends[1], "later");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(a_long_message_is_lent_alone)
{
    tong_span spans[3];
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    pattern_fill(sent, BIG, 1);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, BIG);
    bare_frame(fd, TONGI_FRAME_DATA, 0, NULL, 0);
    ck_assert_int_eq(tongi_hub_next_size(&rx.hub), BIG);
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans, NULL, 3), 1);
    ck_error(tongi_hub_peek(&rx.hub, spans + 1, NULL, 2), -ENOBUFS);
    ck_error(tongi_hub_next_size(&rx.hub), -EAGAIN);
    ck_assert(!tongi_hub_ready(&rx.hub, TONG_IN));
    ck_assert_uint_eq(spans[0].len, BIG);
    ck_assert(pattern_holds(spans[0].data, BIG, 1));
    ck_ok(tongi_hub_release(&rx.hub, spans, 1));
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans, NULL, 3), 1);
    ck_assert_uint_eq(spans[0].len, 0);
    close(fd);
    end_close(&rx); /* gives the loan back */
}

/* What the stage still holds makes it readable, though the socket is empty. */
TONG_TEST(what_is_read_already_is_ready)
{
    hub_faults();
    ends_pair(ends);
    send_text(&ends[0], "one");
    send_text(&ends[0], "two");
    ck_assert(!tongi_hub_ready(&ends[1].hub, TONG_IN));
    int in = (int)ck_ok(tongi_hub_fd(&ends[1].hub, TONG_IN));
    end_expect(&ends[1], "one");
    ck_assert(!is_readable(in));
    ck_assert(tongi_hub_ready(&ends[1].hub, TONG_IN));
    ck_assert_int_eq(tongi_hub_next_size(&ends[1].hub), 3);
    end_expect(&ends[1], "two");
    ck_assert(!tongi_hub_ready(&ends[1].hub, TONG_IN));
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(what_does_not_fit_ends_a_batch)
{
    tong_bytes msgs[3] = {{data, 3}, {data + 3, 2}, {data + 5, 100}};

    hub_faults();
    ends_pair(ends);
    send_text(&ends[0], "one");
    send_text(&ends[0], "two");
    ck_assert_int_eq(tongi_hub_recv(&ends[1].hub, msgs, 3, NULL), 1);
    ck_error(tongi_hub_recv(&ends[1].hub, msgs + 1, 2, NULL), TONG_E_TOOBIG);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "3 bytes"));
    end_expect(&ends[1], "two");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* ---- several senders ------------------------------------------------------------------------------------------- */

TONG_TEST(two_senders_byte_by_byte)
{
    uint8_t stream[2][TONGI_HELLO_BYTES + TONGI_FRAME_BYTES + 100];
    int fds[2], got = 0;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    for (int i = 0; i < 2; i++) {
        fds[i] = bare_connect();
        tongi_hello_encode(stream[i], &(struct tongi_hello){.role = TONG_PUSH, .size_max = 1});
        tongi_frame_encode(stream[i] + TONGI_HELLO_BYTES, TONGI_FRAME_DATA, 100);
        pattern_fill(stream[i] + TONGI_HELLO_BYTES + TONGI_FRAME_BYTES, 100, (uint64_t)i);
    }
    for (size_t at = 0; at < sizeof stream[0]; at++)
        for (int i = 0; i < 2; i++) {
            bare_write(fds[i], stream[i] + at, 1);
            int64_t len = end_recv(&rx, data, 100);
            ck_assert(len == -EAGAIN || len == 100);
            if (len == 100)
                ck_assert(pattern_holds(data, 100, (uint64_t)got++));
        }
    ck_assert_int_eq(got, 2);
    close(fds[0]);
    close(fds[1]);
    end_close(&rx);
}

/* Long bodies of several senders, piece by piece: each grows in memory of its own. */
TONG_TEST(long_messages_in_turns)
{
    enum { SENDERS = 3, PIECE = 10000 };
    int fds[SENDERS];
    bool had[SENDERS] = {false};

    hub_faults();
    end_listen(&rx, TONG_PULL);
    for (int i = 0; i < SENDERS; i++) {
        fds[i] = bare_connect();
        bare_hello(fds[i], TONG_PUSH, 1);
        bare_frame(fds[i], TONGI_FRAME_DATA, BIG, NULL, 0);
    }
    for (size_t at = 0; at < BIG; at += PIECE)
        for (int i = 0; i < SENDERS; i++) {
            pattern_fill(sent, BIG, (uint64_t)i);
            bare_write(fds[i], sent + at, PIECE);
            int64_t len = end_recv(&rx, data, BIG);
            ck_assert(len == -EAGAIN || len == BIG);
            for (int from = 0; len == BIG && from < SENDERS; from++)
                had[from] |= pattern_holds(data, BIG, (uint64_t)from);
        }
    while (end_recv(&rx, data, BIG) == BIG)
        for (int from = 0; from < SENDERS; from++)
            had[from] |= pattern_holds(data, BIG, (uint64_t)from);
    for (int i = 0; i < SENDERS; i++) {
        ck_assert(had[i]);
        close(fds[i]);
    }
    end_close(&rx);
}

/* Nobody's flood keeps the others waiting for longer than one read of it lasts. */
TONG_TEST(a_fan_in_is_fair)
{
    enum { SENDERS = 4, LEN = 1000 };
    uint32_t got[SENDERS] = {0};
    int fds[SENDERS];

    hub_faults();
    end_listen(&rx, TONG_PULL);
    for (int i = 0; i < SENDERS; i++) {
        uint8_t frame[TONGI_FRAME_BYTES + LEN] = {0};
        fds[i] = bare_connect();
        bare_hello(fds[i], TONG_PUSH, 1);
        tongi_frame_encode(frame, TONGI_FRAME_DATA, LEN);
        frame[TONGI_FRAME_BYTES] = (uint8_t)i;
        while (send(fds[i], frame, sizeof frame, MSG_NOSIGNAL) == (ssize_t)sizeof frame)
            continue;
    }
    for (int taken = 0; taken < SENDERS * 50; taken++) {
        ck_assert_int_eq(end_recv(&rx, data, LEN), LEN);
        got[data[0]]++;
        for (int i = 0; i < SENDERS; i++)
            ck_assert_uint_le(got[data[0]], got[i] + TONGI_CHUNK_BYTES / LEN + 1);
    }
    for (int i = 0; i < SENDERS; i++)
        close(fds[i]);
    end_close(&rx);
}

/* One busy sender does not keep newcomers out. */
TONG_TEST(a_newcomer_is_seen_behind_a_busy_sender)
{
    int busy, late = -1, turns = 0;
    int64_t len;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    busy = bare_connect();
    bare_hello(busy, TONG_PUSH, 1);
    do {
        bare_text(busy, "busy");
        if (late < 0) {
            late = bare_connect();
            bare_hello(late, TONG_PUSH, 1);
            bare_text(late, "newcomer");
        }
        len = ck_ok(end_recv(&rx, data, 100));
        ck_assert_int_le(++turns, 2 * TONGI_LOOK_EVERY + 2);
    } while (len == 4);
    close(busy);
    close(late);
    end_close(&rx);
}

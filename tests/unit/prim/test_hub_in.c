/* SPDX-License-Identifier: MIT */
/* Receiving: however the bytes are cut, the messages are the same, and nothing but whole ones comes out. */
#include "hub_ends.h"

#include "support/faulty.h"

enum { BIG = 100000 };

static struct end rx, tx, ends[2];
static uint8_t data[ROOM], sent[ROOM];

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

/* ---- short reads ----------------------------------------------------------------------------------------------- */

static const size_t lens[] = {0, 1, 7, 40, 0, 300, 5000, 16 * 1024 - 1, 16 * 1024, 3, 40000, 0, 9};
enum { FEW = 6, LENS = sizeof lens / sizeof *lens };

/* Sends what it can, receives what is there, until all is through. */
static void pass_all(struct end *from, struct end *to, uint32_t count, bool many)
{
    uint32_t out = 0, in = 0;
    uint64_t dice = runner_seed();

    while (in < count) {
        /* A call more now and then, so that not the same one is interrupted for ever. */
        if (runner_random(&dice) % 2)
            CHECK(tongi_sys_getrandom(&(char){0}, 1, 0) == 1);
        if (out < count) {
            pattern_fill(sent, lens[out], out);
            int64_t r = end_send(from, sent, lens[out]);
            CHECK(r == 1 || r == -EAGAIN);
            /* What was borrowed is settled at once, so that the buffer can be used again. */
            out += r == 1 || tongi_hub_settle_out(&from->hub) == 1;
        } else {
            int r = tongi_hub_flush(&from->hub);
            CHECK(r == 0 || r == -EAGAIN);
        }
        tong_bytes msgs[4] = {{data, 50000}, {data + 60000, 100}, {data + 60100, 100}, {data + 60200, 100}};
        int64_t n = tongi_hub_recv(&to->hub, msgs, many ? 4 : 1, NULL);
        CHECK(n > 0 || n == -EAGAIN);
        for (int64_t i = 0; i < n; i++, in++) {
            CHECK(msgs[i].len == lens[in]);
            CHECK(pattern_holds(msgs[i].data, msgs[i].len, in));
        }
    }
}

TONG_TEST_TIMEOUT(reads_of_every_size, 30)
{
    for (size_t step = 1; step < 70000; step = step < 40 ? step + 1 : step * 2) {
        hub_faults();
        ends_pair(ends);
        faulty_shorten(step);
        pass_all(&ends[0], &ends[1], step < 20 ? FEW : LENS, step % 2);
        end_close(&ends[0]);
        end_close(&ends[1]);
    }
}

TONG_TEST_TIMEOUT(reads_of_every_size_of_a_listener, 30)
{
    for (size_t step = 1; step < 70000; step = step < 20 ? step + 1 : step * 3) {
        hub_faults();
        meeting_len = sizeof(sa_family_t);
        end_listen(&rx, TONG_PULL);
        end_connect(&tx, TONG_PUSH);
        faulty_shorten(step);
        faulty_interrupt(3 + step % 5);
        pass_all(&tx, &rx, step < 100 ? FEW : LENS, step % 2);
        end_close(&tx);
        end_close(&rx);
    }
}

TONG_TEST_TIMEOUT(eagain_at_every_read_and_write, 30)
{
    static const enum faulty_call calls[] = {FAULTY_recv, FAULTY_recvmsg, FAULTY_send, FAULTY_sendmsg};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (uint64_t k = 1; k <= 30; k++) {
            hub_faults();
            ends_pair(ends);
            ck_assert_int_eq(tongi_hub_flush(&ends[0].hub), 0);
            faulty_shorten(3000);
            faulty_fail(calls[i], k, EAGAIN);
            pass_all(&ends[0], &ends[1], LENS, k % 2);
            end_close(&ends[0]);
            end_close(&ends[1]);
        }
}

/* ---- long messages --------------------------------------------------------------------------------------------- */

TONG_TEST(a_long_message_goes_straight_to_its_room)
{
    tong_bytes msg = {data, BIG};
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    pattern_fill(sent, BIG, 1);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, 50000);
    ck_error(tongi_hub_recv(&rx.hub, &msg, 1, NULL), -EAGAIN);
    ck_assert_ptr_eq(rx.hub.in->body.lent, data);
    bare_write(fd, sent + 50000, BIG - 50000);
    ck_assert_int_eq(tongi_hub_recv(&rx.hub, &msg, 1, NULL), 1);
    ck_assert_ptr_null(rx.hub.in->body.own.data);
    ck_assert(pattern_holds(data, BIG, 1));
    close(fd);
    end_close(&rx);
}

TONG_TEST(the_room_is_given_back_before_all_has_come)
{
    uint8_t *first = malloc(BIG), *second = malloc(BIG);
    tong_bytes msg = {first, BIG};
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    pattern_fill(sent, BIG, 1);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, 50000);
    ck_error(tongi_hub_recv(&rx.hub, &msg, 1, NULL), -EAGAIN);
    ck_ok(tongi_hub_settle_in(&rx.hub));
    ck_ok(tongi_hub_settle_in(&rx.hub));
    free(first);
    ck_error(tongi_hub_next_size(&rx.hub), -EAGAIN);
    bare_write(fd, sent + 50000, 40000);
    msg = (tong_bytes){second, 10};
    ck_error(tongi_hub_recv(&rx.hub, &msg, 1, NULL), -EAGAIN);
    bare_write(fd, sent + 90000, BIG - 90000);
    ck_error(tongi_hub_recv(&rx.hub, &msg, 1, NULL), TONG_E_TOOBIG);
    ck_assert(tongi_hub_ready(&rx.hub, TONG_IN));
    ck_assert_int_eq(tongi_hub_next_size(&rx.hub), BIG);
    msg.len = BIG;
    ck_assert_int_eq(tongi_hub_recv(&rx.hub, &msg, 1, NULL), 1);
    ck_assert(pattern_holds(second, BIG, 1));
    free(second);
    close(fd);
    end_close(&rx);
}

/* The same message is offered other rooms in between. */
TONG_TEST(another_room_for_the_same_message)
{
    uint8_t *other = malloc(BIG);
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    pattern_fill(sent, BIG, 1);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, 30000);
    ck_error(end_recv(&rx, data, BIG), -EAGAIN);
    bare_write(fd, sent + 30000, 30000);
    ck_error(end_recv(&rx, other, BIG), -EAGAIN);
    bare_write(fd, sent + 60000, BIG - 60000);
    memset(data, 0, BIG);
    ck_assert_int_eq(end_recv(&rx, other, BIG), BIG);
    ck_assert(pattern_holds(other, BIG, 1));
    free(other);
    close(fd);
    end_close(&rx);
}

/* No memory to give the room back with: the conversation is over, and the room is not touched again. */
TONG_TEST(no_memory_to_give_the_room_back)
{
    uint8_t *lent = malloc(BIG);
    tong_bytes msg = {lent, BIG};
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, 50000);
    ck_error(tongi_hub_recv(&rx.hub, &msg, 1, NULL), -EAGAIN);
    faulty_fail_from(FAULTY_realloc, 1, ENOMEM);
    ck_error(tongi_hub_settle_in(&rx.hub), -ENOMEM);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "cut"));
    free(lent);
    faulty_fail(FAULTY_realloc, 0, 0);
    ck_error(end_recv(&rx, data, BIG), TONG_E_GONE);
    bare_cut_off(fd, 0);
    end_close(&rx);
}

/* Whatever error comes out of a receive, the room is the caller's again. */
TONG_TEST(an_error_keeps_no_room)
{
    uint8_t *lent = malloc(BIG);
    int fd;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    fd = bare_connect();
    bare_hello(fd, TONG_PUSH, 1);
    pattern_fill(sent, BIG, 1);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, 50000);
    ck_error(end_recv(&rx, lent, BIG), -EAGAIN);
    ck_assert_ptr_eq(rx.hub.in->body.lent, lent);
    bare_write(fd, sent + 50000, BIG - 50000 - 1);
    faulty_fail(FAULTY_recvmsg, 1, ENOMEM);
    ck_error(end_recv(&rx, lent, BIG), -ENOMEM);
    free(lent);
    bare_write(fd, sent + BIG - 1, 1);
    ck_assert_int_eq(end_recv(&rx, data, BIG), BIG);
    ck_assert(pattern_holds(data, BIG, 1));
    close(fd);
    end_close(&rx);
}

/* A newcomer takes the stage in the middle of somebody's long message. */
TONG_TEST(no_memory_when_another_takes_its_turn)
{
    uint8_t *lent = malloc(BIG);
    int first, second;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    first = bare_connect();
    bare_hello(first, TONG_PUSH, 1);
    pattern_fill(sent, BIG, 1);
    bare_frame(first, TONGI_FRAME_DATA, BIG, sent, 50000);
    ck_error(end_recv(&rx, lent, BIG), -EAGAIN);
    second = bare_connect();
    bare_hello(second, TONG_PUSH, 1);
    bare_text(second, "small");
    for (uint32_t i = 0; i <= 2 * TONGI_LOOK_EVERY && end_peers(&rx) == 1; i++) {
        faulty_fail_from(FAULTY_realloc, 3, ENOMEM); /* not for the newcomer itself */
        int64_t r = end_recv(&rx, lent, BIG);
        ck_assert(r == -EAGAIN || r == -ENOMEM || r == 5);
    }
    free(lent);
    faulty_fail(FAULTY_realloc, 0, 0);
    close(first);
    close(second);
    while (end_recv(&rx, data, BIG) >= 0)
        continue;
    end_close(&rx);
}

/* Announced is not sent: memory follows what has come. */
TONG_TEST(memory_grows_with_what_arrives)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    size_t before = 0;
    int fd;

    hub_faults();
    setup.size_max = TONGI_STREAM_SIZE_MAX;
    end_listen_with(&rx, &setup);
    fd = bare_connect();
    bare_hello(fd, TONG_PUSH, 1);
    bare_frame(fd, TONGI_FRAME_DATA, TONGI_STREAM_SIZE_MAX, NULL, 0);
    ck_error(end_recv(&rx, NULL, 0), -EAGAIN);
    ck_assert_uint_le(rx.hub.links[0]->body.own.room, TONGI_CHUNK_BYTES);
    for (size_t came = 0; came < 8 * TONGI_STREAM_SIZE_DEFAULT; came += TONGI_CHUNK_BYTES) {
        bare_write(fd, sent, TONGI_CHUNK_BYTES);
        ck_error(end_recv(&rx, NULL, 0), -EAGAIN);
        size_t has = rx.hub.links[0]->body.own.room;
        ck_assert_uint_le(has, 2 * (came + TONGI_CHUNK_BYTES) + TONGI_CHUNK_BYTES);
        ck_assert_uint_ge(has, before);
        before = has;
    }
    close(fd);
    ck_error(end_recv(&rx, NULL, 0), -EAGAIN);
    ck_assert_uint_eq(rx.hub.count, 0);
    end_close(&rx);
}

TONG_TEST(no_memory_for_a_long_message_at_first)
{
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    pattern_fill(sent, BIG, 1);
    bare_frame(fd, TONGI_FRAME_DATA, BIG, sent, BIG);
    for (uint64_t k = 1; k < 6; k++) {
        faulty_fail(FAULTY_realloc, 1, ENOMEM);
        int64_t r = end_recv(&rx, data, 10);
        ck_assert(r == -ENOMEM || r == TONG_E_TOOBIG);
    }
    faulty_fail(FAULTY_realloc, 0, 0);
    ck_error(end_recv(&rx, data, 10), TONG_E_TOOBIG);
    ck_assert_int_eq(end_recv(&rx, data, BIG), BIG);
    ck_assert(pattern_holds(data, BIG, 1));
    close(fd);
    end_close(&rx);
}

/* ---- half frames and farewells --------------------------------------------------------------------------------- */

TONG_TEST(eof_at_every_byte)
{
    uint8_t stream[TONGI_HELLO_BYTES + 2 * (TONGI_FRAME_BYTES + 10)];

    hub_faults();
    end_listen(&rx, TONG_PULL);
    tongi_hello_encode(stream, &(struct tongi_hello){.role = TONG_PUSH, .size_max = 1});
    for (int i = 0; i < 2; i++) {
        uint8_t *at = stream + TONGI_HELLO_BYTES + i * (int)(TONGI_FRAME_BYTES + 10);
        tongi_frame_encode(at, TONGI_FRAME_DATA, 10);
        pattern_fill(at + TONGI_FRAME_BYTES, 10, (uint64_t)i);
    }
    for (size_t len = 0; len <= sizeof stream; len++) {
        size_t whole = len < TONGI_HELLO_BYTES ? 0 : (len - TONGI_HELLO_BYTES) / (TONGI_FRAME_BYTES + 10);
        int fd = bare_connect();
        if (len)
            bare_write(fd, stream, len);
        close(fd);
        for (size_t i = 0; i < whole; i++) {
            ck_assert_int_eq(end_recv(&rx, data, ROOM), 10);
            ck_assert(pattern_holds(data, 10, i));
        }
        ck_error(end_recv(&rx, data, ROOM), -EAGAIN);
        ck_assert_uint_eq(rx.hub.count, 0);
        ck_assert_uint_eq(end_event(&rx), len >= TONGI_HELLO_BYTES ? TONG_JOINED : 0);
        ck_assert_uint_eq(end_event(&rx), len >= TONGI_HELLO_BYTES ? TONG_CUT : 0);
    }
    ck_assert_uint_eq(end_refused(&rx), 0);
    end_close(&rx);
}

/* The farewell stands behind messages that are taken together; whoever sent it need not hang up. */
TONG_TEST_LOOP(a_farewell_behind_messages, 1, 6)
{
    tong_bytes msgs[5];
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    bare_text(fd, "1");
    bare_text(fd, "2");
    bare_text(fd, "3");
    bare_frame(fd, TONGI_FRAME_END, 0, NULL, 0);
    for (int taken = 0; taken < 3;) {
        for (int i = 0; i < 5; i++)
            msgs[i] = (tong_bytes){data + i, 1};
        int64_t n = ck_ok(tongi_hub_recv(&rx.hub, msgs, (uint32_t)_i, NULL));
        ck_assert_int_ge(n, 1);
        taken += (int)n;
    }
    ck_assert(tongi_hub_ready(&rx.hub, TONG_IN));
    ck_error(end_recv(&rx, data, 1), TONG_E_END);
    ck_error(end_recv(&rx, data, 1), TONG_E_END);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_LEFT);
    ck_ok(end_send(&rx, "the other direction", 19));
    close(fd);
    end_close(&rx);
}

TONG_TEST(a_farewell_behind_loans)
{
    tong_span spans[3];
    int fd;

    hub_faults();
    fd = bare_pair(&rx);
    bare_text(fd, "lent");
    bare_frame(fd, TONGI_FRAME_END, 0, NULL, 0);
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans, NULL, 3), 1);
    ck_error(tongi_hub_peek(&rx.hub, spans + 1, NULL, 2), -ENOBUFS);
    ck_error(tongi_hub_next_size(&rx.hub), -EAGAIN);
    ck_assert_mem_eq(spans[0].data, "lent", 4);
    ck_ok(tongi_hub_release(&rx.hub, spans, 1));
    ck_error(tongi_hub_peek(&rx.hub, spans, NULL, 3), TONG_E_END);
    close(fd);
    end_close(&rx);
}

/* What is left of a broken connection's last frame must not begin the next one's first. */
TONG_TEST(half_a_frame_before_reconnecting)
{
    int listener = meeting_listen();

    hub_faults();
    end_connect(&rx, TONG_PULL);
    for (size_t half = 0; half < TONGI_FRAME_BYTES + 4; half++) {
        uint8_t frame[TONGI_FRAME_BYTES + 4] = {4, 0, 0, 0, TONGI_FRAME_DATA, 0, 0, 0, 'h', 'a', 'l', 'f'};
        int fd = accept(listener, NULL, NULL);
        bare_hello(fd, TONG_PUSH, 1);
        bare_text(fd, "whole");
        end_expect(&rx, "whole");
        if (half)
            bare_write(fd, frame, half);
        ck_error(end_recv(&rx, data, ROOM), -EAGAIN);
        close(fd);
        ck_error(end_recv(&rx, data, ROOM), -EAGAIN);
        hub_now_ns += TONGI_BACKOFF_LAST_NS;
        ck_error(end_recv(&rx, data, ROOM), -EAGAIN);
    }
    close(listener);
    end_close(&rx);
}

/* ---- broken rules ---------------------------------------------------------------------------------------------- */

static void misbehave(int fd, int kind)
{
    static const uint8_t flagged[TONGI_FRAME_BYTES] = {1, 0, 0, 0, TONGI_FRAME_DATA, 1, 0, 0};

    if (kind == 0)
        bare_frame(fd, TONGI_FRAME_DATA, UINT32_MAX, NULL, 0);
    else if (kind == 1)
        bare_frame(fd, TONGI_FRAME_HELLO, 0, NULL, 0);
    else if (kind == 2)
        bare_frame(fd, TONGI_FRAME_END, 1, NULL, 0);
    else if (kind == 3)
        bare_frame(fd, (enum tongi_frame_type)9, 0, NULL, 0);
    else
        bare_write(fd, flagged, sizeof flagged);
}

/* The messages before the breach are delivered, and it is punished once, however they are taken. */
TONG_TEST_LOOP(rules_broken_behind_messages, 0, 10)
{
    tong_bytes msgs[4] = {{data, 4}, {data + 4, 4}, {data + 8, 4}, {data + 12, 4}};
    tong_span spans[4];
    int fd, kind = _i % 5;

    hub_faults();
    end_listen(&rx, TONG_PULL);
    fd = bare_connect();
    bare_hello(fd, TONG_PUSH, 1);
    bare_text(fd, "good");
    bare_text(fd, "also");
    misbehave(fd, kind);
    if (_i < 5) {
        ck_assert_int_eq(tongi_hub_recv(&rx.hub, msgs, 4, NULL), 2);
        ck_assert_mem_eq(data, "goodalso", 8);
    } else {
        ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans, NULL, 4), 2);
        for (int i = 0; i < 3; i++)
            ck_error(tongi_hub_peek(&rx.hub, spans + 2, NULL, 2), -ENOBUFS);
        ck_assert_uint_eq(end_refused(&rx), 0);
        ck_assert_mem_eq(spans[0].data, "good", 4);
        ck_assert_mem_eq(spans[1].data, "also", 4);
        ck_ok(tongi_hub_release(&rx.hub, spans, 2));
    }
    ck_error(end_recv(&rx, data, 4), -EAGAIN);
    ck_assert_uint_eq(end_refused(&rx), 1);
    bare_greeted(fd, TONG_PULL);
    bare_cut_off(fd, kind == 0 ? TONG_E_TOOBIG : TONG_E_CORRUPT);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_CUT);
    end_close(&rx);
}

TONG_TEST(a_puller_that_sends)
{
    int fd;

    hub_faults();
    end_listen(&tx, TONG_PUSH);
    fd = bare_connect();
    bare_hello(fd, TONG_PULL, 1);
    ck_ok(end_send(&tx, "x", 1));
    bare_text(fd, "why?");
    tongi_hub_look(&tx.hub);
    ck_assert_uint_eq(end_refused(&tx), 1);
    ck_assert_uint_eq(end_event(&tx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&tx), TONG_CUT);
    close(fd);
    end_close(&tx);
}

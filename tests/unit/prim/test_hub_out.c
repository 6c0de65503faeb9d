/* SPDX-License-Identifier: MIT */
/* Sending: what the system takes only in part arrives whole or not at all, and goes to whoever has room. */
#include "hub_ends.h"

#include "support/faulty.h"

enum { BIG = 500000 };

static struct end rx, tx, ends[2];
static uint8_t data[ROOM], sent[ROOM];

static void is_big(size_t len, uint64_t number)
{
    ck_assert_uint_eq(len, BIG);
    ck_assert(pattern_holds(data, BIG, number));
}

/* Receives one long message while the sender flushes. */
static void receive_big(struct end *from, struct end *to, uint64_t number)
{
    int64_t len = -EAGAIN;

    for (int i = 0; i < 1000 && len == -EAGAIN; i++) {
        len = end_recv(to, data, sizeof data);
        int r = tongi_hub_flush(&from->hub);
        ck_assert(r == 0 || r == -EAGAIN);
    }
    is_big((size_t)len, number);
}

/* A bare peer in front of a pair's end. */
static int bare_pair(struct end *end, uint64_t size_max)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    end_join(end, TONG_PAIR, fds[0]);
    bare_greeted(fds[1], TONG_PAIR);
    bare_hello(fds[1], TONG_PAIR, size_max);
    return fds[1];
}

/* ---- long messages --------------------------------------------------------------------------------------------- */

TONG_TEST(a_long_message_is_borrowed_while_it_is_sent)
{
    hub_faults();
    ends_pair(ends);
    pattern_fill(sent, BIG, 1);
    ck_error(end_send(&ends[0], sent, BIG), -EAGAIN);
    ck_assert_ptr_nonnull(ends[0].hub.begun);
    ck_assert_uint_eq(ends[0].hub.out->rest_end, 0);
    int64_t len = -EAGAIN;
    for (int i = 0; i < 1000 && len == -EAGAIN; i++) {
        len = end_recv(&ends[1], data, sizeof data);
        if (ends[0].hub.begun)
            CHECK(end_send(&ends[0], sent, BIG) == (ends[0].hub.begun ? -EAGAIN : 1));
    }
    is_big((size_t)len, 1);
    ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 0);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* The call gave up: the message counts as sent, and its remainder needs the sender's memory no more. */
TONG_TEST(a_message_that_was_begun_counts_as_sent)
{
    uint8_t *lent = malloc(BIG);

    hub_faults();
    ends_pair(ends);
    pattern_fill(lent, BIG, 1);
    ck_error(end_send(&ends[0], lent, BIG), -EAGAIN);
    ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 1);
    ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 0);
    free(lent);
    ck_error(end_send(&ends[0], "x", 1), -EAGAIN);
    ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 0);
    receive_big(&ends[0], &ends[1], 1);
    ck_ok(end_send(&ends[0], "next", 4));
    end_expect(&ends[1], "next");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* The next message goes behind the remainder, though it is offered before that is through. */
TONG_TEST(others_queue_up_behind_a_remainder)
{
    int64_t r = -EAGAIN;

    hub_faults();
    ends_pair(ends);
    pattern_fill(sent, BIG, 1);
    ck_error(end_send(&ends[0], sent, BIG), -EAGAIN);
    ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 1);
    int64_t len = -EAGAIN;
    for (int i = 0; i < 1000 && len == -EAGAIN; i++) {
        len = end_recv(&ends[1], data, sizeof data);
        if (r == -EAGAIN)
            r = end_send(&ends[0], "behind", 6);
    }
    is_big((size_t)len, 1);
    if (r == -EAGAIN)
        ck_ok(end_send(&ends[0], "behind", 6));
    end_expect(&ends[1], "behind");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* The connection breaks in the middle of a borrowed message: a pusher sends it again, whole, to who is there next. */
TONG_TEST(a_borrowed_message_begins_again_elsewhere)
{
    int listener = meeting_listen(), fd;

    hub_faults();
    end_connect(&tx, TONG_PUSH);
    pattern_fill(sent, BIG, 1);
    ck_error(end_send(&tx, sent, BIG), -EAGAIN);
    close(accept(listener, NULL, NULL));
    hub_now_ns += TONGI_BACKOFF_LAST_NS;
    ck_error(end_send(&tx, sent, BIG), -EAGAIN);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    end_join(&rx, TONG_PULL, fd);
    int64_t len = -EAGAIN;
    for (int i = 0; i < 1000 && len == -EAGAIN; i++) {
        len = end_recv(&rx, data, sizeof data);
        if (tx.hub.begun)
            CHECK(end_send(&tx, sent, BIG) == (tx.hub.begun ? -EAGAIN : 1));
    }
    is_big((size_t)len, 1);
    end_close(&rx);
    end_close(&tx);
    close(listener);
}

/* ---- no memory for a remainder --------------------------------------------------------------------------------- */

/* A message that is partly out and cannot be kept: the peer gets nothing that looks like a message. */
TONG_TEST(a_remainder_that_cannot_be_kept_ends_the_conversation)
{
    hub_faults();
    ends_pair(ends);
    pattern_fill(sent, BIG, 1);
    ck_error(end_send(&ends[0], sent, BIG), -EAGAIN);
    faulty_fail_from(FAULTY_realloc, 1, ENOMEM);
    ck_error(tongi_hub_settle_out(&ends[0].hub), -ENOMEM);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "cut"));
    faulty_fail(FAULTY_realloc, 0, 0);
    ck_error(end_send(&ends[0], "x", 1), TONG_E_GONE);
    ck_error(end_recv(&ends[1], data, sizeof data), TONG_E_GONE);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(a_short_message_torn_without_memory)
{
    tong_view msgs[3] = {{"first", 5}, {"second", 6}, {"third", 5}};

    for (size_t bytes = 1; bytes < 5 + 6 + 5 + 3 * TONGI_FRAME_BYTES; bytes++) {
        size_t whole = bytes < 13 ? 0 : bytes < 27 ? 1 : 2;
        bool torn = bytes != 13 && bytes != 27;
        hub_faults();
        ends_pair(ends);
        ck_assert_int_eq(end_send(&ends[0], "", 0), 1);
        CHECK(end_recv(&ends[1], data, 1) == 0);
        tongi_block_free(&ends[0].hub.out->rest);
        faulty_shorten(bytes);
        faulty_fail_from(FAULTY_realloc, 1, ENOMEM);
        int64_t n = tongi_hub_send(&ends[0].hub, msgs, 3);
        CHECK(n == (whole ? (int64_t)whole : -ENOMEM));
        hub_faults();
        for (size_t i = 0; i < whole; i++)
            CHECK(end_recv(&ends[1], data, 100) == (int64_t)msgs[i].len);
        CHECK(end_recv(&ends[1], data, 100) == (torn ? TONG_E_GONE : -EAGAIN));
        CHECK(end_send(&ends[0], "x", 1) == (torn ? TONG_E_GONE : 1));
        end_close(&ends[0]);
        end_close(&ends[1]);
    }
}

/* The same with many links: only the one is dropped. */
TONG_TEST(a_torn_message_of_a_fan_out)
{
    struct end pullers[2];
    int64_t len = -EAGAIN;

    hub_faults();
    end_listen(&tx, TONG_PUSH);
    end_connect(&pullers[0], TONG_PULL);
    end_connect(&pullers[1], TONG_PULL);
    tongi_hub_look(&tx.hub);
    ck_assert_uint_eq(end_peers(&tx), 2);
    ck_ok(end_send(&tx, "", 0));
    for (int i = 0; i < 2; i++) {
        (void)!end_recv(&pullers[i], data, 100);
        tongi_block_free(&tx.hub.links[i]->rest);
    }
    faulty_shorten(10);
    faulty_fail_from(FAULTY_realloc, 1, ENOMEM);
    ck_error(end_send(&tx, "torn apart", 10), -ENOMEM);
    hub_faults();
    ck_assert_uint_eq(end_peers(&tx), 1);
    ck_ok(end_send(&tx, "whole", 5));
    for (int i = 0; i < 2 && len == -EAGAIN; i++)
        len = end_recv(&pullers[i], data, 100);
    ck_assert_int_eq(len, 5);
    ck_assert_mem_eq(data, "whole", 5);
    for (int i = 0; i < 2; i++)
        end_close(&pullers[i]);
    end_close(&tx);
}

TONG_TEST_LOOP(the_system_has_no_memory, 0, 4)
{
    enum faulty_call call = _i % 2 ? FAULTY_sendmsg : FAULTY_send;

    hub_faults();
    ends_pair(ends);
    pattern_fill(sent, BIG, 1);
    faulty_fail(call, 1, _i / 2 ? ENOBUFS : ENOMEM);
    if (call == FAULTY_send) {
        ck_error(end_send(&ends[0], "small", 5), -ENOMEM);
        ck_assert_ptr_nonnull(strstr(tong_error_detail(), "hub:test"));
        ck_ok(end_send(&ends[0], "small", 5));
        end_expect(&ends[1], "small");
    } else {
        ck_error(end_send(&ends[0], sent, BIG), -ENOMEM);
        ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 0);
        ck_error(end_send(&ends[0], sent, BIG), -EAGAIN);
        ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 1);
        receive_big(&ends[0], &ends[1], 1);
    }
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(no_memory_to_send_with)
{
    hub_faults();
    ends_pair(ends);
    faulty_fail_from(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_error(end_send(&ends[0], "x", 1), -ENOMEM);
    faulty_fail(FAULTY_ALLOCATION, 0, 0);
    ck_ok(end_send(&ends[0], "x", 1));
    end_expect(&ends[1], "x");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* ---- what the peer takes --------------------------------------------------------------------------------------- */

TONG_TEST(the_peers_limit)
{
    tong_view msgs[3] = {{sent, 100}, {sent, 101}, {sent, 1}};
    int fd;

    hub_faults();
    fd = bare_pair(&tx, 100);
    ck_error(end_recv(&tx, data, 1), -EAGAIN); /* takes the hello */
    ck_assert_int_eq(tongi_hub_send(&tx.hub, msgs, 3), 1);
    ck_error(tongi_hub_send(&tx.hub, msgs + 1, 2), TONG_E_TOOBIG);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "limit of 100"));
    ck_assert_int_eq(tongi_hub_send(&tx.hub, msgs + 2, 1), 1);
    ck_error(tongi_hub_send_parts(&tx.hub, msgs, 3, NULL), TONG_E_TOOBIG);
    bare_read(fd, data, 100 + 1 + 2 * TONGI_FRAME_BYTES);
    ck_assert_int_eq(recv(fd, data, 1, 0), -1);
    close(fd);
    end_close(&tx);
}

/* A pusher learns the limit too, though it receives nothing. */
TONG_TEST(a_pusher_learns_the_pullers_limit)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
    int64_t r = 1;

    hub_faults();
    setup.size_max = 10;
    end_listen_with(&rx, &setup);
    end_connect(&tx, TONG_PUSH);
    ck_error(end_recv(&rx, data, 1), -EAGAIN);
    for (int i = 0; i < 2 * TONGI_LOOK_EVERY; i++)
        ck_ok(end_send(&tx, "0123456789", 10));
    ck_error(r = end_send(&tx, "0123456789a", 11), TONG_E_TOOBIG);
    end_close(&tx);
    end_close(&rx);
}

/* ---- refusing while sending ------------------------------------------------------------------------------------ */

/* The peer breaks the rules while half a message is on its way to it: the refusal must not complete that message. */
TONG_TEST_LOOP(a_refusal_does_not_pass_for_a_message, 0, 2)
{
    size_t got = 0;
    int fd;

    hub_faults();
    fd = bare_pair(&tx, ROOM);
    ck_error(end_recv(&tx, data, 1), -EAGAIN);
    pattern_fill(sent, BIG, 1);
    ck_error(end_send(&tx, sent, BIG), -EAGAIN);
    if (_i)
        ck_assert_int_eq(tongi_hub_settle_out(&tx.hub), 1);
    bare_read(fd, data, 100000); /* makes room for a refusal */
    got = 100000;
    bare_frame(fd, TONGI_FRAME_END, 7, NULL, 0);
    ck_error(end_recv(&tx, sent, 1), TONG_E_GONE);
    for (ssize_t n; (n = recv(fd, data + got, sizeof data - got, 0)) > 0;)
        got += (size_t)n;
    ck_assert_uint_lt(got, BIG);
    pattern_fill(sent, BIG, 1);
    ck_assert_mem_eq(data + TONGI_FRAME_BYTES, sent, got - TONGI_FRAME_BYTES);
    close(fd);
    end_close(&tx);
}

/* ---- several receivers ----------------------------------------------------------------------------------------- */

enum { PULLERS = 3 };

static struct end pullers[PULLERS];

static void fan_out(void)
{
    hub_faults();
    end_listen(&tx, TONG_PUSH);
    for (int i = 0; i < PULLERS; i++)
        end_connect(&pullers[i], TONG_PULL);
    tongi_hub_look(&tx.hub);
    ck_assert_uint_eq(end_peers(&tx), PULLERS);
}

static void fan_out_close(void)
{
    for (int i = 0; i < PULLERS; i++)
        end_close(&pullers[i]);
    end_close(&tx);
}

TONG_TEST(messages_go_round)
{
    fan_out();
    for (int i = 0; i < 30; i++)
        ck_ok(end_send(&tx, "x", 1));
    for (int i = 0; i < PULLERS; i++) {
        for (int n = 0; n < 10; n++)
            end_expect(&pullers[i], "x");
        ck_error(end_recv(&pullers[i], data, 1), -EAGAIN);
    }
    fan_out_close();
}

/* A puller that takes nothing is passed over, and gets its share again once it takes. */
TONG_TEST(a_full_puller_is_passed_over)
{
    uint32_t got[PULLERS] = {0}, out = 0;

    fan_out();
    for (; out < 2000; out++) {
        CHECK(end_send(&tx, sent, 1000) == 1);
        for (int i = 1; i < PULLERS; i++)
            while (end_recv(&pullers[i], data, sizeof data) == 1000)
                got[i]++;
    }
    ck_assert_uint_eq(tx.hub.full_count, 1);
    ck_assert_uint_gt(got[1], 500);
    ck_assert_uint_gt(got[2], 500);
    while (end_recv(&pullers[0], data, sizeof data) == 1000)
        got[0]++;
    uint32_t before = got[0];
    for (int more = 0; more < 300; more++, out++) {
        CHECK(end_send(&tx, sent, 1000) == 1);
        for (int i = 0; i < PULLERS; i++)
            while (end_recv(&pullers[i], data, sizeof data) == 1000)
                got[i]++;
    }
    ck_assert_uint_ge(got[0], before + 50);
    CHECK(tongi_hub_flush(&tx.hub) == 0);
    for (int i = 0; i < PULLERS; i++)
        while (end_recv(&pullers[i], data, sizeof data) == 1000)
            got[i]++;
    ck_assert_uint_eq(got[0] + got[1] + got[2], out);
    fan_out_close();
}

TONG_TEST(nobody_has_room)
{
    struct pollfd set[SET_ROOM];
    int64_t until_ns = INT64_MAX;
    uint32_t out = 0, got = 0;

    fan_out();
    while (end_send(&tx, sent, 1000) == 1)
        out++;
    ck_assert_uint_gt(out, 3 * 50);
    int n = (int)ck_ok(tongi_hub_pollset(&tx.hub, TONG_OUT, set, &until_ns));
    ck_assert_int_eq(poll(set, (nfds_t)n, 0), 0);
    ck_assert(!is_readable((int)ck_ok(tongi_hub_fd(&tx.hub, TONG_OUT))));
    while (end_recv(&pullers[1], data, sizeof data) == 1000)
        got++;
    ck_assert_int_ge(poll(set, (nfds_t)n, 0), 1);
    ck_assert(is_readable((int)ck_ok(tongi_hub_fd(&tx.hub, TONG_OUT))));
    ck_ok(end_send(&tx, sent, 1000));
    while (tongi_hub_flush(&tx.hub) == -EAGAIN || got <= out)
        for (int i = 0; i < PULLERS; i++)
            while (end_recv(&pullers[i], data, sizeof data) == 1000)
                got++;
    ck_assert_uint_eq(got, out + 1);
    fan_out_close();
}

/* A puller dies while the pusher goes round; what was not begun for it goes to the others. */
TONG_TEST(a_puller_dies_in_the_round)
{
    uint32_t all = 0;

    fan_out();
    end_close(&pullers[1]);
    for (int i = 0; i < 30; i++)
        ck_ok(end_send(&tx, "x", 1));
    ck_assert_uint_eq(end_peers(&tx), PULLERS - 1);
    for (int i = 0; i < PULLERS; i += 2) {
        uint32_t got = 0;
        for (; end_recv(&pullers[i], data, 1) == 1; got++)
            all++;
        ck_assert_uint_ge(got, 14);
    }
    ck_assert_uint_eq(all, 30);
    end_connect(&pullers[1], TONG_PULL);
    for (int i = 0; i < 3 * TONGI_LOOK_EVERY; i++)
        ck_ok(end_send(&tx, "x", 1));
    end_expect(&pullers[1], "x");
    fan_out_close();
}

/* ---- batching, flushing, finishing ----------------------------------------------------------------------------- */

TONG_TEST(more_waits_for_more)
{
    static const tong_meta more = {.struct_size = sizeof more, .flags = TONG_MORE};
    tong_view view = {"one", 3};

    hub_faults();
    ends_pair(ends);
    ck_ok(tongi_hub_step(&ends[0].hub, TONG_OUT));
    uint64_t calls = faulty_count(FAULTY_send) + faulty_count(FAULTY_sendmsg);
    ck_ok(tongi_hub_send_parts(&ends[0].hub, &view, 1, &more));
    ck_ok(tongi_hub_send_parts(&ends[0].hub, &view, 1, &more));
    ck_error(end_recv(&ends[1], data, 1), -EAGAIN);
    ck_assert_uint_eq(faulty_count(FAULTY_send) + faulty_count(FAULTY_sendmsg), calls);
    ck_ok(tongi_hub_send_parts(&ends[0].hub, &view, 1, NULL));
    ck_assert_uint_eq(faulty_count(FAULTY_send) + faulty_count(FAULTY_sendmsg), calls + 1);
    for (int i = 0; i < 3; i++)
        end_expect(&ends[1], "one");
    ck_ok(tongi_hub_send_parts(&ends[0].hub, &view, 1, &more));
    ck_ok(tongi_hub_flush(&ends[0].hub));
    end_expect(&ends[1], "one");
    /* No end of it: a chunk is as much as is kept. */
    for (int i = 0; i < 2 * TONGI_CHUNK_BYTES / 11; i++)
        CHECK(tongi_hub_send_parts(&ends[0].hub, &view, 1, &more) == 0);
    ck_assert_uint_le(ends[0].hub.out->rest_end, TONGI_CHUNK_BYTES);
    ck_assert_int_eq(end_recv(&ends[1], data, 3), 3);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(finishing_moves_everything_on_first)
{
    int r = -EAGAIN;
    int64_t len = -EAGAIN;

    hub_faults();
    ends_pair(ends);
    pattern_fill(sent, BIG, 1);
    ck_error(end_send(&ends[0], sent, BIG), -EAGAIN);
    ck_assert_int_eq(tongi_hub_settle_out(&ends[0].hub), 1);
    for (int i = 0; i < 1000 && (len == -EAGAIN || r == -EAGAIN); i++) {
        r = tongi_hub_finish(&ends[0].hub);
        if (len == -EAGAIN)
            len = end_recv(&ends[1], data, sizeof data);
    }
    ck_assert_int_eq(r, 0);
    is_big((size_t)len, 1);
    ck_error(end_recv(&ends[1], data, 1), TONG_E_END);
    ck_ok(tongi_hub_finish(&ends[0].hub));
    ck_ok(end_send(&ends[1], "back", 4));
    end_expect(&ends[0], "back");
    end_close(&ends[0]);
    end_close(&ends[1]);
}

TONG_TEST(a_farewell_needs_memory_only_once)
{
    hub_faults();
    ends_pair(ends);
    ck_ok(end_send(&ends[0], "last", 4));
    tongi_block_free(&ends[0].hub.out->rest);
    faulty_fail(FAULTY_realloc, 1, ENOMEM);
    ck_error(tongi_hub_finish(&ends[0].hub), -ENOMEM);
    ck_assert_ptr_null(strstr(tong_error_detail(), "cut"));
    ck_ok(tongi_hub_finish(&ends[0].hub));
    end_expect(&ends[1], "last");
    ck_error(end_recv(&ends[1], data, 1), TONG_E_END);
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* A flush waits for the one peer that is slow; a send after it, for any that has room. */
TONG_TEST(a_flush_that_was_given_up)
{
    struct pollfd set[SET_ROOM];
    int64_t until_ns = INT64_MAX;

    fan_out();
    pattern_fill(sent, BIG, 1);
    ck_ok(end_send(&tx, sent, BIG));
    ck_error(tongi_hub_flush(&tx.hub), -EAGAIN);
    int n = (int)ck_ok(tongi_hub_pollset(&tx.hub, TONG_OUT, set, &until_ns));
    ck_assert_int_eq(poll(set, (nfds_t)n, 0), 0);
    ck_ok(tongi_hub_step(&tx.hub, TONG_OUT));
    n = (int)ck_ok(tongi_hub_pollset(&tx.hub, TONG_OUT, set, &until_ns));
    ck_assert_int_ge(poll(set, (nfds_t)n, 0), 1);
    ck_ok(end_send(&tx, "x", 1));
    fan_out_close();
}

TONG_TEST(a_pusher_with_nobody_there)
{
    hub_faults();
    close(meeting_listen());
    struct tongi_hub_setup setup = end_setup(&tx, TONG_PUSH);
    end_init(&tx, &setup);
    ck_error(end_send(&tx, "x", 1), -EAGAIN);
    ck_ok(tongi_hub_flush(&tx.hub));
    ck_ok(tongi_hub_finish(&tx.hub));
    end_close(&tx);
    meeting_len = sizeof(sa_family_t);
    end_listen(&tx, TONG_PUSH);
    ck_error(end_send(&tx, "x", 1), -EAGAIN);
    ck_ok(tongi_hub_flush(&tx.hub));
    ck_ok(tongi_hub_finish(&tx.hub));
    end_close(&tx);
}

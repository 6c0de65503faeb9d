/* SPDX-License-Identifier: MIT */
/* Reading from peers that do not speak tong: lines and raw bytes, however they are cut, and what ends the stream. */
#include "hub_ends.h"

#include "support/faulty.h"

static struct end rx, tx;
static uint8_t data[ROOM], sent[ROOM];

static void foreign_listen(struct end *end, uint32_t role, uint32_t framing)
{
    struct tongi_hub_setup setup = end_setup(end, role);

    hub_faults();
    setup.framing = framing;
    end_listen_with(end, &setup);
}

/* A bare peer in front of an end with one link. */
static int foreign_join(struct end *end, uint32_t role, uint32_t framing, uint64_t size_max)
{
    struct tongi_hub_setup setup = end_setup(end, role);
    int fds[2];

    hub_faults();
    setup.framing = framing;
    setup.size_max = size_max;
    setup.reconnect = false;
    end_init(end, &setup);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_ok(tongi_hub_join(&end->hub, fds[0], false));
    return fds[1];
}

static void bare_say(int fd, const char *text)
{
    bare_write(fd, text, strlen(text));
}

static uint64_t end_lost(const struct end *end)
{
    return tongi_load_relaxed_u64(&end->report.lost);
}

static void nothing_more(struct end *end)
{
    ck_error(end_recv(end, data, sizeof data), -EAGAIN);
}

/* ---- from hub to hub -------------------------------------------------------------------------------------------- */

static const size_t lens[] = {0, 1, 7, 0, 300, 4096, 4097, 65535, 3, 65536, 0, 70000, 65537, 200000, 9};
enum { FEW = 5, LENS = sizeof lens / sizeof *lens };

static void line_fill(uint8_t *bytes, size_t len, uint64_t number)
{
    pattern_fill(bytes, len, number);
    for (size_t i = 0; i < len; i++)
        bytes[i] = bytes[i] == '\n' ? 0 : bytes[i];
}

/* Sends what it can, receives what is there, until all is through. */
static void pass_all(struct end *from, struct end *to, uint32_t count, bool many)
{
    static uint8_t due[ROOM];
    uint32_t out = 0, in = 0;

    while (in < count) {
        /* A call more now and then, so that not the same one is interrupted for ever. */
        if (faulty_count(FAULTY_recv) % 2)
            CHECK(tongi_sys_getrandom(&(char){0}, 1, 0) == 1);
        if (out < count) {
            line_fill(sent, lens[out], out);
            int64_t r = end_send(from, sent, lens[out]);
            CHECK(r == 1 || r == -EAGAIN);
            /* What was borrowed is settled at once, so that the buffer can be used again. */
            out += r == 1 || tongi_hub_settle_out(&from->hub) == 1;
        } else {
            int r = tongi_hub_flush(&from->hub);
            CHECK(r == 0 || r == -EAGAIN);
        }
        tong_bytes msgs[3] = {{data, 200000}, {data + 200000, 100}, {data + 200100, 5000}};
        int64_t n = tongi_hub_recv(&to->hub, msgs, many ? 3 : 1, NULL);
        CHECK(n > 0 || n == -EAGAIN);
        for (int64_t i = 0; i < n; i++, in++) {
            line_fill(due, lens[in], in);
            CHECK(msgs[i].len == lens[in] && memcmp(msgs[i].data, due, msgs[i].len) == 0);
        }
    }
}

static void two_ends(uint64_t piece, bool listening)
{
    if (listening) {
        struct tongi_hub_setup setup = end_setup(&tx, TONG_PUSH);
        meeting_len = sizeof(sa_family_t);
        foreign_listen(&rx, TONG_PULL, TONG_FRAMING_LINE);
        setup.framing = TONG_FRAMING_LINE;
        end_init(&tx, &setup);
        ck_ok(tongi_hub_step(&tx.hub, TONG_OUT));
    } else {
        struct tongi_hub_setup setup = end_setup(&tx, TONG_PAIR);
        int fd = foreign_join(&rx, TONG_PAIR, TONG_FRAMING_LINE, TONGI_STREAM_SIZE_DEFAULT);
        setup.framing = TONG_FRAMING_LINE;
        end_init(&tx, &setup);
        ck_ok(tongi_hub_join(&tx.hub, fd, false));
    }
    faulty_shorten(piece);
}

TONG_TEST_TIMEOUT(pieces_of_every_size, 30)
{
    for (size_t step = 1; step < 140000; step = step < 20 ? step + 1 : step * 3) {
        two_ends(step, step % 2);
        faulty_interrupt(3 + step % 5);
        pass_all(&tx, &rx, step < 100 ? FEW : LENS, step % 3);
        end_close(&tx);
        end_close(&rx);
    }
}

TONG_TEST_TIMEOUT(eagain_at_every_read_and_write, 30)
{
    static const enum faulty_call calls[] = {FAULTY_recv, FAULTY_send, FAULTY_sendmsg};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (uint64_t k = 1; k <= 40; k++) {
            two_ends(30000, k % 2);
            faulty_fail(calls[i], k, EAGAIN);
            pass_all(&tx, &rx, LENS, k % 3);
            end_close(&tx);
            end_close(&rx);
        }
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

TONG_TEST(whoever_connects_is_a_peer_at_once_and_is_told_nothing)
{
    char byte;

    foreign_listen(&rx, TONG_PULL, TONG_FRAMING_LINE);
    int fd = bare_connect();
    nothing_more(&rx);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    /* However long it is silent. */
    hub_now_ns += 100 * TONGI_HANDSHAKE_NS;
    nothing_more(&rx);
    bare_say(fd, "at last\n");
    end_expect(&rx, "at last");
    end_close(&rx);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

TONG_TEST(a_line_is_whatever_stands_before_its_end)
{
    static const char bytes[] = "one\n\n\n \r\n\0\0\n\xff\xfe\n";
    static const char *const due[] = {"one", "", "", " \r", "\0\0", "\xff\xfe"};
    static const size_t due_lens[] = {3, 0, 0, 2, 2, 2};

    int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_LINE, 100);
    bare_write(fd, bytes, sizeof bytes - 1);
    for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
        ck_assert_int_eq(tongi_hub_next_size(&rx.hub), (int64_t)due_lens[i]);
        ck_assert_int_eq(end_recv(&rx, data, sizeof data), (int64_t)due_lens[i]);
        ck_assert(memcmp(data, due[i], due_lens[i]) == 0);
    }
    nothing_more(&rx);
    close(fd);
    end_close(&rx);
}

TONG_TEST(a_small_room_keeps_the_line)
{
    int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_LINE, 100000);

    for (int i = 0; i < 2; i++) {
        size_t len = i ? 90000 : 10;
        memset(sent, 'a' + i, len);
        sent[len] = '\n';
        bare_write(fd, sent, len + 1);
        ck_error(end_recv(&rx, data, len - 1), TONG_E_TOOBIG);
        ck_error(end_recv(&rx, data, 0), TONG_E_TOOBIG);
        ck_assert_int_eq(end_recv(&rx, data, len), (int64_t)len);
        ck_assert_mem_eq(data, sent, len);
    }
    close(fd);
    end_close(&rx);
}

TONG_TEST(many_lines_cost_one_read)
{
    tong_bytes msgs[100];

    int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_LINE, 100);
    for (int i = 0; i < 100; i++) {
        bare_say(fd, "line\n");
        msgs[i] = (tong_bytes){data + 100 * i, 100};
    }
    uint64_t reads = faulty_count(FAULTY_recv);
    ck_assert_int_eq(tongi_hub_recv(&rx.hub, msgs, 100, NULL), 100);
    ck_assert_uint_eq(faulty_count(FAULTY_recv), reads + 1);
    close(fd);
    end_close(&rx);
}

TONG_TEST(lines_are_lent_where_they_stand)
{
    tong_span spans[10];
    tong_meta metas[10] = {{.struct_size = sizeof(tong_meta)}};

    int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_LINE, 200000);
    bare_say(fd, "one\ntwo\n\nfour\nfi");
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans, metas, 2), 2);
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans + 2, NULL, 8), 2);
    ck_error(tongi_hub_peek(&rx.hub, spans + 4, NULL, 1), -ENOBUFS);
    ck_assert_mem_eq(spans[0].data, "one\ntwo\n\nfour", 13);
    ck_assert_ptr_eq((char *)spans[3].data, (char *)spans[0].data + 9);
    ck_assert_uint_eq(spans[2].len, 0);
    ck_assert_uint_eq(metas[1].sequence, 2);
    ck_ok(tongi_hub_release(&rx.hub, spans, 4));
    ck_assert(!tongi_hub_ready(&rx.hub, TONG_IN));
    memset(sent, 'x', 100000);
    bare_write(fd, sent, 100000);
    bare_say(fd, "\nsix\n");
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, spans, NULL, 10), 1);
    ck_assert_uint_eq(spans[0].len, 100002);
    ck_assert_mem_eq(spans[0].data, "fixx", 4);
    ck_error(tongi_hub_peek(&rx.hub, spans + 1, NULL, 1), -ENOBUFS);
    ck_ok(tongi_hub_release(&rx.hub, spans, 1));
    ck_assert(tongi_hub_ready(&rx.hub, TONG_IN));
    end_expect(&rx, "six");
    close(fd);
    end_close(&rx);
}

TONG_TEST(unfinished_lines_of_many_wait_for_their_ends)
{
    int fds[3];

    foreign_listen(&rx, TONG_PULL, TONG_FRAMING_LINE);
    for (int i = 0; i < 3; i++)
        fds[i] = bare_connect();
    memset(sent, 'y', 80000);
    for (int round = 0; round < 3; round++) {
        bare_say(fds[0], "a");
        bare_write(fds[1], sent, 80000);
        nothing_more(&rx);
        bare_say(fds[2], "whole\n");
        end_expect(&rx, "whole");
    }
    bare_say(fds[0], "\n");
    end_expect(&rx, "aaa");
    bare_say(fds[1], "\nb\n");
    ck_assert_int_eq(end_recv(&rx, data, sizeof data), 240000);
    end_expect(&rx, "b");
    nothing_more(&rx);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    end_close(&rx);
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

TONG_TEST(an_end_of_stream_behind_a_line_is_a_farewell)
{
    foreign_listen(&rx, TONG_PULL, TONG_FRAMING_LINE);
    int fd = bare_connect();
    bare_say(fd, "last\n");
    close(fd);
    end_expect(&rx, "last");
    nothing_more(&rx);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_LEFT);
    ck_assert_uint_eq(end_lost(&rx), 0);
    end_close(&rx);
}

TONG_TEST(what_has_no_end_is_not_delivered_and_counted)
{
    for (size_t len = 3; len < 200000; len += 99990) {
        meeting_len = sizeof(sa_family_t);
        foreign_listen(&rx, TONG_PULL, TONG_FRAMING_LINE);
        int fd = bare_connect();
        bare_say(fd, "last\n");
        memset(sent, 'z', len);
        bare_write(fd, sent, len);
        close(fd);
        end_expect(&rx, "last");
        nothing_more(&rx);
        ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
        ck_assert_uint_eq(end_event(&rx), TONG_CUT);
        ck_assert_uint_eq(end_lost(&rx), 1);
        ck_assert_uint_eq(end_refused(&rx), 0);
        end_close(&rx);
    }
}

TONG_TEST(a_pair_learns_how_it_ended)
{
    int fd = foreign_join(&rx, TONG_PAIR, TONG_FRAMING_LINE, 100);

    bare_say(fd, "last\n");
    shutdown(fd, SHUT_WR);
    end_expect(&rx, "last");
    ck_error(end_recv(&rx, data, sizeof data), TONG_E_END);
    /* The other direction is still open. */
    ck_assert_int_eq(end_send(&rx, "still", 5), 1);
    bare_read(fd, data, 6);
    ck_assert_mem_eq(data, "still\n", 6);
    close(fd);
    end_close(&rx);

    fd = foreign_join(&rx, TONG_PAIR, TONG_FRAMING_LINE, 100);
    bare_say(fd, "half");
    close(fd);
    ck_error(end_recv(&rx, data, sizeof data), TONG_E_GONE);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "middle of a line"));
    end_close(&rx);

    /* It closed without reading what it was sent. */
    fd = foreign_join(&rx, TONG_PAIR, TONG_FRAMING_LINE, 100);
    ck_assert_int_eq(end_send(&rx, "unread", 6), 1);
    bare_say(fd, "last\n");
    close(fd);
    end_expect(&rx, "last");
    ck_error(end_recv(&rx, data, sizeof data), TONG_E_GONE);
    end_close(&rx);
}

TONG_TEST(the_last_to_leave_ends_a_fan_in)
{
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);

    hub_faults();
    setup.framing = TONG_FRAMING_LINE;
    setup.end_last = true;
    end_listen_with(&rx, &setup);
    int one = bare_connect(), other = bare_connect();
    bare_say(one, "one\n");
    end_expect(&rx, "one");
    close(one);
    bare_say(other, "other\n");
    end_expect(&rx, "other");
    close(other);
    ck_error(end_recv(&rx, data, sizeof data), TONG_E_END);
    end_close(&rx);
}

/* ---- lines that are too long ------------------------------------------------------------------------------------ */

TONG_TEST(a_line_over_the_limit_cuts_its_own_peer_only)
{
    static const size_t limits[] = {10, 65535, 65536, 65537, 150000};

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        size_t limit = limits[i];
        struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);
        hub_faults();
        meeting_len = sizeof(sa_family_t);
        setup.framing = TONG_FRAMING_LINE;
        setup.size_max = limit;
        end_listen_with(&rx, &setup);
        int endless = bare_connect(), neighbour = bare_connect();
        memset(sent, 'x', ROOM);
        bare_say(neighbour, "hal");
        /* As long as it may be. */
        bare_write(endless, sent, limit);
        nothing_more(&rx);
        bare_say(endless, "\nfine\n");
        ck_assert_int_eq(end_recv(&rx, data, sizeof data), (int64_t)limit);
        end_expect(&rx, "fine");
        ck_assert_uint_eq(end_refused(&rx), 0);
        bare_write(endless, sent, limit + 1);
        nothing_more(&rx);
        ck_assert_uint_eq(end_refused(&rx), 1);
        ck_assert_uint_eq(end_lost(&rx), 1);
        ck_assert_uint_eq(end_peers(&rx), 1);
        ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
        ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
        ck_assert_uint_eq(end_event(&rx), TONG_CUT);
        bare_cut_off(endless, 0);
        bare_say(neighbour, "ves\n");
        end_expect(&rx, "halves");
        close(neighbour);
        end_close(&rx);
    }
}

TONG_TEST(a_pair_says_what_was_too_long)
{
    for (uint64_t limit = 10; limit <= 100000; limit += 99990) {
        int fd = foreign_join(&rx, TONG_PAIR, TONG_FRAMING_LINE, limit);
        memset(sent, 'x', 200000);
        bare_say(fd, "good\n");
        bare_write(fd, sent, 200000);
        end_expect(&rx, "good");
        ck_error(end_recv(&rx, data, sizeof data), TONG_E_GONE);
        ck_assert_ptr_nonnull(strstr(tong_error_detail(), limit == 10 ? "limit of 10 bytes" : "limit of 100000 bytes"));
        ck_assert_ptr_nonnull(strstr(tong_error_detail(), "size="));
        close(fd);
        end_close(&rx);
    }
}

TONG_TEST(memory_for_a_long_line_follows_what_came)
{
    int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_LINE, TONGI_STREAM_SIZE_MAX);

    memset(sent, 'x', 100000);
    bare_write(fd, sent, 100000);
    nothing_more(&rx);
    ck_assert_uint_le(rx.hub.in->body.own.room, 200000);
    close(fd);
    end_close(&rx);
}

TONG_TEST(without_memory_a_long_line_waits)
{
    for (uint64_t k = 1; k <= 3; k++) {
        int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_LINE, TONGI_STREAM_SIZE_DEFAULT);
        memset(sent, 'x', 150000);
        bare_write(fd, sent, 150000);
        bare_say(fd, "\n");
        faulty_fail(FAULTY_realloc, k, ENOMEM);
        int64_t r = end_recv(&rx, data, sizeof data);
        if (r < 0) {
            ck_assert_int_eq(r, -ENOMEM);
            r = end_recv(&rx, data, sizeof data);
        }
        ck_assert_int_eq(r, 150000);
        close(fd);
        end_close(&rx);
    }
}

/* ---- raw bytes -------------------------------------------------------------------------------------------------- */

TONG_TEST(raw_bytes_come_as_they_are_read)
{
    tong_bytes msgs[3] = {{data, 4}, {data + 10, 4}, {data + 20, 4}};
    tong_span span;

    int fd = foreign_join(&rx, TONG_PULL, TONG_FRAMING_RAW, 100);
    bare_say(fd, "one\ntwo\nthree");
    ck_error(end_recv(&rx, data, 0), TONG_E_TOOBIG);
    ck_assert_int_eq(tongi_hub_next_size(&rx.hub), 13);
    end_expect(&rx, "one\ntwo\nthree");
    nothing_more(&rx);
    /* A room that is too small takes what it can. */
    bare_say(fd, "0123456789");
    ck_assert_int_eq(tongi_hub_recv(&rx.hub, msgs, 3, NULL), 3);
    ck_assert_mem_eq(data, "0123", 4);
    ck_assert_mem_eq(data + 10, "4567", 4);
    ck_assert_uint_eq(msgs[2].len, 2);
    /* And so does the limit. */
    memset(sent, 'r', 250);
    bare_write(fd, sent, 250);
    ck_assert_int_eq(end_recv(&rx, data, sizeof data), 100);
    ck_assert_int_eq(tongi_hub_peek(&rx.hub, &span, NULL, 1), 1);
    ck_assert_uint_eq(span.len, 100);
    ck_ok(tongi_hub_release(&rx.hub, &span, 1));
    ck_assert_int_eq(end_recv(&rx, data, sizeof data), 50);
    close(fd);
    ck_error(end_recv(&rx, data, sizeof data), TONG_E_END);
    ck_assert_uint_eq(end_lost(&rx), 0);
    end_close(&rx);
}

/* SPDX-License-Identifier: MIT */
/* What the system may say when descriptors are passed, and deaths, without two processes. */
#include "hub_ends.h"

#include "support/faulty.h"

static bool dead;

static bool says_dead(const struct tongi_link *link)
{
    (void)link;
    return dead;
}

static const struct tongi_net telling_net = {.connect = meeting_connect, .is_dead = says_dead};

static struct end tx, rx;

static int send_with(struct end *end, const void *data, size_t len, uint32_t n)
{
    static const int fds[TONGI_DESCRIPTORS_MAX + 1];
    union {
        const int *from;
        int *to;
    } lent = {.from = fds};
    tong_meta meta = {.struct_size = sizeof meta, .fds = lent.to, .n_fds = n};

    end->sending = (tong_view){data, len};
    return tongi_hub_send_parts(&end->hub, &end->sending, 1, &meta);
}

static void open_both(uint32_t descriptors)
{
    struct tongi_hub_setup setup;

    hub_faults();
    setup = end_setup(&rx, TONG_PULL);
    setup.descriptors = descriptors;
    setup.net = &telling_net;
    end_listen_with(&rx, &setup);
    end_connect(&tx, TONG_PUSH);
    ck_assert_int_eq(end_send(&tx, "first", 5), 1);
    end_expect(&rx, "first");
}

static void close_both(void)
{
    end_close(&tx);
    end_close(&rx);
}

TONG_TEST(errors_of_passing_are_no_loss_of_the_peer)
{
    static const int errors[] = {EBADF, ETOOMANYREFS, ENOMEM, ENOBUFS};

    open_both(3);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        faulty_fail(FAULTY_sendmsg, 1, errors[i]);
        int r = send_with(&tx, "x", 1, 2);
        ck_assert_int_eq(r, errors[i] == ENOBUFS ? -ENOMEM : -errors[i]);
        ck_assert_msg(strncmp(tong_error_detail(), "hub:test: ", 10) == 0, "%s", tong_error_detail());
        if (errors[i] == ETOOMANYREFS)
            ck_assert_ptr_nonnull(strstr(tong_error_detail(), "ulimit -n"));
        ck_ok(send_with(&tx, "after", 5, 2));
        end_expect(&rx, "after");
    }
    ck_assert_uint_eq(end_peers(&rx), 1);
    close_both();
}

/* The same where the sender listens and has many receivers. */
TONG_TEST(nor_of_one_of_many)
{
    struct tongi_hub_setup setup;

    hub_faults();
    end_listen(&tx, TONG_PUSH);
    setup = end_setup(&rx, TONG_PULL);
    setup.descriptors = 3;
    end_init(&rx, &setup);
    ck_ok(tongi_hub_step(&rx.hub, TONG_IN));
    while (end_send(&tx, "first", 5) != 1)
        continue;
    end_expect(&rx, "first");
    faulty_fail(FAULTY_sendmsg, 1, ETOOMANYREFS);
    ck_error(send_with(&tx, "x", 1, 1), -ETOOMANYREFS);
    ck_error(send_with(&tx, "x", 1, 4), TONG_E_TOOBIG);
    ck_ok(send_with(&tx, "after", 5, 3));
    end_expect(&rx, "after");
    ck_assert_uint_eq(end_peers(&tx), 1);
    close_both();
}

/* What is left from before goes first, and while it does not, nothing of the message goes. */
TONG_TEST(they_go_with_the_first_byte_of_their_message)
{
    enum { LEN = 6000 };
    static uint8_t body[LEN], came[LEN];
    int fds[3], before;

    open_both(3);
    before = runner_count_fds();
    for (size_t piece = 1; piece < 30; piece++) {
        tong_meta meta = {.struct_size = sizeof meta, .fds = fds, .n_fds = 3};
        tong_bytes msg = {came, LEN};
        int64_t r;

        pattern_fill(body, LEN, piece);
        faulty_shorten(piece * 97);
        while ((r = send_with(&tx, body, piece & 1 ? LEN : 90, 3)) == -EAGAIN)
            continue;
        ck_ok(r);
        while ((r = tongi_hub_recv(&rx.hub, &msg, 1, &meta)) == -EAGAIN)
            (void)!tongi_hub_flush(&tx.hub);
        ck_assert_int_eq(r, 1);
        ck_assert_uint_eq(msg.len, piece & 1 ? LEN : 90);
        ck_assert(pattern_holds(came, msg.len, piece));
        ck_assert_uint_eq(meta.n_fds, 3);
        for (int i = 0; i < 3; i++)
            close(fds[i]);
        ck_assert_int_eq(runner_count_fds(), before);
    }
    faulty_shorten(0);
    close_both();
}

TONG_TEST(while_what_was_left_does_not_go_nothing_of_it_goes)
{
    const tong_meta more = {.struct_size = sizeof more, .flags = TONG_MORE};

    open_both(3);
    ck_ok(tongi_hub_send_parts(&tx.hub, &(tong_view){"one", 3}, 1, &more));
    faulty_fail(FAULTY_send, 1, EAGAIN);
    ck_error(send_with(&tx, "two", 3, 2), -EAGAIN);
    ck_error(end_recv(&rx, NULL, 0), -EAGAIN);
    ck_ok(send_with(&tx, "two", 3, 2));
    end_expect(&rx, "one");
    end_expect(&rx, "two");
    close_both();
}

TONG_TEST(no_memory_for_what_comes_beside)
{
    hub_faults();
    struct tongi_hub_setup setup = end_setup(&rx, TONG_PULL);

    setup.descriptors = 100;
    end_listen_with(&rx, &setup);
    end_connect(&tx, TONG_PUSH);
    ck_assert_int_eq(end_send(&tx, "first", 5), 1);
    for (uint64_t k = 1; k < 10 && end_peers(&rx) == 0; k++) {
        char room[10];
        faulty_fail(FAULTY_ALLOCATION, k, ENOMEM);
        (void)!end_recv(&rx, room, sizeof room);
        hub_now_ns += 1000 * MS;
        (void)!end_send(&tx, "again", 5);
    }
    ck_assert_uint_eq(end_peers(&rx), 1);
    close_both();
}

TONG_TEST(whoever_is_gone_is_dead_or_cut)
{
    for (int round = 0; round < 2; round++) {
        dead = round;
        open_both(0);
        ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
        end_close(&tx);
        ck_error(end_recv(&rx, NULL, 0), -EAGAIN);
        ck_assert_uint_eq(end_event(&rx), dead ? TONG_DIED : TONG_CUT);
        end_close(&rx);
    }
}

/* Whoever breaks the rules is cut off by us, be it dead or alive. */
TONG_TEST(a_breach_is_a_cut)
{
    dead = true;
    open_both(0);
    int fd = bare_connect();
    bare_hello(fd, TONG_PUSH, 100);
    bare_frame(fd, (enum tongi_frame_type)77, 0, NULL, 0);
    ck_error(end_recv(&rx, NULL, 0), -EAGAIN);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_JOINED);
    ck_assert_uint_eq(end_event(&rx), TONG_CUT);
    close(fd);
    close_both();
}

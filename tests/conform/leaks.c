/* SPDX-License-Identifier: MIT */
/* Thousands of channels come and go; descriptors, memory and files stay as they were. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include "ends.h"
#include "side.h"

enum { WARM_UP = 50, CYCLES = 1000 };

/* Under a sanitizer nothing is seen here; its own leak checker sees it instead. */
static size_t memory_in_use(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void cycle(struct conform *c, int number)
{
    tong_channel *ch = NULL;
    char room[100] = "";
    tong_span span;
    struct ends e;
    int r;

    ends_open(c, &e, NULL);
    if (number % 3 == 0 && conform_has(c, TONG_CAP_POLLABLE)) {
        ck_ok(tong_fd(e.tx, TONG_OUT));
        ck_ok(tong_fd(e.rx, TONG_IN));
    }
    ck_ok(tong_send(e.tx, room, (size_t)number % sizeof room, conform_patience()));
    ck_ok(tong_send(e.tx, room, sizeof room, conform_patience()));
    SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), (size_t)number % sizeof room);
    if (number % 5 == 0)
        SAME(tong_peek(e.rx, &span, NULL, 1, conform_patience()), 1); /* close takes it back */
    if (number % 7 == 0)
        ck_error(tong_recv(e.rx, NULL, 0, tong_now()), number % 5 == 0 ? TONG_E_STATE : TONG_E_TOOBIG);
    if (number % 2 == 0)
        ck_ok(tong_finish(e.tx, conform_patience()));
    ck_error(conform_try(c, &ch, end_role(c, END_RECEIVER), &(tong_opts){.struct_size = 1}, tong_now()), -EINVAL);
    if (number % 2 == 0)
        e.tx = tong_close(e.tx);
    e.rx = tong_close(e.rx);
    ends_close(&e);
    r = conform_remove(c); /* an object with unread messages stays */
    CHECK(r == -ENOENT || (r == 0 && conform_is_object(c)));
}

CONFORM_TEST(thousands_of_cycles_leave_nothing, CONFORM_ONE_WAY)
{
    size_t memory = 0;
    int fds = 0;

    for (int i = 0; i < WARM_UP + CYCLES; i++) {
        if (i == WARM_UP) {
            fds = runner_count_fds();
            memory = memory_in_use();
        }
        cycle(c, i);
    }
    SAME(runner_count_fds(), fds);
    if (memory_in_use() > memory + 4096)
        conform_fail(__FILE__, __LINE__, "%zu bytes more are in use after %d cycles", memory_in_use() - memory, CYCLES);
}

CONFORM_TEST(an_idle_channel_is_small, CONFORM_ONE_WAY)
{
    enum { N = 60, CHANNELS = 2 * N, LIMIT_BYTES = 8192 };
    struct conform each[N];
    struct ends e[N];
    size_t memory;

    for (int i = 0; i < N; i++) {
        each[i] = *c;
        conform_rename(&each[i], i);
    }
    ends_open(&each[0], &e[0], conform_small(c));
    ends_close(&e[0]);
    memory = memory_in_use();
    for (int i = 0; i < N; i++)
        ends_open(&each[i], &e[i], conform_small(c));
    if (memory_in_use() > memory + CHANNELS * LIMIT_BYTES)
        conform_fail(__FILE__, __LINE__, "%zu bytes for each idle channel", (memory_in_use() - memory) / CHANNELS);
    for (int i = 0; i < N; i++)
        ends_close(&e[i]);
}

CONFORM_TEST(peers_that_come_and_go_leave_nothing, CONFORM_PIPELINES)
{
    enum end_kind staying = end_listens(c, END_SENDER) ? END_SENDER : END_RECEIVER;
    enum end_kind coming = staying == END_SENDER ? END_RECEIVER : END_SENDER;
    tong_channel *stays;
    size_t memory = 0;
    int fds = 0;

    if (c->inherited)
        return;
    stays = conform_open(c, end_role(c, staying), NULL);
    for (int i = 0; i < WARM_UP + CYCLES; i++) {
        tong_channel *comes = conform_open(c, end_role(c, coming), NULL);

        ck_ok(tong_send(staying == END_SENDER ? stays : comes, "x", 1, conform_patience()));
        ends_expect(staying == END_SENDER ? comes : stays, "x");
        tong_close(comes);
        if (staying == END_RECEIVER)
            ck_error(tong_recv(stays, NULL, 0, tong_now()), -EAGAIN);
        if (i == WARM_UP) {
            fds = runner_count_fds();
            memory = memory_in_use();
        }
    }
    CHECK(runner_count_fds() <= fds + 1);
    if (memory_in_use() > memory + 16384)
        conform_fail(__FILE__, __LINE__, "%zu bytes more are in use after %d peers", memory_in_use() - memory, CYCLES);
    tong_close(stays);
}

CONFORM_TEST(failing_opens_leave_nothing, CONFORM_ONE_WAY)
{
    tong_channel *ch = NULL;
    size_t memory = 0;
    int fds = 0;

    for (int i = 0; i < WARM_UP + CYCLES; i++) {
        if (i == WARM_UP) {
            fds = runner_count_fds();
            memory = memory_in_use();
        }
        ck_error(tong_open(&ch, "nosuch:x", end_role(c, END_RECEIVER), NULL, tong_now()), TONG_E_ADDRESS);
        if (!conform_is_object(c) && end_listens(c, END_RECEIVER))
            ck_error(conform_try(c, &ch, end_role(c, END_SENDER), NULL, tong_in_ns(1)), -ETIMEDOUT);
        ck_error(conform_try(c, &ch, TONG_PULL | TONG_PUSH | 0x8000, NULL, tong_now()), -EINVAL);
    }
    SAME(runner_count_fds(), fds);
    CHECK(memory_in_use() <= memory + 4096);
}

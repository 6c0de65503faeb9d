/* SPDX-License-Identifier: MIT */
/* What a fork does to channels: the child's copies are dead and silent, and ends without a name go where they are
 * used. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "ends.h"
#include "side.h"

/* The child of a test: everything but closing is refused. */
static int use_the_parents(void *context)
{
    struct ends *e = context;
    tong_pollitem item = {.ch = e->rx, .want = TONG_IN};
    tong_channel *ch;
    tong_event event;
    tong_span span;

    ck_error(tong_send(e->tx, "x", 1, tong_now()), TONG_E_FORKED);
    SAYS("fork");
    ck_error(tong_claim(e->tx, 1, &span, tong_now()), TONG_E_FORKED);
    ck_error(tong_flush(e->tx, TONG_ACCEPTED, tong_now()), TONG_E_FORKED);
    ck_error(tong_finish(e->tx, tong_now()), TONG_E_FORKED);
    ck_error(tong_fd(e->tx, TONG_OUT), TONG_E_FORKED);
    ck_error(tong_recv(e->rx, NULL, 0, tong_now()), TONG_E_FORKED);
    ck_error(tong_peek(e->rx, &span, NULL, 1, tong_now()), TONG_E_FORKED);
    ck_error(tong_next_size(e->rx), TONG_E_FORKED);
    ck_error(tong_fd(e->rx, TONG_IN), TONG_E_FORKED);
    ck_error(tong_poll(&item, 1, tong_now()), TONG_E_FORKED);
    ck_error(tong_events(e->rx, &event, 1), TONG_E_FORKED);
    if (e->listener)
        ck_error(tong_accept(e->listener, &ch, tong_now()), TONG_E_FORKED);
    ends_close(e);
    return 0;
}

/* What a second end gets that listens too: as a rule it is refused. */
static int listen_too(const struct conform *c)
{
    tong_channel *ch = NULL;
    int r = conform_try(c, &ch, end_role(c, end_listens(c, END_SENDER) ? END_SENDER : END_RECEIVER), NULL, tong_now());

    tong_close(ch);
    return r;
}

CONFORM_TEST(a_childs_copy_is_dead_and_silent, CONFORM_ONE_WAY)
{
    struct ends e;
    int before;

    ends_open(c, &e, NULL);
    before = conform_is_object(c) ? 0 : listen_too(c);
    ck_ok(tong_fd(e.rx, TONG_IN));
    ck_ok(tong_fd(e.tx, TONG_OUT));
    ck_ok(tong_send(e.tx, "one", 3, conform_patience()));
    ck_ok(tong_send(e.tx, "two", 3, conform_patience()));
    ends_expect(e.rx, "one"); /* "two" may be in the channel's own memory */
    runner_join_ok(runner_fork(use_the_parents, &e), CONFORM_PATIENCE_MS);
    ends_expect(e.rx, "two");
    ck_ok(tong_send(e.tx, "three", 5, conform_patience()));
    ends_expect(e.rx, "three");
    if (conform_is_met(c)) {
        bool sender_listens = end_listens(c, END_SENDER);

        SAME(listen_too(c), before);
        if (conform_is_pair(c) || conform_has(c, sender_listens ? TONG_CAP_FAN_OUT : TONG_CAP_FAN_IN))
            tong_close(conform_open(c, end_role(c, sender_listens ? END_RECEIVER : END_SENDER), NULL));
    }
    ends_close(&e);
}

/* What a child that closes nothing holds on to does not keep the peer from learning of the end. */
static void hold_copies(struct side *me, struct conform *c)
{
    (void)c;
    side_meet(me);
    side_meet(me);
}

CONFORM_TEST(a_child_keeps_no_conversation_alive, CONFORM_PAIRS)
{
    struct side child;
    struct ends e;

    /* A pipe knows no other end than the closing of its last descriptor. */
    if (!conform_has(c, TONG_CAP_PROCESSES) || c->inherited)
        return;
    ends_open(c, &e, NULL);
    side_start(&child, c, hold_copies, NULL);
    side_meet(&child);
    e.tx = tong_close(e.tx);
    ck_error(tong_recv(e.rx, NULL, 0, conform_patience()), conform_gone(c));
    e.rx = tong_close(e.rx);
    e.listener = tong_close(e.listener);
    ends_open(c, &e, NULL); /* the name is free */
    ck_ok(tong_send(e.tx, "again", 5, conform_patience()));
    ends_expect(e.rx, "again");
    side_meet(&child);
    side_join(&child);
    ends_close(&e);
}

static void answer_and_end(struct side *me, struct conform *c)
{
    tong_channel **joined = me->arg;
    char room[32];
    int64_t len;

    if (conform_has(c, TONG_CAP_PROCESSES))
        tong_close(joined[0]);
    while ((len = tong_recv(joined[1], room, sizeof room, conform_patience())) >= 0)
        ck_ok(tong_send(joined[1], room, (size_t)len, conform_patience()));
    ck_error(len, TONG_E_END);
    ck_ok(tong_finish(joined[1], conform_patience()));
    if (conform_has(c, TONG_CAP_PROCESSES))
        tong_close(joined[1]);
}

/* The address of ends that have no name. */
static void nameless(const struct conform *c, const char *query, char *ret_address, size_t len)
{
    struct conform it = *c;

    snprintf(it.address, sizeof it.address, "%s:", c->scheme);
    conform_address(&it, query, ret_address, len);
}

CONFORM_TEST(joined_ends_for_a_child, CONFORM_PAIR)
{
    tong_channel *joined[2];
    char address[64];
    struct side child;

    nameless(c, NULL, address, sizeof address);
    if (!conform_has(c, TONG_CAP_PAIR_FD)) {
        ck_error(tong_pair(joined, address), TONG_E_NOCAP);
        conform_says_who_can(c, TONG_CAP_PAIR_FD);
        return;
    }
    ck_ok(tong_pair(joined, address));
    side_start(&child, c, answer_and_end, joined);
    if (conform_has(c, TONG_CAP_PROCESSES))
        joined[1] = tong_close(joined[1]);
    for (int i = 0; i < 100; i++) {
        ck_ok(tong_send(joined[0], "question", 8, conform_patience()));
        ends_expect(joined[0], "question");
    }
    ck_ok(tong_finish(joined[0], conform_patience()));
    ck_error(tong_recv(joined[0], NULL, 0, conform_patience()), TONG_E_END);
    side_join(&child);
    tong_close(joined[0]);
    if (!conform_has(c, TONG_CAP_PROCESSES))
        tong_close(joined[1]);
}

CONFORM_TEST(joined_ends_are_refused_senselessly, CONFORM_PAIR)
{
    tong_channel *joined[2] = {NULL, NULL};
    char address[256];

    if (!conform_has(c, TONG_CAP_PAIR_FD))
        return;
    if (c->inherited)
        snprintf(address, sizeof address, "%sname", c->address);
    else
        conform_address(c, NULL, address, sizeof address);
    ck_error(tong_pair(joined, address), TONG_E_ADDRESS);
    nameless(c, "?nosuch=1", address, sizeof address);
    ck_error(tong_pair(joined, address), TONG_E_ADDRESS);
    nameless(c, "?size=0", address, sizeof address);
    ck_error(tong_pair(joined, address), -ERANGE);
    CHECK(!joined[0] && !joined[1]);
}

/* ---- exec ------------------------------------------------------------------------------------------------------ */

static int inheritable_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    const struct dirent *entry;
    int count = 0;

    CHECK(fds);
    while ((entry = readdir(fds)))
        if (entry->d_name[0] != '.')
            count += !(fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC);
    closedir(fds);
    return count;
}

CONFORM_TEST(exec_inherits_no_descriptor, CONFORM_ONE_WAY)
{
    int before = inheritable_fds();
    tong_pollitem item;
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
    ends_expect(e.rx, "x");
    if (conform_has(c, TONG_CAP_POLLABLE)) {
        ck_ok(tong_fd(e.rx, TONG_IN));
        ck_ok(tong_fd(e.tx, TONG_OUT));
    }
    item = (tong_pollitem){.ch = e.rx, .want = TONG_IN};
    ck_error(tong_poll(&item, 1, tong_in_ms(1)), -ETIMEDOUT);
    ck_error(tong_recv(e.rx, NULL, 0, tong_in_ms(1)), -ETIMEDOUT);
    SAME(inheritable_fds(), before);
    ends_close(&e);
}

/* ---- mechanisms that connect threads only ---------------------------------------------------------------------- */

static int find_nothing(void *context)
{
    const struct conform *c = context;
    tong_channel *ch;

    ck_error(conform_try(c, &ch, TONG_PULL | TONG_EXISTING, NULL, tong_now()), -ENOENT);
    ch = conform_open(c, TONG_PULL, NULL);
    ck_error(tong_recv(ch, NULL, 0, tong_now()), -EAGAIN);
    tong_close(ch);
    return 0;
}

CONFORM_TEST(a_name_means_the_process, CONFORM_PIPELINE)
{
    struct ends e;

    if (conform_has(c, TONG_CAP_PROCESSES))
        return;
    ends_open(c, &e, NULL);
    ck_ok(tong_send(e.tx, "mine", 4, tong_now()));
    runner_join_ok(runner_fork(find_nothing, c), CONFORM_PATIENCE_MS);
    ends_expect(e.rx, "mine");
    ends_close(&e);
}

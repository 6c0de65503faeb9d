/* SPDX-License-Identifier: MIT */
/*
 * Each system call and each allocation of a whole conversation fails once, and then for ever: every call of tong says
 * so or does without, nothing partial is received, nothing is left behind, and afterwards all works again.
 */
#if TONG_SEAMS

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "support/faulty.h"

/* The larger message is more than one read takes of some and no more than a pipe holds. */
enum { SHORT_MS = 10, LEN = 50000, SMALL = 100 };

static char message[LEN], room[LEN];

struct conversation {
    struct ends ends;
    struct ledger ledger;
    uint64_t sent;
    bool flawless; /* no call of tong has failed so far */
};

/* Notes whether a call succeeded. A failure has a sentence, unless it is that there is nothing just now. */
static bool went_well(struct conversation *v, int64_t r)
{
    if (r < 0) {
        v->flawless = false;
        CHECK(r == -EAGAIN || tong_error_detail()[0]);
    }
    return r >= 0;
}

static void open_ends(const struct conform *c, struct conversation *v)
{
    bool receiver_first = !end_listens(c, END_SENDER);
    tong_channel **first = receiver_first ? &v->ends.rx : &v->ends.tx;
    tong_channel **second = receiver_first ? &v->ends.tx : &v->ends.rx;
    uint32_t first_role = end_role(c, receiver_first ? END_RECEIVER : END_SENDER);
    uint32_t second_role = end_role(c, receiver_first ? END_SENDER : END_RECEIVER);

    if (!went_well(v, conform_try(c, first, first_role, NULL, tong_in_ms(SHORT_MS))))
        return;
    went_well(v, conform_try(c, second, second_role, NULL, tong_in_ms(SHORT_MS)));
    if (conform_is_pair(c) && conform_is_met(c)) {
        v->ends.listener = *first;
        *first = NULL;
        went_well(v, tong_accept(v->ends.listener, first, tong_in_ms(SHORT_MS)));
    }
}

static void send_one(struct conversation *v, size_t len)
{
    ledger_write(message, len, 1, v->sent);
    if (went_well(v, tong_send(v->ends.tx, message, len, tong_in_ms(SHORT_MS))))
        v->sent++;
}

static void receive_one(struct conversation *v)
{
    int64_t len;

    went_well(v, tong_flush(v->ends.tx, TONG_ACCEPTED, tong_now()));
    len = tong_recv(v->ends.rx, room, sizeof room, tong_in_ms(SHORT_MS));
    if (went_well(v, len))
        ledger_take(&v->ledger, room, (size_t)len);
}

static void lend_one(struct conversation *v)
{
    tong_span span;

    if (went_well(v, tong_claim(v->ends.tx, SMALL, &span, tong_in_ms(SHORT_MS)))) {
        ledger_write(span.data, SMALL, 1, v->sent);
        if (went_well(v, tong_commit(v->ends.tx, &span, SMALL, NULL)))
            v->sent++;
        else if (span.data)
            tong_abort(v->ends.tx, &span);
    }
    if (went_well(v, tong_peek(v->ends.rx, &span, NULL, 1, tong_in_ms(SHORT_MS)))) {
        ledger_take(&v->ledger, span.data, span.len);
        ck_ok(tong_release(v->ends.rx, &span, 1));
    }
}

static void converse(const struct conform *c, struct conversation *v)
{
    tong_event event;

    *v = (struct conversation){.flawless = true};
    open_ends(c, v);
    if (v->ends.tx && v->ends.rx) {
        send_one(v, SMALL);
        receive_one(v);
        went_well(v, tong_fd(v->ends.rx, TONG_IN));
        went_well(v, tong_fd(v->ends.tx, TONG_OUT));
        send_one(v, LEN);
        receive_one(v);
        lend_one(v);
        send_one(v, SMALL);
        went_well(v, tong_events(v->ends.rx, &event, 1));
        receive_one(v);
        tong_pollitem item = {.ch = v->ends.tx, .want = TONG_OUT};
        went_well(v, tong_poll(&item, 1, tong_in_ms(SHORT_MS)));
        went_well(v, tong_finish(v->ends.tx, tong_in_ms(SHORT_MS)));
    }
    ends_close(&v->ends);
}

/* With what a call fails on a machine in trouble; 0: it never does. */
static int trouble(enum faulty_call call)
{
    static const int errors[FAULTY_ALLOCATION + 1] = {
        [FAULTY_socket] = EMFILE,
        [FAULTY_bind] = EACCES,
        [FAULTY_listen] = EADDRINUSE,
        [FAULTY_accept4] = EMFILE,
        [FAULTY_connect] = EACCES,
        [FAULTY_shutdown] = ENOTCONN,
        [FAULTY_getsockopt] = ENOBUFS,
        [FAULTY_setsockopt] = ENOMEM,
        [FAULTY_send] = ECONNRESET,
        [FAULTY_sendmsg] = ENOBUFS,
        [FAULTY_recv] = ECONNRESET,
        [FAULTY_recvmsg] = ENOMEM,
        [FAULTY_read] = EIO,
        [FAULTY_readv] = ENOMEM,
        [FAULTY_pwritev2] = EPIPE,
        [FAULTY_writev] = ENOMEM,
        [FAULTY_pipe2] = EMFILE,
        [FAULTY_dup3] = EBUSY,
        [FAULTY_open_at] = EMFILE,
        [FAULTY_unlinkat] = EROFS,
        [FAULTY_fstat] = EIO,
        [FAULTY_fstatat] = EACCES,
        [FAULTY_fchmod] = EPERM,
        [FAULTY_fchmodat] = EPERM,
        [FAULTY_fcntl_int] = ENOMEM,
        [FAULTY_fcntl_lock] = ENOLCK,
        [FAULTY_current_directory] = ENOENT,
        [FAULTY_eventfd] = EMFILE,
        [FAULTY_epoll_create1] = EMFILE,
        [FAULTY_epoll_ctl] = ENOSPC,
        [FAULTY_timerfd_create] = EMFILE,
        [FAULTY_getrandom] = ENOSYS,
        [FAULTY_sched_getaffinity] = EINVAL,
        [FAULTY_close] = EIO,
        [FAULTY_ALLOCATION] = ENOMEM,
    };

    return errors[call];
}

typedef void make_plan(enum faulty_call call, uint64_t k, int error);

static void fail_at(const struct conform *c, make_plan *plan, enum faulty_call call, uint64_t k, int fds)
{
    struct conversation v;

    faulty_install();
    plan(call, k, trouble(call));
    converse(c, &v);
    faulty_remove();
    if (runner_count_fds() != fds)
        conform_fail(__FILE__, __LINE__, "%d descriptors, not %d, after the failure of call kind %d, number %d",
                     runner_count_fds(), fds, (int)call, (int)k);
    (void)conform_remove(c); /* where removing it was what failed */
    converse(c, &v);
    if (!v.flawless || v.ledger.taken != 4)
        conform_fail(__FILE__, __LINE__, "after the failure of call kind %d, number %d, nothing works: %s", (int)call,
                     (int)k, tong_error_detail());
}

static void fail_at_each(const struct conform *c, make_plan *plan)
{
    uint64_t calls[FAULTY_ALLOCATION + 1];
    struct conversation v;
    int fds;

    converse(c, &v);
    fds = runner_count_fds();
    faulty_install();
    converse(c, &v);
    for (int call = 0; call <= FAULTY_ALLOCATION; call++)
        calls[call] = trouble((enum faulty_call)call) ? faulty_count((enum faulty_call)call) : 0;
    faulty_remove();
    CHECK(v.flawless && v.ledger.taken == 4);
    for (int call = 0; call <= FAULTY_ALLOCATION; call++)
        for (uint64_t k = 1; k <= calls[call]; k++)
            fail_at(c, plan, (enum faulty_call)call, k, fds);
}

CONFORM_TEST(every_call_fails_once, CONFORM_ONE_WAY)
{
    fail_at_each(c, faulty_fail);
}

CONFORM_TEST(every_call_fails_from_then_on, CONFORM_ONE_WAY)
{
    fail_at_each(c, faulty_fail_from);
}

#endif

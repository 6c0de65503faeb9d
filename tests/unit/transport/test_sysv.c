/* SPDX-License-Identifier: MIT */
/* sysv: pauses, the one slot that sleeps, and what is left when the system refuses. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>
#include <unistd.h>

#include "base/limits.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "sys/clock.h"
#include "transport/sysv.h"

struct end {
    struct sysv_state state;
    struct tongi_report report;
    struct tongi_start start;
};

static struct end tx, rx;

static int end_start(struct end *end, uint32_t role)
{
    *end =
        (struct end){.start = {.address = "sysv:unit", .rest = "unit", .role = role, .opts = tongi_sysv_ops.presets}};
    tongi_report_init(&end->report);
    end->start.report = &end->report;
    return tongi_sysv_ops.start(&end->state, &end->start);
}

static void end_close(struct end *end)
{
    tongi_sysv_ops.close(&end->state, true);
}

static void ends_open(void)
{
    ck_ok(end_start(&tx, TONG_PUSH));
    ck_ok(end_start(&rx, TONG_PULL));
}

static void ends_close(void)
{
    end_close(&tx);
    end_close(&rx);
}

static int64_t send_bytes(const char *text, size_t len)
{
    return tongi_sysv_ops.send(&tx.state, &(tong_view){text, len}, 1);
}

static void fill(void)
{
    static char message[8000];
    int64_t r = 1;

    while (r == 1)
        r = send_bytes(message, sizeof message);
    ck_error(r, -EAGAIN);
}

static int64_t receive(void)
{
    static char room[8192];
    tong_bytes bytes = {room, sizeof room};
    int64_t r = tongi_sysv_ops.recv(&rx.state, &bytes, 1, NULL);

    return r < 0 ? r : (int64_t)bytes.len;
}

/* How long the next pause is. */
static int64_t pause_ns(struct end *end, uint32_t direction)
{
    int64_t begun_ns = tongi_clock_ns(), until_ns = INT64_MAX;
    struct pollfd set[TONGI_POLLSET_MAX];

    ck_assert_int_eq(tongi_sysv_ops.pollset(&end->state, direction, set, &until_ns), 0);
    return until_ns - begun_ns;
}

TONG_TEST(pauses_grow_until_something_comes)
{
    int64_t before_ns = 0;

    ends_open();
    for (int i = 0; i < 20; i++) {
        int64_t now_ns = pause_ns(&rx, TONG_IN);
        ck_assert_int_ge(now_ns, TONGI_SYSV_PAUSE_FIRST_NS);
        if (now_ns < TONGI_SYSV_PAUSE_LAST_NS)
            ck_assert_int_gt(now_ns, before_ns);
        before_ns = now_ns;
    }
    ck_assert_int_ge(before_ns, TONGI_SYSV_PAUSE_LAST_NS);
    ck_assert_int_eq(rx.state.in.pause_ns, TONGI_SYSV_PAUSE_LAST_NS);
    ck_assert_int_eq(send_bytes("x", 1), 1);
    ck_assert_int_eq(receive(), 1);
    ck_assert_int_eq(rx.state.in.pause_ns, 0);
    ends_close();
}

TONG_TEST(waiting_for_a_message_leaves_it)
{
    ends_open();
    ck_assert_int_eq(send_bytes("left", 4), 1);
    ck_ok(tongi_sysv_ops.wait(&rx.state, TONG_IN));
    ck_assert_uint_eq(tongi_sysv_ops.depth(&rx.state), 1);
    ck_assert_int_eq(receive(), 4);
    ck_assert_int_eq(send_bytes("", 0), 1);
    ck_ok(tongi_sysv_ops.wait(&rx.state, TONG_IN)); /* what is empty cannot be left */
    ck_assert_uint_eq(tongi_sysv_ops.depth(&rx.state), 0);
    ck_ok(tongi_sysv_ops.wait(&rx.state, TONG_IN));
    ck_assert(tongi_sysv_ops.ready(&rx.state, TONG_IN));
    ck_assert_int_eq(receive(), 0);
    ck_assert(!tongi_sysv_ops.ready(&rx.state, TONG_IN));
    ends_close();
}

TONG_TEST(waiting_for_room_sends)
{
    ends_open();
    fill();
    ck_assert(!tongi_sysv_ops.ready(&tx.state, TONG_OUT));
    faulty_install();
    faulty_fail(FAULTY_msgsnd_wait, 1, EINTR);
    ck_ok(tongi_sysv_ops.wait(&tx.state, TONG_OUT));
    ck_assert_int_eq(send_bytes("offered again", 13), -EAGAIN);
    ck_assert_int_eq(receive(), 8000);
    ck_assert(tongi_sysv_ops.ready(&tx.state, TONG_OUT));
    ck_ok(tongi_sysv_ops.wait(&tx.state, TONG_OUT));
    ck_assert_int_eq(send_bytes("offered again", 13), 1);
    ck_assert_int_eq(send_bytes("next", 4), 1);
    ck_assert_int_eq(receive(), 8000);
    ck_assert_int_eq(receive(), 8000); /* the one that was offered, as it was */
    ck_assert_int_eq(receive(), 4);
    ends_close();
}

TONG_TEST(a_wait_that_is_given_up_says_whether_it_sent)
{
    ends_open();
    fill();
    ck_assert_int_eq(tongi_sysv_ops.settle(&tx.state, TONG_OUT), 0);
    fill();
    ck_assert_int_eq(receive(), 8000);
    ck_ok(tongi_sysv_ops.wait(&tx.state, TONG_OUT));
    ck_assert_int_eq(tongi_sysv_ops.settle(&tx.state, TONG_OUT), 1);
    ck_assert_int_eq(tongi_sysv_ops.settle(&tx.state, TONG_OUT), 0);
    ck_assert_int_eq(tongi_sysv_ops.settle(&tx.state, TONG_IN), 0);
    while (receive() >= 0)
        continue;
    ends_close();
}

TONG_TEST(a_limit_that_was_lowered_is_no_removal)
{
    ends_open();
    faulty_install();
    faulty_fail(FAULTY_msgsnd, 1, EINVAL);
    ck_error(send_bytes("x", 1), TONG_E_TOOBIG);
    faulty_fail(FAULTY_msgsnd, 1, EIDRM);
    ck_error(send_bytes("x", 1), TONG_E_GONE);
    faulty_fail(FAULTY_msgrcv, 1, EIDRM);
    ck_error(receive(), TONG_E_GONE);
    faulty_fail(FAULTY_msgrcv_wait, 1, EIDRM);
    ck_error(tongi_sysv_ops.wait(&rx.state, TONG_IN), TONG_E_GONE);
    ends_close();
}

/* Each call of an open fails once: nothing is left, and the next open works. */
TONG_TEST(an_open_that_fails_leaves_nothing)
{
    static const struct {
        enum faulty_call call;
        int error;
    } failures[] = {{FAULTY_mkdirat, EROFS}, {FAULTY_open_at, EMFILE}, {FAULTY_fcntl_lock, ENOLCK},
                    {FAULTY_fstat, EIO},     {FAULTY_read, EIO},       {FAULTY_write, ENOSPC},
                    {FAULTY_msgget, ENOSPC}, {FAULTY_msgctl, EPERM},   {FAULTY_getrandom, ENOSYS}};

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        for (uint64_t k = 1; k <= 3; k++) {
            faulty_install();
            faulty_fail(failures[i].call, k, failures[i].error);
            int r = end_start(&rx, TONG_PULL);
            bool failed = faulty_count(failures[i].call) >= k;
            end_close(&rx);
            faulty_remove();
            if (!failed)
                ck_ok(r);
            else if (r < 0)
                ck_assert(strstr(tong_error_detail(), "sysv:unit:"));
            ck_ok(end_start(&rx, TONG_PULL));
            end_close(&rx);
        }
}

TONG_TEST(whoever_never_lets_go_is_given_up)
{
    faulty_install();
    faulty_fail_from(FAULTY_fcntl_lock, 1, EAGAIN);
    ck_error(end_start(&rx, TONG_PULL), -EBUSY);
    end_close(&rx);
    faulty_remove();
    ck_ok(end_start(&rx, TONG_PULL));
    end_close(&rx);
}

/* Each of two that close at once sees the other's lock at first. */
TONG_TEST(two_that_leave_at_once_leave_nothing)
{
    ck_ok(end_start(&rx, TONG_PULL));
    faulty_install();
    faulty_fail(FAULTY_fcntl_lock, 1, EAGAIN);
    end_close(&rx);
    faulty_remove();
    rx.start.existence = TONG_EXISTING;
    ck_error(tongi_sysv_ops.start(&rx.state, &rx.start), -ENOENT);
    end_close(&rx);
}

/* The other one removed all, and somebody made it anew, between our two looks. */
TONG_TEST(what_others_made_anew_is_not_removed)
{
    static struct end old;
    struct msqid_ds queue;

    ck_ok(end_start(&old, TONG_PULL));
    ck_ok(tongi_sys_msgctl(old.state.id, IPC_RMID, NULL));
    tongi_sysv_file_remove(&old.state.place);
    ck_ok(end_start(&rx, TONG_PULL));
    end_close(&old);
    ck_ok(end_start(&tx, TONG_PUSH));
    ck_assert_int_eq(tx.state.id, rx.state.id);
    ck_ok(tongi_sys_msgctl(rx.state.id, IPC_STAT, &queue));
    ends_close();
}

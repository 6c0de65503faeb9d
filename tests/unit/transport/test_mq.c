/* SPDX-License-Identifier: MIT */
/* mq: slots on a system that misbehaves: every refusal has its sentence, and nothing is left behind. */
#include <errno.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "runner/runner.h"
#include "support/faulty.h"
#include "transport/mq.h"

static char name[64];

/* How a channel opens it. */
static struct tongi_start start_of(uint32_t role)
{
    static struct tongi_report report;
    static char address[80];

    snprintf(name, sizeof name, "/tong-unit-%d", (int)getpid());
    snprintf(address, sizeof address, "mq:%s", name);
    tongi_report_init(&report);
    return (struct tongi_start){
        .address = address, .rest = name, .role = role, .opts = tongi_mq_ops.presets, .report = &report};
}

static bool exists(void)
{
    mqd_t queue = mq_open(name, O_RDONLY);

    if (queue >= 0)
        mq_close(queue);
    return queue >= 0;
}

static void refused(uint32_t existence, int error, const char *part)
{
    struct tongi_start start = start_of(TONG_PULL);
    struct mq_state state = {.opened = false};

    start.existence = existence;
    ck_error(tongi_mq_ops.start(&state, &start), error);
    ck_assert_msg(strstr(tong_error_detail(), part), "'%s' does not say '%s'", tong_error_detail(), part);
    tongi_mq_ops.close(&state, true);
}

TONG_TEST(each_refusal_of_the_kernel_has_its_sentence)
{
    static const struct {
        uint32_t existence;
        int error, given;
        const char *part;
    } refusals[] = {
        {TONG_NEW, EEXIST, -EEXIST, "TONG_NEW"},
        {TONG_EXISTING, ENOENT, -ENOENT, "TONG_EXISTING"},
        {TONG_NEW, EACCES, -EACCES, "mode="},
        {TONG_NEW, ENOSPC, -ENOSPC, "queues_max"},
        {TONG_NEW, EMFILE, -EMFILE, "RLIMIT_MSGQUEUE"},
        {TONG_EXISTING, EMFILE, -EMFILE, "ulimit -n"},
        {TONG_NEW, ENOSYS, TONG_E_NOCAP, "unix:"},
        {TONG_NEW, EINVAL, -EINVAL, "depth="},
        {TONG_NEW, ENFILE, -ENFILE, "cannot be opened"},
    };

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        faulty_install();
        faulty_fail_from(FAULTY_queue_open, 1, refusals[i].error);
        refused(refusals[i].existence, refusals[i].given, refusals[i].part);
    }
}

TONG_TEST(what_cannot_be_finished_is_not_left_behind)
{
    umask(0777);
    faulty_install();
    faulty_fail(FAULTY_fchmod, 1, EPERM);
    refused(0, -EPERM, "mode cannot be set");
    ck_assert(!exists());
    faulty_install();
    faulty_fail(FAULTY_fcntl_lock, 1, ENOLCK);
    refused(0, -ENOLCK, "cannot be locked");
    ck_assert(!exists());
}

TONG_TEST(a_queue_that_is_always_being_removed_is_given_up)
{
    faulty_install();
    faulty_fail_from(FAULTY_fcntl_lock, 1, EAGAIN);
    refused(0, -EBUSY, "removed at each of");
    ck_assert_uint_eq(faulty_count(FAULTY_fcntl_lock), TONGI_QUEUE_TURNS);
    faulty_remove();
    mq_unlink(name);
}

TONG_TEST(the_kernels_defaults_hold_without_proc)
{
    struct tongi_start start = start_of(TONG_PULL);
    struct mq_state state = {.opened = false};

    faulty_install();
    faulty_fail_from(FAULTY_open_at, 1, ENOENT);
    ck_ok(tongi_mq_ops.start(&state, &start));
    ck_assert_uint_eq(tongi_mq_ops.size_max(&state), 8192);
    tongi_mq_ops.close(&state, true);
    ck_assert(!exists());
}

TONG_TEST(what_is_held_is_told_and_kept_through_failures)
{
    struct tongi_start pull = start_of(TONG_PULL), push = start_of(TONG_PUSH);
    struct mq_state rx = {.opened = false}, tx = {.opened = false};
    tong_view view = {"text", 4};
    char room[8];
    tong_bytes small = {room, 2}, bytes = {room, sizeof room};

    ck_ok(tongi_mq_ops.start(&rx, &pull));
    ck_ok(tongi_mq_ops.start(&tx, &push));
    ck_assert_int_eq(tongi_mq_ops.send(&tx, &view, 1), 1);
    ck_assert(!tongi_mq_ops.ready(&rx, TONG_IN));
    faulty_install();
    faulty_fail(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_error(tongi_mq_ops.recv(&rx, &bytes, 1, NULL), -ENOMEM);
    ck_error(tongi_mq_ops.recv(&rx, &small, 1, NULL), TONG_E_TOOBIG);
    ck_assert(tongi_mq_ops.ready(&rx, TONG_IN));
    ck_assert_int_eq(tongi_mq_ops.next_size(&rx), 4);
    ck_assert_int_eq(tongi_mq_ops.recv(&rx, &bytes, 1, NULL), 1);
    ck_assert_uint_eq(bytes.len, 4);
    ck_assert(!tongi_mq_ops.ready(&rx, TONG_IN));
    ck_error(tongi_mq_ops.next_size(&rx), -EAGAIN);
    tongi_mq_ops.close(&rx, true);
    ck_assert(exists());
    tongi_mq_ops.close(&tx, true);
    ck_assert(!exists());
}

/* Each of two that close at once sees the other's lock at first. */
TONG_TEST(two_that_leave_at_once_leave_nothing)
{
    struct tongi_start start = start_of(TONG_PULL);
    struct mq_state state = {.opened = false};

    ck_ok(tongi_mq_ops.start(&state, &start));
    faulty_install();
    faulty_fail(FAULTY_fcntl_lock, 1, EAGAIN);
    tongi_mq_ops.close(&state, true);
    ck_assert(!exists());
}

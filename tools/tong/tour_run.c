/* SPDX-License-Identifier: MIT */
/* One row of the tour: two processes, or two threads, each of which opens its own channels. */
#include "tour.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* How much the timed passes carry together: enough for a rate, and over in a moment. */
#define PASS_BYTES (32u * 1024 * 1024)
#define PASS_MESSAGES 4096u

uint64_t tour_hash(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

size_t tour_message_bytes(const tong_caps *caps)
{
    const size_t usual = 64 * 1024;

    return caps->size_max < usual ? (size_t)caps->size_max : usual;
}

uint64_t tour_pass_messages(const struct tour_input *input, size_t message_bytes)
{
    return input->len ? (input->len + message_bytes - 1) / message_bytes : 1;
}

uint64_t tour_passes(const struct tour_input *input, size_t message_bytes)
{
    uint64_t by_messages = PASS_MESSAGES / tour_pass_messages(input, message_bytes);
    uint64_t by_bytes = PASS_BYTES / (input->len + 1);
    uint64_t passes = by_messages < by_bytes ? by_messages : by_bytes;

    return 1 + (passes ? passes : 1);
}

int tour_refuse(struct tour_side *s, const char *why)
{
    s->why = why;
    return TONG_E_CORRUPT;
}

int tour_end(struct tour_side *s)
{
    char byte;
    int64_t n;
    int r = tong_finish(s->out, tong_in_ms(TOUR_STEP_MS));

    if (r < 0)
        return r;
    n = tong_recv(s->in, &byte, sizeof byte, s->row->endless ? tong_now() : tong_in_ms(TOUR_STEP_MS));
    if (s->row->endless && n == -EAGAIN)
        return 0;
    return n == TONG_E_END ? 0 : n < 0 ? (int)n : tour_refuse(s, _("more arrived than was sent"));
}

int tour_open(struct tour_side *s, tong_channel **ret_ch, bool back, uint32_t role, tong_deadline deadline)
{
    tong_opts opts = {.struct_size = sizeof opts};
    int r = s->heirs ? heirs_be(&s->heirs[back], s->number) : 0;

    /* A pipe has one sender anyway. */
    if (role == TONG_PULL && !s->heirs && !s->row->endless)
        opts.end = TONG_END_LAST;
    return r < 0 ? r : tong_open(ret_ch, back ? s->back : s->there, role, &opts, deadline);
}

tong_view tour_part(const struct tour_input *input, size_t message_bytes, uint64_t i)
{
    size_t offset = (size_t)(i % tour_pass_messages(input, message_bytes)) * message_bytes;
    size_t left = input->len - offset;

    return (tong_view){input->data + offset, left < message_bytes ? left : message_bytes};
}

/* Errors of opening that speak of the machine and not of tong. */
static bool machine_lacks(int error)
{
    static const int errors[] = {-ENOSYS, -EPERM,      -EACCES,      -EAFNOSUPPORT, -EPROTONOSUPPORT,
                                 -ENODEV, -EOPNOTSUPP, TONG_E_NOCAP, TONG_E_ADDRESS};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (error == errors[i])
            return true;
    return false;
}

static int rtt_compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

/* The side that failed first knows the cause; the other one only saw it go. */
static void judge(const struct tour_side *far, int far_error, struct tour_report *near, struct tour_result *result)
{
    bool near_first =
        near->error && (!far_error || far_error == TONG_E_GONE || far_error == TONG_E_END || far_error == -ETIMEDOUT);
    int error = near_first ? near->error : far_error;

    if (tool_stopped()) {
        result->verdict = TOUR_STOPPED;
        return;
    }
    if (near_first)
        memcpy(result->why, near->why, sizeof result->why);
    if (error)
        result->verdict =
            (near_first ? near->opening : far->opening) && machine_lacks(error) ? TOUR_ABSENT : TOUR_FAILED;
    if (error && !*result->why)
        snprintf(result->why, sizeof result->why, "%s", tong_error_text(error));
    qsort(near->rtt_ns, TOUR_PINGS, sizeof near->rtt_ns[0], rtt_compare);
    result->rtt_p50_ns = near->rtt_ns[TOUR_PINGS / 2];
    result->rtt_p99_ns = near->rtt_ns[TOUR_PINGS * 99 / 100];
}

/* The near side is a child that dies with this process; whatever it leaves lies in the tour's directory. */
static int processes_run(struct tour_side *near, struct tour_side *far, struct tour_result *result)
{
    pid_t parent = getpid(), pid = fork();
    int r, status;

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        tool_leave_signals();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            tour_near(near); /* of all that was forked it opens its own ends, and gives back the others */
        _exit(TOOL_DONE);
    }
    r = tour_far(far, result);
    if (r < 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (r >= 0 && status != 0) {
        near->report->error = TONG_E_GONE;
        snprintf(near->report->why, sizeof near->report->why, _("the near process died, wait status %d"), status);
    }
    return r;
}

/* The signals stay this thread's, whose channels are guarded. */
static int threads_run(struct tour_side *near, struct tour_side *far, struct tour_result *result)
{
    pthread_t thread;
    sigset_t all, kept;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    r = -pthread_create(&thread, NULL, tour_near, near);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    if (r < 0)
        return r;
    r = tour_far(far, result);
    pthread_join(thread, NULL);
    return r;
}

static void addresses_make(const struct tour_row *row, struct tour_side *side)
{
    char number[16] = "";

    if (row->global)
        snprintf(number, sizeof number, "-%d", (int)getpid());
    snprintf(side->there, sizeof side->there, "%s%s", row->there, number);
    snprintf(side->back, sizeof side->back, "%s%s", row->back ? row->back : "", number);
}

/* What a side that was killed left, if it got so far. */
static void leftovers_remove(const struct tour_side *side)
{
    int there = tong_remove(side->there), back = tong_remove(side->back);

    (void)there;
    (void)back;
}

void tour_run(const struct tour_row *row, const struct tour_input *input, struct tour_result *ret_result)
{
    struct tour_report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct heirs heirs[2] = {HEIRS_NULL, HEIRS_NULL};
    struct tour_side near = {.row = row, .input = input, .report = report, .number = 1}, far;
    int r = 0;

    addresses_make(row, &near);
    *ret_result = (struct tour_result){.verdict = TOUR_FAILED};
    if (report == MAP_FAILED) {
        snprintf(ret_result->why, sizeof ret_result->why, _("shared memory: %s"), strerror(errno));
        return;
    }
    ret_result->verdict = TOUR_OK;
    if (heirs_needed(row->there)) {
        near.heirs = heirs;
        r = heirs_make(&heirs[0]);
        if (r >= 0 && row->back)
            r = heirs_make(&heirs[1]);
    }
    far = near;
    far.number = 0;
    if (r >= 0)
        r = row->threads ? threads_run(&near, &far, ret_result) : processes_run(&near, &far, ret_result);
    heirs_close(&heirs[0]);
    heirs_close(&heirs[1]);
    judge(&far, r < 0 ? r : 0, report, ret_result);
    if (row->global && ret_result->verdict != TOUR_OK)
        leftovers_remove(&far);
    munmap(report, sizeof *report);
}

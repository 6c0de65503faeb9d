/* SPDX-License-Identifier: MIT */
/*
 * What open channels cost that do nothing: memory, threads, wake-ups, and whether the last opens as fast as the first.
 * Measured in a fresh process, which opens many pairs, rests, and then lets each pair talk once.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "bench.h"

enum { PAIRS = 1000, FDS_PER_PAIR = 8, FDS_SPARE = 64, SAMPLE = 100, REST_MS = 200, TALK_MS = 5000, TALK_BYTES = 64 };

/* An open, idle channel may take so much besides its buffers. */
#define IDLE_BYTES_MAX 8192

/* Shared between the process that measures and the one that reports. */
struct idle {
    struct bench_result *result;
    const char *address;
    unsigned n_pairs;
    int64_t fresh_bytes, opened_bytes, talked_bytes; /* written by this process alone */
    int64_t threads;                                 /* gained by opening */
    int64_t wakeups;                                 /* while resting */
    uint64_t first_open_ns, last_open_ns;            /* the mean of the first and of the last SAMPLE pairs */
    tong_channel *pairs[PAIRS][2];
};

/* The number after a name in one of the kernel's "Name: number" files, 0 if there is none. */
static int64_t proc_number(const char *path, const char *name)
{
    char line[256];
    int64_t number = 0;
    FILE *file = fopen(path, "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoll(line + strlen(name), NULL, 10);
    if (file != NULL)
        fclose(file);
    return number;
}

static int64_t dirty_bytes(void)
{
    return 1024 * proc_number("/proc/self/smaps_rollup", "Private_Dirty:");
}

static int64_t threads(void)
{
    return proc_number("/proc/self/status", "Threads:");
}

/* How often the one thread that there should be went to sleep by itself. */
static int64_t sleeps(void)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* How many pairs the descriptor limit allows, after raising it as far as it goes. */
static unsigned pairs_allowed(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    rlim_t allowed = limit.rlim_cur > FDS_SPARE ? (limit.rlim_cur - FDS_SPARE) / FDS_PER_PAIR : 0;
    return allowed < PAIRS ? (unsigned)allowed : PAIRS;
}

static int pairs_open(struct idle *idle)
{
    uint64_t start_ns = bench_now_ns(), tail_ns = start_ns;

    for (unsigned i = 0; i < idle->n_pairs; i++) {
        if (i == idle->n_pairs - SAMPLE)
            tail_ns = bench_now_ns();
        int r = tong_pair(idle->pairs[i], idle->address);
        if (r < 0)
            return r;
        if (i == SAMPLE - 1)
            idle->first_open_ns = (bench_now_ns() - start_ns) / SAMPLE;
    }
    idle->last_open_ns = (bench_now_ns() - tail_ns) / SAMPLE;
    return 0;
}

static int pairs_talk(struct idle *idle)
{
    char message[TALK_BYTES] = {0};

    for (unsigned i = 0; i < 2 * idle->n_pairs; i++) {
        tong_channel **pair = idle->pairs[i / 2];
        int64_t r = tong_send(pair[i % 2], message, sizeof message, tong_in_ms(TALK_MS));
        if (r == 0)
            r = tong_recv(pair[1 - i % 2], message, sizeof message, tong_in_ms(TALK_MS));
        if (r < 0)
            return (int)r;
    }
    return 0;
}

static int pairs_measure(struct idle *idle)
{
    int64_t threads_before = threads(), sleeps_before;

    idle->fresh_bytes = dirty_bytes();
    int r = pairs_open(idle);
    if (r < 0)
        return r;
    idle->opened_bytes = dirty_bytes();
    idle->threads = threads() - threads_before;
    sleeps_before = sleeps();
    poll(NULL, 0, REST_MS);
    idle->wakeups = sleeps() - sleeps_before - 1; /* the rest itself is one */
    r = pairs_talk(idle);
    idle->talked_bytes = dirty_bytes();
    return r;
}

static int idle_child(void *context, int ready_fd)
{
    struct idle *idle = context;
    char *why = idle->result->why[0];

    (void)ready_fd;
    idle->n_pairs = pairs_allowed();
    if (idle->n_pairs < 2 * SAMPLE) {
        snprintf(why, BENCH_WHY_MAX, _("the descriptor limit (ulimit -n) allows only %u pairs"), idle->n_pairs);
        return -EMFILE;
    }
    int r = pairs_measure(idle);
    if (r < 0)
        snprintf(why, BENCH_WHY_MAX, "%s", tong_error_detail());
    for (unsigned i = 0; i < 2 * idle->n_pairs; i++)
        tong_close(idle->pairs[i / 2][i % 2]);
    return r;
}

/* ---- the report ---- */

static int idle_json(const struct idle *idle, const struct bare_twin *twin, int64_t opened, int64_t talked)
{
    json_t *misses = json_array();

    if (opened > IDLE_BYTES_MAX)
        json_array_append_new(misses, json_string("bytes_per_channel"));
    if (idle->threads > 0)
        json_array_append_new(misses, json_string("threads"));
    if (idle->wakeups > 0)
        json_array_append_new(misses, json_string("wakeups"));
    return bench_report_json(json_pack(
        "{si ss si sI sI sI sI sI sI so}", "schema", 1, "scheme", twin->scheme, "idle_channels",
        (int)(2 * idle->n_pairs), "bytes_per_channel", (json_int_t)opened, "bytes_per_used_channel", (json_int_t)talked,
        "threads", (json_int_t)idle->threads, "wakeups", (json_int_t)idle->wakeups, "first_open_ns",
        (json_int_t)idle->first_open_ns, "last_open_ns", (json_int_t)idle->last_open_ns, "misses", misses));
}

static void idle_print(const struct idle *idle, const struct bare_twin *twin, int64_t opened, int64_t talked)
{
    char label[BENCH_LABEL_MAX];

    printf(_("%s: %u idle channels: %" PRId64 " bytes each%s (%" PRId64 " after a message each way), %" PRId64
             " threads%s, %" PRId64 " wake-ups in %d ms%s; a pair opens in %.1f us, the last in %.1f us\n"),
           bench_label(twin, label), 2 * idle->n_pairs, opened, opened > IDLE_BYTES_MAX ? " !" : "", talked,
           idle->threads, idle->threads > 0 ? " !" : "", idle->wakeups, REST_MS, idle->wakeups > 0 ? " !" : "",
           (double)idle->first_open_ns / 1e3, (double)idle->last_open_ns / 1e3);
    fflush(stdout); /* before the next measuring process inherits it */
}

int bench_idle(struct bench_plan *plan, const struct bare_twin *twin, const char *address)
{
    struct idle *idle = mmap(NULL, sizeof *idle, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char scheme[64];
    int code = TOOL_DONE;

    if (idle == MAP_FAILED)
        return tool_fail_file(plan->tool, _("memory for the measurements"), errno);
    snprintf(scheme, sizeof scheme, "%s:%s%s", twin->scheme, twin->query ? "?" : "", twin->query ? twin->query : "");
    idle->result = plan->stage.result;
    idle->address = scheme;
    int r = bench_stage_solo(&plan->stage, idle_child, idle);
    if (r < 0 && tool_stopped()) {
        code = TOOL_SIGNAL + tool_stopped();
    } else if (r < 0) {
        tool_complain(plan->tool, "%s: %s", address, plan->stage.why);
        code = TOOL_FAILED;
    } else {
        int64_t channels = 2 * (int64_t)idle->n_pairs;
        int64_t opened = (idle->opened_bytes - idle->fresh_bytes) / channels;
        int64_t talked = (idle->talked_bytes - idle->fresh_bytes) / channels;
        if (plan->tool->opt.json)
            idle_json(idle, twin, opened, talked);
        else
            idle_print(idle, twin, opened, talked);
    }
    munmap(idle, sizeof *idle);
    return code;
}

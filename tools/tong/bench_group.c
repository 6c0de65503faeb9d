/* SPDX-License-Identifier: MIT */
/*
 * One address at one size: rounds of the bare twin and of tong in turn, between two probes that tell how far apart the
 * two cores are just now. Each round gives its own ratios, so that a machine that changes cannot favour a side.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Batches of more bytes are left out: they would measure the memory, not the batching. */
#define BATCH_BYTES_MAX (1u << 20)

enum { PROBE_TRIPS = 20000, TRIALS_MIN = 32, TRIALS_MAX = 4096 };

/* What is measured: the bare twin, a pair, and a pipeline for each size of batch. */
struct group {
    struct bench_plan *plan;
    struct bench_play probe, bare_rtt, bare_rate, pair_rtt;
    unsigned n_rows;
    struct bench_play rates[1 + BENCH_LIST_MAX]; /* one per row */
    struct bench_row rows[1 + BENCH_LIST_MAX];   /* the pair, then the pipelines */
};

static int play(struct group *group, const struct bench_play *play, struct bench_figure *ret_figure)
{
    struct bench_stage *stage = &group->plan->stage;
    int r = bench_stage_play(stage, play);

    if (r == 0) {
        *ret_figure = bench_figure_of(play, stage->result);
        return TOOL_DONE;
    }
    if (tool_stopped())
        return TOOL_SIGNAL + tool_stopped();
    /* tong's own sentences begin with the address. */
    if (strncmp(stage->why, play->address, strlen(play->address)) == 0)
        tool_complain(group->plan->tool, "%s", stage->why);
    else
        tool_complain(group->plan->tool, "%s%s: %s", play->address, play->twin != NULL ? _(": the bare twin") : "",
                      stage->why);
    return TOOL_FAILED;
}

/* Finds how many messages fill the time that a play should take. It also warms up what is slow the first time. */
static int calibrate(struct group *group, struct bench_play *subject)
{
    struct bench_job *job = &subject->job;
    struct bench_figure figure;
    uint64_t trials = BATCH_BYTES_MAX / job->size;

    job->count = trials < TRIALS_MIN ? TRIALS_MIN : trials > TRIALS_MAX ? TRIALS_MAX : trials;
    job->warmup = job->count;
    int code = play(group, subject, &figure);
    if (code != TOOL_DONE)
        return code;
    double count = group->plan->play_ns / figure.per_message_ns;
    if (count > BENCH_SAMPLES_MAX && subject->what == BENCH_RTT)
        count = BENCH_SAMPLES_MAX;
    job->count = count < TRIALS_MIN ? TRIALS_MIN : (uint64_t)count;
    job->count = (job->count + job->batch - 1) / job->batch * job->batch;
    job->warmup = (job->count / 8 + job->batch - 1) / job->batch * job->batch;
    return TOOL_DONE;
}

static int group_calibrate(struct group *group)
{
    int code = calibrate(group, &group->bare_rtt);

    if (code == TOOL_DONE)
        code = calibrate(group, &group->pair_rtt);
    if (code == TOOL_DONE)
        code = calibrate(group, &group->bare_rate);
    for (unsigned i = 0; i < group->n_rows && code == TOOL_DONE; i++)
        code = calibrate(group, &group->rates[i]);
    return code;
}

static int probe(struct group *group, double *ret_ns)
{
    struct bench_figure figure = {0};
    int code = TOOL_DONE;

    if (group->plan->stage.cpus[0] >= 0)
        code = play(group, &group->probe, &figure);
    *ret_ns = figure.p50;
    return code;
}

static int round_trips(struct group *group, unsigned round)
{
    struct bench_row *row = &group->rows[0];
    struct bench_figure bare, tong;
    int code = play(group, &group->bare_rtt, &bare);

    if (code == TOOL_DONE)
        code = play(group, &group->pair_rtt, &tong);
    if (code != TOOL_DONE)
        return code;
    row->p50.value[round] = tong.p50;
    row->p90.value[round] = tong.p90;
    row->p99.value[round] = tong.p99;
    row->p999.value[round] = tong.p999;
    row->bare_p50.value[round] = bare.p50;
    row->rtt_vs_bare.value[round] = tong.p50 / bare.p50;
    return TOOL_DONE;
}

static int round_rates(struct group *group, unsigned round)
{
    struct bench_figure bare, tong;
    int code = play(group, &group->bare_rate, &bare);

    for (unsigned i = 0; i < group->n_rows && code == TOOL_DONE; i++) {
        struct bench_row *row = &group->rows[i];
        code = play(group, &group->rates[i], &tong);
        if (code != TOOL_DONE)
            break;
        row->rate.value[round] = tong.per_second;
        row->bare_rate.value[round] = bare.per_second;
        row->rate_vs_bare.value[round] = tong.per_second / bare.per_second;
    }
    return code;
}

static int group_round(struct group *group, unsigned round)
{
    double before = 0, after = 0;
    int code = probe(group, &before);

    if (code == TOOL_DONE)
        code = round_trips(group, round);
    if (code == TOOL_DONE)
        code = round_rates(group, round);
    if (code == TOOL_DONE)
        code = probe(group, &after);
    for (unsigned i = 0; i < group->n_rows; i++)
        group->rows[i].probe.value[round] = before > after ? before : after;
    return code;
}

static struct bench_play play_of(const struct bench_plan *plan, const struct bare_twin *twin, const char *address,
                                 size_t size)
{
    return (struct bench_play){.twin = twin,
                               .address = address,
                               .threads = twin->threads,
                               .job = {.size = size, .batch = 1, .wait = plan->wait}};
}

static void row_add(struct group *group, enum bench_talk talk, uint32_t batch, const struct bare_twin *twin)
{
    struct bench_play *rate = &group->rates[group->n_rows];

    *rate = group->bare_rate;
    rate->twin = NULL;
    rate->talk = talk;
    rate->job.batch = batch;
    group->rows[group->n_rows++] = (struct bench_row){.twin = twin,
                                                      .address = rate->address,
                                                      .talk = talk,
                                                      .wait = rate->job.wait,
                                                      .size = rate->job.size,
                                                      .batch = batch,
                                                      .has_rtt = talk != BENCH_PIPELINE,
                                                      .rounds = {.n = group->plan->rounds}};
}

static void group_fill(struct group *group, const struct bare_twin *twin, const char *address, size_t size)
{
    struct bench_plan *plan = group->plan;

    group->probe = play_of(plan, &bare_line, _("the probe"), sizeof(uint64_t));
    group->probe.job.warmup = group->probe.job.count = PROBE_TRIPS;
    group->bare_rtt = group->pair_rtt = group->bare_rate = play_of(plan, twin, address, size);
    group->pair_rtt.twin = NULL;
    group->bare_rate.what = BENCH_RATE;
    group->pair_rtt.talk = twin->one_way ? BENCH_PIPELINES : BENCH_PAIR;
    row_add(group, group->pair_rtt.talk, 1, twin);
    for (unsigned i = 0; i < plan->n_batches; i++)
        if (plan->batches[i] == 1 || plan->batches[i] * size <= BATCH_BYTES_MAX)
            row_add(group, BENCH_PIPELINE, (uint32_t)plan->batches[i], twin);
}

/* While somebody waits at a terminal; the round after the last wipes the line. */
static void progress(const struct group *group, unsigned round)
{
    const struct bench_plan *plan = group->plan;

    if (plan->tool->opt.quiet || !isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    if (round < plan->rounds)
        fprintf(stderr, _("%s, %zu bytes: round %u of %u "), group->rows[0].address, group->rows[0].size, round + 1,
                plan->rounds);
}

int bench_group(struct bench_plan *plan, const struct bare_twin *twin, const char *address, size_t size)
{
    struct group *group = calloc(1, sizeof *group);
    int r = 0, code;

    if (group == NULL)
        return tool_fail_file(plan->tool, _("memory for the figures"), ENOMEM);
    group->plan = plan;
    group_fill(group, twin, address, size);
    code = group_calibrate(group);
    for (unsigned i = 0; i < plan->rounds && code == TOOL_DONE; i++) {
        progress(group, i);
        code = group_round(group, i);
    }
    progress(group, plan->rounds);
    for (unsigned i = 0; i < group->n_rows && code == TOOL_DONE && r == 0; i++) {
        bench_rounds_sort_out(&group->rows[i].rounds, &group->rows[i].probe);
        r = bench_report_row(&plan->report, &group->rows[i]);
    }
    free(group);
    return r < 0 ? tool_fail_file(plan->tool, _("standard output"), -r) : code;
}

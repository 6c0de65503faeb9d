/* SPDX-License-Identifier: MIT */
/*
 * The benchmark's parts: bench.c reads the command line, bench_group.c measures an address at one size, bench_idle.c
 * what is open and idle; bench_stage.c runs two ends, bench_tong.c is tong's side of them and bench/bare/ the other;
 * bench_figures.c counts and bench_report.c writes.
 */
#ifndef TONG_BENCH_H
#define TONG_BENCH_H

#include <jansson.h>

#include "bare/bare.h"
#include "heirs.h"
#include "tool.h"

enum { BENCH_ROUNDS_MAX = 99, BENCH_LIST_MAX = 16 };

/* A round between two cores that pass a cache line to and fro more slowly than this is "far": it counts apart. */
#define BENCH_FAR_NS 250

/* A message of this size counts as large: its bar is the throughput. */
#define BENCH_LARGE_BYTES (1u << 20)

enum bench_what { BENCH_RTT, BENCH_RATE };
/* PIPELINES: one each way, for mechanisms that have no pair. */
enum bench_talk { BENCH_PAIR, BENCH_PIPELINES, BENCH_PIPELINE };

const char *bench_wait_name(enum bench_wait wait);

/* ---- bench_stage.c: two ends at work ---- */

/* What is played, by whom: by a twin, or, without one, by tong over an address. */
struct bench_play {
    const struct bare_twin *twin;
    const char *address;
    struct heirs *heirs; /* where the ends are inherited, else NULL */
    bool threads;
    enum bench_talk talk;
    enum bench_what what;
    struct bench_job job;
};

struct bench_stage {
    int cpus[2]; /* less than 0: not pinned */
    struct bench_result *result;
    char why[2 * BENCH_WHY_MAX]; /* the sentence about the last failure */
};

int bench_stage_init(struct bench_stage *stage);
void bench_stage_fini(struct bench_stage *stage);
/*
 * Plays to the end: two processes, or one with two threads, watched by this one. Whoever fails, dies or takes too long
 * ends the play for both; none is left behind. 0, -EINTR when a signal said stop, or another failure with stage->why.
 */
int bench_stage_play(struct bench_stage *stage, const struct bench_play *play);

/* Runs a function in a process of its own, watched in the same way. It returns 0 or a failure. */
typedef int bench_child_fn(void *context, int ready_fd);
int bench_stage_solo(struct bench_stage *stage, bench_child_fn *run, void *context);

/* ---- bench_tong.c: tong's side ---- */

/*
 * Opens end 0, which listens, or end 1. ready() is called as soon as the other end can come. The channels are left in
 * seat->end for bench_tong_close.
 */
typedef void bench_ready_fn(int ready_fd);
int bench_tong_open(struct bench_seat *seat, const struct bench_play *play, unsigned number, bench_ready_fn *ready,
                    int ready_fd);
void bench_tong_close(struct bench_seat *seat);
bench_loop_fn *bench_tong_loop(const struct bench_play *play, unsigned number);

/* ---- bench_figures.c: numbers from what was measured ---- */

/* The figures of one play. */
struct bench_figure {
    double p50, p90, p99, p999; /* ns; round trips only */
    double per_second;          /* messages; one way only */
    double per_message_ns;
};

struct bench_figure bench_figure_of(const struct bench_play *play, struct bench_result *result);

/* One number per round. */
struct bench_series {
    double value[BENCH_ROUNDS_MAX];
};

/* The rounds of a group, and which of them count: the near ones, or all if none is. */
struct bench_rounds {
    unsigned n, n_far;
    bool counts[BENCH_ROUNDS_MAX];
};

void bench_rounds_sort_out(struct bench_rounds *rounds, const struct bench_series *probe);
double bench_median(const struct bench_series *series, const struct bench_rounds *rounds);
/* Largest less smallest, over the median. */
double bench_spread(const struct bench_series *series, const struct bench_rounds *rounds);

/* ---- bench_report.c: rows for people and for programs ---- */

/* What a mechanism is called for people: its scheme, and the options where the scheme has several. */
enum { BENCH_LABEL_MAX = 64 };
const char *bench_label(const struct bare_twin *twin, char label[BENCH_LABEL_MAX]);

/* One line of the result. The rtt series are only used if has_rtt. */
struct bench_row {
    const struct bare_twin *twin;
    const char *address;
    enum bench_talk talk;
    enum bench_wait wait;
    size_t size;
    uint32_t batch;
    bool has_rtt;
    struct bench_series p50, p90, p99, p999, bare_p50, rtt_vs_bare;
    struct bench_series rate, bare_rate, rate_vs_bare;
    struct bench_series probe; /* all 0 when there is only one core */
    struct bench_rounds rounds;
};

struct bench_report {
    const struct tool *tool;
    struct libscols_table *table; /* NULL when writing JSON */
    unsigned n_misses;
};

int bench_report_open(struct bench_report *report, const struct tool *tool);
/* A row is written at once as JSON, and kept for the table otherwise. */
int bench_report_row(struct bench_report *report, const struct bench_row *row);
/* Writes the table. Legal after a failed open. */
int bench_report_close(struct bench_report *report);
/* Writes an object, which it consumes, as one line. */
int bench_report_json(json_t *object);

/* ---- bench_group.c, bench_idle.c: what is measured ---- */

struct bench_plan {
    struct tool *tool;
    struct bench_stage stage;
    struct bench_report report;
    uint64_t sizes[BENCH_LIST_MAX], batches[BENCH_LIST_MAX];
    unsigned n_sizes, n_batches, rounds;
    enum bench_wait wait;
    double play_ns; /* how long one play should take */
};

/* Measures an address at one size and reports its rows. Says what fails; returns an exit code. */
int bench_group(struct bench_plan *plan, const struct bare_twin *twin, const char *address, size_t size);

/* Measures what open channels cost that do nothing, and reports it. Says what fails; returns an exit code. */
int bench_idle(struct bench_plan *plan, const struct bare_twin *twin, const char *address);

#endif

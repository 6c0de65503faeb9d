/* SPDX-License-Identifier: MIT */
/* From what was measured to numbers: percentiles of one play, medians and spreads over rounds. */
#include <stdlib.h>

#include "bench.h"

static int compare_ticks(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The smallest sample that at least this fraction of all does not exceed. */
static double percentile(const uint32_t *sorted, uint64_t n, double fraction, double tick_ns)
{
    double rank = fraction * (double)n;
    uint64_t at = (uint64_t)rank;

    if (at > 0 && (double)at >= rank)
        at--;
    return (double)sorted[at < n ? at : n - 1] * tick_ns;
}

struct bench_figure bench_figure_of(const struct bench_play *play, struct bench_result *result)
{
    struct bench_figure figure = {0};
    uint64_t n = play->job.count;

    figure.per_message_ns = (double)(result->elapsed_ns > 0 ? result->elapsed_ns : 1) / (double)n;
    if (play->what == BENCH_RATE) {
        figure.per_second = 1e9 / figure.per_message_ns;
        return figure;
    }
    double tick_ns = result->elapsed_ticks > 0 ? (double)result->elapsed_ns / (double)result->elapsed_ticks : 1;
    qsort(result->ticks, n, sizeof result->ticks[0], compare_ticks);
    figure.p50 = percentile(result->ticks, n, 0.50, tick_ns);
    figure.p90 = percentile(result->ticks, n, 0.90, tick_ns);
    figure.p99 = percentile(result->ticks, n, 0.99, tick_ns);
    figure.p999 = percentile(result->ticks, n, 0.999, tick_ns);
    return figure;
}

void bench_rounds_sort_out(struct bench_rounds *rounds, const struct bench_series *probe)
{
    rounds->n_far = 0;
    for (unsigned i = 0; i < rounds->n; i++)
        rounds->n_far += probe->value[i] > BENCH_FAR_NS;
    for (unsigned i = 0; i < rounds->n; i++)
        rounds->counts[i] = rounds->n_far == rounds->n || probe->value[i] <= BENCH_FAR_NS;
}

/* Fills sorted with the values that count and returns how many there are, at least one. */
static unsigned counted(const struct bench_series *series, const struct bench_rounds *rounds,
                        double sorted[BENCH_ROUNDS_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < rounds->n; i++)
        if (rounds->counts[i])
            sorted[n++] = series->value[i];
    qsort(sorted, n, sizeof sorted[0], compare_doubles);
    return n;
}

double bench_median(const struct bench_series *series, const struct bench_rounds *rounds)
{
    double sorted[BENCH_ROUNDS_MAX];
    unsigned n = counted(series, rounds, sorted);

    return (sorted[n / 2] + sorted[(n - 1) / 2]) / 2;
}

double bench_spread(const struct bench_series *series, const struct bench_rounds *rounds)
{
    double sorted[BENCH_ROUNDS_MAX];
    unsigned n = counted(series, rounds, sorted);
    double median = (sorted[n / 2] + sorted[(n - 1) / 2]) / 2;

    return median > 0 ? (sorted[n - 1] - sorted[0]) / median : 0;
}

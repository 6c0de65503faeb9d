/* SPDX-License-Identifier: MIT */
/* Rows for people, as a table at the end, and for programs, as one JSON object per line at once. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>
#include <libsmartcols.h>

#include "bench.h"

static const char *const talk_names[] = {
    [BENCH_PAIR] = "pair", [BENCH_PIPELINES] = "pipelines", [BENCH_PIPELINE] = "pipeline"};

/* ---- what tong has to reach ---- */

static double rate_bar(const struct bench_row *row)
{
    const struct bare_twin *twin = row->twin;

    if (row->batch == 1)
        return row->size >= BENCH_LARGE_BYTES ? twin->large_min : twin->rate_min;
    if (row->size != 64)
        return 0;
    switch (row->batch) {
    case 16:
        return twin->batch_16_min;
    case 64:
        return twin->batch_64_min;
    case 256:
        return twin->batch_256_min;
    default:
        return 0;
    }
}

static bool rate_misses(const struct bench_row *row)
{
    return bench_median(&row->rate_vs_bare, &row->rounds) < rate_bar(row);
}

static bool rtt_misses(const struct bench_row *row)
{
    bool one_core = row->probe.value[0] <= 0;
    double bar = one_core && row->twin->rtt_one_core_max > 0 ? row->twin->rtt_one_core_max : row->twin->rtt_max;

    return row->has_rtt && bar > 0 && bench_median(&row->rtt_vs_bare, &row->rounds) > bar;
}

const char *bench_label(const struct bare_twin *twin, char label[BENCH_LABEL_MAX])
{
    snprintf(label, BENCH_LABEL_MAX, "%s%s%s", twin->scheme, twin->query != NULL ? "?" : "",
             twin->query != NULL ? twin->query : "");
    return label;
}

/* ---- JSON ---- */

static void set_whole(json_t *object, const char *name, double value, bool there)
{
    json_object_set_new(object, name, there ? json_integer(llround(value)) : json_null());
}

static void set_ratio(json_t *object, const char *name, double value, bool there)
{
    json_object_set_new(object, name, there ? json_real(round(value * 1000) / 1000) : json_null());
}

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

static void set_rtt(json_t *object, const struct bench_row *row)
{
    bool rtt = row->has_rtt;

    set_whole(object, "rtt_p50_ns", bench_median(&row->p50, &row->rounds), rtt);
    set_whole(object, "rtt_p90_ns", bench_median(&row->p90, &row->rounds), rtt);
    set_whole(object, "rtt_p99_ns", bench_median(&row->p99, &row->rounds), rtt);
    set_whole(object, "rtt_p999_ns", bench_median(&row->p999, &row->rounds), rtt);
    set_whole(object, "bare_rtt_p50_ns", bench_median(&row->bare_p50, &row->rounds), rtt);
    set_ratio(object, "rtt_vs_bare", bench_median(&row->rtt_vs_bare, &row->rounds), rtt);
    set_ratio(object, "rtt_spread", bench_spread(&row->p50, &row->rounds), rtt);
}

static void set_rate(json_t *object, const struct bench_row *row)
{
    double rate = bench_median(&row->rate, &row->rounds);

    set_whole(object, "msgs_per_s", rate, true);
    set_whole(object, "bytes_per_s", rate * (double)row->size, true);
    set_whole(object, "bare_msgs_per_s", bench_median(&row->bare_rate, &row->rounds), true);
    set_ratio(object, "rate_vs_bare", bench_median(&row->rate_vs_bare, &row->rounds), true);
    set_ratio(object, "rate_spread", bench_spread(&row->rate, &row->rounds), true);
}

static void set_misses(json_t *object, const struct bench_row *row)
{
    json_t *misses = json_array();

    if (rtt_misses(row))
        json_array_append_new(misses, json_string("rtt_vs_bare"));
    if (rate_misses(row))
        json_array_append_new(misses, json_string("rate_vs_bare"));
    json_object_set_new(object, "misses", misses);
}

int bench_report_json(json_t *object)
{
    int r = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));

    json_decref(object);
    putchar('\n');
    return r < 0 || fflush(stdout) != 0 ? -EIO : 0;
}

static int row_json(const struct bench_row *row)
{
    json_t *object = json_object();

    set_whole(object, "schema", 1, true);
    set_text(object, "scheme", row->twin->scheme);
    set_text(object, "address", row->address);
    set_text(object, "conversation", talk_names[row->talk]);
    set_whole(object, "size", (double)row->size, true);
    set_whole(object, "batch", row->batch, true);
    set_text(object, "wait", bench_wait_name(row->wait));
    set_rtt(object, row);
    set_rate(object, row);
    set_whole(object, "probe_ns", bench_median(&row->probe, &row->rounds), row->probe.value[0] > 0);
    set_whole(object, "rounds", row->rounds.n, true);
    set_whole(object, "far_rounds", row->rounds.n_far, true);
    set_misses(object, row);
    return bench_report_json(object);
}

/* ---- the table ---- */

enum column { SCHEME, TALK, SIZE, BATCH, P50, P90, P99, P999, RTT, RATE, BYTES, RATE_VS, SPREAD, FAR, N_COLUMNS };

static const char *const column_names[N_COLUMNS] = {
    [SCHEME] = N_("SCHEME"), [TALK] = N_("CONVERSATION"), [SIZE] = N_("SIZE"),  [BATCH] = N_("BATCH"),
    [P50] = N_("RTT P50"),   [P90] = N_("P90"),           [P99] = N_("P99"),    [P999] = N_("P99.9"),
    [RTT] = N_("RTT/BARE"),  [RATE] = N_("MSG/S"),        [BYTES] = N_("MB/S"), [RATE_VS] = N_("RATE/BARE"),
    [SPREAD] = N_("SPREAD"), [FAR] = N_("FAR"),
};

static void put(struct libscols_line *line, enum column column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put(struct libscols_line *line, enum column column, const char *format, ...)
{
    char *text;
    va_list arguments;

    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (n >= 0)
        scols_line_refer_data(line, column, text);
}

static void put_time(struct libscols_line *line, enum column column, const struct bench_row *row,
                     const struct bench_series *series)
{
    double ns = bench_median(series, &row->rounds);

    if (ns < 1000)
        put(line, column, "%.0f ns", ns);
    else if (ns < 1e6)
        put(line, column, "%.*f us", ns < 10e3 ? 2 : ns < 100e3 ? 1 : 0, ns / 1e3);
    else
        put(line, column, "%.1f ms", ns / 1e6);
}

static void put_ratio(struct bench_report *report, struct libscols_line *line, enum column column, double ratio,
                      bool misses)
{
    put(line, column, "%.*fx%s", ratio < 10 ? 2 : 1, ratio, misses ? " !" : "");
    if (misses && report->tool->color_out)
        scols_cell_set_color(scols_line_get_cell(line, column), "red");
    report->n_misses += misses;
}

static void put_rate(struct libscols_line *line, const struct bench_row *row)
{
    double rate = bench_median(&row->rate, &row->rounds);

    if (rate >= 1e6)
        put(line, RATE, "%.2f M", rate / 1e6);
    else
        put(line, RATE, "%.1f k", rate / 1e3);
    put(line, BYTES, "%.0f", rate * (double)row->size / 1e6);
}

static int row_line(struct bench_report *report, const struct bench_row *row)
{
    struct libscols_line *line = scols_table_new_line(report->table, NULL);
    char label[BENCH_LABEL_MAX];

    if (line == NULL)
        return -ENOMEM;
    put(line, SCHEME, "%s", bench_label(row->twin, label));
    put(line, TALK, "%s", talk_names[row->talk]);
    put(line, SIZE, "%zu", row->size);
    put(line, BATCH, "%u", row->batch);
    if (row->has_rtt) {
        put_time(line, P50, row, &row->p50);
        put_time(line, P90, row, &row->p90);
        put_time(line, P99, row, &row->p99);
        put_time(line, P999, row, &row->p999);
        put_ratio(report, line, RTT, bench_median(&row->rtt_vs_bare, &row->rounds), rtt_misses(row));
    }
    put_rate(line, row);
    put_ratio(report, line, RATE_VS, bench_median(&row->rate_vs_bare, &row->rounds), rate_misses(row));
    put(line, SPREAD, "%.0f%%", 100 * bench_spread(&row->rate, &row->rounds));
    put(line, FAR, "%u/%u", row->rounds.n_far, row->rounds.n);
    return 0;
}

/* ---- the report ---- */

int bench_report_open(struct bench_report *report, const struct tool *tool)
{
    *report = (struct bench_report){.tool = tool};
    if (tool->opt.json)
        return 0;
    report->table = scols_new_table();
    if (report->table == NULL)
        return -ENOMEM;
    scols_table_enable_colors(report->table, tool->color_out);
    for (int i = 0; i < N_COLUMNS; i++)
        if (scols_table_new_column(report->table, _(column_names[i]), 0, i > TALK ? SCOLS_FL_RIGHT : 0) == NULL)
            return -ENOMEM;
    return 0;
}

int bench_report_row(struct bench_report *report, const struct bench_row *row)
{
    return report->table == NULL ? row_json(row) : row_line(report, row);
}

int bench_report_close(struct bench_report *report)
{
    int r = 0;

    if (report->table == NULL)
        return 0;
    if (scols_table_get_nlines(report->table) > 0)
        r = scols_print_table(report->table);
    scols_unref_table(report->table);
    if (report->n_misses > 0)
        tool_complain(report->tool, _("! marks what falls short of its bar beside bare C"));
    return r;
}

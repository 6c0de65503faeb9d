/* SPDX-License-Identifier: MIT */
/* The tour's result: a table for people, or a JSON object per line. */
#include "tour.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <libsmartcols.h>
#include <stdio.h>

static const char *const verdict_names[] = {
    [TOUR_OK] = "ok", [TOUR_FAILED] = "failed", [TOUR_ABSENT] = "absent", [TOUR_STOPPED] = "stopped"};
static const char *const level_names[] = {"", "accepted", "kept", "taken", "durable"};

static const char *level_name(const struct tour_result *result)
{
    return result->caps.level <= TONG_DURABLE ? level_names[result->caps.level] : "?";
}

static const char *between(const struct tour_row *row)
{
    return row->threads ? "threads" : "processes";
}

static int row_print(const struct tour_row *row, const struct tour_result *result)
{
    json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:s}", "schema", 1, "scheme", row->scheme, "conversation",
                               row->conversation, "between", between(row), "result", verdict_names[result->verdict]);
    char hash[17];
    int r;

    snprintf(hash, sizeof hash, "%016" PRIx64, result->hash);
    if (row->variant)
        json_object_set_new(object, "variant", json_string(row->variant));
    if (result->verdict == TOUR_OK)
        json_object_update_new(
            object, json_pack("{s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:s, s:s}", "messages", (json_int_t)result->messages,
                              "message_bytes", (json_int_t)result->message_bytes, "bytes", (json_int_t)result->bytes,
                              "bytes_per_s", result->bytes_per_s, "rtt_p50_ns", (json_int_t)result->rtt_p50_ns,
                              "rtt_p99_ns", (json_int_t)result->rtt_p99_ns, "copies", (json_int_t)result->caps.copies,
                              "level", level_name(result), "fnv1a64", hash));
    else
        json_object_set_new(object, "why", json_string(result->why));
    r = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
    return r;
}

enum { MECHANISM, CONVERSATION, BETWEEN, MESSAGES, RATE, P50, P99, COPIES, LEVEL, RESULT, N_COLUMNS };

static const struct {
    const char *name;
    int flags;
} columns[N_COLUMNS] = {
    [MECHANISM] = {N_("MECHANISM"), 0},
    [CONVERSATION] = {N_("CONVERSATION"), 0},
    [BETWEEN] = {N_("BETWEEN"), 0},
    [MESSAGES] = {N_("MESSAGES"), SCOLS_FL_RIGHT},
    [RATE] = {N_("MB/S"), SCOLS_FL_RIGHT},
    [P50] = {N_("RTT P50"), SCOLS_FL_RIGHT},
    [P99] = {N_("RTT P99"), SCOLS_FL_RIGHT},
    [COPIES] = {N_("COPIES"), SCOLS_FL_RIGHT},
    [LEVEL] = {N_("LEVEL"), 0},
    [RESULT] = {N_("RESULT"), SCOLS_FL_WRAP},
};

static void __attribute__((format(printf, 3, 4)))
cell_set(struct libscols_line *line, size_t column, const char *format, ...)
{
    char text[640];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    scols_line_set_data(line, column, text);
}

static void line_fill(struct libscols_line *line, const struct tour_row *row, const struct tour_result *result)
{
    bool ok = result->verdict == TOUR_OK;

    cell_set(line, MECHANISM, "%s:%s%s", row->scheme, row->variant ? " " : "", row->variant ? row->variant : "");
    cell_set(line, CONVERSATION, "%s", row->conversation);
    cell_set(line, BETWEEN, "%s", between(row));
    cell_set(line, RESULT, "%s%s%s", verdict_names[result->verdict], ok ? "" : ": ", result->why);
    scols_cell_set_color(scols_line_get_cell(line, RESULT), ok ? "green" : "red");
    if (!ok)
        return;
    cell_set(line, MESSAGES, "%" PRIu64, result->messages);
    cell_set(line, RATE, "%.0f", result->bytes_per_s / 1e6);
    cell_set(line, P50, "%.1f us", (double)result->rtt_p50_ns / 1e3);
    cell_set(line, P99, "%.1f us", (double)result->rtt_p99_ns / 1e3);
    cell_set(line, COPIES, "%" PRIu32, result->caps.copies);
    cell_set(line, LEVEL, "%s", level_name(result));
}

static int table_print(const struct tool *tool, const struct tour_row *rows, const struct tour_result *results,
                       size_t n)
{
    struct libscols_table *table = scols_new_table();
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < N_COLUMNS; i++)
        r = scols_table_new_column(table, _(columns[i].name), 0, columns[i].flags) ? 0 : -ENOMEM;
    scols_table_enable_colors(table, tool->color_out);
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        r = line ? 0 : -ENOMEM;
        if (line)
            line_fill(line, &rows[i], &results[i]);
    }
    if (r == 0)
        r = scols_print_table(table);
    scols_unref_table(table);
    return r;
}

int tour_show(const struct tool *tool, const struct tour_row *rows, const struct tour_result *results, size_t n)
{
    int r = 0;

    if (tool->opt.json)
        for (size_t i = 0; r == 0 && i < n; i++)
            r = row_print(&rows[i], &results[i]);
    else
        r = table_print(tool, rows, results, n);
    return r == 0 ? TOOL_DONE : tool_fail_file(tool, _("standard output"), r < -1 ? -r : EIO);
}

/* SPDX-License-Identifier: MIT */
/* The options of every verb, read by getopt_long and printed by --help from the one table options.def. */
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_kind { KIND_SWITCH, KIND_COUNT, KIND_SIZE, KIND_TIME, KIND_TEXT };

struct option_row {
    const char *name, *argument, *sentence;
    size_t offset; /* of the member in struct tool_options */
    uint32_t verbs;
    enum option_kind kind;
    char letter;
};

#define IN(verb) (1u << TOOL_VERB_##verb)
static const struct option_row option_rows[] = {
#define TOOL_OPTION(member, letter, name, argument, kind, verbs, sentence)                                             \
    {name, argument, sentence, offsetof(struct tool_options, member), verbs, KIND_##kind, letter},
#include "options.def"
#undef TOOL_OPTION
};

enum {
    N_OPTIONS = sizeof option_rows / sizeof option_rows[0],
    OPTION_HELP = N_OPTIONS, /* every verb has it and no member needs it */
    OPTION_CODE = 256        /* getopt's code of the row 0: above every letter */
};

static bool row_applies(const struct option_row *row, const struct tool_verb *verb)
{
    return row->verbs & 1u << (unsigned)(verb - tool_verbs);
}

/* A number and what follows it; NULL if the text does not begin with a digit or the number is too large. */
static const char *number_read(const char *text, uint64_t *ret_number)
{
    char *rest;
    unsigned long long number;

    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    number = strtoull(text, &rest, 10);
    if (errno)
        return NULL;
    *ret_number = number;
    return rest;
}

bool tool_parse_count(const char *text, uint64_t *ret_count)
{
    uint64_t count;
    const char *rest = number_read(text, &count);

    if (!rest || *rest || count == 0)
        return false;
    *ret_count = count;
    return true;
}

/* Numbers with units: the first unit that is the whole rest of the text. */
struct unit {
    const char *name;
    uint64_t factor;
};

static bool number_with_unit(const char *text, const struct unit *units, uint64_t max, uint64_t *ret_value)
{
    uint64_t number;
    const char *rest = number_read(text, &number);

    for (; rest && units->name; units++)
        if (strcmp(rest, units->name) == 0 && number <= max / units->factor) {
            *ret_value = number * units->factor;
            return true;
        }
    return false;
}

bool tool_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {{"", 1},        {"k", 1 << 10}, {"K", 1 << 10}, {"m", 1 << 20},
                                        {"M", 1 << 20}, {"g", 1 << 30}, {"G", 1 << 30}, {NULL, 0}};
    uint64_t bytes;

    if (!number_with_unit(text, units, INT64_MAX, &bytes) || bytes == 0)
        return false;
    *ret_bytes = bytes;
    return true;
}

bool tool_parse_time(const char *text, int64_t *ret_ns)
{
    static const struct unit units[] = {{"ns", 1},          {"us", 1000},         {"ms", 1000000}, {"s", 1000000000},
                                        {"m", 60000000000}, {"h", 3600000000000}, {NULL, 0}};
    uint64_t ns;

    if (strcmp(text, "0") == 0)
        ns = 0;
    else if (!number_with_unit(text, units, INT64_MAX, &ns))
        return false;
    *ret_ns = (int64_t)ns;
    return true;
}

static int option_set(struct tool *tool, const struct option_row *row, const char *text)
{
    void *member = (char *)&tool->opt + row->offset;

    switch (row->kind) {
    case KIND_SWITCH:
        *(bool *)member = true;
        return TOOL_DONE;
    case KIND_TEXT:
        *(const char **)member = text;
        return TOOL_DONE;
    case KIND_COUNT:
        if (tool_parse_count(text, member))
            return TOOL_DONE;
        return tool_usage(tool, _("--%s takes a number from 1 on, not '%s'"), row->name, text);
    case KIND_SIZE:
        if (tool_parse_size(text, member))
            return TOOL_DONE;
        return tool_usage(tool, _("--%s takes a size such as 512, 64k or 1M, not '%s'"), row->name, text);
    case KIND_TIME:
        if (tool_parse_time(text, member))
            return TOOL_DONE;
        return tool_usage(tool, _("--%s takes a time such as 500ms, 2s or 1m, not '%s'"), row->name, text);
    }
    return TOOL_FAILED;
}

/* Fills what getopt_long wants: the letters (a leading ':' makes it tell a missing argument) and the long names. */
static void getopt_fill(const struct tool_verb *verb, char *letters, struct option *longs)
{
    *letters++ = ':';
    *letters++ = 'h';
    *longs++ = (struct option){"help", no_argument, NULL, OPTION_CODE + OPTION_HELP};
    for (int i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &option_rows[i];

        if (!row_applies(row, verb))
            continue;
        *longs++ = (struct option){row->name, row->argument ? required_argument : no_argument, NULL, OPTION_CODE + i};
        if (row->letter)
            *letters++ = row->letter;
        if (row->letter && row->argument)
            *letters++ = ':';
    }
    *letters = 0;
    *longs = (struct option){0};
}

static int row_by_code(int code, const struct tool_verb *verb)
{
    if (code == 'h')
        return OPTION_HELP;
    for (int i = 0; i < N_OPTIONS; i++)
        if (option_rows[i].letter == code && row_applies(&option_rows[i], verb))
            return i;
    return code - OPTION_CODE;
}

static int option_refuse(const struct tool *tool, int code, char **argv)
{
    bool lacks = code == ':';

    if (optopt > 0 && optopt < OPTION_CODE)
        return tool_usage(tool, lacks ? _("option -%c lacks its argument") : _("option -%c is unknown"), optopt);
    return tool_usage(tool, lacks ? _("option %s lacks its argument") : _("option %s is unknown"), argv[optind - 1]);
}

int tool_options_parse(struct tool *tool, int argc, char **argv, bool *ret_help, int *ret_operands)
{
    char letters[2 * N_OPTIONS + 3];
    struct option longs[N_OPTIONS + 2];
    int code;

    tool->opt = (struct tool_options){.timeout_ns = -1};
    getopt_fill(tool->verb, letters, longs);
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, letters, longs, NULL)) >= 0) {
        int row, result;

        if (code == '?' || code == ':')
            return option_refuse(tool, code, argv);
        row = row_by_code(code, tool->verb);
        if (row == OPTION_HELP) {
            *ret_help = true;
            continue;
        }
        result = option_set(tool, &option_rows[row], optarg);
        if (result != TOOL_DONE)
            return result;
    }
    *ret_operands = optind;
    return TOOL_DONE;
}

static void option_print(char letter, const char *name, const char *argument, const char *sentence)
{
    char text[64];

    snprintf(text, sizeof text, "--%s%s%s", name, argument ? " " : "", argument ? argument : "");
    if (letter)
        printf("  -%c, %-26s %s\n", letter, text, sentence);
    else
        printf("      %-26s %s\n", text, sentence);
}

void tool_options_print(const struct tool_verb *verb)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &option_rows[i];

        if (row_applies(row, verb))
            option_print(row->letter, row->name, row->argument, _(row->sentence));
    }
    option_print('h', "help", NULL, _("show this page"));
}

/* SPDX-License-Identifier: MIT */
/* tong bench: the command line, and which addresses are measured in which sizes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

enum { ROUNDS = 5, ROUNDS_QUICK = 3, SIZE_MAX_BYTES = 64 << 20, BATCH_MAX = 4096 };

#define PLAY_NS 80e6
#define PLAY_QUICK_NS 15e6

static const char *const wait_names[] = {[BENCH_ADAPTIVE] = "adaptive", [BENCH_SPIN] = "spin", [BENCH_BLOCK] = "block"};

const char *bench_wait_name(enum bench_wait wait)
{
    return wait_names[wait];
}

/* ---- the command line ---- */

/* Numbers between commas. Returns how many, or 0 after saying what is wrong. */
static unsigned list_parse(const struct tool *tool, const char *name, const char *text, uint64_t max,
                           uint64_t values[BENCH_LIST_MAX])
{
    char *copy = strdup(text), *rest = copy, *word;
    unsigned n = 0;

    while (rest != NULL && (word = strsep(&rest, ",")) != NULL) {
        if (n == BENCH_LIST_MAX || !tool_parse_size(word, &values[n]) || values[n] > max) {
            tool_usage(tool, _("--%s takes up to %d numbers from 1 to %llu between commas, not '%s'"), name,
                       BENCH_LIST_MAX, (unsigned long long)max, text);
            n = 0;
            break;
        }
        n++;
    }
    free(copy);
    return n;
}

static int wait_parse(struct bench_plan *plan)
{
    const char *text = plan->tool->opt.wait;

    plan->wait = BENCH_ADAPTIVE;
    if (text == NULL)
        return TOOL_DONE;
    for (plan->wait = BENCH_ADAPTIVE; plan->wait <= BENCH_BLOCK; plan->wait++)
        if (strcmp(text, wait_names[plan->wait]) == 0)
            return TOOL_DONE;
    return tool_usage(plan->tool, _("--wait is adaptive, spin or block, not '%s'"), text);
}

static int plan_parse(struct bench_plan *plan, int argc, char **argv)
{
    const struct tool_options *opt = &plan->tool->opt;
    const char *sizes = opt->quick ? "64,64k" : "64,1k,64k,1M", *batches = opt->quick ? "1,16" : "1,16,64,256";

    plan->n_sizes =
        list_parse(plan->tool, "size", opt->sizes != NULL ? opt->sizes : sizes, SIZE_MAX_BYTES, plan->sizes);
    plan->n_batches =
        list_parse(plan->tool, "batch", opt->batches != NULL ? opt->batches : batches, BATCH_MAX, plan->batches);
    if (plan->n_sizes == 0 || plan->n_batches == 0)
        return TOOL_USAGE;
    if (opt->rounds > BENCH_ROUNDS_MAX)
        return tool_usage(plan->tool, _("--rounds is at most %d, not %llu"), BENCH_ROUNDS_MAX,
                          (unsigned long long)opt->rounds);
    plan->rounds = opt->rounds > 0 ? (unsigned)opt->rounds : opt->quick ? ROUNDS_QUICK : ROUNDS;
    plan->play_ns = opt->quick ? PLAY_QUICK_NS : PLAY_NS;
    for (int i = 0; i < argc; i++)
        if (bare_twin_find(argv[i]) == NULL)
            return tool_usage(plan->tool, _("'%s' has no bare twin to be measured beside; its scheme is unknown here"),
                              argv[i]);
    return wait_parse(plan);
}

/* ---- a private place for what the default addresses name ---- */

static int place_make(const struct tool *tool, char *path, size_t len)
{
    const char *parent = getenv("TMPDIR");

    snprintf(path, len, "%s/tong-bench-XXXXXX", parent != NULL && *parent != '\0' ? parent : "/tmp");
    if (mkdtemp(path) != NULL)
        return TOOL_DONE;
    return tool_fail_file(tool, path, errno);
}

static void place_remove(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory != NULL)
        closedir(directory);
    rmdir(path);
}

/* ---- measuring ---- */

static int address_measure(struct bench_plan *plan, const struct bare_twin *twin, const char *address)
{
    int code = TOOL_DONE;

    if (plan->tool->opt.idle)
        return bench_idle(plan, twin, address);
    for (unsigned i = 0; i < plan->n_sizes && code == TOOL_DONE; i++) {
        if (twin->size_max == 0 || plan->sizes[i] <= twin->size_max)
            code = bench_group(plan, twin, address, plan->sizes[i]);
        else
            tool_tell(plan->tool, _("%s: %llu bytes are left out, its messages have %zu at most"), address,
                      (unsigned long long)plan->sizes[i], twin->size_max);
    }
    return code;
}

static int defaults_measure(struct bench_plan *plan)
{
    char place[PATH_MAX], address[PATH_MAX + 32];
    const struct bare_twin *twin;
    int code = place_make(plan->tool, place, sizeof place);

    if (code != TOOL_DONE)
        return code;
    for (size_t i = 0; (twin = bare_twin_at(i)) != NULL && code == TOOL_DONE; i++) {
        if (plan->tool->opt.idle && twin->one_way)
            continue; /* what is measured idle is pairs */
        int used;
        if (twin->in_directory)
            used = snprintf(address, sizeof address, "%s:%s/bench", twin->scheme, place);
        else if (twin->nameless)
            used = snprintf(address, sizeof address, "%s:", twin->scheme);
        else
            used = snprintf(address, sizeof address, "%s:bench-%d", twin->scheme, (int)getpid());
        if (twin->query != NULL)
            snprintf(address + used, sizeof address - (size_t)used, "?%s", twin->query);
        code = address_measure(plan, twin, address);
    }
    place_remove(place);
    return code;
}

static int plan_run(struct bench_plan *plan, int argc, char **argv)
{
    int code = TOOL_DONE;

    if (plan->stage.cpus[0] < 0)
        tool_complain(plan->tool, _("this process may use one core only: both ends share it, and nothing is pinned"));
    else
        tool_tell(plan->tool, _("cores %d and %d, waiting %s"), plan->stage.cpus[0], plan->stage.cpus[1],
                  wait_names[plan->wait]);
    if (argc == 0)
        return defaults_measure(plan);
    for (int i = 0; i < argc && code == TOOL_DONE; i++)
        code = address_measure(plan, bare_twin_find(argv[i]), argv[i]);
    return code;
}

int verb_bench(struct tool *tool, int argc, char **argv)
{
    struct bench_plan plan = {.tool = tool};
    int code = plan_parse(&plan, argc, argv);

    if (code == TOOL_DONE)
        code = tool_catch_signals(tool);
    if (code != TOOL_DONE)
        return code;
    int r = bench_stage_init(&plan.stage);
    if (r == 0)
        r = bench_report_open(&plan.report, tool);
    if (r < 0)
        code = tool_fail_file(tool, _("memory for the measurements"), -r);
    else
        code = plan_run(&plan, argc, argv);
    r = bench_report_close(&plan.report);
    bench_stage_fini(&plan.stage);
    if (r < 0 && code == TOOL_DONE)
        code = tool_fail_file(tool, _("standard output"), -r);
    return code;
}

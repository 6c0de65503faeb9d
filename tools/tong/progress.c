/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t quiet_ns = 1000000000, pause_ns = 200000000;

void progress_begin(struct progress *progress, const struct tool *tool, const char *name, uint64_t total)
{
    const char *term = getenv("TERM");

    *progress = (struct progress){.name = name, .total = total, .begun_ns = tool_now_ns()};
    progress->wanted = !tool->opt.quiet && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

static void progress_tell(const struct progress *progress, double seconds)
{
    double rate = (double)progress->done / seconds;

    fprintf(stderr, "\r\033[K%s: ", progress->name);
    if (progress->total && progress->done <= progress->total)
        fprintf(stderr, _("%" PRIu64 "%%, %.1f MB/s, %.0f s to go"), progress->done * 100 / progress->total, rate / 1e6,
                (double)(progress->total - progress->done) / rate);
    else
        fprintf(stderr, _("%.1f MB, %.1f MB/s"), (double)progress->done / 1e6, rate / 1e6);
}

void progress_step(struct progress *progress, uint64_t done)
{
    int64_t now;

    progress->done += done;
    if (!progress->wanted)
        return;
    now = tool_now_ns();
    if (now - progress->begun_ns < quiet_ns || now - progress->told_ns < pause_ns)
        return;
    progress->told_ns = now;
    progress_tell(progress, (double)(now - progress->begun_ns) / 1e9);
}

void progress_end(struct progress *progress)
{
    if (progress->told_ns)
        fputs("\r\033[K", stderr);
    progress->told_ns = 0;
}

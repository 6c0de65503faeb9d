/* SPDX-License-Identifier: MIT */
/* A line on standard error that tells how far a long piece of work is, when a terminal shows it. */
#ifndef TONG_TOOL_PROGRESS_H
#define TONG_TOOL_PROGRESS_H

#include "tool.h"

struct progress {
    const char *name;
    uint64_t total, done;      /* total is 0 when nobody knows */
    int64_t begun_ns, told_ns; /* told_ns is 0 until something was told */
    bool wanted;
};

void progress_begin(struct progress *progress, const struct tool *tool, const char *name, uint64_t total);
void progress_step(struct progress *progress, uint64_t done);
/* Wipes the line. Harmless when nothing was begun. */
void progress_end(struct progress *progress);

#endif

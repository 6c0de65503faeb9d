/* SPDX-License-Identifier: MIT */
/* Messages written to standard output, in the form that the options ask for. */
#ifndef TONG_TOOL_OUTPUT_H
#define TONG_TOOL_OUTPUT_H

#include "tool.h"

#include <stdio.h>

enum output_form { OUTPUT_RAW, OUTPUT_LINES, OUTPUT_NULS, OUTPUT_HEX, OUTPUT_JSON };

enum { OUTPUT_BATCH = 256 };

struct output {
    int fd;
    enum output_form form;
    bool asked;  /* for this form */
    bool escape; /* control characters are made visible */
    FILE *text;  /* what has to be composed first; into the two members below */
    char *composed;
    size_t composed_len;
};

/* Chooses the form by the options, otherwise as told. Says what is wrong; returns an exit code. */
int output_init(struct output *out, const struct tool *tool, enum output_form otherwise);
/* Where nobody asked for a form, messages that are lines, or have no bounds (enum tong_cap), are written as such. */
void output_follow(struct output *out, uint32_t bits);
void output_fini(struct output *out);

/* The form needs what goes with each message: then metas must be given. */
bool output_wants_metas(const struct output *out);

/*
 * Writes n messages, at most OUTPUT_BATCH, and waits until all is written. 0 or -errno; *ret_written, set in either
 * case, is how many messages were written to their last byte.
 */
int output_write(struct output *out, const tong_span *spans, const tong_meta *metas, uint32_t n, uint32_t *ret_written);

#endif

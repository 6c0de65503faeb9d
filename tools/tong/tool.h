/* SPDX-License-Identifier: MIT */
/* What the verbs of the tool share: their table, their options, how they talk and how they end. */
#ifndef TONG_TOOL_H
#define TONG_TOOL_H

#include <libintl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tong/tong.h>

enum tool_exit {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_TIMEOUT = 3,
    TOOL_ABSENT = 4, /* no such channel, or the peer is gone */
    TOOL_FULL = 5,
    TOOL_CORRUPT = 6,
    TOOL_LIMIT = 7,   /* not permitted, or a limit */
    TOOL_SIGNAL = 128 /* and the signal's number */
};

enum tool_verb_number {
#define TOOL_VERB(name, operands, fewest, most, sentence) TOOL_VERB_##name,
#include "verbs.def"
#undef TOOL_VERB
    TOOL_N_VERBS
};

typedef bool tool_kind_SWITCH;
typedef uint64_t tool_kind_COUNT, tool_kind_SIZE;
typedef int64_t tool_kind_TIME;
typedef const char *tool_kind_TEXT;

struct tool_options {
#define TOOL_OPTION(member, letter, name, argument, kind, verbs, sentence) tool_kind_##kind member;
#include "options.def"
#undef TOOL_OPTION
};

struct tool {
    const struct tool_verb *verb;
    struct tool_options opt;
    bool color_out, color_err; /* may colours go to standard output, to standard error */
};

/*
 * A verb gets its options in tool->opt and its operands, as many as its row of verbs.def allows, in argv[0] to
 * argv[argc - 1]; it returns the exit code. main flushes standard output and turns a failure of that into TOOL_FAILED.
 */
typedef int tool_verb_run(struct tool *tool, int argc, char **argv);

struct tool_verb {
    const char *name;
    const char *operands;
    int fewest, most;
    const char *sentence;
    tool_verb_run *run;
};

#define TOOL_VERB(name, operands, fewest, most, sentence) tool_verb_run verb_##name;
#include "verbs.def"
#undef TOOL_VERB

extern const struct tool_verb tool_verbs[TOOL_N_VERBS];
const struct tool_verb *tool_verb_find(const char *name);
/* Prints a verb's page. */
void tool_verb_explain(const struct tool_verb *verb);

/* ---- options.c: sets tool->opt and *ret_operands (an index in argv); 0, or TOOL_USAGE after saying why. ---- */
int tool_options_parse(struct tool *tool, int argc, char **argv, bool *ret_help, int *ret_operands);
void tool_options_print(const struct tool_verb *verb);
/* Each takes the whole text; false if it is not understood or out of range. */
bool tool_parse_count(const char *text, uint64_t *ret_count);
bool tool_parse_size(const char *text, uint64_t *ret_bytes); /* 64, 4k, 1M, 2G */
bool tool_parse_time(const char *text, int64_t *ret_ns);     /* 0, 100us, 500ms, 2s, 1m */

/* ---- language.c: sentences are English in the sources, and in the reader's language when they are said. ---- */
#define _(text) gettext(text)
/* Marks a text of a table for the translators; whoever says it, translates it. */
#define N_(text) (text)
/* Takes the locale's language, if there is a catalogue for it beside the program or in $TEXTDOMAINDIR. */
void tool_language_init(void);

/* ---- talk.c: everything that goes to standard error. Nothing is said under --quiet. ---- */
/* "tong: ..." */
void tool_complain(const struct tool *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, only under --verbose. */
void tool_tell(const struct tool *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "tong VERB: ...", also under --quiet, with where to read on; returns TOOL_USAGE. */
int tool_usage(const struct tool *tool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says tong_error_detail() and returns the exit code that belongs to the error. Call it before any other tong call. */
int tool_fail(const struct tool *tool, int64_t error);
/* Says that a file of the system (standard input, a path) failed with an errno; returns TOOL_FAILED or TOOL_LIMIT. */
int tool_fail_file(const struct tool *tool, const char *name, int error_number);
/* "tong: ADDRESS: WHAT within TIMEOUT"; returns TOOL_TIMEOUT. */
int tool_timed_out(const struct tool *tool, const char *address, const char *what);
enum tool_exit tool_exit_code(int64_t error);

/* ---- channel.c: opening with the options of the command line, and what SIGINT and SIGTERM do. ---- */
/* CLOCK_MONOTONIC */
int64_t tool_now_ns(void);
/* The deadline that --timeout gives to one wait. */
tong_deadline tool_deadline(const struct tool *tool);
/*
 * From here on SIGINT and SIGTERM shut every guarded channel down and make tool_stop_fd() readable; SIGPIPE is ignored.
 * Call it once, before the first channel is opened, and while there is one thread.
 */
int tool_catch_signals(const struct tool *tool);
/* For a child that has nothing to put in order: the signals just end it. */
void tool_leave_signals(void);
int tool_stop_fd(void);
/* The signal that came, or 0. */
int tool_stopped(void);
/*
 * Opens and guards a channel with --listen, --connect and --end. It does not wait for a peer: tong_open cannot be shut
 * down, so the waiting is left to the first call on the channel. Says what went wrong; returns an exit code.
 */
int tool_open(const struct tool *tool, tong_channel **ret_ch, const char *address, uint32_t role);
/*
 * Waits for a peer before anything is read for it: a person at the keyboard should learn that nobody is there before
 * typing, not after. Says what went wrong; returns an exit code.
 */
int tool_wait_peer(const struct tool *tool, tong_channel *ch, const char *address);
/* Lets the signals shut the channel down until it is closed by tool_close. */
void tool_guard(tong_channel *ch);
/*
 * Makes of a guarded pair that listens one that talks: to the first who comes, and to nobody else. On an object, a pair
 * has two seats and neither side accepts, so it stays as it is. 0 or an error; *ch is the caller's to close.
 */
int tool_pair_take(tong_channel **ch, tong_deadline deadline);
/* tong_close, and the channel is no longer guarded. NULL is accepted; returns NULL. */
tong_channel *tool_close(tong_channel *ch);

#endif

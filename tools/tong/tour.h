/* SPDX-License-Identifier: MIT */
/*
 * The tour's parts: tour.c plans, tour_run.c brings two sides together, tour_near.c and tour_far.c are those sides, and
 * tour_show.c shows what came of it.
 */
#ifndef TONG_TOOL_TOUR_H
#define TONG_TOOL_TOUR_H

#include "heirs.h"
#include "tool.h"

enum { TOUR_ROWS_MAX = 64 };

/* What a transport offers. For a pair, back is NULL and both ways go through the channel there. */
struct tour_row {
    const char *scheme, *conversation;
    const char *variant;      /* which of the scheme's mechanisms, where it has several; NULL: the usual one */
    const char *there, *back; /* addresses, in the tour's own directory */
    bool threads;             /* the mechanism stays inside a process */
    bool global;              /* names are the machine's: they get the process's number behind, and are removed */
    bool endless;             /* messages are the kernel's, and nobody tells the receiver of an end */
};

struct tour_input {
    const char *data;
    size_t len;
    uint64_t hash; /* tour_hash of the whole */
};

enum tour_verdict {
    TOUR_OK,
    TOUR_FAILED,
    TOUR_ABSENT, /* this machine does not offer the mechanism */
    TOUR_STOPPED /* by a signal */
};

struct tour_result {
    enum tour_verdict verdict;
    char why[512]; /* the sentence, unless ok */
    tong_caps caps;
    uint64_t messages, bytes, hash;
    size_t message_bytes;
    double bytes_per_s;
    int64_t rtt_p50_ns, rtt_p99_ns;
};

/* FNV-1a, 64 bits: begin with TOUR_HASH_EMPTY and go on with what it returned. */
#define TOUR_HASH_EMPTY 0xcbf29ce484222325u
uint64_t tour_hash(uint64_t hash, const void *data, size_t len);

/*
 * The input goes through as several passes of the same messages: the first warms up and is hashed, the others are
 * enough for a rate. Message i of all passes carries tour_part; the channel bounds its length.
 */
size_t tour_message_bytes(const tong_caps *caps);
uint64_t tour_pass_messages(const struct tour_input *input, size_t message_bytes);
uint64_t tour_passes(const struct tour_input *input, size_t message_bytes);
tong_view tour_part(const struct tour_input *input, size_t message_bytes, uint64_t i);

enum {
    TOUR_BATCH = 16,
    TOUR_ADDRESS_MAX = 64,
    TOUR_PING_BYTES = 64,
    TOUR_WARM_PINGS = 200, /* before the timed ones */
    TOUR_PINGS = 2000,
    TOUR_STEP_MS = 10000 /* nothing that works takes so long */
};

/* What the near side tells the far one, in memory that both share. Read when the near side is done. */
struct tour_report {
    int error; /* 0, or why the near side gave up */
    bool opening;
    char why[512];
    int64_t rtt_ns[TOUR_PINGS];
};

struct tour_side {
    const struct tour_row *row;
    const struct tour_input *input;
    char there[TOUR_ADDRESS_MAX], back[TOUR_ADDRESS_MAX];
    int number;          /* 0: the far side, 1: the near one */
    struct heirs *heirs; /* one for each way, where the ends are inherited, else NULL */
    struct tour_report *report;
    tong_channel *out, *in; /* the same one for a pair */
    bool opening;           /* it failed before the channels were open */
    const char *why;        /* a sentence of the tour's own; NULL for the library's */
};

/* Opens the row's address for a way, there or back, in a role. What has to be inherited is. */
int tour_open(struct tour_side *side, tong_channel **ret_ch, bool back, uint32_t role, tong_deadline deadline);
/* Sends the input, then times round trips. Leaves its errors in the report; returns NULL, as threads do. */
void *tour_near(void *side);
/* Checks every byte that arrives, then echoes. 0 or an error, with the sentence in result->why. */
int tour_far(struct tour_side *side, struct tour_result *result);
/* Finishes, and waits until the other side has finished too: whoever closed earlier would cut off its farewell. */
int tour_end(struct tour_side *side);
/* Fails with a sentence of the tour's own. */
int tour_refuse(struct tour_side *side, const char *why);

/* Runs the two sides of one row to their end. */
void tour_run(const struct tour_row *row, const struct tour_input *input, struct tour_result *ret_result);

/* Writes the results to standard output; returns an exit code. */
int tour_show(const struct tool *tool, const struct tour_row *rows, const struct tour_result *results, size_t n);

#endif

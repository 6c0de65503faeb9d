/* SPDX-License-Identifier: MIT */
/* A stream of bytes (standard input, a file, a text) cut into messages. */
#ifndef TONG_TOOL_INPUT_H
#define TONG_TOOL_INPUT_H

#include "tool.h"

enum input_cut { INPUT_WHOLE, INPUT_LINES, INPUT_NULS, INPUT_BLOCKS, INPUT_READS };

struct input {
    int fd;
    enum input_cut cut;
    size_t size_max; /* largest message that the channel takes */
    size_t block;    /* for INPUT_BLOCKS */
    uint64_t count;  /* messages cut so far */
    char *data;      /* room bytes, of which [start, filled) are not cut yet */
    size_t room, start, scanned, filled;
    bool waits; /* a read may wait, so the signals are watched first */
    bool ended; /* nothing follows what is in data */
};

/* How an input is cut for a channel with these capabilities (enum tong_cap) if nobody says: lines where messages are
 * lines, by single reads where they have no bounds, otherwise as told. */
enum input_cut input_cut_for(uint32_t bits, enum input_cut otherwise);

/* Cuts what fd gives as the options say, otherwise as told; fd stays the caller's. */
void input_init(struct input *in, const struct tool *tool, int fd, enum input_cut otherwise, size_t size_max);
void input_fini(struct input *in);

/*
 * Reads once, waiting if the stream makes it. The views cut before lose their bytes, also on failure. 0 or -errno:
 * -EMSGSIZE when the message that is being read is longer than size_max, -EINTR when a signal said stop.
 */
int input_read(struct input *in);

/* Cuts up to n complete messages from what was read, and returns how many. */
uint32_t input_take(struct input *in, tong_view *ret_views, uint32_t n);

/* Everything was cut. */
bool input_done(const struct input *in);

/* Says that input_read failed; name is the stream's. Returns an exit code. */
int input_fail(const struct input *in, const struct tool *tool, const char *address, const char *name, int error);

#endif

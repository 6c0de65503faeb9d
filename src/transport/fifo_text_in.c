/* SPDX-License-Identifier: MIT */
/* Reading what any program writes: lines, or bytes as they come. Who writes is not known, only whether anybody does. */
#include <string.h>

#include "base/error.h"
#include "transport/fifo_in.h"

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* What has come of a line stands in body.own, body.got bytes of it, when it does not stand in the stage. */
static int keep(struct tongi_fifo_in *in, const uint8_t *bytes, size_t len)
{
    struct tongi_body *line = &in->body;
    int r = 0;

    if (in->skipping)
        return 0;
    if (line->got + len > in->size_max)
        r = -EMSGSIZE;
    else if (tongi_block_reserve(&line->own, line->got + len) < 0)
        r = -ENOMEM;
    if (r < 0) {
        line->got = 0;
        in->skipping = true;
        return tongi_fifo_dropped(in, r);
    }
    if (len)
        memcpy(line->own.data + line->got, bytes, len);
    line->got += len;
    return 0;
}

static int lines_parse(struct tongi_fifo_in *in, const tong_bytes *direct)
{
    (void)direct;
    while (in->at < in->end) {
        const uint8_t *bytes = tongi_fifo_staged(in);
        const uint8_t *newline = memchr(bytes, '\n', in->end - in->at);
        size_t len = newline ? (size_t)(newline - bytes) : in->end - in->at;
        bool here = newline && in->body.got == 0 && !in->skipping && len <= in->size_max;

        int r = here ? 0 : keep(in, bytes, len);
        tongi_fifo_consume(in, len + (newline != NULL));
        bool whole = newline && !in->skipping;
        if (newline)
            in->skipping = false;
        if (r < 0)
            return r;
        if (!whole)
            continue;
        in->message = here ? (struct tongi_fifo_message){.data = bytes, .len = len}
                           : (struct tongi_fifo_message){.data = in->body.own.data, .len = in->body.got};
        in->body.got = 0;
        return 1;
    }
    return 0;
}

/* A line without its end is not delivered: nobody knows that it is whole. */
static void lines_left(struct tongi_fifo_in *in)
{
    bool torn = in->body.got || in->at < in->end;

    if (torn)
        tongi_fifo_missed(in, 1);
    in->body.got = 0;
    in->skipping = false;
    if (in->end_last)
        in->fate = torn ? TONG_E_GONE : TONG_E_END;
}

const struct tongi_fifo_reading tongi_fifo_lines_in = {
    .reads = TONGI_FIFO_READS_LINES,
    .parse = lines_parse,
    .left = lines_left,
};

/* ---- bytes as they come ---------------------------------------------------------------------------------------- */

static int raw_parse(struct tongi_fifo_in *in, const tong_bytes *direct)
{
    size_t len = in->end - in->at;

    (void)direct;
    if (len == 0)
        return 0;
    if (len > in->size_max)
        len = (size_t)in->size_max;
    in->message = (struct tongi_fifo_message){.data = tongi_fifo_staged(in), .len = len};
    tongi_fifo_consume(in, len);
    return 1;
}

static void raw_left(struct tongi_fifo_in *in)
{
    if (in->end_last)
        in->fate = TONG_E_END;
}

const struct tongi_fifo_reading tongi_fifo_raw_in = {
    .reads = TONGI_FIFO_READS_RAW,
    .parse = raw_parse,
    .left = raw_left,
};

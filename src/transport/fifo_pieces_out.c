/* SPDX-License-Identifier: MIT */
/*
 * Writing for many writers: every write() has at most PIPE_BUF bytes, which the kernel takes whole or not at all, so
 * that nothing of one writer ever stands in the midst of another's. A short message is one write, several may share
 * one; a long message is cut into fragments.
 */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "prim/fragment.h"
#include "sys/sys.h"
#include "transport/fifo_out.h"

/* Bodies over this are not copied beside their header: a second vector costs less. */
#define COPY_MAX 1024

/* What is written at once. */
struct piece {
    uint8_t bytes[TONGI_ATOMIC_BYTES];
    size_t len;
    tong_view tail; /* of the sender's memory, behind the bytes */
};

static void piece_init(struct piece *piece)
{
    piece->len = 0;
    piece->tail = (tong_view){NULL, 0};
}

static size_t room(const struct piece *piece)
{
    return sizeof piece->bytes - piece->len - piece->tail.len;
}

static int put(struct tongi_fifo_out *out, const struct piece *piece)
{
    union {
        const void *from;
        void *to;
    } base = {.from = piece->bytes}, tail = {.from = piece->tail.data}; /* struct iovec reads too: it has no const */
    const struct iovec vector[2] = {{base.to, piece->len}, {tail.to, piece->tail.len}};
    ssize_t written = tongi_quiet_writev(&out->quiet, out->fd, vector, piece->tail.len ? 2 : 1);

    if (written < 0)
        return (int)written;
    /* Less is not possible; but no half of anything may ever be followed. */
    return (size_t)written == piece->len + piece->tail.len ? 0 : -EPIPE;
}

static void add_header(const struct tongi_fifo_out *out, struct piece *piece, uint32_t flags, size_t len,
                       uint32_t sequence, size_t at)
{
    const struct tongi_fragment fragment = {
        .flags = flags, .len = (uint32_t)len, .sender = out->number, .sequence = sequence, .at = (uint32_t)at};

    tongi_fragment_encode(piece->bytes + piece->len, &fragment);
    piece->len += TONGI_FRAGMENT_BYTES;
}

/* Bytes from to from+len of the parts behind each other. */
static void add_range(struct piece *piece, const struct tongi_batch *batch, size_t from, size_t len)
{
    uint32_t n = batch->gather ? batch->n : 1;

    for (uint32_t i = 0; len && i < n; i++) {
        const tong_view *part = &batch->parts[i];
        if (from >= part->len) {
            from -= part->len;
            continue;
        }
        size_t here = part->len - from < len ? part->len - from : len;
        memcpy(piece->bytes + piece->len, (const uint8_t *)part->data + from, here);
        piece->len += here;
        len -= here;
        from = 0;
    }
}

/* One message of a batch by itself. */
static struct tongi_batch one_of(const struct tongi_batch *batch, uint32_t at)
{
    if (batch->gather)
        return *batch;
    return (struct tongi_batch){.parts = batch->parts + at, .n = 1, .gather = true};
}

static void piece_begin(struct tongi_fifo_out *out, struct piece *piece)
{
    piece_init(piece);
    if (out->hello_due)
        add_header(out, piece, TONGI_FRAGMENT_HELLO, 0, 0, 0);
}

static void piece_written(struct tongi_fifo_out *out)
{
    out->hello_due = false;
}

static int nothing_kept(struct tongi_fifo_out *out)
{
    (void)out;
    return 0;
}

static void nothing_begun(struct tongi_fifo_out *out)
{
    (void)out;
}

static int anybody_may(struct tongi_fifo_out *out, int fd)
{
    (void)out;
    (void)fd;
    return 0;
}

/* ---- fragments ------------------------------------------------------------------------------------------------- */

/* A number of our own, by whose lock the reader knows that we live. */
static int fragments_begin(struct tongi_fifo_out *out, int fd)
{
    int r;

    do {
        ssize_t drawn = tongi_sys_getrandom(&out->number, sizeof out->number, 0);
        if (drawn < 0)
            return (int)drawn;
        r = tongi_fifo_lock(fd, F_WRLCK, TONGI_FIFO_SENDERS + out->number);
        if (r < 0 && r != -EAGAIN)
            return r;
    } while (r < 0);
    out->sequence = 0;
    out->hello_due = true;
    return 0;
}

/* Adds whole messages as long as they fit; returns how many. */
static uint32_t add_whole(const struct tongi_fifo_out *out, struct piece *piece, const struct tongi_batch *batch,
                          uint32_t at)
{
    uint32_t n = batch->gather ? 1 : batch->n, done = 0;

    for (; at + done < n; done++) {
        const struct tongi_batch message = one_of(batch, at + done);
        size_t len = tongi_batch_len(&message, 0);
        if (len > TONGI_FRAGMENT_MAX || TONGI_FRAGMENT_BYTES + len > room(piece))
            break;
        add_header(out, piece, TONGI_FRAGMENT_LAST, len, out->sequence + 1 + done, 0);
        if (len > COPY_MAX && message.n == 1) {
            piece->tail = message.parts[0];
            return done + 1;
        }
        add_range(piece, &message, 0, len);
    }
    return done;
}

/* Writes the fragments of a message from byte *at on, whose bytes begin with byte from. */
static int put_fragments(struct tongi_fifo_out *out, const struct tongi_batch *message, size_t from, size_t len,
                         size_t *at)
{
    struct piece piece;

    while (*at < len) {
        piece_begin(out, &piece);
        size_t here = room(&piece) - TONGI_FRAGMENT_BYTES;
        here = here < len - *at ? here : len - *at;
        add_header(out, &piece, *at + here == len ? TONGI_FRAGMENT_LAST : 0, here, out->sequence + 1, *at);
        add_range(&piece, message, *at - from, here);
        int r = put(out, &piece);
        if (r < 0)
            return r;
        piece_written(out);
        *at += here;
    }
    out->sequence++;
    return 0;
}

static int64_t fragments_send(struct tongi_fifo_out *out, const struct tongi_batch *batch)
{
    uint32_t n = batch->gather ? 1 : batch->n, done = 0;
    struct piece piece;

    while (done < n && !out->begun_bytes) {
        piece_begin(out, &piece);
        uint32_t added = add_whole(out, &piece, batch, done);
        int r = added ? put(out, &piece) : 0;
        if (r < 0)
            return done ? (int64_t)done : r;
        if (!added)
            break;
        piece_written(out);
        out->sequence += added;
        done += added;
    }
    if (done)
        return done;
    out->begun = one_of(batch, 0);
    int r = put_fragments(out, &out->begun, 0, tongi_batch_len(&out->begun, 0), &out->begun_bytes);
    if (r < 0)
        return r;
    out->begun_bytes = 0;
    return 1;
}

static int fragments_keep(struct tongi_fifo_out *out)
{
    struct piece piece;
    size_t len = tongi_batch_len(&out->begun, 0);

    if (tongi_block_reserve(&out->rest, len - out->begun_bytes) < 0)
        return -ENOMEM;
    out->rest_from = out->begun_bytes;
    for (size_t at = out->begun_bytes; at < len; at += piece.len) {
        piece_init(&piece);
        add_range(&piece, &out->begun, at, len - at < sizeof piece.bytes ? len - at : sizeof piece.bytes);
        memcpy(out->rest.data + (at - out->rest_from), piece.bytes, piece.len);
    }
    out->rest_at = 0;
    out->rest_end = len - out->rest_from;
    return 0;
}

/* A greeting that is due, and behind it a fragment that is no message, if flag names one. */
static int put_word(struct tongi_fifo_out *out, uint32_t flag)
{
    struct piece piece;

    piece_begin(out, &piece);
    if (flag)
        add_header(out, &piece, flag, 0, 0, 0);
    int r = put(out, &piece);
    if (r >= 0)
        piece_written(out);
    return r;
}

static int fragments_push(struct tongi_fifo_out *out)
{
    const tong_view rest = {out->rest.data, out->rest_end};
    const struct tongi_batch message = {.parts = &rest, .n = 1, .gather = true};
    size_t at = out->rest_from + out->rest_at;

    if (out->rest_at == out->rest_end)
        return out->hello_due ? put_word(out, 0) : 0;
    int r = put_fragments(out, &message, out->rest_from, out->rest_from + out->rest_end, &at);
    out->rest_at = at - out->rest_from;
    if (r >= 0) {
        out->rest_at = out->rest_end = 0;
        tongi_block_free(&out->rest);
    }
    return r;
}

static int fragments_bid(struct tongi_fifo_out *out)
{
    return put_word(out, TONGI_FRAGMENT_END);
}

const struct tongi_fifo_writing tongi_fifo_fragments_out = {
    .reads = TONGI_FIFO_READS_FRAGMENTS,
    .begin = fragments_begin,
    .send = fragments_send,
    .push = fragments_push,
    .keep = fragments_keep,
    .bid = fragments_bid,
    .forget = nothing_begun,
};

/* ---- lines and bytes ------------------------------------------------------------------------------------------- */

static bool has_newline(const struct tongi_batch *message)
{
    for (uint32_t i = 0; i < message->n; i++)
        if (message->parts[i].len && memchr(message->parts[i].data, '\n', message->parts[i].len))
            return true;
    return false;
}

/* May this be written as a line? */
static int line_check(const struct tongi_fifo_out *out, const struct tongi_batch *message)
{
    size_t len = tongi_batch_len(message, 0);

    if (len >= TONGI_ATOMIC_BYTES)
        return TONG_FAIL(TONG_E_TOOBIG,
                         "%s: a line of %zu bytes is over the limit of %d, up to which the kernel keeps lines of "
                         "several writers apart",
                         out->name->address, len, TONGI_ATOMIC_BYTES - 1);
    if (has_newline(message))
        return TONG_FAIL(-EINVAL, "%s: a line (framing=line) cannot contain a newline", out->name->address);
    return 0;
}

static int64_t lines_send(struct tongi_fifo_out *out, const struct tongi_batch *batch)
{
    uint32_t n = batch->gather ? 1 : batch->n, done = 0;
    struct piece piece;

    piece_init(&piece);
    for (; done < n; done++) {
        const struct tongi_batch line = one_of(batch, done);
        size_t len = tongi_batch_len(&line, 0);
        if (done && (len >= room(&piece) || has_newline(&line)))
            break;
        int r = done ? 0 : line_check(out, &line);
        if (r < 0)
            return r;
        add_range(&piece, &line, 0, len);
        piece.bytes[piece.len++] = '\n';
    }
    int r = put(out, &piece);
    return r < 0 ? r : (int64_t)done;
}

const struct tongi_fifo_writing tongi_fifo_lines_out = {
    .reads = TONGI_FIFO_READS_LINES,
    .strangers = true,
    .begin = anybody_may,
    .send = lines_send,
    .push = nothing_kept,
    .forget = nothing_begun,
};

static int put_bytes(struct tongi_fifo_out *out, const struct tongi_batch *message, size_t from, size_t len, size_t *at)
{
    struct piece piece;

    for (; *at < len; *at += piece.len) {
        piece_init(&piece);
        add_range(&piece, message, *at - from, len - *at < sizeof piece.bytes ? len - *at : sizeof piece.bytes);
        int r = put(out, &piece);
        if (r < 0)
            return r;
    }
    return 0;
}

static int64_t raw_send(struct tongi_fifo_out *out, const struct tongi_batch *batch)
{
    out->begun = one_of(batch, 0);
    int r = put_bytes(out, &out->begun, 0, tongi_batch_len(&out->begun, 0), &out->begun_bytes);

    if (r < 0)
        return r;
    out->begun_bytes = 0;
    return 1;
}

static int raw_push(struct tongi_fifo_out *out)
{
    const tong_view rest = {out->rest.data, out->rest_end};
    const struct tongi_batch message = {.parts = &rest, .n = 1, .gather = true};
    int r = put_bytes(out, &message, 0, out->rest_end, &out->rest_at);

    if (r >= 0) {
        out->rest_at = out->rest_end = 0;
        tongi_block_free(&out->rest);
    }
    return r;
}

const struct tongi_fifo_writing tongi_fifo_raw_out = {
    .reads = TONGI_FIFO_READS_RAW,
    .strangers = true,
    .begin = anybody_may,
    .send = raw_send,
    .push = raw_push,
    .keep = fragments_keep,
    .forget = nothing_begun,
};

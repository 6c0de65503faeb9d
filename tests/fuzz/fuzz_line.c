/* SPDX-License-Identifier: MIT */
/*
 * A hub that reads lines, or raw bytes, in pieces of any size, over a system that exists only here. A splitter of this
 * file's own says which lines are due: what is delivered is just that, whatever the pieces, the rooms and the way of
 * taking, and the end is END only behind a whole line.
 *
 * The input: how, four bytes; then bytes as they are, but 0xff and two more stand for a run of 'x' of that length.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tong/tong.h>

#include "prim/hub.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAM_MAX = 400000, SIZE_MAX_BYTES = 150000, PEER = 1000, BATCH = 7 };

static void must(bool condition)
{
    if (!condition)
        abort();
}

static uint8_t stream[STREAM_MAX];
static size_t stream_len, stream_at; /* written, read by the hub */
static size_t piece_max;
static uint64_t dice;

static size_t roll(size_t n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (size_t)(dice >> 32) % n;
}

/* ---- the system ------------------------------------------------------------------------------------------------ */

static ssize_t fake_recv(int fd, void *data, size_t len, int flags)
{
    size_t piece = 1 + roll(piece_max), left = stream_len - stream_at;

    (void)flags;
    must(fd == PEER && len > 0);
    if (roll(8) == 0) {
        errno = EAGAIN;
        return -1;
    }
    piece = piece < left ? piece : left;
    piece = piece < len ? piece : len;
    memcpy(data, stream + stream_at, piece);
    stream_at += piece;
    return (ssize_t)piece;
}

static int fake_shutdown(int fd, int how)
{
    (void)fd, (void)how;
    return 0;
}

static int fake_close(int fd)
{
    must(fd == PEER || fd < 0);
    return 0;
}

/* ---- the reader ------------------------------------------------------------------------------------------------ */

static struct tongi_report report;
static struct tongi_hub hub;
static size_t due_at; /* first byte of the stream that was not delivered */
static uint64_t size_max;
static bool raw;

/* The length of the line that stands first in what is left, or -1: none, or one over the limit. */
static int64_t due_len(void)
{
    for (size_t len = 0; due_at + len < stream_len && len <= size_max; len++)
        if (stream[due_at + len] == '\n')
            return (int64_t)len;
    return -1;
}

static void delivered(const void *data, size_t len)
{
    must(raw ? len > 0 && len <= size_max && len <= stream_at - due_at : due_len() == (int64_t)len);
    must(len == 0 || memcmp(data, stream + due_at, len) == 0);
    due_at += len + !raw;
    must(due_at <= stream_at);
}

static int64_t take_by_copy(void)
{
    static uint8_t rooms[BATCH][SIZE_MAX_BYTES + 1];
    tong_bytes msgs[BATCH];
    uint32_t n = 1 + (uint32_t)roll(BATCH);

    for (uint32_t i = 0; i < n; i++)
        msgs[i] = (tong_bytes){rooms[i], roll(4) ? size_max : roll(size_max + 1)};
    int64_t count = tongi_hub_recv(&hub, msgs, n, NULL);
    if (count == TONG_E_TOOBIG) {
        int64_t next = tongi_hub_next_size(&hub);
        must(next > (int64_t)msgs[0].len && (raw ? msgs[0].len == 0 : next == due_len()));
        msgs[0].len = size_max;
        count = tongi_hub_recv(&hub, msgs, 1, NULL);
        must(count == 1);
    }
    for (int64_t i = 0; i < count; i++)
        delivered(msgs[i].data, msgs[i].len);
    return count;
}

static int64_t take_in_place(void)
{
    tong_span spans[2 * BATCH];
    int64_t first = tongi_hub_peek(&hub, spans, NULL, 1 + (uint32_t)roll(BATCH)), more = 0;

    if (first < 0)
        return first;
    if (roll(2))
        more = tongi_hub_peek(&hub, spans + first, NULL, 1 + (uint32_t)roll(BATCH));
    must(more >= 0 || more == -ENOBUFS);
    int64_t count = more > 0 ? first + more : first;
    for (int64_t i = 0; i < count; i++)
        delivered(spans[i].data, spans[i].len);
    must(tongi_hub_release(&hub, spans, (uint32_t)count) == 0);
    return count;
}

static void read_all(uint8_t how)
{
    int64_t r = 1;

    while (r >= 0 || r == -EAGAIN)
        r = (how & 2 && (how & 4 || roll(2))) ? take_in_place() : take_by_copy();
    bool whole = due_at == stream_len;
    must(raw || due_len() < 0);
    must(!raw || whole);
    must(r == (whole ? TONG_E_END : TONG_E_GONE));
    must(tongi_load_relaxed_u64(&report.lost) == !whole);
}

/* ---- the input -------------------------------------------------------------------------------------------------- */

static void stream_make(const uint8_t *data, size_t size)
{
    stream_len = stream_at = due_at = 0;
    for (size_t at = 0; at < size && stream_len < STREAM_MAX; at++) {
        size_t run = 1;
        uint8_t byte = data[at];
        if (byte == 0xff && size - at > 2) {
            run = data[at + 1] | (size_t)data[at + 2] << 8;
            byte = 'x';
            at += 2;
        }
        if (run > STREAM_MAX - stream_len)
            run = STREAM_MAX - stream_len;
        memset(stream + stream_len, byte, run);
        stream_len += run;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {1, 10, 4096, 65535, 65536, 65537, SIZE_MAX_BYTES};
    static const size_t pieces[] = {1, 3, 100, 4096, 65536, STREAM_MAX};

    if (size < 4)
        return 0;
    stream_make(data + 4, size - 4);
    raw = data[0] & 1;
    size_max = sizes[data[1] % 7];
    piece_max = pieces[data[2] % 6];
    dice = data[3] + UINT64_C(0x9e3779b97f4a7c15);
    /* A long stream byte by byte, or in messages of a byte, would take the time of a thousand others. */
    if (piece_max < stream_len / 500)
        piece_max = stream_len / 500;
    if (size_max < stream_len / 500)
        size_max = stream_len / 500;

    tongi_sys_table.recv = fake_recv;
    tongi_sys_table.shutdown = fake_shutdown;
    tongi_sys_table.close = fake_close;
    tongi_report_init(&report);
    const struct tongi_hub_setup setup = {
        .address = "fuzz:line",
        .report = &report,
        .role = TONG_PAIR,
        .size_max = size_max,
        .framing = raw ? TONG_FRAMING_RAW : TONG_FRAMING_LINE,
    };
    must(tongi_hub_init(&hub, &setup) == 0 && tongi_hub_join(&hub, PEER, false) == 0);
    read_all(data[0]);
    tongi_hub_fini(&hub, true);
    tongi_report_fini(&report);
    return 0;
}

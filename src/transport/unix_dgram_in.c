/* SPDX-License-Identifier: MIT */
/*
 * The puller of datagrams. It always reads with room for the largest message of size=; what is longer was sent by
 * somebody who was told otherwise, and is dropped, counted and reported. A datagram of length 0 is an empty message.
 */
#include <string.h>

#include "base/error.h"
#include "prim/packet.h"
#include "sys/sys.h"
#include "transport/unix_dgram.h"

/* In front of each datagram in the stage stands its length; bodies are aligned as memory of malloc is. */
enum { LENGTH_BYTES = 16 };

static size_t slot_bytes(size_t len)
{
    return LENGTH_BYTES + ((len + LENGTH_BYTES - 1) & ~(size_t)(LENGTH_BYTES - 1));
}

static size_t staged_len(const struct tongi_unix_dgram_stage *stage)
{
    size_t len;

    memcpy(&len, stage->data + stage->next, sizeof len);
    return len;
}

/* Makes room for the largest datagram behind what is there. */
static int stage_reserve(struct tongi_unix_dgram *dgram)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    size_t largest = slot_bytes(dgram->start->opts.size);

    if (!stage->data) {
        stage->data = tongi_sys_resize(NULL, TONGI_CHUNK_BYTES + largest);
        if (!stage->data)
            return TONG_FAIL(-ENOMEM, "%s: no memory for a message of %llu bytes", dgram->start->address,
                             (unsigned long long)dgram->start->opts.size);
        stage->room = TONGI_CHUNK_BYTES + largest;
    }
    if (stage->lent == stage->released && stage->next == stage->end)
        stage->next = stage->end = 0;
    return stage->room - stage->end < largest ? -ENOBUFS : 0;
}

/* What was dropped is told of once. */
static int too_long_fail(struct tongi_unix_dgram *dgram)
{
    size_t len = dgram->cut_short;

    dgram->cut_short = 0;
    return TONG_FAIL(-EMSGSIZE,
                     "%s: a datagram of %zu bytes came, over size=%llu, and was dropped; open this side with a larger "
                     "size=, or the senders with a smaller one",
                     dgram->start->address, len, (unsigned long long)dgram->start->opts.size);
}

/* What the system said: a length, or an error. -EMSGSIZE has no sentence yet: messages before it go first. */
static ssize_t received(struct tongi_unix_dgram *dgram, ssize_t got)
{
    if (got >= 0 && (size_t)got > dgram->start->opts.size) {
        dgram->cut_short = (size_t)got;
        dgram->lost++;
        tongi_report_count(&dgram->start->report->lost, 1);
        return -EMSGSIZE;
    }
    if (got >= 0)
        dgram->large = got > TONGI_GATHER_BYTES;
    if (got >= 0 || got == -EAGAIN)
        return got;
    return TONG_FAIL(got == -ENOBUFS ? -ENOMEM : (int)got, "%s: receiving failed: %s", dgram->start->address,
                     tong_error_text((int)got));
}

/* Adds the datagram of that length, which stands behind the room for it. */
static void stage_add(struct tongi_unix_dgram_stage *stage, size_t len)
{
    memcpy(stage->data + stage->end, &len, sizeof len);
    stage->end += slot_bytes(len);
}

static int read_staged(struct tongi_unix_dgram *dgram)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    ssize_t got =
        received(dgram, tongi_packet_get(dgram->fd, stage->data + stage->end + LENGTH_BYTES, dgram->start->opts.size));

    if (got < 0)
        return (int)got;
    stage_add(stage, (size_t)got);
    return 0;
}

/* Reads one that is likely to be long straight into the receiver's room; 1: it is there. What does not fit is put
 * together in the stage: 0. */
static int read_direct(struct tongi_unix_dgram *dgram, tong_bytes *msg)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    uint8_t *slot = stage->data + stage->end + LENGTH_BYTES;
    size_t size_max = dgram->start->opts.size;
    size_t room = msg->len < size_max ? msg->len : size_max;
    struct iovec vector[2] = {{msg->data, room}, {slot + room, size_max - room}};
    ssize_t got = received(dgram, tongi_packet_getv(dgram->fd, vector, 2));

    if (got < 0)
        return (int)got;
    if ((size_t)got <= room) {
        msg->len = (size_t)got;
        return 1;
    }
    memcpy(slot, msg->data, room);
    stage_add(stage, (size_t)got);
    return 0;
}

/* Takes one message: 1, or 0 if the one that stands first does not fit. */
static int take(struct tongi_unix_dgram *dgram, tong_bytes *msg)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    int r = 0;

    if (stage->next == stage->end) {
        r = stage_reserve(dgram);
        if (r >= 0)
            r = dgram->large && msg->len > TONGI_GATHER_BYTES ? read_direct(dgram, msg) : read_staged(dgram);
        if (r != 0)
            return r;
    }
    size_t len = staged_len(stage);
    if (len > msg->len)
        return 0;
    if (len)
        memcpy(msg->data, stage->data + stage->next + LENGTH_BYTES, len);
    msg->len = len;
    stage->next += slot_bytes(len);
    return 1;
}

static void meta_fill(struct tongi_unix_dgram *dgram, tong_meta *meta)
{
    *meta = (tong_meta){.struct_size = meta->struct_size, .lost = dgram->lost, .fds = meta->fds};
    dgram->lost = 0;
}

int64_t tongi_unix_dgram_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    struct tongi_unix_dgram *dgram = state;
    uint32_t count = 0;
    int r = dgram->cut_short ? -EMSGSIZE : 1;

    while (count < n && r > 0) {
        r = take(dgram, &msgs[count]);
        count += r > 0;
    }
    if (count && meta)
        meta_fill(dgram, meta);
    if (count)
        return count;
    if (r == -EMSGSIZE)
        return too_long_fail(dgram);
    return r < 0 ? r
                 : TONG_FAIL(TONG_E_TOOBIG,
                             "%s: the message has %zu bytes and the room %zu; it stays until there is room",
                             dgram->start->address, staged_len(&dgram->stage), msgs[0].len);
}

/* ---- in place -------------------------------------------------------------------------------------------------- */

/* Reads until a message stands in the stage that is not lent. */
static int advance(struct tongi_unix_dgram *dgram)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;

    if (dgram->cut_short)
        return -EMSGSIZE;
    if (stage->next < stage->end)
        return 0;
    int r = stage_reserve(dgram);
    return r < 0 ? r : read_staged(dgram);
}

int64_t tongi_unix_dgram_peek(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    struct tongi_unix_dgram *dgram = state;
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    uint32_t count = 0;
    int r = 0;

    while (count < n && (r = advance(dgram)) >= 0) {
        size_t len = staged_len(stage);
        ret_spans[count] = (tong_span){stage->data + stage->next + LENGTH_BYTES, len, ++stage->lent};
        stage->next += slot_bytes(len);
        if (metas)
            meta_fill(dgram, &metas[count]);
        count++;
    }
    if (count)
        return count;
    if (r == -ENOBUFS)
        return TONG_FAIL(r, "%s: %llu loans are out; release some before peeking further", dgram->start->address,
                         (unsigned long long)(stage->lent - stage->released));
    return r == -EMSGSIZE ? too_long_fail(dgram) : r;
}

int tongi_unix_dgram_release(void *state, const tong_span *spans, uint32_t n)
{
    struct tongi_unix_dgram *dgram = state;
    struct tongi_unix_dgram_stage *stage = &dgram->stage;

    for (uint32_t i = 0; i < n; i++)
        if (spans[i].token != stage->released + 1 + i || spans[i].token > stage->lent)
            return TONG_FAIL(-EINVAL, "%s: loan %u is not the oldest that is out; they come back in order",
                             dgram->start->address, i);
    stage->released += n;
    return 0;
}

int64_t tongi_unix_dgram_next_size(void *state)
{
    struct tongi_unix_dgram *dgram = state;
    int r = advance(dgram);

    if (r == -EMSGSIZE)
        return too_long_fail(dgram);
    if (r == -ENOBUFS)
        return -EAGAIN;
    return r < 0 ? r : (int64_t)staged_len(&dgram->stage);
}

bool tongi_unix_dgram_in_ready(const struct tongi_unix_dgram *dgram)
{
    return dgram->cut_short || dgram->stage.next < dgram->stage.end;
}

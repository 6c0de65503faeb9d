/* SPDX-License-Identifier: MIT */
#include "prim/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "prim/control.h"
#include "prim/frame.h"
#include "prim/line.h"
#include "prim/packet.h"
#include "sys/sys.h"

int tongi_block_reserve(struct tongi_block *block, size_t bytes)
{
    if (block->room >= bytes)
        return 0;
    size_t room = block->room * 2 > bytes ? block->room * 2 : bytes;
    void *grown = tongi_sys_resize(block->data, room);
    if (!grown)
        return -ENOMEM;
    *block = (struct tongi_block){grown, room};
    return 0;
}

void tongi_block_free(struct tongi_block *block)
{
    tongi_sys_free(block->data);
    *block = (struct tongi_block){0};
}

struct tongi_link *tongi_link_new(int in_fd, int out_fd, enum tongi_wire wire)
{
    struct tongi_link *link = tongi_sys_alloc(sizeof *link);

    if (link) {
        link->in_fd = in_fd;
        link->out_fd = out_fd;
        link->wire = wire;
        link->dead_fd = -1;
        link->least = TONGI_FRAME_BYTES;
        link->refs = 1;
    }
    return link;
}

int tongi_link_arm(struct tongi_link *link)
{
    int fds[2];

    if (link->wire != TONGI_WIRE_PIPE)
        return 0;
    int r = tongi_sys_pipe2(fds, O_CLOEXEC | O_NONBLOCK);
    if (r < 0)
        return r;
    tongi_sys_close(fds[0]);
    /* Nothing will ever be in it: one page, so that it costs its user little of what pipes may have in all. */
    (void)tongi_sys_fcntl_int(fds[1], F_SETPIPE_SZ, 1);
    link->dead_fd = fds[1];
    return 0;
}

void tongi_link_free(struct tongi_link *link, bool cut)
{
    if (!link)
        return;
    /* Closing alone would leave the connection standing while a forked child still holds the descriptor. A pipe knows
     * no other end than the closing of its last descriptor. */
    if (cut && !link->shared && link->wire != TONGI_WIRE_PIPE)
        tongi_link_cut(link);
    if (link->out_fd != link->in_fd)
        tongi_sys_close(link->out_fd);
    tongi_sys_close(link->dead_fd);
    tongi_sys_close(link->in_fd);
    tongi_block_free(&link->stash);
    tongi_block_free(&link->body.own);
    tongi_block_free(&link->rest);
    tongi_ancillary_free(link->ancillary);
    tongi_sys_free(link);
}

void tongi_link_unref(struct tongi_link *link, bool cut)
{
    if (link && --link->refs == 0)
        tongi_link_free(link, cut);
}

size_t tongi_batch_len(const struct tongi_batch *batch, uint32_t at)
{
    size_t len = 0;

    if (!batch->gather)
        return batch->parts[at].len;
    for (uint32_t i = 0; i < batch->n; i++)
        len += batch->parts[i].len;
    return len;
}

/* ---- bytes ---------------------------------------------------------------------------------------------------- */

/* The other half may be in a call with that number, so it is not closed but means another pipe from now on, in one
 * step: the old one's end is given back, which is how a peer learns. */
static void replace(const struct tongi_link *link, int fd)
{
    (void)tongi_sys_dup3(link->dead_fd, fd, O_CLOEXEC);
}

void tongi_link_cut(struct tongi_link *link)
{
    if (link->wire != TONGI_WIRE_PIPE) {
        tongi_sys_shutdown(link->in_fd, SHUT_RDWR);
        return;
    }
    replace(link, link->in_fd);
    replace(link, link->out_fd);
}

void tongi_link_end(struct tongi_link *link)
{
    if (link->wire != TONGI_WIRE_PIPE)
        tongi_sys_shutdown(link->out_fd, SHUT_WR);
    else
        replace(link, link->out_fd);
}

ssize_t tongi_link_get(struct tongi_link *link, void *to, size_t room)
{
    if (link->ancillary)
        return tongi_ancillary_get(link->ancillary, link->in_fd, &(struct iovec){to, room}, 1);
    return link->wire == TONGI_WIRE_PIPE ? tongi_sys_read(link->in_fd, to, room)
                                         : tongi_sys_recv(link->in_fd, to, room, MSG_DONTWAIT);
}

ssize_t tongi_link_getv(struct tongi_link *link, struct iovec *vector, uint32_t n)
{
    if (link->ancillary)
        return tongi_ancillary_get(link->ancillary, link->in_fd, vector, n);
    if (link->wire == TONGI_WIRE_PIPE)
        return tongi_sys_readv(link->in_fd, vector, (int)n);
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = n};
    return tongi_sys_recvmsg(link->in_fd, &message, MSG_DONTWAIT);
}

ssize_t tongi_link_put(struct tongi_link *link, const void *data, size_t len)
{
    if (link->wire != TONGI_WIRE_PIPE)
        return tongi_sys_send(link->out_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    union {
        const void *from;
        void *to;
    } base = {.from = data};
    struct iovec piece = {base.to, len};
    return tongi_quiet_writev(&link->quiet, link->out_fd, &piece, 1);
}

ssize_t tongi_link_putv(struct tongi_link *link, struct iovec *vector, uint32_t n)
{
    /* One piece is the common case, and send() costs a tenth less than sendmsg(). */
    if (n == 1)
        return tongi_link_put(link, vector[0].iov_base, vector[0].iov_len);
    if (link->wire == TONGI_WIRE_PIPE)
        return tongi_quiet_writev(&link->quiet, link->out_fd, vector, (int)n);
    const struct msghdr message = {.msg_iov = vector, .msg_iovlen = n};
    return tongi_sys_sendmsg(link->out_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Writes pieces that descriptors go with, which a socket alone can. */
static ssize_t put_with(struct tongi_link *link, struct iovec *vector, uint32_t n, const struct tongi_batch *batch)
{
    union tongi_control_room room;
    const struct msghdr message = {
        .msg_iov = vector,
        .msg_iovlen = n,
        .msg_control = room.bytes,
        .msg_controllen = tongi_control_write(&room, batch->fds, batch->n_fds),
    };

    return tongi_sys_sendmsg(link->out_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- building ------------------------------------------------------------------------------------------------- */

struct builder {
    struct iovec vector[2 * TONGI_GATHER_FRAMES + 2];
    uint32_t used;
    uint8_t *stage;
    size_t staged;
};

/* Adds bytes, behind the last ones in memory if they follow there. */
static bool add(struct builder *builder, const void *data, size_t len)
{
    struct iovec *last = builder->used ? &builder->vector[builder->used - 1] : NULL;

    if (len == 0)
        return true;
    if (last && (const uint8_t *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
        return true;
    }
    if (builder->used == sizeof builder->vector / sizeof *builder->vector)
        return false;
    union {
        const void *from;
        void *to;
    } base = {.from = data}; /* struct iovec serves reading too and so has no const */
    builder->vector[builder->used++] = (struct iovec){base.to, len};
    return true;
}

/* Copies small bytes into the stage, so that many small pieces cost one vector. */
static bool add_copy(struct builder *builder, const void *data, size_t len)
{
    uint8_t *to = builder->stage + builder->staged;

    if (len > TONGI_CHUNK_BYTES - builder->staged)
        return false;
    if (len)
        memcpy(to, data, len);
    if (!add(builder, to, len))
        return false;
    builder->staged += len;
    return true;
}

static bool add_header(struct builder *builder, const struct tongi_batch *batch, uint32_t at, size_t *skip)
{
    uint8_t header[TONGI_FRAME_BYTES];

    tongi_frame_encode_with(header, TONGI_FRAME_DATA, (uint32_t)tongi_batch_len(batch, at), batch->n_fds);
    if (*skip >= sizeof header) {
        *skip -= sizeof header;
        return true;
    }
    bool fits = add_copy(builder, header + *skip, sizeof header - *skip);
    *skip = 0;
    return fits;
}

static bool add_part(struct builder *builder, const tong_view *part, size_t *skip)
{
    size_t skipped = *skip < part->len ? *skip : part->len;
    size_t len = part->len - skipped;

    *skip -= skipped;
    if (len == 0)
        return true;
    const uint8_t *data = (const uint8_t *)part->data + skipped;
    return len <= TONGI_GATHER_BYTES ? add_copy(builder, data, len) : add(builder, data, len);
}

/* Adds one message's frame, wholly unless the vector is full: then its end is written by a later call. */
static bool add_frame(struct builder *builder, uint32_t framing, const struct tongi_batch *batch, uint32_t at,
                      size_t skip)
{
    uint32_t first = batch->gather ? 0 : at;
    uint32_t end = batch->gather ? batch->n : at + 1;
    bool whole = tongi_framing_is_foreign(framing) || add_header(builder, batch, at, &skip);

    for (uint32_t i = first; whole && i < end; i++)
        whole = add_part(builder, &batch->parts[i], &skip);
    if (whole && tongi_framing_tail(framing))
        whole = add_copy(builder, &(const char){TONGI_LINE_END}, 1);
    return whole;
}

/* Small messages are the many, so their loop is short: a header and a copy each, and one piece for all of them. Returns
 * the first that was not packed, and adds to *used. */
static uint32_t pack(const struct tongi_batch *batch, uint32_t at, uint8_t *stage, size_t *used)
{
    uint8_t *to = stage + *used;
    const uint8_t *limit = stage + TONGI_CHUNK_BYTES;

    for (; at < batch->n; at++) {
        size_t len = batch->parts[at].len;
        if (len > TONGI_GATHER_BYTES || (size_t)(limit - to) < TONGI_FRAME_BYTES + len)
            break;
        tongi_frame_encode(to, TONGI_FRAME_DATA, (uint32_t)len);
        if (len)
            memcpy(to + TONGI_FRAME_BYTES, batch->parts[at].data, len);
        to += TONGI_FRAME_BYTES + len;
    }
    *used = (size_t)(to - stage);
    return at;
}

static uint32_t pack_any(uint32_t framing, const struct tongi_batch *batch, uint32_t at, uint8_t *stage, size_t *used)
{
    if (!tongi_framing_is_foreign(framing))
        return pack(batch, at, stage, used);
    return at + tongi_line_pack(batch->parts + at, batch->n - at, framing == TONG_FRAMING_LINE, stage,
                                TONGI_CHUNK_BYTES, used);
}

static uint32_t add_small(struct builder *builder, uint32_t framing, const struct tongi_batch *batch, uint32_t at)
{
    size_t before = builder->staged, used = before;
    uint32_t next = pack_any(framing, batch, at, builder->stage, &used);

    if (!add(builder, builder->stage + before, used - before))
        return at;
    builder->staged = used;
    return next;
}

static void build(struct builder *builder, const struct tongi_link *link, const struct tongi_batch *batch, size_t skip)
{
    uint32_t messages = batch->gather ? 1 : batch->n;

    if (link->rest_at < link->rest_end)
        add(builder, link->rest.data + link->rest_at, link->rest_end - link->rest_at);
    for (uint32_t at = 0; at < messages && builder->used < 2 * TONGI_GATHER_FRAMES;) {
        size_t begun = at ? 0 : skip;
        if (!batch->gather && begun == 0 && batch->parts[at].len <= TONGI_GATHER_BYTES) {
            uint32_t next = add_small(builder, link->framing, batch, at);
            if (next == at)
                return;
            at = next;
            continue;
        }
        if (!add_frame(builder, link->framing, batch, at, begun))
            return;
        at++;
    }
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

void tongi_link_consume(struct tongi_link *link, size_t bytes)
{
    link->rest_at += bytes;
    if (link->rest_at == link->rest_end) {
        link->rest_at = link->rest_end = 0;
        /* A long remainder was an exception; its memory is not kept for the next one. */
        if (link->rest.room > TONGI_CHUNK_BYTES)
            tongi_block_free(&link->rest);
    }
}

/* How many of the batch's messages so many bytes are, and how much of the next. */
static void measure(uint32_t framing, const struct tongi_batch *batch, size_t bytes, struct tongi_written *ret_written)
{
    size_t around = tongi_framing_head(framing) + tongi_framing_tail(framing);
    uint32_t messages = batch->gather ? 1 : batch->n;
    uint32_t at = 0;

    for (; at < messages; at++) {
        size_t frame = around + tongi_batch_len(batch, at);
        if (bytes < frame)
            break;
        bytes -= frame;
    }
    *ret_written = (struct tongi_written){at, bytes};
}

/* A message that the pipe cannot hold makes it larger, once. Where that is not allowed it works all the same. */
static void grow_for(struct tongi_link *link, size_t len)
{
    if (link->wire != TONGI_WIRE_PIPE || link->grown || TONGI_FRAME_BYTES + len <= TONGI_PIPE_BYTES)
        return;
    (void)tongi_sys_fcntl_int(link->out_fd, F_SETPIPE_SZ, TONGI_PIPE_GROWN_BYTES);
    link->grown = true;
}

int tongi_link_write(struct tongi_link *link, const struct tongi_batch *batch, size_t skip, uint8_t *stage,
                     struct tongi_written *ret_written)
{
    size_t before = link->rest_end - link->rest_at;
    struct builder builder;

    if (link->wire == TONGI_WIRE_PACKET)
        return tongi_packet_write(link, batch, stage, ret_written);

    /* The common case by the short way: small messages and nothing left from before. */
    if (!batch->gather && before == 0 && skip == 0 && batch->parts[0].len <= TONGI_GATHER_BYTES) {
        size_t used = 0;
        uint32_t packed = pack_any(link->framing, batch, 0, stage, &used);
        ssize_t written = tongi_link_put(link, stage, used);
        if (written < 0)
            return (int)written;
        *ret_written = (struct tongi_written){packed, 0};
        if ((size_t)written < used)
            measure(link->framing, batch, (size_t)written, ret_written);
        return 0;
    }

    bool with = batch->n_fds && skip == 0;
    if (with) {
        int r = tongi_link_push(link);
        if (r < 0)
            return r;
        before = 0;
    }
    grow_for(link, tongi_batch_len(batch, 0));
    builder.used = 0;
    builder.stage = stage;
    builder.staged = 0;
    build(&builder, link, batch, skip);
    ssize_t written = with ? put_with(link, builder.vector, builder.used, batch)
                           : tongi_link_putv(link, builder.vector, builder.used);
    if (written < 0)
        return (int)written;
    size_t consumed = (size_t)written < before ? (size_t)written : before;
    if (consumed)
        tongi_link_consume(link, consumed);
    measure(link->framing, batch, (size_t)written - consumed + skip, ret_written);
    return 0;
}

/* What is written already makes room first, so that what is kept and written in turn does not grow for ever. */
static int rest_reserve(struct tongi_link *link, size_t bytes)
{
    size_t left = link->rest_end - link->rest_at;

    if (link->rest_at && link->rest_end + bytes > link->rest.room) {
        memmove(link->rest.data, link->rest.data + link->rest_at, left);
        link->rest_at = 0;
        link->rest_end = left;
    }
    return tongi_block_reserve(&link->rest, link->rest_end + bytes);
}

int tongi_link_keep_bytes(struct tongi_link *link, const uint8_t *bytes, size_t len)
{
    int r = rest_reserve(link, len);

    if (r < 0)
        return r;
    if (len)
        memcpy(link->rest.data + link->rest_end, bytes, len);
    link->rest_end += len;
    return 0;
}

int tongi_link_keep(struct tongi_link *link, const struct tongi_batch *batch, uint32_t at, size_t skip)
{
    size_t len = tongi_batch_len(batch, at), head = tongi_framing_head(link->framing);
    size_t tail = tongi_framing_tail(link->framing);
    uint8_t header[TONGI_FRAME_BYTES];
    int r = rest_reserve(link, head + len + tail - skip);

    if (r < 0)
        return r;
    tongi_frame_encode_with(header, TONGI_FRAME_DATA, (uint32_t)len, batch->n_fds);
    if (skip < head)
        (void)tongi_link_keep_bytes(link, header + skip, head - skip);
    skip -= skip < head ? skip : head;
    uint32_t first = batch->gather ? 0 : at;
    uint32_t end = batch->gather ? batch->n : at + 1;
    for (uint32_t i = first; i < end; i++) {
        size_t skipped = skip < batch->parts[i].len ? skip : batch->parts[i].len;
        skip -= skipped;
        /* Cannot fail: the room was reserved above. */
        if (skipped < batch->parts[i].len)
            (void)tongi_link_keep_bytes(link, (const uint8_t *)batch->parts[i].data + skipped,
                                        batch->parts[i].len - skipped);
    }
    if (tail)
        (void)tongi_link_keep_bytes(link, &(const uint8_t){TONGI_LINE_END}, tail);
    return 0;
}

int tongi_link_push(struct tongi_link *link)
{
    if (link->wire == TONGI_WIRE_PACKET)
        return tongi_packet_push(link);
    while (link->rest_at < link->rest_end) {
        ssize_t written = tongi_link_put(link, link->rest.data + link->rest_at, link->rest_end - link->rest_at);
        if (written < 0)
            return (int)written;
        tongi_link_consume(link, (size_t)written);
    }
    return 0;
}

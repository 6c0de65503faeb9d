/* SPDX-License-Identifier: MIT */
#include "prim/packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "prim/control.h"
#include "prim/frame.h"
#include "sys/sys.h"

/* ---- the socket ------------------------------------------------------------------------------------------------ */

static int buffer_bytes(int fd)
{
    int bytes = 0;
    socklen_t len = sizeof bytes;
    int r = tongi_sys_getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len);

    return r < 0 ? r : bytes;
}

int tongi_packet_reserve(int fd, size_t packet, uint64_t size, const char *address)
{
    size_t needed = packet + TONGI_PACKET_KERNEL_BYTES;
    int have = buffer_bytes(fd);

    if (have >= 0 && (size_t)have < needed) {
        /* The kernel doubles what it is asked for. */
        const int half = (int)((needed + 1) / 2);
        int r = tongi_sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
        have = r < 0 ? r : buffer_bytes(fd);
    }
    if (have < 0)
        return TONG_FAIL(have, "%s: the socket's buffer: %s", address, tong_error_text(have));
    if ((size_t)have >= needed)
        return 0;
    return TONG_FAIL(-ERANGE,
                     "%s: a packet of size=%llu does not fit the socket's buffer, of which the system grants %d bytes: "
                     "raise net.core.wmem_max to %zu (sysctl), or use socket=stream",
                     address, (unsigned long long)size, have, (needed + 1) / 2);
}

int tongi_packet_check(int type, size_t packet, uint64_t size, const char *address)
{
    int fd = tongi_sys_socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return TONG_FAIL(fd, "%s: no socket: %s", address, tong_error_text(fd));
    int r = tongi_packet_reserve(fd, packet, size, address);
    tongi_sys_close(fd);
    return r;
}

ssize_t tongi_packet_get(int fd, void *to, size_t room)
{
    ssize_t got = tongi_sys_recv(fd, to, room, MSG_DONTWAIT | MSG_TRUNC);

    /* A peer that closed with packets unread leaves this error in front of those that it sent. */
    return got == -ECONNRESET ? tongi_sys_recv(fd, to, room, MSG_DONTWAIT | MSG_TRUNC) : got;
}

ssize_t tongi_packet_getv(int fd, struct iovec *vector, uint32_t n)
{
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = n};
    ssize_t got = tongi_sys_recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);

    return got == -ECONNRESET ? tongi_sys_recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC) : got;
}

bool tongi_packet_ended(int fd)
{
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};
    const struct timespec now = {0};

    /* Who sends nothing and goes at once is not told from who goes; either is over. */
    return tongi_sys_ppoll(&end, 1, &now, NULL) != 0;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

enum { PACKETS_MAX = TONGI_GATHER_FRAMES, PARTS_MAX = 2 * TONGI_GATHER_FRAMES, FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };

static struct iovec piece(const void *data, size_t len)
{
    union {
        const void *from;
        void *to;
    } base = {.from = data}; /* struct iovec serves reading too and so has no const */

    return (struct iovec){base.to, len};
}

static void join(uint8_t *to, const tong_view *parts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (parts[i].len)
            memcpy(to, parts[i].data, parts[i].len);
        to += parts[i].len;
    }
}

/* One packet of those pieces, with the batch's descriptors, if it has any. */
static ssize_t put_pieces(int fd, struct iovec *vector, uint32_t n, const struct tongi_batch *batch)
{
    union tongi_control_room room;
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = n};

    if (batch->n_fds) {
        message.msg_control = room.bytes;
        message.msg_controllen = tongi_control_write(&room, batch->fds, batch->n_fds);
    }
    return tongi_sys_sendmsg(fd, &message, FLAGS);
}

/* More pieces than the kernel is to be bothered with: one block of them all. */
static ssize_t put_joined(int fd, const uint8_t *head, size_t head_len, const struct tongi_batch *batch, size_t len)
{
    uint8_t *whole = tongi_sys_resize(NULL, head_len + len);

    if (!whole)
        return -ENOMEM;
    memcpy(whole, head, head_len);
    join(whole + head_len, batch->parts, batch->n);
    struct iovec all = piece(whole, head_len + len);
    ssize_t put = put_pieces(fd, &all, 1, batch);
    tongi_sys_free(whole);
    return put;
}

ssize_t tongi_packet_put(int fd, uint8_t *stage, size_t head_len, const struct tongi_batch *batch)
{
    struct iovec vector[PARTS_MAX + 1];
    const tong_view *parts = batch->parts;
    size_t len = 0;

    for (uint32_t i = 0; i < batch->n; i++)
        len += parts[i].len;
    if (len <= TONGI_GATHER_BYTES) {
        join(stage + head_len, parts, batch->n);
        vector[0] = piece(stage, head_len + len);
        return batch->n_fds ? put_pieces(fd, vector, 1, batch) : tongi_sys_send(fd, stage, head_len + len, FLAGS);
    }
    if (batch->n > PARTS_MAX)
        return put_joined(fd, stage, head_len, batch, len);
    vector[0] = piece(stage, head_len);
    for (uint32_t i = 0; i < batch->n; i++)
        vector[i + 1] = piece(parts[i].data, parts[i].len);
    return put_pieces(fd, vector, batch->n + 1, batch);
}

/* Packets for one system call, each with a vector of its own: a header and a body, or one piece. */
struct packets {
    struct mmsghdr messages[PACKETS_MAX];
    struct iovec vectors[PACKETS_MAX][2];
    uint32_t n;
};

static void packets_add(struct packets *packets, struct iovec first, struct iovec second)
{
    struct iovec *vector = packets->vectors[packets->n];

    vector[0] = first;
    vector[1] = second;
    packets->messages[packets->n++] =
        (struct mmsghdr){.msg_hdr = {.msg_iov = vector, .msg_iovlen = second.iov_len ? 2 : 1}};
}

int tongi_packet_put_many(int fd, const tong_view *msgs, uint32_t n)
{
    struct packets packets;

    packets.n = 0;
    while (packets.n < PACKETS_MAX && packets.n < n)
        packets_add(&packets, piece(msgs[packets.n].data, msgs[packets.n].len), (struct iovec){0});
    return tongi_sys_sendmmsg(fd, packets.messages, packets.n, FLAGS);
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

int tongi_packet_push(struct tongi_link *link)
{
    while (link->rest_at < link->rest_end) {
        struct packets packets;
        packets.n = 0;
        for (size_t at = link->rest_at; at < link->rest_end && packets.n < PACKETS_MAX;) {
            const uint8_t *frame = link->rest.data + at;
            size_t len = TONGI_FRAME_BYTES + tongi_frame_decode(frame).len;
            packets_add(&packets, piece(frame, len), (struct iovec){0});
            at += len;
        }
        int sent = tongi_sys_sendmmsg(link->out_fd, packets.messages, packets.n, FLAGS);
        if (sent < 0)
            return sent;
        size_t bytes = 0;
        for (int i = 0; i < sent; i++)
            bytes += packets.vectors[i][0].iov_len;
        tongi_link_consume(link, bytes);
    }
    return 0;
}

/* As many of the batch as one call takes: small bodies beside their headers, the others where they are. */
static int put_frames(struct tongi_link *link, const struct tongi_batch *batch, uint8_t *stage)
{
    struct packets packets;
    size_t used = 0;

    packets.n = 0;
    for (uint32_t at = 0; at < batch->n && packets.n < PACKETS_MAX; at++) {
        const tong_view *body = &batch->parts[at];
        size_t copied = body->len <= TONGI_GATHER_BYTES ? body->len : 0;
        if (used + TONGI_FRAME_BYTES + copied > TONGI_CHUNK_BYTES)
            break;
        tongi_frame_encode(stage + used, TONGI_FRAME_DATA, (uint32_t)body->len);
        if (copied)
            memcpy(stage + used + TONGI_FRAME_BYTES, body->data, copied);
        packets_add(&packets, piece(stage + used, TONGI_FRAME_BYTES + copied),
                    copied ? (struct iovec){0} : piece(body->data, body->len));
        used += TONGI_FRAME_BYTES + copied;
    }
    return tongi_sys_sendmmsg(link->out_fd, packets.messages, packets.n, FLAGS);
}

int tongi_packet_write(struct tongi_link *link, const struct tongi_batch *batch, uint8_t *stage,
                       struct tongi_written *ret_written)
{
    bool one = batch->gather || batch->n == 1;
    ssize_t put = link->rest_at < link->rest_end ? tongi_packet_push(link) : 0;

    if (put < 0)
        return (int)put;
    if (one) {
        tongi_frame_encode_with(stage, TONGI_FRAME_DATA, (uint32_t)tongi_batch_len(batch, 0), batch->n_fds);
        put = tongi_packet_put(link->out_fd, stage, TONGI_FRAME_BYTES, batch);
    } else {
        put = put_frames(link, batch, stage);
    }
    if (put < 0)
        return (int)put;
    *ret_written = (struct tongi_written){.messages = one ? 1 : (uint32_t)put};
    return 0;
}

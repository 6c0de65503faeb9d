/* SPDX-License-Identifier: MIT */
/*
 * unix: a connected stream socket. A message is four bytes of length and its body. Small ones are assembled in one
 * buffer and given to one send(), which beats gathering; over STAGE_MAX the copy costs more than the second iovec. The
 * receiver knows the size beforehand, as no general library can, and asks for exactly one frame.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bare/bare.h"

enum { HEADER = 4, STAGE_MAX = 4096 };

struct stream {
    int fd;
    enum bench_wait wait;
    unsigned char frame[HEADER + STAGE_MAX];
};

/* How one message is waited for: the flags of the next call, and since when nothing has moved. */
struct patience {
    enum bench_wait wait;
    int flags; /* MSG_DONTWAIT while spinning, else what blocks best */
    uint64_t since_ns;
};

static struct patience patience_begin(const struct stream *stream, int block_flags)
{
    return (struct patience){.wait = stream->wait, .flags = stream->wait == BENCH_BLOCK ? block_flags : MSG_DONTWAIT};
}

/* Nothing moved: spin on, or block when an adaptive end has spun for long enough. */
static void patience_wane(struct patience *patience, int block_flags)
{
    if (patience->wait != BENCH_ADAPTIVE)
        return;
    uint64_t now = bench_now_ns();
    if (patience->since_ns == 0)
        patience->since_ns = now;
    else if (now - patience->since_ns >= BENCH_SPIN_NS)
        patience->flags = block_flags;
}

/* Moves a gathered message on by n bytes and says how many bytes are left. */
static size_t advance(struct iovec iov[2], size_t n)
{
    size_t head = n < iov[0].iov_len ? n : iov[0].iov_len;

    iov[0].iov_base = (char *)iov[0].iov_base + head;
    iov[0].iov_len -= head;
    iov[1].iov_base = (char *)iov[1].iov_base + (n - head);
    iov[1].iov_len -= n - head;
    return iov[0].iov_len + iov[1].iov_len;
}

static int large_transfer(struct stream *stream, ssize_t (*transfer)(int, struct msghdr *, int), struct iovec iov[2],
                          int block_flags)
{
    struct patience patience = patience_begin(stream, block_flags);

    for (size_t left = 1; left > 0;) {
        struct iovec *first = iov[0].iov_len > 0 ? iov : iov + 1;
        struct msghdr msg = {.msg_iov = first, .msg_iovlen = (size_t)(iov + 2 - first)};
        ssize_t n = transfer(stream->fd, &msg, patience.flags);
        if (n > 0)
            left = advance(iov, (size_t)n);
        else if (n == 0)
            return -ECONNRESET;
        else if (errno == EAGAIN)
            patience_wane(&patience, block_flags);
        else
            return -errno;
    }
    return 0;
}

static ssize_t sendmsg_plain(int fd, struct msghdr *msg, int flags)
{
    return sendmsg(fd, msg, flags | MSG_NOSIGNAL);
}

static int stream_send(void *end, const void *data, size_t len)
{
    struct stream *stream = end;
    uint32_t header = (uint32_t)len;

    if (len > STAGE_MAX) {
        struct iovec iov[2] = {{&header, HEADER}, {NULL, len}};
        memcpy(&iov[1].iov_base, &data, sizeof data); /* an iovec cannot hold a pointer to const */
        return large_transfer(stream, sendmsg_plain, iov, 0);
    }
    struct patience patience = patience_begin(stream, 0);
    memcpy(stream->frame, &header, HEADER);
    memcpy(stream->frame + HEADER, data, len);
    for (size_t done = 0; done < HEADER + len;) {
        ssize_t n = send(stream->fd, stream->frame + done, HEADER + len - done, patience.flags | MSG_NOSIGNAL);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            patience_wane(&patience, 0);
        else
            return -errno;
    }
    return 0;
}

static int stream_recv(void *end, void *data, size_t len)
{
    struct stream *stream = end;
    uint32_t header = 0;

    if (len > STAGE_MAX) {
        struct iovec iov[2] = {{&header, HEADER}, {data, len}};
        int r = large_transfer(stream, recvmsg, iov, MSG_WAITALL);
        return r == 0 && header != len ? -EPROTO : r;
    }
    struct patience patience = patience_begin(stream, 0);
    for (size_t done = 0; done < HEADER + len;) {
        ssize_t n = recv(stream->fd, stream->frame + done, HEADER + len - done, patience.flags);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            return -ECONNRESET;
        else if (errno == EAGAIN)
            patience_wane(&patience, 0);
        else
            return -errno;
    }
    memcpy(&header, stream->frame, HEADER);
    if (header != len)
        return -EPROTO;
    memcpy(data, stream->frame + HEADER, len);
    return 0;
}

static void stream_close(void *ends[2])
{
    for (int i = 0; i < 2; i++) {
        struct stream *stream = ends[i];
        if (stream != NULL)
            close(stream->fd);
        free(stream);
    }
}

static int stream_open(void *ret_ends[2], const struct bench_job *job)
{
    struct stream *ends[2] = {malloc(sizeof *ends[0]), malloc(sizeof *ends[1])};
    int fds[2];

    if (ends[0] == NULL || ends[1] == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        int r = ends[0] == NULL || ends[1] == NULL ? -ENOMEM : -errno;
        free(ends[0]);
        free(ends[1]);
        return r;
    }
    for (int i = 0; i < 2; i++) {
        ends[i]->fd = fds[i];
        ends[i]->wait = job->wait;
        ret_ends[i] = ends[i];
    }
    return 0;
}

BARE_LOOPS(stream)

const struct bare_twin bare_unix_stream = {
    .scheme = "unix",
    .in_directory = true,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    .large_min = 0.95,
    .batch_16_min = 10,
    .batch_256_min = 35,
    BARE_SLOTS(stream),
};

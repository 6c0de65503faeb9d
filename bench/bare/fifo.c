/* SPDX-License-Identifier: MIT */
/*
 * fifo: two named pipes, one each way, of the size that tong gives its own. A message is four bytes of length and its
 * body. Small ones are assembled in one buffer and given to one write(); over STAGE_MAX the copy costs more than the
 * second iovec. The receiver knows the size beforehand, as no general library can, and asks for exactly one frame.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bare/bare.h"

enum { HEADER = 4, STAGE_MAX = 4096 - HEADER, MANY_BYTES = 1 << 16, ONE_BYTES = 1 << 20 };

struct fifo {
    int out, in;
    enum bench_wait wait;
    unsigned char frame[HEADER + STAGE_MAX];
};

/* Nothing moved: spin on, or sleep when an adaptive end has spun for long enough. */
static void wane(const struct fifo *fifo, int fd, short events, uint64_t *since_ns)
{
    struct pollfd polled = {.fd = fd, .events = events};
    uint64_t now = 0;

    if (fifo->wait == BENCH_SPIN)
        return;
    if (fifo->wait == BENCH_ADAPTIVE) {
        now = bench_now_ns();
        *since_ns = *since_ns ? *since_ns : now;
    }
    if (fifo->wait == BENCH_BLOCK || now - *since_ns >= BENCH_SPIN_NS)
        poll(&polled, 1, -1);
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

static int large_transfer(struct fifo *fifo, bool sends, struct iovec iov[2])
{
    int fd = sends ? fifo->out : fifo->in;
    uint64_t since_ns = 0;

    for (size_t left = 1; left > 0;) {
        struct iovec *first = iov[0].iov_len > 0 ? iov : iov + 1;
        int count = (int)(iov + 2 - first);
        ssize_t n = sends ? writev(fd, first, count) : readv(fd, first, count);
        if (n > 0)
            left = advance(iov, (size_t)n);
        else if (n == 0)
            return -EPIPE;
        else if (errno == EAGAIN)
            wane(fifo, fd, sends ? POLLOUT : POLLIN, &since_ns);
        else
            return -errno;
    }
    return 0;
}

static int fifo_send(void *end, const void *data, size_t len)
{
    struct fifo *fifo = end;
    uint32_t header = (uint32_t)len;
    uint64_t since_ns = 0;

    if (len > STAGE_MAX) {
        struct iovec iov[2] = {{&header, HEADER}, {NULL, len}};
        memcpy(&iov[1].iov_base, &data, sizeof data); /* an iovec cannot hold a pointer to const */
        return large_transfer(fifo, true, iov);
    }
    memcpy(fifo->frame, &header, HEADER);
    memcpy(fifo->frame + HEADER, data, len);
    /* Up to PIPE_BUF a write is whole or nothing. */
    while (write(fifo->out, fifo->frame, HEADER + len) < 0) {
        if (errno != EAGAIN)
            return -errno;
        wane(fifo, fifo->out, POLLOUT, &since_ns);
    }
    return 0;
}

static int fifo_recv(void *end, void *data, size_t len)
{
    struct fifo *fifo = end;
    uint32_t header = 0;
    uint64_t since_ns = 0;

    if (len > STAGE_MAX) {
        struct iovec iov[2] = {{&header, HEADER}, {data, len}};
        int r = large_transfer(fifo, false, iov);
        return r == 0 && header != len ? -EPROTO : r;
    }
    for (size_t done = 0; done < HEADER + len;) {
        ssize_t n = read(fifo->in, fifo->frame + done, HEADER + len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            return -EPIPE;
        else if (errno == EAGAIN)
            wane(fifo, fifo->in, POLLIN, &since_ns);
        else
            return -errno;
    }
    memcpy(&header, fifo->frame, HEADER);
    if (header != len)
        return -EPROTO;
    memcpy(data, fifo->frame + HEADER, len);
    return 0;
}

static void fifo_close(void *ends[2])
{
    for (int i = 0; i < 2; i++) {
        struct fifo *fifo = ends[i];
        if (fifo != NULL) {
            close(fifo->in);
            close(fifo->out);
        }
        free(fifo);
    }
}

/* Opens one FIFO at both ends and takes its name away, so that it goes with them. */
static int way_open(int *ret_in, int *ret_out, int bytes)
{
    static unsigned count;
    const char *parent = getenv("TMPDIR");
    char path[4096];

    snprintf(path, sizeof path, "%s/tong-bench-bare-%d-%u", parent != NULL && *parent != '\0' ? parent : "/tmp",
             (int)getpid(), count++);
    if (mkfifo(path, 0600) < 0)
        return -errno;
    *ret_in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    *ret_out = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    int r = *ret_in < 0 || *ret_out < 0 ? -errno : 0;
    if (r == 0)
        fcntl(*ret_in, F_SETPIPE_SZ, bytes);
    unlink(path);
    return r;
}

static int ends_open(void *ret_ends[2], const struct bench_job *job, int bytes)
{
    struct fifo *ends[2] = {malloc(sizeof *ends[0]), malloc(sizeof *ends[1])};
    int r = ends[0] == NULL || ends[1] == NULL ? -ENOMEM : 0;

    for (int i = 0; i < 2; i++) {
        ret_ends[i] = ends[i];
        if (ends[i] != NULL)
            *ends[i] = (struct fifo){.out = -1, .in = -1, .wait = job->wait};
    }
    for (int i = 0; i < 2 && r == 0; i++)
        r = way_open(&ends[i]->in, &ends[1 - i]->out, bytes);
    if (r < 0)
        fifo_close(ret_ends);
    return r;
}

static int fifo_open(void *ret_ends[2], const struct bench_job *job)
{
    return ends_open(ret_ends, job, MANY_BYTES);
}

static int fifo_one_open(void *ret_ends[2], const struct bench_job *job)
{
    return ends_open(ret_ends, job, ONE_BYTES);
}

BARE_LOOPS(fifo)

/* Messages over PIPE_BUF are cut for many writers, which a bare pipe between two does not need: no bar for those. */
const struct bare_twin bare_fifo = {
    .scheme = "fifo",
    .in_directory = true,
    .one_way = true,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    BARE_SLOTS(fifo),
};

const struct bare_twin bare_fifo_one = {
    .scheme = "fifo",
    .query = "writers=one",
    .in_directory = true,
    .one_way = true,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    .large_min = 0.95,
    .batch_64_min = 8,
    .open = fifo_one_open,
    .close = fifo_close,
    .ping = fifo_ping,
    .echo = fifo_echo,
    .source = fifo_source,
    .sink = fifo_sink,
};

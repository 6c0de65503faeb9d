/* SPDX-License-Identifier: MIT */
/*
 * pipe: two pipes, one each way, as large as tong makes them: 1 MiB where a message is larger than the kernel's 64 KiB.
 * A message is four bytes of length and its body. Small ones are assembled in one buffer and given to one write(),
 * which beats gathering; over STAGE_MAX the copy costs more than the second iovec. The receiver knows the size
 * beforehand, as no general library can, and asks for exactly one frame. An end that only blocks leaves that to read()
 * and write(); one that spins has to poll() before it sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bare/bare.h"

enum { HEADER = 4, STAGE_MAX = 4092 }; /* with its header no more than PIPE_BUF, which goes in at once or not at all */

enum { PIPE_BYTES = 64 * 1024, PIPE_GROWN_BYTES = 1024 * 1024 };

struct duct {
    int in, out;
    enum bench_wait wait;
    unsigned char frame[HEADER + STAGE_MAX];
};

/* Nothing moved, for the first time at *since_ns: spin on, or sleep when an adaptive end has spun for long enough. */
static void wane(const struct duct *duct, int fd, short events, uint64_t *since_ns)
{
    if (duct->wait != BENCH_ADAPTIVE)
        return;
    uint64_t now = bench_now_ns();
    if (*since_ns == 0)
        *since_ns = now;
    else if (now - *since_ns >= BENCH_SPIN_NS)
        poll(&(struct pollfd){.fd = fd, .events = events}, 1, -1);
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

static int large_transfer(const struct duct *duct, bool out, struct iovec iov[2])
{
    int fd = out ? duct->out : duct->in;
    uint64_t since_ns = 0;

    for (size_t left = 1; left > 0;) {
        struct iovec *first = iov[0].iov_len > 0 ? iov : iov + 1;
        int parts = (int)(iov + 2 - first);
        ssize_t n = out ? writev(fd, first, parts) : readv(fd, first, parts);
        if (n > 0) {
            left = advance(iov, (size_t)n);
            since_ns = 0;
        } else if (n == 0) {
            return -ECONNRESET;
        } else if (errno == EAGAIN) {
            wane(duct, fd, out ? POLLOUT : POLLIN, &since_ns);
        } else {
            return -errno;
        }
    }
    return 0;
}

static int duct_send(void *end, const void *data, size_t len)
{
    struct duct *duct = end;
    uint32_t header = (uint32_t)len;
    uint64_t since_ns = 0;

    if (len > STAGE_MAX) {
        struct iovec iov[2] = {{&header, HEADER}, {NULL, len}};
        memcpy(&iov[1].iov_base, &data, sizeof data); /* an iovec cannot hold a pointer to const */
        return large_transfer(duct, true, iov);
    }
    memcpy(duct->frame, &header, HEADER);
    memcpy(duct->frame + HEADER, data, len);
    while (write(duct->out, duct->frame, HEADER + len) < 0) {
        if (errno != EAGAIN)
            return -errno;
        wane(duct, duct->out, POLLOUT, &since_ns);
    }
    return 0;
}

static int duct_recv(void *end, void *data, size_t len)
{
    struct duct *duct = end;
    uint32_t header = 0;
    uint64_t since_ns = 0;

    if (len > STAGE_MAX) {
        struct iovec iov[2] = {{&header, HEADER}, {data, len}};
        int r = large_transfer(duct, false, iov);
        return r == 0 && header != len ? -EPROTO : r;
    }
    for (size_t done = 0; done < HEADER + len;) {
        ssize_t n = read(duct->in, duct->frame + done, HEADER + len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            return -ECONNRESET;
        else if (errno == EAGAIN)
            wane(duct, duct->in, POLLIN, &since_ns);
        else
            return -errno;
    }
    memcpy(&header, duct->frame, HEADER);
    if (header != len)
        return -EPROTO;
    memcpy(data, duct->frame + HEADER, len);
    return 0;
}

static void duct_close(void *ends[2])
{
    for (int i = 0; i < 2; i++) {
        struct duct *duct = ends[i];
        if (duct != NULL) {
            close(duct->in);
            close(duct->out);
        }
        free(duct);
    }
}

static int duct_open(void *ret_ends[2], const struct bench_job *job)
{
    struct duct *ends[2] = {malloc(sizeof *ends[0]), malloc(sizeof *ends[1])};
    int flags = O_CLOEXEC | (job->wait == BENCH_BLOCK ? 0 : O_NONBLOCK);
    int there[2], back[2];

    if (ends[0] == NULL || ends[1] == NULL || pipe2(there, flags) < 0) {
        int r = ends[0] == NULL || ends[1] == NULL ? -ENOMEM : -errno;
        free(ends[0]);
        free(ends[1]);
        return r;
    }
    if (pipe2(back, flags) < 0) {
        int r = -errno;
        close(there[0]);
        close(there[1]);
        free(ends[0]);
        free(ends[1]);
        return r;
    }
    if (HEADER + job->size > PIPE_BYTES) {
        fcntl(there[1], F_SETPIPE_SZ, PIPE_GROWN_BYTES);
        fcntl(back[1], F_SETPIPE_SZ, PIPE_GROWN_BYTES);
    }
    *ends[0] = (struct duct){.in = there[0], .out = back[1], .wait = job->wait};
    *ends[1] = (struct duct){.in = back[0], .out = there[1], .wait = job->wait};
    for (int i = 0; i < 2; i++)
        ret_ends[i] = ends[i];
    return 0;
}

BARE_LOOPS(duct)

const struct bare_twin bare_pipe = {
    .scheme = "pipe",
    .nameless = true,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    .large_min = 0.95,
    .batch_64_min = 8,
    BARE_SLOTS(duct),
};

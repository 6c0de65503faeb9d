/* SPDX-License-Identifier: MIT */
/*
 * unix: sockets that keep the bounds of messages, so that a message is what one send() takes and one recv() gives:
 * seqpacket as a connected pair, and datagrams to a socket with a name, one for each way. The receiver knows the size
 * beforehand, as no general library can, and has room for exactly that.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bare/bare.h"

struct packet_end {
    int in, out; /* of a connected pair the same */
    enum bench_wait wait;
};

/* What the next call does: spin first, and block once an adaptive end has spun for long enough. */
static int flags_next(const struct packet_end *end, uint64_t *since_ns)
{
    if (end->wait == BENCH_SPIN)
        return MSG_DONTWAIT;
    uint64_t now = bench_now_ns();
    if (*since_ns == 0)
        *since_ns = now;
    return now - *since_ns >= BENCH_SPIN_NS ? 0 : MSG_DONTWAIT;
}

static int packet_send(void *place, const void *data, size_t len)
{
    const struct packet_end *end = place;
    int flags = end->wait == BENCH_BLOCK ? 0 : MSG_DONTWAIT;
    uint64_t since_ns = 0;

    while (send(end->out, data, len, flags | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN)
            return -errno;
        flags = flags_next(end, &since_ns);
    }
    return 0;
}

static int packet_recv(void *place, void *data, size_t len)
{
    const struct packet_end *end = place;
    int flags = end->wait == BENCH_BLOCK ? 0 : MSG_DONTWAIT;
    uint64_t since_ns = 0;
    ssize_t got;

    while ((got = recv(end->in, data, len, flags | MSG_TRUNC)) < 0) {
        if (errno != EAGAIN)
            return -errno;
        flags = flags_next(end, &since_ns);
    }
    return (size_t)got == len ? 0 : got == 0 ? -ECONNRESET : -EPROTO;
}

static void packet_close(void *ends[2])
{
    for (int i = 0; i < 2; i++) {
        struct packet_end *end = ends[i];
        if (end == NULL)
            continue;
        if (end->in >= 0)
            close(end->in);
        if (end->out >= 0 && end->out != end->in)
            close(end->out);
        free(end);
        ends[i] = NULL;
    }
}

static int ends_make(struct packet_end *ends[2], const struct bench_job *job)
{
    for (int i = 0; i < 2; i++) {
        ends[i] = malloc(sizeof *ends[i]);
        if (ends[i] == NULL)
            return -ENOMEM;
        *ends[i] = (struct packet_end){-1, -1, job->wait};
    }
    return 0;
}

static int seqpacket_join(struct packet_end *ends[2])
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        ends[i]->in = ends[i]->out = fds[i];
    return 0;
}

/* The kernel finds a name for the one who receives. */
static int dgram_join(struct packet_end *from, struct packet_end *to)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof name;

    from->out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to->in = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (from->out < 0 || to->in < 0 || bind(to->in, (struct sockaddr *)&name, sizeof name.sun_family) < 0 ||
        getsockname(to->in, (struct sockaddr *)&name, &len) < 0 ||
        connect(from->out, (struct sockaddr *)&name, len) < 0)
        return -errno;
    return 0;
}

static int dgrams_join(struct packet_end *ends[2])
{
    int r = dgram_join(ends[0], ends[1]);

    return r == 0 ? dgram_join(ends[1], ends[0]) : r;
}

static int ends_open(void *ret_ends[2], const struct bench_job *job, int (*join)(struct packet_end *ends[2]))
{
    struct packet_end *ends[2] = {NULL, NULL};
    int r = ends_make(ends, job);

    if (r == 0)
        r = join(ends);
    for (int i = 0; i < 2; i++)
        ret_ends[i] = ends[i];
    if (r < 0)
        packet_close(ret_ends);
    return r;
}

static int seqpacket_open(void *ret_ends[2], const struct bench_job *job)
{
    return ends_open(ret_ends, job, seqpacket_join);
}

static int dgram_open(void *ret_ends[2], const struct bench_job *job)
{
    return ends_open(ret_ends, job, dgrams_join);
}

BARE_LOOPS(packet)

#define SLOTS(name)                                                                                                    \
    .open = name##_open, .close = packet_close, .ping = packet_ping, .echo = packet_echo, .source = packet_source,     \
    .sink = packet_sink

/* Larger ones need a larger buffer than sockets have on a machine that nobody has tuned. */
#define PACKET_MAX ((size_t)200 * 1024)

const struct bare_twin bare_unix_seqpacket = {
    .scheme = "unix",
    .query = "socket=seqpacket",
    .in_directory = true,
    .size_max = PACKET_MAX,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    SLOTS(seqpacket),
};

const struct bare_twin bare_unix_dgram = {
    .scheme = "unix",
    .query = "socket=dgram",
    .in_directory = true,
    .one_way = true,
    .size_max = PACKET_MAX,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    SLOTS(dgram),
};

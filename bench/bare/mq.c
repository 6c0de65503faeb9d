/* SPDX-License-Identifier: MIT */
/*
 * mq: two POSIX message queues, one each way. Each end has two descriptors of either queue, one that waits and one that
 * does not, so that an adaptive end can spin for a while and then block. The receiver's room is as large as the queue's
 * largest message, as the kernel demands.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bare/bare.h"

enum { DEPTH = 10 };

/* One queue, as one end sees it. */
struct way {
    mqd_t waits, does_not;
};

struct queue_end {
    struct way out, in;
    enum bench_wait wait;
};

/* Which descriptor to use next: the one that does not wait, until an adaptive end has spun for long enough. */
static mqd_t way_next(const struct queue_end *end, const struct way *way, uint64_t *since_ns)
{
    if (end->wait == BENCH_BLOCK)
        return way->waits;
    if (end->wait == BENCH_SPIN)
        return way->does_not;
    uint64_t now = bench_now_ns();
    if (*since_ns == 0)
        *since_ns = now;
    return now - *since_ns >= BENCH_SPIN_NS ? way->waits : way->does_not;
}

static int queue_send(void *place, const void *data, size_t len)
{
    struct queue_end *end = place;
    mqd_t queue = end->wait == BENCH_BLOCK ? end->out.waits : end->out.does_not;
    uint64_t since_ns = 0;

    while (mq_send(queue, data, len, 0) < 0) {
        if (errno != EAGAIN)
            return -errno;
        queue = way_next(end, &end->out, &since_ns);
    }
    return 0;
}

static int queue_recv(void *place, void *data, size_t len)
{
    struct queue_end *end = place;
    mqd_t queue = end->wait == BENCH_BLOCK ? end->in.waits : end->in.does_not;
    uint64_t since_ns = 0;
    ssize_t n;

    while ((n = mq_receive(queue, data, len, NULL)) < 0) {
        if (errno != EAGAIN)
            return -errno;
        queue = way_next(end, &end->in, &since_ns);
    }
    return (size_t)n == len ? 0 : -EPROTO;
}

static void way_close(const struct way *way)
{
    if (way->waits >= 0)
        mq_close(way->waits);
    if (way->does_not >= 0)
        mq_close(way->does_not);
}

static void queue_close(void *ends[2])
{
    for (int i = 0; i < 2; i++) {
        struct queue_end *end = ends[i];
        if (end != NULL) {
            way_close(&end->out);
            way_close(&end->in);
        }
        free(end);
    }
}

/* Opens a queue twice for either end and takes its name away, so that it goes with them. */
static int queue_make(struct way *one, struct way *other, size_t size)
{
    static unsigned count;
    struct mq_attr attr = {.mq_maxmsg = DEPTH, .mq_msgsize = (long)size};
    char name[64];

    snprintf(name, sizeof name, "/tong-bench-bare-%d-%u", (int)getpid(), count++);
    one->waits = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
    if (one->waits < 0)
        return -errno;
    one->does_not = mq_open(name, O_RDWR | O_NONBLOCK);
    other->waits = mq_open(name, O_RDWR);
    other->does_not = mq_open(name, O_RDWR | O_NONBLOCK);
    int r = one->does_not < 0 || other->waits < 0 || other->does_not < 0 ? -errno : 0;
    mq_unlink(name);
    return r;
}

static int queue_open(void *ret_ends[2], const struct bench_job *job)
{
    struct queue_end *ends[2] = {malloc(sizeof *ends[0]), malloc(sizeof *ends[1])};
    int r = ends[0] == NULL || ends[1] == NULL ? -ENOMEM : 0;

    for (int i = 0; i < 2 && r == 0; i++)
        *ends[i] = (struct queue_end){.out = {-1, -1}, .in = {-1, -1}, .wait = job->wait};
    if (r == 0)
        r = queue_make(&ends[0]->out, &ends[1]->in, job->size);
    if (r == 0)
        r = queue_make(&ends[1]->out, &ends[0]->in, job->size);
    for (int i = 0; i < 2; i++)
        ret_ends[i] = ends[i];
    if (r < 0)
        queue_close(ret_ends);
    return r;
}

BARE_LOOPS(queue)

const struct bare_twin bare_mq = {
    .scheme = "mq",
    .one_way = true,
    .size_max = 8192,
    .rtt_max = 1.10,
    .rtt_one_core_max = 1.4,
    .rate_min = 0.90,
    BARE_SLOTS(queue),
};

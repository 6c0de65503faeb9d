/* SPDX-License-Identifier: MIT */
/*
 * sysv: two System V message queues, one each way. A message is copied behind its type, as the kernel wants it. An
 * adaptive end tries without waiting for a while and then blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

#include "bare/bare.h"

/* A message and its type, as the calls have it. */
struct message {
    long type;
    char body[];
};

struct queue_end {
    int out, in;
    enum bench_wait wait;
    struct message *message;
};

/* The flags of the next call, once one found nothing. */
static int flags_next(const struct queue_end *end, uint64_t *since_ns)
{
    if (end->wait == BENCH_SPIN)
        return IPC_NOWAIT;
    uint64_t now = bench_now_ns();
    if (*since_ns == 0)
        *since_ns = now;
    return now - *since_ns >= BENCH_SPIN_NS ? 0 : IPC_NOWAIT;
}

static int queue_send(void *place, const void *data, size_t len)
{
    struct queue_end *end = place;
    int flags = end->wait == BENCH_BLOCK ? 0 : IPC_NOWAIT;
    uint64_t since_ns = 0;

    memcpy(end->message->body, data, len);
    end->message->type = 1;
    while (msgsnd(end->out, end->message, len, flags) < 0) {
        if (errno != EAGAIN)
            return -errno;
        flags = flags_next(end, &since_ns);
    }
    return 0;
}

static int queue_recv(void *place, void *data, size_t len)
{
    struct queue_end *end = place;
    int flags = end->wait == BENCH_BLOCK ? 0 : IPC_NOWAIT;
    uint64_t since_ns = 0;
    ssize_t n;

    while ((n = msgrcv(end->in, end->message, len, 0, flags)) < 0) {
        if (errno != ENOMSG)
            return -errno;
        flags = flags_next(end, &since_ns);
    }
    if ((size_t)n != len)
        return -EPROTO;
    memcpy(data, end->message->body, len);
    return 0;
}

static void queue_close(void *ends[2])
{
    struct queue_end *first = ends[0];

    if (first != NULL) {
        msgctl(first->out, IPC_RMID, NULL);
        msgctl(first->in, IPC_RMID, NULL);
    }
    for (int i = 0; i < 2; i++) {
        struct queue_end *end = ends[i];
        if (end != NULL)
            free(end->message);
        free(end);
    }
}

static int queue_open(void *ret_ends[2], const struct bench_job *job)
{
    int queues[2] = {msgget(IPC_PRIVATE, 0600), msgget(IPC_PRIVATE, 0600)};
    int r = queues[0] < 0 || queues[1] < 0 ? -errno : 0;

    for (int i = 0; i < 2; i++) {
        struct queue_end *end = malloc(sizeof *end);
        ret_ends[i] = end;
        if (end == NULL) {
            r = -ENOMEM;
            continue;
        }
        *end = (struct queue_end){.out = queues[i], .in = queues[1 - i], .wait = job->wait};
        end->message = malloc(sizeof *end->message + job->size);
        r = end->message == NULL ? -ENOMEM : r;
    }
    if (r < 0)
        queue_close(ret_ends);
    return r;
}

BARE_LOOPS(queue)

const struct bare_twin bare_sysv = {
    .scheme = "sysv",
    .one_way = true,
    .size_max = 8192,
    .rtt_max = 1.10,
    .rate_min = 0.90,
    BARE_SLOTS(queue),
};

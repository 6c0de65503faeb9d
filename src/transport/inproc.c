/* SPDX-License-Identifier: MIT */
/*
 * inproc: threads of one process. The reference implementation of the contract: all four conversations, in place, with
 * nothing between the ends but a lock. A message is linked, not copied, from the sender to its receiver.
 *
 * What "inproc:NAME" names exists while anyone has it open and is gone with the last one; opening never waits, and no
 * side listens. An object is in inproc_object.h, how names lead to it in inproc_registry.c, what wakes whom in
 * inproc_ready.c.
 */
#include "transport/inproc.h"

#include "sys/process.h"
#include "transport/inproc_publish.h"
#include "transport/inproc_ready.h"
#include "transport/inproc_registry.h"

static int inproc_start(void *state, const struct tongi_start *start)
{
    return tongi_inproc_registry_enter(state, start);
}

static int inproc_pair(void *state, const struct tongi_start *start, void *other, const struct tongi_start *other_start)
{
    struct inproc_object *object = tongi_inproc_object_new(start);

    if (!object)
        return TONG_FAIL(-ENOMEM, "%s: no memory for a pair", start->address);
    int r = tongi_inproc_object_join(object, state, start);
    if (r < 0) {
        tongi_inproc_object_free(object);
        return TONG_TRACE(r);
    }
    return tongi_inproc_object_join(object, other, other_start);
}

static int inproc_finish(void *state)
{
    return tongi_inproc_object_finish(state);
}

static void inproc_close(void *state, bool owner)
{
    struct inproc_end *end = state;

    /* To the channel, an end of tong_pair that a child uses first is the child's; the object knows better. */
    if (end->object && owner && end->object->generation == tongi_process_generation())
        tongi_inproc_registry_leave(end);
    else if (end->object)
        tongi_inproc_registry_disinherit(end);
    for (int i = 0; i < INPROC_BELLS; i++)
        tongi_inproc_bell_close(&end->bells[i]);
}

static uint64_t inproc_depth(const void *state)
{
    const struct inproc_end *end = state;
    const struct inproc_queue *queue = end->in ? end->in : end->out;

    if (!queue || end->object->generation != tongi_process_generation())
        return 0;
    pthread_mutex_lock(&end->object->lock);
    uint64_t depth = queue->count;
    pthread_mutex_unlock(&end->object->lock);
    return depth;
}

#define ROLES                                                                                                          \
    (TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL) | TONGI_ROLE_BIT(TONG_PUB) | TONGI_ROLE_BIT(TONG_SUB) |     \
     TONGI_ROLE_BIT(TONG_PAIR) | TONGI_ROLE_BIT(TONG_REQ) | TONGI_ROLE_BIT(TONG_REP))

const struct tongi_transport_ops tongi_inproc_ops = {
    .ops_bytes = sizeof(struct tongi_transport_ops),
    .scheme = "inproc",
    .state_bytes = sizeof(struct inproc_end),
    .options = TONGI_OPT_SIZE | TONGI_OPT_DEPTH | TONGI_OPT_WAIT | TONGI_OPT_END | TONGI_OPT_HISTORY,
    .presets =
        {
            .struct_size = sizeof(tong_opts),
            .size = TONGI_STREAM_SIZE_DEFAULT,
            .depth = TONGI_INPROC_DEPTH,
            .wait = TONG_WAIT_ADAPTIVE,
            .end = TONG_END_NEVER,
        },
    .caps =
        {
            .struct_size = sizeof(tong_caps),
            .level = TONG_ACCEPTED,
            .bits = TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_CLAIM | TONG_CAP_PEEK | TONG_CAP_REJECT |
                    TONG_CAP_REDELIVERY | TONG_CAP_FAN_IN | TONG_CAP_FAN_OUT | TONG_CAP_FLUSH_TAKEN | TONG_CAP_OBJECT |
                    TONG_CAP_PAIR_FD | TONG_CAP_PEERS,
            .roles = ROLES,
            .copies = 2,
        },
    .start = inproc_start,
    .pair = inproc_pair,
    .finish = inproc_finish,
    .close = inproc_close,
    .send = tongi_inproc_send,
    .send_parts = tongi_inproc_send_parts,
    .recv = tongi_inproc_recv,
    .next_size = tongi_inproc_next_size,
    .flush = tongi_inproc_flush,
    .claim = tongi_inproc_claim,
    .commit = tongi_inproc_commit,
    .abort = tongi_inproc_abort,
    .peek = tongi_inproc_peek,
    .release = tongi_inproc_release,
    .reject = tongi_inproc_reject,
    .cancel = tongi_inproc_cancel,
    .subscribe = tongi_inproc_subscribe,
    .pollset = tongi_inproc_pollset,
    .fd = tongi_inproc_fd,
    .depth = inproc_depth,
    .list = tongi_inproc_list,
    .remove = tongi_inproc_remove,
};

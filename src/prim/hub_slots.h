/* SPDX-License-Identifier: MIT */
/*
 * The slots that are the hub's alone, for the tables of transports whose state begins with their hub: what a slot is
 * given as its state is the hub. Starting, joining, flushing and closing are each transport's own.
 */
#ifndef TONGI_PRIM_HUB_SLOTS_H
#define TONGI_PRIM_HUB_SLOTS_H

#include "prim/hub.h"

static inline int tongi_hub_slot_step(void *state, uint32_t direction)
{
    return tongi_hub_step(state, direction);
}

static inline int tongi_hub_slot_finish(void *state)
{
    return tongi_hub_finish(state);
}

static inline int64_t tongi_hub_slot_send(void *state, const tong_view *msgs, uint32_t n)
{
    return tongi_hub_send(state, msgs, n);
}

static inline int tongi_hub_slot_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    return tongi_hub_send_parts(state, parts, n, meta);
}

static inline int64_t tongi_hub_slot_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    return tongi_hub_recv(state, msgs, n, meta);
}

static inline int tongi_hub_slot_settle(void *state, uint32_t direction)
{
    return direction == TONG_IN ? tongi_hub_settle_in(state) : tongi_hub_settle_out(state);
}

static inline int64_t tongi_hub_slot_next_size(void *state)
{
    return tongi_hub_next_size(state);
}

static inline int64_t tongi_hub_slot_peek(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    return tongi_hub_peek(state, ret_spans, metas, n);
}

static inline int tongi_hub_slot_release(void *state, const tong_span *spans, uint32_t n)
{
    return tongi_hub_release(state, spans, n);
}

static inline int tongi_hub_slot_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    return tongi_hub_pollset(state, direction, set, until_ns);
}

static inline int tongi_hub_slot_fd(void *state, uint32_t direction)
{
    return tongi_hub_fd(state, direction);
}

static inline bool tongi_hub_slot_ready(void *state, uint32_t direction)
{
    return tongi_hub_ready(state, direction);
}

/* The same as designated initializers of a table. */
#define TONGI_HUB_SLOTS                                                                                                \
    .step = tongi_hub_slot_step, .finish = tongi_hub_slot_finish, .send = tongi_hub_slot_send,                         \
    .send_parts = tongi_hub_slot_send_parts, .recv = tongi_hub_slot_recv, .settle = tongi_hub_slot_settle,             \
    .next_size = tongi_hub_slot_next_size, .peek = tongi_hub_slot_peek, .release = tongi_hub_slot_release,             \
    .pollset = tongi_hub_slot_pollset, .fd = tongi_hub_slot_fd, .ready = tongi_hub_slot_ready

#endif

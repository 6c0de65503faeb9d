/* SPDX-License-Identifier: MIT */
/*
 * pipe: two pipes, one each way, between two threads, a process and its fork, or a process and a program that it
 * started. There are two also where messages go one way: greeting, refusal and farewell go back.
 */
#include <errno.h>

#include "base/error.h"
#include "prim/hub.h"
#include "transport/pipe_ends.h"
#include "transport/transport.h"

struct pipe_state {
    struct tongi_hub hub;
};

static int check(const struct tongi_start *start)
{
    uint32_t usual = start->role == TONG_PULL ? TONG_LISTEN : TONG_CONNECT;

    if (start->rest[0])
        return TONG_FAIL(TONG_E_ADDRESS, "%s: a pipe has no name; the address is 'pipe:'", start->address);
    if (start->side != usual)
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: both ends of a pipe are there from the start, so nobody listens or connects; unix: has "
                         "listeners",
                         start->address);
    return 0;
}

/* The ends are the state's from now on, also on failure. */
static int join(struct pipe_state *state, const struct tongi_start *start, struct tongi_pipe_ends *ends)
{
    const struct tongi_hub_setup setup = {
        .address = start->address,
        .report = start->report,
        .wire = TONGI_WIRE_PIPE,
        .role = start->role,
        .size_max = start->opts.size,
        .peers_max = 1,
    };

    tongi_hub_init(&state->hub, &setup);
    int r = tongi_pipe_set_nonblocking(ends);
    if (r < 0)
        TONG_FAIL(r, "%s: %s", start->address, tong_error_text(r));
    else
        r = tongi_hub_join_pipes(&state->hub, ends->in, ends->out);
    if (r < 0)
        tongi_pipe_close(ends);
    *ends = TONGI_PIPE_ENDS_NONE;
    return r < 0 ? TONG_TRACE(r) : 0;
}

static int pipe_start(void *place, const struct tongi_start *start)
{
    struct tongi_pipe_ends ends;
    int r = check(start);

    if (r >= 0)
        r = tongi_pipe_take(&ends, start->address);
    return r < 0 ? TONG_TRACE(r) : join(place, start, &ends);
}

static int pipe_pair(void *place, const struct tongi_start *start, void *other_place,
                     const struct tongi_start *other_start)
{
    struct tongi_pipe_ends ends[2];
    int r = tongi_pipe_make(ends, start->address);

    if (r < 0)
        return TONG_TRACE(r);
    r = join(place, start, &ends[0]);
    if (r >= 0)
        r = join(other_place, other_start, &ends[1]);
    tongi_pipe_close(&ends[1]);
    return r;
}

static int pipe_spawn(void *place, const struct tongi_start *start, struct tongi_heritage *ret_heritage)
{
    struct tongi_pipe_ends ends[2];
    int r = check(start);

    if (r >= 0)
        r = tongi_pipe_make(ends, start->address);
    if (r < 0)
        return TONG_TRACE(r);
    struct tongi_pipe_ends *theirs = &ends[1];
    r = tongi_pipe_tell(theirs, ret_heritage->variable, sizeof ret_heritage->variable);
    if (r < 0) {
        tongi_pipe_close(&ends[0]);
        TONG_FAIL(r, "%s: %s", start->address, tong_error_text(r));
    } else {
        r = join(place, start, &ends[0]);
    }
    if (r < 0) {
        tongi_pipe_close(theirs);
        return TONG_TRACE(r);
    }
    /* Under the numbers they have here, which nothing that the program inherits can have too. */
    ret_heritage->grants[0] = (struct tongi_grant){theirs->in, theirs->in};
    ret_heritage->grants[1] = (struct tongi_grant){theirs->out, theirs->out};
    return 0;
}

static int pipe_step(void *place, uint32_t direction)
{
    return tongi_hub_step(&((struct pipe_state *)place)->hub, direction);
}

static int pipe_finish(void *place)
{
    return tongi_hub_finish(&((struct pipe_state *)place)->hub);
}

static void pipe_close(void *place, bool owner)
{
    tongi_hub_fini(&((struct pipe_state *)place)->hub, owner);
}

static int64_t pipe_send(void *place, const tong_view *msgs, uint32_t n)
{
    return tongi_hub_send(&((struct pipe_state *)place)->hub, msgs, n);
}

static int pipe_send_parts(void *place, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    return tongi_hub_send_parts(&((struct pipe_state *)place)->hub, parts, n, meta);
}

static int64_t pipe_recv(void *place, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    return tongi_hub_recv(&((struct pipe_state *)place)->hub, msgs, n, meta);
}

static int pipe_settle(void *place, uint32_t direction)
{
    struct tongi_hub *hub = &((struct pipe_state *)place)->hub;

    return direction == TONG_IN ? tongi_hub_settle_in(hub) : tongi_hub_settle_out(hub);
}

static int64_t pipe_next_size(void *place)
{
    return tongi_hub_next_size(&((struct pipe_state *)place)->hub);
}

static int pipe_flush(void *place, enum tong_level level)
{
    struct tongi_hub *hub = &((struct pipe_state *)place)->hub;

    if (level > TONG_ACCEPTED)
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: a pipe tells what the kernel accepted and no more (TONG_ACCEPTED); inproc: can tell when "
                         "a message was taken",
                         hub->setup.address);
    return tongi_hub_flush(hub);
}

static int64_t pipe_peek(void *place, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    return tongi_hub_peek(&((struct pipe_state *)place)->hub, ret_spans, metas, n);
}

static int pipe_release(void *place, const tong_span *spans, uint32_t n)
{
    return tongi_hub_release(&((struct pipe_state *)place)->hub, spans, n);
}

static int pipe_pollset(void *place, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    return tongi_hub_pollset(&((struct pipe_state *)place)->hub, direction, set, until_ns);
}

static int pipe_fd(void *place, uint32_t direction)
{
    return tongi_hub_fd(&((struct pipe_state *)place)->hub, direction);
}

static bool pipe_ready(void *place, uint32_t direction)
{
    return tongi_hub_ready(&((struct pipe_state *)place)->hub, direction);
}

const struct tongi_transport_ops tongi_pipe_ops = {
    .ops_bytes = sizeof tongi_pipe_ops,
    .scheme = "pipe",
    .state_bytes = sizeof(struct pipe_state),
    .options = TONGI_OPT_SIZE | TONGI_OPT_WAIT,
    .presets = {.size = TONGI_STREAM_SIZE_DEFAULT, .wait = TONG_WAIT_ADAPTIVE},
    .caps = {.level = TONG_ACCEPTED,
             .bits = TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_PEEK | TONG_CAP_PROCESSES | TONG_CAP_PAIR_FD |
                     TONG_CAP_PEERS | TONG_CAP_SPAWN,
             .roles = TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL) | TONGI_ROLE_BIT(TONG_PAIR),
             .copies = 2},
    .start = pipe_start,
    .step = pipe_step,
    .pair = pipe_pair,
    .spawn = pipe_spawn,
    .finish = pipe_finish,
    .close = pipe_close,
    .send = pipe_send,
    .send_parts = pipe_send_parts,
    .recv = pipe_recv,
    .settle = pipe_settle,
    .next_size = pipe_next_size,
    .flush = pipe_flush,
    .peek = pipe_peek,
    .release = pipe_release,
    .pollset = pipe_pollset,
    .fd = pipe_fd,
    .ready = pipe_ready,
};

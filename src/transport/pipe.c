/* SPDX-License-Identifier: MIT */
/*
 * pipe: two pipes, one each way, between two threads, a process and its fork, or a process and a program that it
 * started. There are two also where messages go one way: greeting, refusal and farewell go back. A program that knows
 * nothing of tong says none of them, so it gets one pipe for each direction, as its standard input and output.
 */
#include <unistd.h>

#include "base/error.h"
#include "prim/hub_slots.h"
#include "prim/line.h"
#include "transport/pipe_ends.h"
#include "transport/transport.h"

struct pipe_state {
    struct tongi_hub hub; /* first, as TONGI_HUB_SLOTS wants it */
};
_Static_assert(offsetof(struct pipe_state, hub) == 0, "the slots take the state for the hub");

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

static bool is_foreign(const struct tongi_start *start)
{
    return tongi_framing_is_foreign(start->opts.framing);
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
        .framing = start->opts.framing,
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

    if (r >= 0 && is_foreign(start))
        return TONG_FAIL(
            TONG_E_NOCAP,
            "%s: with framing=line or raw only tong_spawn and tong_pair make channels; the program that is "
            "started reads its standard input and writes its standard output",
            start->address);
    if (r >= 0)
        r = tongi_pipe_take(&ends, start->address);
    return r < 0 ? TONG_TRACE(r) : join(place, start, &ends);
}

static int pipe_pair(void *place, const struct tongi_start *start, void *other_place,
                     const struct tongi_start *other_start)
{
    struct tongi_pipe_ends ends[2];
    int r = tongi_pipe_make(ends, TONG_IN | TONG_OUT, start->address);

    if (r < 0)
        return TONG_TRACE(r);
    r = join(place, start, &ends[0]);
    if (r >= 0)
        r = join(other_place, other_start, &ends[1]);
    tongi_pipe_close(&ends[1]);
    return r;
}

/* Tells the program of its ends, which it has under the numbers that they have here: nothing that it inherits can have
 * those too. */
static int bequeath(const struct tongi_pipe_ends *ends, struct tongi_heritage *ret_heritage)
{
    ret_heritage->grants[0] = (struct tongi_grant){ends->in, ends->in};
    ret_heritage->grants[1] = (struct tongi_grant){ends->out, ends->out};
    return tongi_pipe_tell(ends, ret_heritage->variable, sizeof ret_heritage->variable);
}

/* What it has no pipe for stays as it is, as with popen(). */
static void bequeath_standard(const struct tongi_pipe_ends *ends, struct tongi_heritage *ret_heritage)
{
    ret_heritage->grants[0] = (struct tongi_grant){ends->in, STDIN_FILENO};
    ret_heritage->grants[1] = (struct tongi_grant){ends->out, STDOUT_FILENO};
    ret_heritage->variable[0] = '\0';
}

static uint32_t directions(const struct tongi_start *start)
{
    if (!is_foreign(start) || start->role == TONG_PAIR)
        return TONG_IN | TONG_OUT;
    return start->role == TONG_PUSH ? TONG_OUT : TONG_IN;
}

static int pipe_spawn(void *place, const struct tongi_start *start, struct tongi_heritage *ret_heritage)
{
    struct tongi_pipe_ends ends[2];
    int r = check(start);

    if (r >= 0)
        r = tongi_pipe_make(ends, directions(start), start->address);
    if (r < 0)
        return TONG_TRACE(r);
    if (is_foreign(start))
        bequeath_standard(&ends[1], ret_heritage);
    else
        r = bequeath(&ends[1], ret_heritage);
    if (r < 0) {
        tongi_pipe_close(&ends[0]);
        TONG_FAIL(r, "%s: %s", start->address, tong_error_text(r));
    } else {
        r = join(place, start, &ends[0]);
    }
    if (r < 0)
        tongi_pipe_close(&ends[1]);
    return r < 0 ? TONG_TRACE(r) : 0;
}

static void pipe_close(void *place, bool owner)
{
    tongi_hub_fini(&((struct pipe_state *)place)->hub, owner);
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

#define ROLES (TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL) | TONGI_ROLE_BIT(TONG_PAIR))
#define BITS                                                                                                           \
    (TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_PEEK | TONG_CAP_PROCESSES | TONG_CAP_PAIR_FD | TONG_CAP_PEERS |   \
     TONG_CAP_SPAWN)
#define OPTIONS (TONGI_OPT_SIZE | TONGI_OPT_WAIT | TONGI_OPT_FRAMING)
#define PRESETS(framed)                                                                                                \
    {                                                                                                                  \
        .size = TONGI_STREAM_SIZE_DEFAULT, .wait = TONG_WAIT_ADAPTIVE, .framing = (framed)                             \
    }
#define SLOTS                                                                                                          \
    .ops_bytes = sizeof(struct tongi_transport_ops), .scheme = "pipe", .state_bytes = sizeof(struct pipe_state),       \
    .start = pipe_start, .pair = pipe_pair, .spawn = pipe_spawn, .close = pipe_close, .flush = pipe_flush,             \
    TONGI_HUB_SLOTS

/* Lines and raw bytes pass through the reading stage, which is one copy more. */
static const struct tongi_transport_ops line_ops = {
    .options = OPTIONS,
    .presets = PRESETS(TONG_FRAMING_LINE),
    .caps = {.level = TONG_ACCEPTED, .bits = BITS | TONG_CAP_LINES, .roles = ROLES, .copies = 3},
    SLOTS,
};

static const struct tongi_transport_ops raw_ops = {
    .options = OPTIONS,
    .presets = PRESETS(TONG_FRAMING_RAW),
    .caps = {.level = TONG_ACCEPTED, .bits = BITS | TONG_CAP_BYTES, .roles = ROLES, .copies = 3},
    SLOTS,
};

static const struct tongi_transport_ops *variant(const tong_opts *opts)
{
    if (opts->framing == TONG_FRAMING_LINE)
        return &line_ops;
    return opts->framing == TONG_FRAMING_RAW ? &raw_ops : &tongi_pipe_ops;
}

const struct tongi_transport_ops tongi_pipe_ops = {
    .options = OPTIONS,
    .presets = PRESETS(TONG_FRAMING_LENGTH),
    .caps = {.level = TONG_ACCEPTED, .bits = BITS, .roles = ROLES, .copies = 2},
    .variant = variant,
    SLOTS,
};

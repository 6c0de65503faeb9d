/* SPDX-License-Identifier: MIT */
/*
 * fifo: named pipes, from any number of writers to one reader. Four tables under one scheme: fragments of many writers,
 * frames of one, lines, and bytes as they come.
 */
#include "base/error.h"
#include "transport/fifo_in.h"
#include "transport/fifo_out.h"

struct fifo_state {
    struct tongi_fifo_name name;
    const char *address;
    bool reads;
    struct tongi_fifo_in in;
    struct tongi_fifo_out out;
};

static int fifo_start(struct fifo_state *state, const struct tongi_start *start,
                      const struct tongi_fifo_reading *reading, const struct tongi_fifo_writing *writing)
{
    state->address = start->address;
    state->reads = start->role == TONG_PULL;
    if (state->reads != (start->side == TONG_LISTEN))
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: a FIFO has one reader, and it is the one that listens; unix: and inproc: turn it round",
                         start->address);
    int r = tongi_fifo_name_init(&state->name, start);
    if (r < 0)
        return TONG_TRACE(r);
    if (state->reads)
        return tongi_fifo_in_init(&state->in, start, reading, &state->name);
    tongi_fifo_out_init(&state->out, start, writing, &state->name);
    return 0;
}

static int fragments_start(void *state, const struct tongi_start *start)
{
    return fifo_start(state, start, &tongi_fifo_fragments_in, &tongi_fifo_fragments_out);
}

static int frames_start(void *state, const struct tongi_start *start)
{
    return fifo_start(state, start, &tongi_fifo_frames_in, &tongi_fifo_frames_out);
}

static int lines_start(void *state, const struct tongi_start *start)
{
    return fifo_start(state, start, &tongi_fifo_lines_in, &tongi_fifo_lines_out);
}

static int raw_start(void *state, const struct tongi_start *start)
{
    return fifo_start(state, start, &tongi_fifo_raw_in, &tongi_fifo_raw_out);
}

static int fifo_step(void *place, uint32_t direction)
{
    struct fifo_state *state = place;

    (void)direction;
    return state->reads ? tongi_fifo_in_step(&state->in) : tongi_fifo_out_step(&state->out);
}

static int fifo_finish(void *place)
{
    struct fifo_state *state = place;

    return state->reads ? 0 : tongi_fifo_out_finish(&state->out);
}

static void fifo_close(void *place, bool owner)
{
    struct fifo_state *state = place;

    /* The name goes first: as long as we are its reader, nobody else can have come to be. */
    if (!state->reads)
        tongi_fifo_out_fini(&state->out, owner);
    tongi_fifo_name_fini(&state->name, owner);
    if (state->reads)
        tongi_fifo_in_fini(&state->in, owner);
}

static int64_t fifo_send(void *place, const tong_view *msgs, uint32_t n)
{
    return tongi_fifo_out_send(&((struct fifo_state *)place)->out, &(struct tongi_batch){.parts = msgs, .n = n});
}

static int fifo_send_parts(void *place, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    const struct tongi_batch batch = {.parts = parts, .n = n, .gather = true};

    (void)meta;
    int64_t sent = tongi_fifo_out_send(&((struct fifo_state *)place)->out, &batch);
    return sent < 0 ? (int)sent : 0;
}

static int64_t fifo_recv(void *place, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    return tongi_fifo_in_recv(&((struct fifo_state *)place)->in, msgs, n, meta);
}

static int fifo_settle(void *place, uint32_t direction)
{
    struct fifo_state *state = place;

    return direction == TONG_IN ? tongi_fifo_in_settle(&state->in) : tongi_fifo_out_settle(&state->out);
}

static int64_t fifo_next_size(void *place)
{
    return tongi_fifo_in_next_size(&((struct fifo_state *)place)->in);
}

static int fifo_flush(void *place, enum tong_level level)
{
    struct fifo_state *state = place;

    if (level > TONG_ACCEPTED)
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: a FIFO tells what the kernel accepted and no more (TONG_ACCEPTED); inproc: can tell when "
                         "a message was taken",
                         state->address);
    return tongi_fifo_out_flush(&state->out);
}

static int fifo_pollset(void *place, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    struct fifo_state *state = place;

    (void)direction;
    return state->reads ? tongi_fifo_in_pollset(&state->in, set, until_ns)
                        : tongi_fifo_out_pollset(&state->out, set, until_ns);
}

static int fifo_fd(void *place, uint32_t direction)
{
    struct fifo_state *state = place;

    (void)direction;
    return state->reads ? tongi_fifo_in_fd(&state->in) : tongi_fifo_out_fd(&state->out);
}

static bool fifo_ready(void *place, uint32_t direction)
{
    const struct fifo_state *state = place;

    return direction == TONG_IN && tongi_fifo_in_ready(&state->in);
}

#define FIFO_SLOTS                                                                                                     \
    .ops_bytes = sizeof tongi_fifo_ops, .scheme = "fifo", .state_bytes = sizeof(struct fifo_state), .step = fifo_step, \
    .finish = fifo_finish, .close = fifo_close, .send = fifo_send, .send_parts = fifo_send_parts, .recv = fifo_recv,   \
    .settle = fifo_settle, .next_size = fifo_next_size, .flush = fifo_flush, .pollset = fifo_pollset, .fd = fifo_fd,   \
    .ready = fifo_ready, .list = tongi_fifo_list, .remove = tongi_fifo_remove

#define FIFO_OPTIONS                                                                                                   \
    (TONGI_OPT_SIZE | TONGI_OPT_MODE | TONGI_OPT_WAIT | TONGI_OPT_END | TONGI_OPT_RECONNECT | TONGI_OPT_FRAMING |      \
     TONGI_OPT_ALLOW)

#define FIFO_PRESETS                                                                                                   \
    .size = TONGI_STREAM_SIZE_DEFAULT, .mode = 0600, .wait = TONG_WAIT_ADAPTIVE, .end = TONG_END_NEVER,                \
    .reconnect = TONG_YES

#define FIFO_CAPS .level = TONG_ACCEPTED, .roles = TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL), .copies = 2

#define FIFO_BITS (TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_PROCESSES)

static const struct tongi_transport_ops frames_ops = {
    FIFO_SLOTS,
    .options = FIFO_OPTIONS | TONGI_OPT_WRITERS,
    .presets = {FIFO_PRESETS, .framing = TONG_FRAMING_LENGTH, .writers = TONG_WRITERS_ONE},
    .caps = {FIFO_CAPS, .bits = FIFO_BITS | TONG_CAP_PEERS},
    .start = frames_start,
};

static const struct tongi_transport_ops lines_ops = {
    FIFO_SLOTS,
    .options = FIFO_OPTIONS,
    .presets = {FIFO_PRESETS, .framing = TONG_FRAMING_LINE},
    .caps = {FIFO_CAPS, .bits = FIFO_BITS | TONG_CAP_FAN_IN | TONG_CAP_LINES},
    .start = lines_start,
};

static const struct tongi_transport_ops raw_ops = {
    FIFO_SLOTS,
    .options = FIFO_OPTIONS,
    .presets = {FIFO_PRESETS, .framing = TONG_FRAMING_RAW},
    .caps = {FIFO_CAPS, .bits = FIFO_BITS | TONG_CAP_FAN_IN | TONG_CAP_BYTES},
    .start = raw_start,
};

static const struct tongi_transport_ops *fifo_variant(const tong_opts *opts)
{
    if (opts->framing == TONG_FRAMING_LINE)
        return &lines_ops;
    if (opts->framing == TONG_FRAMING_RAW)
        return &raw_ops;
    return opts->writers == TONG_WRITERS_ONE ? &frames_ops : &tongi_fifo_ops;
}

const struct tongi_transport_ops tongi_fifo_ops = {
    FIFO_SLOTS,
    .options = FIFO_OPTIONS | TONGI_OPT_WRITERS | TONGI_OPT_PEERS,
    .presets = {FIFO_PRESETS, .framing = TONG_FRAMING_LENGTH, .writers = TONG_WRITERS_MANY,
                .peers = TONGI_PEERS_DEFAULT},
    .caps = {FIFO_CAPS, .bits = FIFO_BITS | TONG_CAP_FAN_IN | TONG_CAP_PEERS},
    .variant = fifo_variant,
    .start = fragments_start,
};

/* SPDX-License-Identifier: MIT */
/* tong's side of a comparison: the shared loops around tong_send and tong_recv, and two of its own for batches. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define OPEN_MS 5000
#define DRAIN_MS 5000

/* What an address without size= takes; a larger message has to be asked for. */
#define SIZE_DEFAULT (1u << 20)

struct bench_end {
    tong_channel *out, *in; /* the same one for a pair */
    tong_channel *listener; /* of a pair that was accepted, else NULL */
    tong_view *views;       /* batch of each, over the seat's memory */
    tong_bytes *rooms;
};

BENCH_INLINE int channel_send(void *end, const void *data, size_t len)
{
    return tong_send(((struct bench_end *)end)->out, data, len, tong_forever());
}

BENCH_INLINE int channel_recv(void *end, void *data, size_t len)
{
    int64_t n = tong_recv(((struct bench_end *)end)->in, data, len, tong_forever());

    return n < 0 ? (int)n : (uint64_t)n == len ? 0 : -EPROTO;
}

/* A channel may keep the end of its last message, which would not leave without this; a peer that has all is gone. */
static int drained(struct bench_end *end, int r)
{
    if (r == 0) {
        r = tong_finish(end->out, tong_in_ms(DRAIN_MS));
        if (r == TONG_E_GONE || r == TONG_E_END)
            r = 0;
    }
    return r;
}

static int channel_ping(struct bench_seat *seat)
{
    return drained(seat->end, bench_ping(seat, channel_send, channel_recv));
}

static int channel_echo(struct bench_seat *seat)
{
    return drained(seat->end, bench_echo(seat, channel_send, channel_recv));
}

static int channel_source(struct bench_seat *seat)
{
    return drained(seat->end, bench_source(seat, channel_send));
}

static int channel_sink(struct bench_seat *seat)
{
    return bench_sink(seat, channel_recv);
}

static uint32_t at_most(uint64_t left, uint32_t batch)
{
    return left < batch ? (uint32_t)left : batch;
}

static int batch_source(struct bench_seat *seat)
{
    struct bench_end *end = seat->end;
    const struct bench_job *job = seat->job;

    for (uint64_t left = job->warmup + job->count; left > 0;) {
        int64_t n = tong_send_many(end->out, end->views, at_most(left, job->batch), tong_forever());
        if (n < 0)
            return (int)n;
        left -= (uint64_t)n;
    }
    return drained(end, 0);
}

/* The clock starts with the first call that ends past the warm-up, and that call's messages do not count. */
static int batch_sink(struct bench_seat *seat)
{
    struct bench_end *end = seat->end;
    const struct bench_job *job = seat->job;
    uint64_t total = job->warmup + job->count, got = 0, start = 0, start_ns = 0;

    while (got < total) {
        int64_t n = tong_recv_many(end->in, end->rooms, at_most(total - got, job->batch), tong_forever());
        if (n < 0)
            return (int)n;
        got += (uint64_t)n;
        if (start == 0 && got >= job->warmup) {
            start_ns = bench_now_ns();
            start = got;
        }
    }
    /* As if the messages that were not timed had taken as long as the others. */
    uint64_t elapsed_ns = bench_now_ns() - start_ns;
    seat->result->elapsed_ns = (uint64_t)((double)elapsed_ns * (double)job->count / (double)(total - start));
    return end->rooms[0].len == job->size ? 0 : -EPROTO;
}

bench_loop_fn *bench_tong_loop(const struct bench_play *play, unsigned number)
{
    if (play->what == BENCH_RTT)
        return number == 0 ? channel_echo : channel_ping;
    if (play->job.batch > 1)
        return number == 0 ? batch_sink : batch_source;
    return number == 0 ? channel_sink : channel_source;
}

static tong_opts options_of(const struct bench_job *job)
{
    static const uint32_t wait[] = {
        [BENCH_ADAPTIVE] = TONG_WAIT_ADAPTIVE, [BENCH_SPIN] = TONG_WAIT_SPIN, [BENCH_BLOCK] = TONG_WAIT_BLOCK};

    return (tong_opts){
        .struct_size = sizeof(tong_opts), .wait = wait[job->wait], .size = job->size > SIZE_DEFAULT ? job->size : 0};
}

static int end_batches(struct bench_end *end, struct bench_seat *seat)
{
    size_t size = seat->job->size, batch = seat->job->batch;

    end->views = calloc(batch, sizeof *end->views);
    end->rooms = calloc(batch, sizeof *end->rooms);
    if (end->views == NULL || end->rooms == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < batch; i++) {
        end->views[i] = (tong_view){.data = seat->out + i * size, .len = size};
        end->rooms[i] = (tong_bytes){.data = seat->in + i * size, .len = size};
    }
    return 0;
}

/* On a link a pair is accepted; on an object both ends just open it. */
static bool is_link(const tong_channel *ch)
{
    tong_caps caps = {.struct_size = sizeof caps};

    return tong_get_caps(ch, &caps) == 0 && !(caps.bits & TONG_CAP_OBJECT);
}

/* The address of the way back: the name with "-back" behind it, before the options. */
static void address_back(const char *address, char *ret_back, size_t len)
{
    int name = (int)strcspn(address, "?");

    snprintf(ret_back, len, "%.*s-back%s", name, address, address + name);
}

/* End 0 has the pulling side of the address and the pushing one of the way back, whose puller comes after it. */
static int pipelines_open(struct bench_end *end, const char *address, unsigned number, const tong_opts *opts)
{
    char back[PATH_MAX];

    address_back(address, back, sizeof back);
    int r = tong_open(&end->in, number == 0 ? address : back, TONG_PULL, opts, tong_in_ms(OPEN_MS));
    if (r == 0)
        r = tong_open(&end->out, number == 0 ? back : address, TONG_PUSH, opts,
                      number == 0 ? tong_now() : tong_in_ms(OPEN_MS));
    return r;
}

static int pipeline_open(struct bench_end *end, const char *address, unsigned number, const tong_opts *opts)
{
    if (number == 0)
        return tong_open(&end->in, address, TONG_PULL, opts, tong_in_ms(OPEN_MS));
    return tong_open(&end->out, address, TONG_PUSH, opts, tong_in_ms(OPEN_MS));
}

static int pair_open(struct bench_end *end, const char *address, unsigned number, const tong_opts *opts)
{
    uint32_t role = number == 0 && !heirs_needed(address) ? TONG_PAIR | TONG_LISTEN : TONG_PAIR;
    int r = tong_open(&end->out, address, role, opts, tong_in_ms(OPEN_MS));

    end->in = end->out;
    return r;
}

static int pair_accept(struct bench_end *end)
{
    end->listener = end->out;
    end->in = end->out = NULL;
    int r = tong_accept(end->listener, &end->out, tong_in_ms(OPEN_MS));
    end->in = end->out;
    return r;
}

int bench_tong_open(struct bench_seat *seat, const struct bench_play *play, unsigned number, bench_ready_fn *ready,
                    int ready_fd)
{
    static int (*const opens[])(struct bench_end *, const char *, unsigned, const tong_opts *) = {
        [BENCH_PAIR] = pair_open, [BENCH_PIPELINES] = pipelines_open, [BENCH_PIPELINE] = pipeline_open};
    tong_opts opts = options_of(&play->job);
    struct bench_end *end = calloc(1, sizeof *end);

    seat->end = end;
    if (end == NULL)
        return -ENOMEM;
    int r = end_batches(end, seat);
    if (r == 0 && play->heirs != NULL)
        r = heirs_be(play->heirs, (int)number);
    if (r == 0)
        r = opens[play->talk](end, play->address, number, &opts);
    if (r < 0)
        return r;
    ready(ready_fd);
    return play->talk == BENCH_PAIR && number == 0 && play->heirs == NULL && is_link(end->out) ? pair_accept(end) : r;
}

void bench_tong_close(struct bench_seat *seat)
{
    struct bench_end *end = seat->end;

    if (end == NULL)
        return;
    if (end->in != end->out)
        tong_close(end->in);
    tong_close(end->out);
    tong_close(end->listener);
    free(end->views);
    free(end->rooms);
    free(end);
}

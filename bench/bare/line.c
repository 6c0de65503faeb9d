/* SPDX-License-Identifier: MIT */
/* The probe of the machine: one cache line with a counter and a word, passed to and fro as fast as two cores can. */
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "bare/bare.h"

struct shared {
    _Atomic uint64_t counter;
    unsigned char word[sizeof(uint64_t)];
};

struct line_end {
    alignas(128) uint64_t seen;
    struct shared *shared;
};

struct line {
    alignas(128) struct shared shared;
    struct line_end ends[2];
};

static int line_open(void *ret_ends[2], const struct bench_job *job)
{
    struct line *line = mmap(NULL, sizeof *line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (line == MAP_FAILED)
        return -errno;
    if (job->size > sizeof line->shared.word) {
        munmap(line, sizeof *line);
        return -EINVAL;
    }
    for (int i = 0; i < 2; i++) {
        line->ends[i].shared = &line->shared;
        ret_ends[i] = &line->ends[i];
    }
    return 0;
}

static void line_close(void *ends[2])
{
    munmap((char *)ends[0] - offsetof(struct line, ends), sizeof(struct line));
}

static int line_send(void *end, const void *data, size_t len)
{
    struct line_end *mine = end;

    memcpy(mine->shared->word, data, len);
    atomic_store_explicit(&mine->shared->counter, ++mine->seen, memory_order_release);
    return 0;
}

static int line_recv(void *end, void *data, size_t len)
{
    struct line_end *mine = end;
    uint64_t now;

    while ((now = atomic_load_explicit(&mine->shared->counter, memory_order_acquire)) == mine->seen)
        bench_relax();
    mine->seen = now;
    memcpy(data, mine->shared->word, len);
    return 0;
}

static int line_ping(struct bench_seat *seat)
{
    return bench_ping(seat, line_send, line_recv);
}

static int line_echo(struct bench_seat *seat)
{
    return bench_echo(seat, line_send, line_recv);
}

const struct bare_twin bare_line = {
    .scheme = "line",
    .open = line_open,
    .close = line_close,
    .ping = line_ping,
    .echo = line_echo,
};

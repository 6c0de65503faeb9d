/* SPDX-License-Identifier: MIT */
/*
 * inproc: one ring of bytes per direction, one writer, one reader. A message is its length and its body in one piece,
 * in eights; a length of WRAP sends the reader back to the start. Each side caches the other's index and looks again
 * only when it must. Only ends that may sleep pay for finding sleepers.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bare/bare.h"

enum { LINE = 128, RECORD = 8, RING_MIN = 1 << 16 };

#define WRAP UINT64_MAX

/* A place to sleep: 1 while somebody does. Who wakes changes the word first, so no wake-up falls between. */
struct bed {
    alignas(LINE) _Atomic uint32_t asleep;
};

struct ring {
    alignas(LINE) _Atomic uint64_t head; /* bytes ever read */
    alignas(LINE) _Atomic uint64_t tail; /* bytes ever written */
    struct bed reader, writer;
    alignas(LINE) unsigned char bytes[];
};

/* One end's private view of the ring it writes and the ring it reads. */
struct ring_end {
    alignas(LINE) struct ring *out, *in;
    uint64_t out_tail, out_head, in_head, in_tail;
    size_t capacity;
    enum bench_wait wait;
};

struct rings {
    struct ring_end ends[2];
    size_t total;
    alignas(LINE) unsigned char memory[];
};

static void bed_wake(struct bed *bed, enum bench_wait wait)
{
    if (wait == BENCH_SPIN)
        return;
    atomic_thread_fence(memory_order_seq_cst); /* pairs with bed_sleep: either it sees the index or this sees asleep */
    if (atomic_load_explicit(&bed->asleep, memory_order_relaxed) == 0)
        return;
    atomic_store_explicit(&bed->asleep, 0, memory_order_relaxed);
    syscall(SYS_futex, &bed->asleep, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static uint64_t bed_sleep(struct bed *bed, _Atomic uint64_t *index, uint64_t old)
{
    uint64_t now;

    for (;;) {
        atomic_store_explicit(&bed->asleep, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        now = atomic_load_explicit(index, memory_order_acquire);
        if (now != old)
            break;
        syscall(SYS_futex, &bed->asleep, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
    atomic_store_explicit(&bed->asleep, 0, memory_order_relaxed);
    return now;
}

/* Waits until the other side has moved its index. */
static uint64_t index_await(_Atomic uint64_t *index, uint64_t old, struct bed *bed, enum bench_wait wait)
{
    uint64_t now = atomic_load_explicit(index, memory_order_acquire), start_ns = 0;

    for (uint32_t turns = 0; now == old; now = atomic_load_explicit(index, memory_order_acquire), turns++) {
        bench_relax();
        if (wait == BENCH_SPIN || (wait == BENCH_ADAPTIVE && turns % 64 != 63))
            continue;
        if (wait == BENCH_ADAPTIVE && start_ns == 0)
            start_ns = bench_now_ns();
        else if (wait == BENCH_BLOCK || bench_now_ns() - start_ns >= BENCH_SPIN_NS)
            return bed_sleep(bed, index, old);
    }
    return now;
}

static size_t record_length(size_t len)
{
    return RECORD + ((len + RECORD - 1) & ~(size_t)(RECORD - 1));
}

BENCH_INLINE int ring_send(void *end, const void *data, size_t len)
{
    struct ring_end *mine = end;
    struct ring *ring = mine->out;
    size_t need = record_length(len), at = mine->out_tail & (mine->capacity - 1), skip = 0;
    uint64_t length = len, wrap = WRAP;

    if (mine->capacity - at < need)
        skip = mine->capacity - at;
    while (mine->capacity - (mine->out_tail - mine->out_head) < skip + need)
        mine->out_head = index_await(&ring->head, mine->out_head, &ring->writer, mine->wait);
    if (skip > 0) {
        memcpy(ring->bytes + at, &wrap, RECORD);
        mine->out_tail += skip;
        at = 0;
    }
    memcpy(ring->bytes + at, &length, RECORD);
    memcpy(ring->bytes + at + RECORD, data, len);
    mine->out_tail += need;
    atomic_store_explicit(&ring->tail, mine->out_tail, memory_order_release);
    bed_wake(&ring->reader, mine->wait);
    return 0;
}

BENCH_INLINE int ring_recv(void *end, void *data, size_t len)
{
    struct ring_end *mine = end;
    struct ring *ring = mine->in;
    size_t at = mine->in_head & (mine->capacity - 1);
    uint64_t length;

    if (mine->in_head == mine->in_tail)
        mine->in_tail = index_await(&ring->tail, mine->in_tail, &ring->reader, mine->wait);
    memcpy(&length, ring->bytes + at, RECORD);
    if (length == WRAP) {
        mine->in_head += mine->capacity - at;
        at = 0;
        memcpy(&length, ring->bytes, RECORD);
    }
    if (length != len)
        return -EPROTO;
    memcpy(data, ring->bytes + at + RECORD, len);
    mine->in_head += record_length(len);
    atomic_store_explicit(&ring->head, mine->in_head, memory_order_release);
    if (mine->in_tail - mine->in_head <= mine->capacity / 2) /* a writer is worth waking for more than one message */
        bed_wake(&ring->writer, mine->wait);
    return 0;
}

static int ring_open(void *ret_ends[2], const struct bench_job *job)
{
    size_t capacity = RING_MIN;

    while (capacity < 4 * record_length(job->size))
        capacity *= 2;
    size_t one = sizeof(struct ring) + capacity, total = sizeof(struct rings) + 2 * one;
    struct rings *rings = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (rings == MAP_FAILED)
        return -errno;
    rings->total = total;
    for (size_t i = 0; i < 2; i++) {
        rings->ends[i].out = (struct ring *)(rings->memory + i * one);
        rings->ends[i].in = (struct ring *)(rings->memory + (1 - i) * one);
        rings->ends[i].capacity = capacity;
        rings->ends[i].wait = job->wait;
        ret_ends[i] = &rings->ends[i];
    }
    return 0;
}

static void ring_close(void *ends[2])
{
    struct rings *rings = ends[0];

    munmap(rings, rings->total);
}

BARE_LOOPS(ring)

const struct bare_twin bare_ring = {
    .scheme = "inproc",
    .threads = true,
    BARE_SLOTS(ring),
};

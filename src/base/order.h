/* SPDX-License-Identifier: MIT */
/*
 * The only vocabulary for memory that threads or processes share. Every access names its order; the caller's comment
 * names its partner. In a test build each access first calls tongi_order_hook, where a harness may stop the virtual
 * process, switch to another or change memory (seam H1).
 */
#ifndef TONGI_BASE_ORDER_H
#define TONGI_BASE_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum tongi_access { TONGI_LOAD, TONGI_STORE, TONGI_UPDATE, TONGI_FENCE };

#if TONG_SEAMS
/* Set by tests before they start threads; called before the access takes place. */
extern void (*tongi_order_hook)(enum tongi_access access, const void *address, uint32_t size);
#define TONGI_ORDER_HOOK(access, address, size)                                                                        \
    do {                                                                                                               \
        if (tongi_order_hook)                                                                                          \
            tongi_order_hook(access, address, (uint32_t)(size));                                                       \
    } while (0)
#else
#define TONGI_ORDER_HOOK(access, address, size) ((void)0)
#endif

/* Two widths, both lock-free in every process that maps them: shared layouts use nothing else. */
typedef struct tongi_u32 {
    _Atomic uint32_t value;
} tongi_u32;
typedef struct tongi_u64 {
    _Atomic uint64_t value;
} tongi_u64;

_Static_assert(sizeof(tongi_u32) == 4 && sizeof(tongi_u64) == 8, "shared words have no hidden state");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "shared words need lock-free atomics");

#define TONGI_ORDER_DEFINE(type, bits)                                                                                 \
    static inline type##bits##_t tongi_load_relaxed_u##bits(const tongi_u##bits *word)                                 \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_LOAD, word, sizeof *word);                                                              \
        return atomic_load_explicit(&word->value, memory_order_relaxed);                                               \
    }                                                                                                                  \
    static inline type##bits##_t tongi_load_acquire_u##bits(const tongi_u##bits *word)                                 \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_LOAD, word, sizeof *word);                                                              \
        return atomic_load_explicit(&word->value, memory_order_acquire);                                               \
    }                                                                                                                  \
    static inline type##bits##_t tongi_load_total_u##bits(const tongi_u##bits *word)                                   \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_LOAD, word, sizeof *word);                                                              \
        return atomic_load_explicit(&word->value, memory_order_seq_cst);                                               \
    }                                                                                                                  \
    static inline void tongi_store_relaxed_u##bits(tongi_u##bits *word, type##bits##_t value)                          \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_STORE, word, sizeof *word);                                                             \
        atomic_store_explicit(&word->value, value, memory_order_relaxed);                                              \
    }                                                                                                                  \
    static inline void tongi_store_release_u##bits(tongi_u##bits *word, type##bits##_t value)                          \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_STORE, word, sizeof *word);                                                             \
        atomic_store_explicit(&word->value, value, memory_order_release);                                              \
    }                                                                                                                  \
    static inline void tongi_store_total_u##bits(tongi_u##bits *word, type##bits##_t value)                            \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_STORE, word, sizeof *word);                                                             \
        atomic_store_explicit(&word->value, value, memory_order_seq_cst);                                              \
    }                                                                                                                  \
    static inline type##bits##_t tongi_add_acq_rel_u##bits(tongi_u##bits *word, type##bits##_t amount)                 \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_UPDATE, word, sizeof *word);                                                            \
        return atomic_fetch_add_explicit(&word->value, amount, memory_order_acq_rel);                                  \
    }                                                                                                                  \
    static inline bool tongi_swap_total_u##bits(tongi_u##bits *word, type##bits##_t *expected, type##bits##_t value)   \
    {                                                                                                                  \
        TONGI_ORDER_HOOK(TONGI_UPDATE, word, sizeof *word);                                                            \
        return atomic_compare_exchange_strong_explicit(&word->value, expected, value, memory_order_seq_cst,            \
                                                       memory_order_seq_cst);                                          \
    }

/* load, store: relaxed, acquire, release, or total (sequentially consistent). add returns the old value. swap stores
 * value if the word still holds *expected, else loads what it holds into *expected. */
TONGI_ORDER_DEFINE(uint, 32)
TONGI_ORDER_DEFINE(uint, 64)

/* A counter with one writer and any readers: no read-modify-write, since nobody else stores. */
static inline void tongi_count_u64(tongi_u64 *counter, uint64_t amount)
{
    tongi_store_relaxed_u64(counter, tongi_load_relaxed_u64(counter) + amount);
}

/* Tells the processor that this is a spin loop: the sibling thread gets the core, and leaving the loop is cheap. */
static inline void tongi_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ __volatile__("yield");
#endif
}

#endif

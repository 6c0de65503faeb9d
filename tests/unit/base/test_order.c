/* SPDX-License-Identifier: MIT */
#include "base/order.h"

#include "runner/runner.h"

TONG_TEST(values)
{
    tongi_u32 narrow = {5};
    tongi_u64 wide = {UINT64_C(1) << 40};
    uint32_t expected = 4;

    tongi_store_relaxed_u32(&narrow, 6);
    tongi_store_release_u32(&narrow, tongi_load_relaxed_u32(&narrow) + 1);
    tongi_store_total_u64(&wide, tongi_load_acquire_u64(&wide) + 1);
    ck_assert_uint_eq(tongi_load_total_u64(&wide), (UINT64_C(1) << 40) + 1);
    ck_assert_uint_eq(tongi_add_acq_rel_u32(&narrow, 3), 7);
    ck_assert_uint_eq(tongi_add_acq_rel_u64(&wide, UINT64_MAX), (UINT64_C(1) << 40) + 1);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&wide), UINT64_C(1) << 40);
    ck_assert(!tongi_swap_total_u32(&narrow, &expected, 1));
    ck_assert_uint_eq(expected, 10);
    ck_assert(tongi_swap_total_u32(&narrow, &expected, 1));
    ck_assert_uint_eq(tongi_load_relaxed_u32(&narrow), 1);
    tongi_count_u64(&wide, 2);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&wide), (UINT64_C(1) << 40) + 2);
    tongi_pause();
}

#if TONG_SEAMS

static struct {
    enum tongi_access access;
    const void *address;
    uint32_t size, value, calls;
} seen;

static tongi_u32 word;

static void look(enum tongi_access access, const void *address, uint32_t size)
{
    seen.access = access;
    seen.address = address;
    seen.size = size;
    seen.calls++;
    /* The word as it is before the access. The hook may not use the vocabulary itself: it would call the hook. */
    seen.value = word.value;
}

static void saw(enum tongi_access access, const void *address, uint32_t size, uint32_t calls)
{
    ck_assert_int_eq(seen.access, access);
    ck_assert_ptr_eq(seen.address, address);
    ck_assert_uint_eq(seen.size, size);
    ck_assert_uint_eq(seen.calls, calls);
}

TONG_TEST(hook_sees_every_access_before_it_happens)
{
    uint32_t expected = 3;
    tongi_u64 wide = {0};
    uint32_t calls = 0;

    tongi_order_hook = look;
    tongi_store_relaxed_u32(&word, 1);
    saw(TONGI_STORE, &word, 4, ++calls);
    ck_assert_uint_eq(seen.value, 0);
    tongi_store_release_u32(&word, 2);
    saw(TONGI_STORE, &word, 4, ++calls);
    ck_assert_uint_eq(seen.value, 1);
    tongi_store_total_u32(&word, 3);
    saw(TONGI_STORE, &word, 4, ++calls);
    tongi_load_relaxed_u32(&word);
    saw(TONGI_LOAD, &word, 4, ++calls);
    tongi_load_acquire_u64(&wide);
    saw(TONGI_LOAD, &wide, 8, ++calls);
    tongi_load_total_u64(&wide);
    saw(TONGI_LOAD, &wide, 8, ++calls);
    tongi_swap_total_u32(&word, &expected, 4);
    saw(TONGI_UPDATE, &word, 4, ++calls);
    ck_assert_uint_eq(seen.value, 3);
    tongi_add_acq_rel_u64(&wide, 1);
    saw(TONGI_UPDATE, &wide, 8, ++calls);
    tongi_count_u64(&wide, 1);
    calls += 2;
    saw(TONGI_STORE, &wide, 8, calls);
    tongi_order_hook = NULL;
    tongi_load_relaxed_u32(&word);
    ck_assert_uint_eq(seen.calls, calls);
}

/* The harness may change memory at access k: the access itself then sees it. */
static void rewrite(enum tongi_access access, const void *address, uint32_t size)
{
    (void)access, (void)address, (void)size;
    word.value = 77;
}

TONG_TEST(hook_may_rewrite_memory)
{
    uint32_t expected = 0;

    tongi_order_hook = rewrite;
    ck_assert_uint_eq(tongi_load_acquire_u32(&word), 77);
    ck_assert(!tongi_swap_total_u32(&word, &expected, 1));
    ck_assert_uint_eq(expected, 77);
    tongi_order_hook = NULL;
}

#endif

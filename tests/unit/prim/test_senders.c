/* SPDX-License-Identifier: MIT */
#include "prim/senders.h"

#include <errno.h>
#include <string.h>

#include "runner/runner.h"
#if TONG_SEAMS
#include "support/faulty.h"
#endif

enum { SIZE_MAX_BYTES = 100 };

static const uint8_t text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* A piece of the text as a fragment of message `sequence`. */
static int gather(struct tongi_sender *sender, uint32_t sequence, uint32_t at, uint32_t len, bool last)
{
    const struct tongi_fragment fragment = {last ? TONGI_FRAGMENT_LAST : 0, len, sender->number, sequence, at};

    return tongi_sender_gather(sender, &fragment, text + at % 30, SIZE_MAX_BYTES);
}

TONG_TEST(senders_are_found_by_number)
{
    struct tongi_senders senders = {0};
    uint64_t seed = runner_seed();
    uint32_t numbers[500];

    for (int i = 0; i < 500; i++) {
        do
            numbers[i] = (uint32_t)runner_random(&seed) % 10000;
        while (tongi_senders_find(&senders, numbers[i]));
        ck_assert_ptr_nonnull(tongi_senders_add(&senders, numbers[i]));
    }
    for (int i = 0; i < 500; i++)
        ck_assert_uint_eq(tongi_senders_find(&senders, numbers[i])->number, numbers[i]);
    for (uint32_t i = 1; i < senders.count; i++)
        ck_assert_uint_lt(senders.list[i - 1]->number, senders.list[i]->number);
    ck_assert_ptr_null(tongi_senders_find(&senders, 10000));
    while (senders.count)
        ck_assert(!tongi_senders_remove(&senders, (uint32_t)runner_random(&seed) % senders.count));
    tongi_senders_fini(&senders);
}

TONG_TEST(messages_come_whole)
{
    struct tongi_senders senders = {0};
    struct tongi_sender *sender = tongi_senders_add(&senders, 1);

    ck_assert_int_eq(gather(sender, 1, 0, 5, true), TONGI_GATHERED_HERE);
    ck_assert_int_eq(gather(sender, 2, 0, 10, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 2, 10, 10, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 2, 20, 5, true), TONGI_GATHERED_THERE);
    ck_assert_uint_eq(sender->got, 25);
    ck_assert_mem_eq(sender->block.data, text, 25);
    ck_assert_int_eq(gather(sender, 3, 0, 0, true), TONGI_GATHERED_HERE);
    tongi_senders_fini(&senders);
}

TONG_TEST(senders_are_not_mixed_up)
{
    struct tongi_senders senders = {0};
    struct tongi_sender *one = tongi_senders_add(&senders, 1), *two = tongi_senders_add(&senders, 2);

    ck_assert_int_eq(gather(one, 1, 0, 3, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(two, 1, 0, 7, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(one, 1, 3, 3, true), TONGI_GATHERED_THERE);
    ck_assert_int_eq(gather(two, 1, 7, 1, true), TONGI_GATHERED_THERE);
    ck_assert(one->got == 6 && two->got == 8);
    ck_assert_int_eq(gather(two, 2, 0, 7, false), TONGI_GATHERED_PART);
    ck_assert(tongi_senders_remove(&senders, 1)); /* it was in the middle */
    tongi_senders_fini(&senders);
}

TONG_TEST(a_missing_beginning_is_told_once)
{
    struct tongi_senders senders = {0};
    struct tongi_sender *sender = tongi_senders_add(&senders, 1);

    ck_assert_int_eq(gather(sender, 1, 10, 5, false), TONGI_GATHERED_ORPHAN);
    ck_assert_int_eq(gather(sender, 1, 15, 5, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 1, 20, 5, true), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 2, 10, 5, true), TONGI_GATHERED_ORPHAN);
    ck_assert_int_eq(gather(sender, 3, 0, 5, true), TONGI_GATHERED_HERE);
    tongi_senders_fini(&senders);
}

TONG_TEST(a_message_that_never_ended_is_forgotten)
{
    struct tongi_senders senders = {0};
    struct tongi_sender *sender = tongi_senders_add(&senders, 1);

    ck_assert_int_eq(gather(sender, 1, 0, 5, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 2, 0, 5, true), TONGI_GATHERED_TORN);
    ck_assert_int_eq(gather(sender, 2, 0, 5, true), TONGI_GATHERED_HERE);
    ck_assert_int_eq(gather(sender, 3, 0, 5, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 3, 6, 5, true), TONGI_GATHERED_TORN); /* a gap */
    ck_assert_int_eq(gather(sender, 3, 6, 5, true), TONGI_GATHERED_ORPHAN);
    tongi_senders_fini(&senders);
}

TONG_TEST(what_is_too_long_is_skipped_and_costs_nothing)
{
    struct tongi_senders senders = {0};
    struct tongi_sender *sender = tongi_senders_add(&senders, 1);

    ck_assert_int_eq(gather(sender, 1, 0, 5, false), TONGI_GATHERED_PART);
    for (uint32_t at = 5; at < 100; at += 5)
        ck_assert_int_eq(gather(sender, 1, at, 5, false), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 1, 100, 1, false), TONGI_GATHERED_OVER);
    ck_assert_int_eq(gather(sender, 1, 101, 5, true), TONGI_GATHERED_PART);
    ck_assert_uint_le(sender->block.room, 2 * SIZE_MAX_BYTES);
    ck_assert_int_eq(gather(sender, 2, UINT32_MAX, 5, true), TONGI_GATHERED_ORPHAN);
    ck_assert_int_eq(gather(sender, 3, 0, 5, true), TONGI_GATHERED_HERE);
    tongi_senders_fini(&senders);
}

#if TONG_SEAMS
TONG_TEST(without_memory_one_message_is_lost)
{
    struct tongi_senders senders = {0};
    struct tongi_sender *sender = tongi_senders_add(&senders, 1);

    faulty_install();
    faulty_fail(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_error(gather(sender, 1, 0, 5, false), -ENOMEM);
    ck_assert_int_eq(gather(sender, 1, 5, 5, true), TONGI_GATHERED_PART);
    ck_assert_int_eq(gather(sender, 2, 0, 5, false), TONGI_GATHERED_PART);
    faulty_fail(FAULTY_ALLOCATION, 1, ENOMEM);
    ck_assert_ptr_null(tongi_senders_add(&senders, 2));
    faulty_remove();
    ck_assert_uint_eq(senders.count, 1);
    ck_assert_int_eq(gather(sender, 2, 5, 5, true), TONGI_GATHERED_THERE);
    tongi_senders_fini(&senders);
}
#endif

/* SPDX-License-Identifier: MIT */
/* Messages by copy, and the metadata of callers of any version. */
#include "tiny.h"

#include <stdlib.h>

#include "support/faulty.h"

enum { BIG = 1 << 20 };

static tong_channel *ch;
static char room[100];

static void says(const char *part)
{
    ck_assert_msg(strstr(tong_error_detail(), part) != NULL, "\"%s\" has no \"%s\"", tong_error_detail(), part);
}

static tong_stats stats_of(const tong_channel *channel)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ck_ok(tong_get_stats(channel, &stats));
    return stats;
}

/* ---- limits ---------------------------------------------------------------------------------------------------- */

TONG_TEST(nothing_over_the_limit_leaves)
{
    char big[1001] = {0};
    tong_view msgs[4] = {{"a", 1}, {big, 1000}, {big, 1001}, {"b", 1}};

    ch = tiny_channel(TONG_PAIR);
    ck_error(tong_send(ch, big, 1001, tong_now()), TONG_E_TOOBIG);
    says("1001 bytes is over the limit of 1000");
    ck_error(tong_send_parts(ch, msgs, 2, NULL, tong_now()), TONG_E_TOOBIG);
    ck_error(tong_send_parts(ch, (tong_view[]){{big, SIZE_MAX}, {big, SIZE_MAX}, {big, 3}}, 3, NULL, tong_now()),
             TONG_E_TOOBIG);
    /* In a batch, what stands before it goes, and nothing else. */
    ck_assert_int_eq(tong_send_many(ch, msgs, 4, tong_now()), 2);
    ck_assert_uint_eq(tiny.largest, 1000);
    ck_error(tong_send_many(ch, msgs + 2, 2, tong_now()), TONG_E_TOOBIG);
    ck_assert_int_eq(tong_send_many(ch, msgs + 3, 1, tong_now()), 1);
    ck_assert_int_eq(tong_send_many(ch, NULL, 0, tong_now()), 0);
    ck_assert_uint_eq(stats_of(ch).sent, 3);
    ck_assert_uint_eq(stats_of(ch).sent_bytes, 1002);
    tong_close(ch);
}

TONG_TEST(a_batch_that_stops_in_the_middle)
{
    tong_view msgs[3] = {{"a", 1}, {"bc", 2}, {"d", 1}};

    ch = tiny_channel(TONG_PAIR);
    tiny.send_answer = -EAGAIN;
    ck_error(tong_send_many(ch, msgs, 3, tong_now()), -EAGAIN);
    tiny.settle_answer = 1; /* the first is begun, over and over */
    ck_assert_int_eq(tong_send_many(ch, msgs, 3, tong_now()), 3);
    ck_assert_uint_eq(stats_of(ch).sent_bytes, 4);
    tiny.send_answer = TONG_E_GONE;
    ck_error(tong_send_many(ch, msgs, 3, tong_now()), TONG_E_GONE);
    tong_close(ch);
}

TONG_TEST(roles_and_states)
{
    ch = tiny_channel(TONG_PUSH);
    ck_error(tong_recv(ch, room, 1, tong_now()), TONG_E_NOCAP);
    says("push does not receive");
    ck_ok(tong_finish(ch, tong_now()));
    ck_error(tong_send(ch, "x", 1, tong_now()), TONG_E_STATE);
    ck_error(tong_send_many(ch, &(tong_view){"x", 1}, 1, tong_now()), TONG_E_STATE);
    ck_error(tong_send_parts(ch, NULL, 0, NULL, tong_now()), TONG_E_STATE);
    says("finished");
    tong_close(ch);
    ck_error(tong_send(NULL, "x", 1, tong_now()), -EINVAL);
    ck_error(tong_recv(NULL, room, 1, tong_now()), -EINVAL);
    ck_error(tong_flush(NULL, TONG_ACCEPTED, tong_now()), -EINVAL);
    tong_shutdown(NULL);
    ck_assert_ptr_null(tong_close(NULL));
}

TONG_TEST(levels_without_a_slot)
{
    ch = tiny_channel(TONG_PAIR);
    ck_ok(tong_flush(ch, TONG_ACCEPTED, tong_now()));
    ck_error(tong_flush(ch, TONG_TAKEN, tong_now()), TONG_E_NOCAP);
    says("inproc");
    tong_close(ch);
}

/* ---- a real stream, when the wait breaks off -------------------------------------------------------------------- */

/* Half of a long message is in the system when the wait fails for a reason of its own: the rest is kept, the sender's
 * memory is free again, and the stream stays whole. */
TONG_TEST_LOOP(a_wait_that_fails_in_the_middle_of_a_message, 0, 2)
{
    char *message = malloc(BIG), *received = malloc(BIG);
    tong_channel *ends[2];
    int64_t len = -EAGAIN;

    memset(message, 'm', BIG);
    ck_ok(tong_pair(ends, "unix:?wait=block"));
    faulty_install();
    faulty_fail_from(FAULTY_ppoll, 1, ENOMEM);
    if (_i)
        ck_ok(tong_send(ends[0], message, BIG, tong_forever()));
    else
        ck_ok(tong_send_parts(ends[0], &(tong_view){message, BIG}, 1, NULL, tong_forever()));
    memset(message, 'x', BIG);
    free(message);
    faulty_fail(FAULTY_ppoll, 0, 0);
    ck_error(tong_send(ends[0], "next", 4, tong_now()), -EAGAIN);
    for (int i = 0; i < 1000 && len == -EAGAIN; i++) {
        len = tong_recv(ends[1], received, BIG, tong_now());
        int r = tong_flush(ends[0], TONG_ACCEPTED, tong_now());
        ck_assert(r == 0 || r == -EAGAIN);
    }
    ck_assert_int_eq(len, BIG);
    for (int i = 0; i < BIG; i++)
        if (received[i] != 'm')
            ck_abort_msg("byte %d is another message's", i);
    ck_ok(tong_send(ends[0], "next", 4, tong_now()));
    ck_assert_int_eq(tong_recv(ends[1], received, BIG, tong_now()), 4);
    ck_assert_mem_eq(received, "next", 4);
    free(received);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* The same for the receiver's room. */
TONG_TEST(a_wait_that_fails_in_the_middle_of_a_reception)
{
    char *message = malloc(BIG), *first = malloc(BIG), *second = malloc(BIG);
    tong_channel *ends[2];
    int64_t len = -EAGAIN;

    memset(message, 'm', BIG);
    ck_ok(tong_pair(ends, "unix:?wait=block"));
    ck_ok(tong_send(ends[0], message, BIG, tong_now()));
    faulty_install();
    faulty_fail_from(FAULTY_ppoll, 1, ENOMEM);
    ck_error(tong_recv(ends[1], first, BIG, tong_forever()), -ENOMEM);
    free(first);
    faulty_fail(FAULTY_ppoll, 0, 0);
    for (int i = 0; i < 1000 && len == -EAGAIN; i++) {
        int r = tong_flush(ends[0], TONG_ACCEPTED, tong_now());
        ck_assert(r == 0 || r == -EAGAIN);
        len = tong_recv(ends[1], second, BIG, tong_now());
    }
    ck_assert_int_eq(len, BIG);
    ck_assert_int_eq(memcmp(second, message, BIG), 0);
    free(message);
    free(second);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* The test transport lends shortened copies of views on: they last as long as the loan. */
TONG_TEST(a_shortened_message_that_is_begun)
{
    char *message = calloc(1, BIG), *received = malloc(BIG);
    tong_channel *ends[2];
    int64_t len = -EAGAIN;

    ck_ok(tong_pair(ends, "fault:seed=1,truncate=100:unix:"));
    for (int parts = 0; parts < 2; parts++) {
        len = -EAGAIN;
        for (int i = 0; i < 20; i++) { /* until one is long enough to be begun */
            int r = parts ? tong_send_parts(ends[0], &(tong_view){message, BIG}, 1, NULL, tong_now())
                          : tong_send(ends[0], message, BIG, tong_now());
            if (r == -EAGAIN)
                break;
            ck_ok(r);
        }
        for (int i = 0; i < 1000; i++) {
            len = tong_recv(ends[1], received, BIG, tong_now());
            ck_assert(len < BIG);
            ck_assert(len >= 0 || len == -EAGAIN);
            if (tong_flush(ends[0], TONG_ACCEPTED, tong_now()) == 0 && len == -EAGAIN)
                break;
        }
    }
    free(message);
    free(received);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* ---- metadata of other versions -------------------------------------------------------------------------------- */

TONG_TEST(metadata_for_an_older_caller)
{
    struct {
        tong_meta meta;
        char behind[8];
    } caller;

    ch = tiny_channel(TONG_PAIR);
    for (uint32_t size = offsetof(tong_meta, sequence); size <= sizeof caller.meta; size += 4) {
        tiny.incoming[0] = "text";
        tiny.n_incoming = 1;
        tiny.taken = 0;
        memset(&caller, 0x55, sizeof caller);
        caller.meta.struct_size = size;
        caller.meta.n_fds = 0;
        caller.meta.fds = NULL;
        ck_assert_int_eq(tong_recv_meta(ch, room, sizeof room, &caller.meta, tong_now()), 4);
        ck_assert_uint_eq(caller.meta.struct_size, size);
        if (size >= offsetof(tong_meta, lost))
            ck_assert_uint_eq(caller.meta.sequence, 1);
        for (size_t i = size; i < sizeof caller.meta; i++)
            if (i < offsetof(tong_meta, n_fds))
                ck_assert_uint_eq(((unsigned char *)&caller)[i], 0x55);
    }
    tong_close(ch);
}

TONG_TEST(metadata_for_a_newer_caller)
{
    struct {
        tong_meta meta;
        char newer[32];
        char behind;
    } caller;

    ch = tiny_channel(TONG_PAIR);
    tiny.incoming[0] = "text";
    tiny.n_incoming = 1;
    memset(&caller, 0x55, sizeof caller);
    caller.meta = (tong_meta){.struct_size = offsetof(__typeof__(caller), behind)};
    ck_assert_int_eq(tong_recv_meta(ch, room, sizeof room, &caller.meta, tong_now()), 4);
    ck_assert_uint_eq(caller.meta.struct_size, offsetof(__typeof__(caller), behind));
    ck_assert_uint_eq(caller.meta.call, 9);
    for (size_t i = 0; i < sizeof caller.newer; i++)
        ck_assert_int_eq(caller.newer[i], 0);
    ck_assert_int_eq(caller.behind, 0x55);
    tong_close(ch);
}

TONG_TEST(metadata_that_makes_no_sense)
{
    static const uint32_t sizes[] = {0, 1, 7, 4097, UINT32_MAX};
    tong_meta meta;

    ch = tiny_channel(TONG_PAIR);
    tiny.incoming[0] = "text";
    tiny.n_incoming = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        meta = (tong_meta){.struct_size = sizes[i]};
        ck_error(tong_recv_meta(ch, room, sizeof room, &meta, tong_now()), -EINVAL);
        says("struct_size");
        ck_error(tong_send_parts(ch, NULL, 0, &meta, tong_now()), -EINVAL);
        ck_error(tong_peek(ch, &(tong_span){0}, &meta, 1, tong_now()), -EINVAL);
    }
    meta = (tong_meta){.struct_size = sizeof meta, .n_fds = 1, .fds = &(int){0}};
    ck_error(tong_send_parts(ch, NULL, 0, &meta, tong_now()), TONG_E_NOCAP);
    meta = (tong_meta){.struct_size = sizeof meta, .kind = 5};
    ck_error(tong_send_parts(ch, NULL, 0, &meta, tong_now()), TONG_E_NOCAP);
    ck_assert_uint_eq(tiny.taken, 0);
    ck_assert_int_eq(tong_recv_meta(ch, room, sizeof room, NULL, tong_now()), 4);
    tong_close(ch);
}

/* A failure leaves what the caller gave alone. */
TONG_TEST(metadata_after_a_failure)
{
    tong_meta meta = {.struct_size = sizeof meta, .sequence = 1234};

    ch = tiny_channel(TONG_PAIR);
    ck_error(tong_recv_meta(ch, room, sizeof room, &meta, tong_now()), -EAGAIN);
    ck_assert_uint_eq(meta.sequence, 1234);
    tiny.incoming[0] = "four";
    tiny.n_incoming = 1;
    ck_error(tong_recv_meta(ch, room, 3, &meta, tong_now()), TONG_E_TOOBIG);
    ck_assert_uint_eq(meta.sequence, 1234);
    ck_assert_int_eq(tong_next_size(ch), 4);
    tong_close(ch);
}

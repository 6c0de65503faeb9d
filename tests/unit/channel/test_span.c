/* SPDX-License-Identifier: MIT */
/* Messages in place, where the transport lends nothing: the channel stands in with copies. */
#include "tiny.h"

#include "support/faulty.h"

static tong_channel *ch;
static tong_span span, spans[4];
static char room[10];

static void incoming(uint32_t n)
{
    static const char *const texts[] = {"one", "two", "three", "four"};

    for (uint32_t i = 0; i < n; i++)
        tiny.incoming[i] = texts[i];
    tiny.n_incoming = n;
}

/* ---- claiming -------------------------------------------------------------------------------------------------- */

TONG_TEST(claim_and_commit)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ch = tiny_channel(TONG_PAIR);
    ck_ok(tong_claim(ch, 10, &span, tong_now()));
    ck_assert_uint_eq(span.len, 10);
    memcpy(span.data, "0123456789", 10);
    ck_ok(tong_commit(ch, &span, 4, NULL));
    ck_assert_ptr_null(span.data);
    ck_assert_uint_eq(tiny.sent_len, 4);
    ck_assert_mem_eq(tiny.sent, "0123", 4);
    ck_ok(tong_claim(ch, 0, &span, tong_now()));
    ck_assert_ptr_nonnull(span.data);
    ck_ok(tong_commit(ch, &span, 0, NULL));
    ck_ok(tong_get_stats(ch, &stats));
    ck_assert_uint_eq(stats.sent, 2);
    ck_assert_uint_eq(stats.sent_bytes, 4);
    tong_close(ch);
}

TONG_TEST(a_claim_that_finds_no_room_stays_open)
{
    ch = tiny_channel(TONG_PAIR);
    ck_ok(tong_claim(ch, 4, &span, tong_now()));
    memcpy(span.data, "kept", 4);
    tong_span before = span;
    tiny.send_answer = -EAGAIN;
    ck_error(tong_commit(ch, &span, 4, NULL), -EAGAIN);
    ck_assert_ptr_eq(span.data, before.data);
    ck_error(tong_commit(ch, &span, 5, NULL), TONG_E_TOOBIG);
    ck_assert_ptr_eq(span.data, before.data);
    ck_error(tong_claim(ch, 4, &spans[0], tong_now()), TONG_E_STATE);
    ck_error(tong_finish(ch, tong_now()), TONG_E_STATE);
    tiny.send_answer = 0;
    ck_ok(tong_commit(ch, &span, 4, NULL));
    ck_assert_mem_eq(tiny.sent, "kept", 4);
    /* Begun, and kept by the transport: that is sent. */
    ck_ok(tong_claim(ch, 4, &span, tong_now()));
    tiny.send_answer = -EAGAIN;
    tiny.settle_answer = 1;
    ck_ok(tong_commit(ch, &span, 4, NULL));
    ck_assert_ptr_null(span.data);
    /* Begun, and lost: that is an error, and the span is given back. */
    ck_ok(tong_claim(ch, 4, &span, tong_now()));
    tiny.settle_answer = -ENOMEM;
    ck_error(tong_commit(ch, &span, 4, NULL), -ENOMEM);
    ck_assert_ptr_null(span.data);
    ck_ok(tong_claim(ch, 4, &span, tong_now()));
    tiny.send_answer = TONG_E_GONE;
    ck_error(tong_commit(ch, &span, 4, NULL), TONG_E_GONE);
    ck_assert_ptr_null(span.data);
    ck_ok(tong_claim(ch, 4, &span, tong_now()));
    tong_close(ch); /* with the claim open */
}

TONG_TEST(claims_given_back_or_not_ours)
{
    ch = tiny_channel(TONG_PAIR);
    ck_error(tong_commit(ch, &span, 0, NULL), -EINVAL);
    ck_error(tong_commit(ch, NULL, 0, NULL), -EINVAL);
    ck_ok(tong_claim(ch, 4, &span, tong_now()));
    tong_abort(ch, &span);
    ck_assert_ptr_null(span.data);
    tong_abort(ch, &span);
    tong_abort(ch, NULL);
    tong_abort(NULL, &span);
    ck_error(tong_claim(ch, 1001, &span, tong_now()), TONG_E_TOOBIG);
    ck_assert_uint_eq(tiny.sends, 0);
    faulty_install();
    faulty_fail(FAULTY_realloc, 1, ENOMEM);
    ck_error(tong_claim(ch, 100, &span, tong_now()), -ENOMEM);
    ck_assert_ptr_null(span.data);
    ck_ok(tong_claim(ch, 100, &span, tong_now()));
    tong_abort(ch, &span);
    ck_ok(tong_finish(ch, tong_now()));
    ck_error(tong_claim(ch, 1, &span, tong_now()), TONG_E_STATE);
    tong_close(ch);
}

/* ---- peeking --------------------------------------------------------------------------------------------------- */

TONG_TEST(peek_and_release_in_any_order)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ch = tiny_channel(TONG_PAIR);
    incoming(3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(tong_peek(ch, &spans[i], NULL, 4, tong_now()), 1);
    ck_error(tong_peek(ch, &spans[3], NULL, 1, tong_now()), -EAGAIN);
    ck_assert_mem_eq(spans[0].data, "one", 3);
    ck_assert_mem_eq(spans[2].data, "three", 5);
    ck_error(tong_recv(ch, room, sizeof room, tong_now()), TONG_E_STATE);
    ck_assert_ptr_nonnull(strstr(tong_error_detail(), "3 loans"));
    ck_ok(tong_release(ch, &spans[1], 1));
    ck_error(tong_release(ch, &spans[1], 1), -EINVAL);
    ck_ok(tong_get_stats(ch, &stats));
    ck_assert_uint_eq(stats.received, 1);
    ck_assert_mem_eq(spans[0].data, "one", 3);
    ck_ok(tong_release(ch, (tong_span[]){spans[2], spans[0]}, 2));
    ck_ok(tong_release(ch, spans, 0));
    ck_error(tong_recv(ch, room, sizeof room, tong_now()), -EAGAIN);
    ck_error(tong_reject(ch, spans, 1), -EINVAL);
    tong_close(ch);
}

/* The same loan twice, or a stranger among them: nothing is given back, and all can be later. */
TONG_TEST(a_release_is_whole_or_not_at_all)
{
    ch = tiny_channel(TONG_PAIR);
    incoming(2);
    ck_assert_int_eq(tong_peek(ch, &spans[0], NULL, 1, tong_now()), 1);
    ck_assert_int_eq(tong_peek(ch, &spans[1], NULL, 1, tong_now()), 1);
    ck_error(tong_release(ch, (tong_span[]){spans[0], spans[0]}, 2), -EINVAL);
    ck_error(tong_release(ch, (tong_span[]){spans[0], {.token = 1}}, 2), -EINVAL);
    ck_error(tong_release(ch, (tong_span[]){spans[0], spans[1], spans[0]}, 3), -EINVAL);
    ck_error(tong_reject(ch, spans, 1), TONG_E_NOCAP);
    ck_assert_mem_eq(spans[0].data, "one", 3);
    ck_ok(tong_release(ch, spans, 2));
    ck_error(tong_recv(ch, room, sizeof room, tong_now()), -EAGAIN);
    tong_close(ch);
}

TONG_TEST(loans_are_given_back_by_close)
{
    ch = tiny_channel(TONG_PAIR);
    incoming(4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(tong_peek(ch, &spans[i], NULL, 1, tong_now()), 1);
    tong_close(ch);
}

TONG_TEST(a_peek_that_fails_lends_nothing)
{
    ch = tiny_channel(TONG_PAIR);
    incoming(1);
    faulty_install();
    faulty_fail(FAULTY_calloc, 1, ENOMEM);
    ck_error(tong_peek(ch, &span, NULL, 1, tong_now()), -ENOMEM);
    ck_assert_ptr_null(span.data);
    ck_assert_int_eq(tong_peek(ch, &span, NULL, 1, tong_now()), 1);
    ck_ok(tong_release(ch, &span, 1));
    tiny.recv_answer = TONG_E_GONE;
    ck_error(tong_peek(ch, &span, NULL, 1, tong_now()), TONG_E_GONE);
    ck_error(tong_recv(ch, room, sizeof room, tong_now()), TONG_E_GONE);
    tong_close(ch);
}

/* ---- metadata of loans ----------------------------------------------------------------------------------------- */

TONG_TEST(peek_with_metadata)
{
    struct {
        tong_meta meta;
        char newer[16];
    } newer;
    tong_meta meta;

    ch = tiny_channel(TONG_PAIR);
    incoming(3);
    memset(&meta, 0x55, sizeof meta);
    meta.struct_size = sizeof meta;
    ck_assert_int_eq(tong_peek(ch, &spans[0], &meta, 1, tong_now()), 1);
    ck_assert_uint_eq(meta.sequence, 1);
    ck_assert_int_eq(meta.time_ns, 0);
    memset(&meta, 0x55, sizeof meta);
    meta.struct_size = offsetof(tong_meta, lost);
    ck_assert_int_eq(tong_peek(ch, &spans[1], &meta, 1, tong_now()), 1);
    ck_assert_uint_eq(meta.sequence, 2);
    ck_assert_int_eq(meta.time_ns, 0x5555555555555555);
    memset(&newer, 0x55, sizeof newer);
    newer.meta.struct_size = sizeof newer;
    ck_assert_int_eq(tong_peek(ch, &spans[2], &newer.meta, 1, tong_now()), 1);
    ck_assert_uint_eq(newer.meta.sequence, 3);
    ck_assert_uint_eq(newer.meta.struct_size, sizeof newer);
    for (size_t i = 0; i < sizeof newer.newer; i++)
        ck_assert_int_eq(newer.newer[i], 0);
    tong_close(ch);
}

/* A real stream fills the records in completely, whatever stood there. */
TONG_TEST(metadata_of_a_stream)
{
    tong_channel *ends[2];
    tong_meta metas[2];

    ck_ok(tong_pair(ends, "unix:"));
    ck_ok(tong_send(ends[0], "a", 1, tong_now()));
    ck_ok(tong_send(ends[0], "b", 1, tong_now()));
    memset(metas, 0x55, sizeof metas);
    metas[0].struct_size = metas[1].struct_size = sizeof metas[0];
    ck_assert_int_eq(tong_peek(ends[1], spans, metas, 2, tong_now()), 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(metas[i].sequence, (uint64_t)i + 1);
        ck_assert_uint_eq(metas[i].flags, TONG_VOUCHED);
        ck_assert_uint_eq(metas[i].pid, (uint32_t)getpid());
        ck_assert(!metas[i].lost && !metas[i].time_ns && !metas[i].kind && !metas[i].call && !metas[i].n_fds);
    }
    tong_close(ends[0]);
    tong_close(ends[1]);
}

/* SPDX-License-Identifier: MIT */
#include "prim/report.h"

#include <pthread.h>

#include "runner/runner.h"

static struct tongi_report report;
static tong_event events[2 * TONGI_EVENTS_MAX];

static uint64_t peers(void)
{
    return tongi_load_relaxed_u64(&report.peers);
}

static void is_event(const tong_event *event, uint32_t what, uint64_t peer)
{
    ck_assert_uint_eq(event->what, what);
    ck_assert_uint_eq(event->peer, peer);
    ck_assert_uint_eq(event->pid, 0);
    ck_assert_uint_eq(event->uid, UINT32_MAX);
    ck_assert_uint_eq(event->gid, UINT32_MAX);
}

TONG_TEST(nothing_at_first)
{
    tongi_report_init(&report);
    ck_assert_uint_eq(tongi_report_take(&report, events, 8), 0);
    ck_assert_uint_eq(tongi_report_take(&report, NULL, 0), 0);
    ck_assert_uint_eq(peers(), 0);
    tongi_report_fini(&report);
}

TONG_TEST(peers_are_numbered_from_1)
{
    tongi_report_init(&report);
    for (uint64_t peer = 1; peer < 10; peer++)
        ck_assert_uint_eq(tongi_report_peer(&report), peer);
    tongi_report_fini(&report);
}

TONG_TEST(events_in_order_with_their_counters)
{
    tongi_report_init(&report);
    tongi_report_event(&report, TONG_JOINED, 1);
    tongi_report_event(&report, TONG_JOINED, 2);
    ck_assert_uint_eq(peers(), 2);
    tongi_report_event(&report, TONG_LEFT, 1);
    tongi_report_event(&report, TONG_JOINED, 3);
    tongi_report_event(&report, TONG_DIED, 2);
    tongi_report_event(&report, TONG_CUT, 3);
    ck_assert_uint_eq(peers(), 0);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&report.connects), 3);

    ck_assert_uint_eq(tongi_report_take(&report, events, 2), 2);
    ck_assert_uint_eq(tongi_report_take(&report, events + 2, 8), 4);
    is_event(&events[0], TONG_JOINED, 1);
    is_event(&events[1], TONG_JOINED, 2);
    is_event(&events[2], TONG_LEFT, 1);
    is_event(&events[3], TONG_JOINED, 3);
    is_event(&events[4], TONG_DIED, 2);
    is_event(&events[5], TONG_CUT, 3);
    tongi_report_fini(&report);
}

static void add(uint64_t from, uint64_t to)
{
    for (uint64_t peer = from; peer < to; peer++)
        tongi_report_event(&report, TONG_JOINED, peer);
}

TONG_TEST(as_many_as_there_is_room)
{
    tongi_report_init(&report);
    add(0, TONGI_EVENTS_MAX);
    ck_assert_uint_eq(tongi_report_take(&report, events, 2 * TONGI_EVENTS_MAX), TONGI_EVENTS_MAX);
    is_event(&events[TONGI_EVENTS_MAX - 1], TONG_JOINED, TONGI_EVENTS_MAX - 1);
    tongi_report_fini(&report);
}

TONG_TEST(lost_events_are_counted_where_the_gap_is)
{
    const uint32_t n = TONGI_EVENTS_MAX;

    tongi_report_init(&report);
    add(0, n + 3);
    ck_assert_uint_eq(peers(), n + 3);
    /* Room again, but who takes these must learn of the gap before anything that came after it. */
    ck_assert_uint_eq(tongi_report_take(&report, events, 10), 10);
    add(n + 3, n + 5);
    ck_assert_uint_eq(tongi_report_take(&report, events + 10, n - 10), n - 10);
    for (uint32_t i = 0; i < n; i++)
        is_event(&events[i], TONG_JOINED, i);
    ck_assert_uint_eq(tongi_report_take(&report, events, n), 1);
    is_event(&events[0], TONG_EVENTS_LOST, 5);
    add(n + 5, n + 6);
    ck_assert_uint_eq(tongi_report_take(&report, events, n), 1);
    is_event(&events[0], TONG_JOINED, n + 5);
    tongi_report_fini(&report);
}

TONG_TEST(ring_goes_round)
{
    uint64_t taken = 0;

    tongi_report_init(&report);
    for (uint64_t added = 0; added < 10 * TONGI_EVENTS_MAX; added += 7) {
        add(added, added + 7);
        for (uint32_t n; (n = tongi_report_take(&report, events, 3)) > 0; taken += n)
            for (uint32_t i = 0; i < n; i++)
                is_event(&events[i], TONG_JOINED, taken + i);
        ck_assert_uint_eq(taken, added + 7);
    }
    tongi_report_fini(&report);
}

enum { ROUNDS = 10000, THREADS = 4 };

static void *join_and_leave(void *context)
{
    (void)context;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t peer = tongi_report_peer(&report);
        tongi_report_event(&report, TONG_JOINED, peer);
        tongi_report_event(&report, TONG_LEFT, peer);
        tongi_report_count(&report.refused, 1);
    }
    return NULL;
}

TONG_TEST(many_threads)
{
    pthread_t threads[THREADS];
    uint64_t seen = 0;

    tongi_report_init(&report);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, join_and_leave, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(peers(), 0);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&report.connects), THREADS * ROUNDS);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&report.refused), THREADS * ROUNDS);
    ck_assert_uint_eq(tongi_report_peer(&report), THREADS * ROUNDS + 1);
    for (uint32_t n; (n = tongi_report_take(&report, events, 16)) > 0;)
        for (uint32_t i = 0; i < n; i++)
            seen += events[i].what == TONG_EVENTS_LOST ? events[i].peer : 1;
    ck_assert_uint_eq(seen, 2 * THREADS * ROUNDS);
    tongi_report_fini(&report);
}

/* ---- who it is about -------------------------------------------------------------------------------------------- */

static void refuse(uint32_t uid)
{
    tongi_report_event_of(&report, &(tong_event){.what = TONG_REFUSED, .pid = 7, .uid = uid, .gid = 8});
}

TONG_TEST(an_event_tells_who)
{
    tongi_report_init(&report);
    tongi_report_event_of(&report, &(tong_event){.what = TONG_JOINED, .pid = 5, .uid = 6, .gid = 7, .peer = 1});
    refuse(1000);
    ck_assert_uint_eq(peers(), 1);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&report.refused), 1);
    ck_assert_uint_eq(tongi_report_take(&report, events, 8), 2);
    ck_assert_uint_eq(events[0].pid, 5);
    ck_assert_uint_eq(events[0].uid, 6);
    ck_assert_uint_eq(events[0].gid, 7);
    ck_assert_uint_eq(events[1].what, TONG_REFUSED);
    ck_assert_uint_eq(events[1].uid, 1000);
    tongi_report_fini(&report);
}

TONG_TEST(a_stranger_who_comes_again_and_again_pushes_nobody_out)
{
    tongi_report_init(&report);
    for (int i = 0; i < 3 * TONGI_EVENTS_MAX; i++)
        refuse(1000);
    tongi_report_event(&report, TONG_JOINED, 1);
    refuse(1000);
    refuse(1001);
    ck_assert_uint_eq(tongi_load_relaxed_u64(&report.refused), 3 * TONGI_EVENTS_MAX + 2);
    ck_assert_uint_eq(tongi_report_take(&report, events, 2 * TONGI_EVENTS_MAX), 4);
    ck_assert_uint_eq(events[0].what, TONG_REFUSED);
    is_event(&events[1], TONG_JOINED, 1);
    ck_assert_uint_eq(events[2].uid, 1000);
    ck_assert_uint_eq(events[3].uid, 1001);
    /* What was taken is told again. */
    refuse(1001);
    ck_assert_uint_eq(tongi_report_take(&report, events, 8), 1);
    tongi_report_fini(&report);
}

/* SPDX-License-Identifier: MIT */
/* A pair's hub with a thread in each half, while its peer comes and goes: for the thread sanitizer above all. */
#include "hub_ends.h"

#include <pthread.h>

#include "support/faulty.h"

static struct end tx;
static tongi_u32 stop;
static tongi_u64 received, sent;

static bool is_stopped(void)
{
    return tongi_load_acquire_u32(&stop);
}

/* Sleeps as the channel layer does, but never for long. */
static void wait_for(uint32_t direction)
{
    struct pollfd set[SET_ROOM];
    int64_t until_ns = INT64_MAX;
    int n = tongi_hub_pollset(&tx.hub, direction, set, &until_ns);

    CHECK(n >= 0);
    poll(set, (nfds_t)n, 1);
}

static void *receive(void *context)
{
    static char text[100];

    (void)context;
    CHECK(tongi_hub_fd(&tx.hub, TONG_IN) >= 0);
    while (!is_stopped()) {
        int64_t len = end_recv(&tx, text, sizeof text);
        CHECK(len > 0 || len == -EAGAIN || len == TONG_E_GONE);
        if (len > 0)
            tongi_count_u64(&received, 1);
        (void)tongi_hub_ready(&tx.hub, TONG_IN);
        if (len == -EAGAIN)
            wait_for(TONG_IN);
    }
    return NULL;
}

static void *transmit(void *context)
{
    static char text[20000];
    uint64_t round = 0;

    (void)context;
    CHECK(tongi_hub_fd(&tx.hub, TONG_OUT) >= 0);
    while (!is_stopped()) {
        int64_t r = end_send(&tx, text, ++round % 2 ? sizeof text : 5);
        CHECK(r == 1 || r == -EAGAIN || r == TONG_E_GONE);
        if (r == -EAGAIN) {
            wait_for(TONG_OUT);
            r = tongi_hub_settle_out(&tx.hub);
            CHECK(r >= 0);
        }
        tongi_count_u64(&sent, r == 1);
        int flushed = tongi_hub_flush(&tx.hub);
        CHECK(flushed == 0 || flushed == -EAGAIN || flushed == TONG_E_GONE);
    }
    return NULL;
}

/* Talks for a while, then hangs up, sometimes with a breach of the rules. */
static void be_the_peer(int listener, int round)
{
    static uint8_t bytes[100000];
    struct pollfd polled = {.fd = listener, .events = POLLIN};

    CHECK(poll(&polled, 1, 5000) == 1);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(fd >= 0);
    bare_hello(fd, TONG_PAIR, 1 << 20);
    for (int i = 0; i < 20; i++) {
        bare_text(fd, "text");
        polled = (struct pollfd){.fd = fd, .events = POLLIN};
        poll(&polled, 1, 1);
        (void)!recv(fd, bytes, sizeof bytes, 0);
    }
    if (round % 3 == 0)
        bare_frame(fd, TONGI_FRAME_HELLO, 0, NULL, 0);
    close(fd);
}

TONG_TEST_TIMEOUT(a_peer_that_comes_and_goes, 30)
{
    int listener = meeting_listen();
    pthread_t threads[2];
    tong_event event;

    end_connect(&tx, TONG_PAIR);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, receive, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, transmit, NULL), 0);
    for (int round = 0; round < 60; round++) {
        be_the_peer(listener, round);
        while (tongi_report_take(&tx.report, &event, 1))
            continue;
    }
    tongi_store_release_u32(&stop, 1);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_gt(tongi_load_relaxed_u64(&received), 100);
    ck_assert_uint_gt(tongi_load_relaxed_u64(&sent), 60);
    close(listener);
    end_close(&tx);
}

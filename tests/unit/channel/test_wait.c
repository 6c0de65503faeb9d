/* SPDX-License-Identifier: MIT */
/* Waiting: deadlines, spinning, sleeping, and being woken for good. */
#include "tiny.h"

#include <pthread.h>
#include <signal.h>

#include "support/faulty.h"
#include "sys/clock.h"

static tong_channel *ch;
static char room[16];

static int64_t recv_until(tong_deadline deadline)
{
    return tong_recv(ch, room, sizeof room, deadline);
}

static void says(const char *part)
{
    ck_assert_msg(strstr(tong_error_detail(), part) != NULL, "\"%s\" has no \"%s\"", tong_error_detail(), part);
}

static bool message_comes(void)
{
    tiny.incoming[0] = "here";
    tiny.n_incoming = 1;
    return true;
}

/* ---- deadlines ------------------------------------------------------------------------------------------------- */

TONG_TEST(deadlines_are_moments)
{
    tiny_time();
    ck_assert_int_eq(tong_now().ns, 0);
    ck_assert_int_eq(tong_forever().ns, INT64_MAX);
    ck_assert_int_eq(tong_in_ms(5).ns, tiny_now_ns + 5 * MS);
    ck_assert_int_eq(tong_in_ns(5).ns, tiny_now_ns + 5);
    ck_assert_int_eq(tong_in_ms(-5).ns, tiny_now_ns);
    ck_assert_int_eq(tong_in_ns(-5).ns, tiny_now_ns);
    ck_assert_int_eq(tong_in_ms(INT64_MIN).ns, tiny_now_ns);
    ck_assert_int_eq(tong_in_ms(INT64_MAX).ns, INT64_MAX);
    ck_assert_int_eq(tong_in_ms(INT64_MAX / 1000000).ns, INT64_MAX);
    ck_assert_int_eq(tong_in_ns(INT64_MAX).ns, INT64_MAX);
}

/* One look, no clock, no sleep. */
TONG_TEST(now_is_one_attempt)
{
    ch = tiny_channel(TONG_PAIR);
    faulty_install();
    ck_error(recv_until(tong_now()), -EAGAIN);
    ck_assert_uint_eq(tiny.recvs, 1);
    ck_assert_uint_eq(faulty_count(FAULTY_clock_gettime) + faulty_count(FAULTY_ppoll) + faulty_count(FAULTY_eventfd),
                      0);
    tiny.send_answer = -EAGAIN;
    ck_error(tong_send(ch, "x", 1, tong_now()), -EAGAIN);
    ck_assert_uint_eq(tiny.sends, 1);
    ck_assert_uint_eq(faulty_count(FAULTY_clock_gettime) + faulty_count(FAULTY_ppoll) + faulty_count(FAULTY_eventfd),
                      0);
    tong_close(ch);
}

/* The same by the system calls of a real transport. */
TONG_TEST(now_is_one_system_call)
{
    tong_channel *ends[2];

    ck_ok(tong_pair(ends, "unix:"));
    ck_error(tong_recv(ends[0], room, sizeof room, tong_now()), -EAGAIN);
    faulty_install();
    ck_error(tong_recv(ends[0], room, sizeof room, tong_now()), -EAGAIN);
    ck_assert_uint_eq(faulty_count(FAULTY_recv), 1);
    for (int call = 0; call < FAULTY_CALLS; call++)
        ck_assert_uint_eq(faulty_count((enum faulty_call)call), call == FAULTY_recv);
    ck_ok(tong_send(ends[1], "x", 1, tong_now()));
    ck_assert_int_eq(tong_recv(ends[0], room, sizeof room, tong_now()), 1);
    ck_assert_uint_eq(faulty_count(FAULTY_recv), 2);
    ck_assert_uint_eq(faulty_count(FAULTY_send), 1);
    tong_close(ends[0]);
    tong_close(ends[1]);
}

TONG_TEST(what_is_there_is_taken_whatever_the_deadline)
{
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    message_comes();
    ck_assert_int_eq(recv_until((tong_deadline){1}), 4);
    ck_assert_uint_eq(tiny_sleeps, 0);
    tong_close(ch);
}

TONG_TEST(a_deadline_that_has_passed)
{
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    ck_error(recv_until((tong_deadline){tiny_now_ns}), -ETIMEDOUT);
    says("tiny:x: nothing arrived before the deadline");
    ck_error(recv_until(tong_in_ms(-1)), -ETIMEDOUT);
    ck_assert_uint_eq(tiny_sleeps, 0);
    tong_close(ch);
}

TONG_TEST(sleeping_up_to_the_deadline)
{
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    int64_t due_ns = tiny_now_ns + 250 * MS;
    ck_error(recv_until(tong_in_ms(250)), -ETIMEDOUT);
    says("nothing arrived within 250ms");
    ck_assert_int_eq(tiny_now_ns, due_ns);
    ck_assert_uint_eq(tiny_sleeps, 1);
    ck_assert_uint_eq(tiny.recvs, 2);
    tong_stats stats = {.struct_size = sizeof stats};
    ck_ok(tong_get_stats(ch, &stats));
    ck_assert_uint_eq(stats.sleeps, 1);
    tong_close(ch);
}

TONG_TEST(what_comes_in_the_sleep_is_taken)
{
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    tiny_wakes = message_comes;
    ck_assert_int_eq(recv_until(tong_forever()), 4);
    ck_assert_uint_eq(tiny_sleeps, 1);
    tong_close(ch);
}

static bool moment_comes(void)
{
    if (tiny.until_ns)
        message_comes();
    return true;
}

/* Time alone brings the transport work: it is waited for no longer than that. */
TONG_TEST(the_transports_own_moment)
{
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    tiny_wakes = moment_comes;
    tiny.until_ns = tiny_now_ns + 3 * MS;
    ck_assert_int_eq(recv_until(tong_in_ms(100)), 4);
    ck_assert_int_eq(tiny_slept_ns[0], 3 * MS);
    tong_close(ch);
}

TONG_TEST(a_signal_is_no_reason_to_return)
{
    ch = tiny_channel(TONG_PAIR);
    faulty_install();
    tongi_sys_table.clock_gettime = tiny_clock;
    tiny_tick_ns = MS;
    faulty_fail_from(FAULTY_ppoll, 1, EINTR);
    ck_error(recv_until(tong_in_ms(30)), -ETIMEDOUT);
    ck_assert_uint_ge(faulty_count(FAULTY_ppoll), 10);
    tong_close(ch);
}

/* ---- when sleeping itself fails -------------------------------------------------------------------------------- */

TONG_TEST(no_descriptor_to_be_woken_by)
{
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    faulty_fail_from(FAULTY_eventfd, 1, EMFILE);
    int64_t due_ns = tiny_now_ns + 1000 * MS;
    ck_error(recv_until(tong_in_ms(1000)), -ETIMEDOUT);
    ck_assert_int_eq(tiny_now_ns, due_ns);
    /* It looks for a shutdown now and then instead. */
    ck_assert_uint_ge(tiny_sleeps, 10);
    ck_assert_int_le(tiny_slept_ns[0], 100 * MS);
    tong_close(ch);
}

TONG_TEST_LOOP(a_sleep_that_fails, 0, 4)
{
    ch = tiny_channel(TONG_PAIR);
    faulty_install();
    if (_i < 2)
        faulty_fail_from(FAULTY_ppoll, 1, ENOMEM);
    else
        tiny.pollset_answer = -EMFILE;
    int due = _i < 2 ? -ENOMEM : -EMFILE;
    tiny.send_answer = -EAGAIN;
    if (_i % 2) {
        ck_error(recv_until(tong_forever()), due);
    } else {
        ck_error(tong_send(ch, "x", 1, tong_forever()), due);
        /* The transport had begun the message: then it is sent, whatever ended the wait. */
        tiny.settle_answer = 1;
        ck_ok(tong_send(ch, "x", 1, tong_forever()));
        ck_ok(tong_send_parts(ch, &(tong_view){"x", 1}, 1, NULL, tong_forever()));
        tiny.settle_answer = -ENOMEM;
        ck_error(tong_send(ch, "x", 1, tong_forever()), -ENOMEM);
    }
    /* Whatever was borrowed has been given back. */
    ck_assert_uint_eq(tiny.settles[TONG_IN], _i % 2 ? 1 : 0);
    ck_assert_uint_eq(tiny.settles[TONG_OUT], _i % 2 ? 0 : 4);
    tong_close(ch);
}

TONG_TEST(what_was_begun_counts_as_sent)
{
    tong_stats stats = {.struct_size = sizeof stats};

    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    tiny.send_answer = -EAGAIN;
    ck_error(tong_send(ch, "x", 1, tong_now()), -EAGAIN);
    ck_error(tong_send(ch, "x", 1, tong_in_ms(5)), -ETIMEDOUT);
    says("no room for a message within 5ms");
    tiny.settle_answer = 1;
    ck_ok(tong_send(ch, "abc", 3, tong_now()));
    ck_ok(tong_send(ch, "abc", 3, tong_in_ms(5)));
    ck_ok(tong_send_parts(ch, &(tong_view){"abc", 3}, 1, NULL, tong_in_ms(5)));
    ck_assert_int_eq(tong_send_many(ch, (tong_view[]){{"a", 1}, {"b", 1}}, 2, tong_in_ms(5)), 2);
    ck_ok(tong_get_stats(ch, &stats));
    ck_assert_uint_eq(stats.sent, 5);
    ck_assert_uint_eq(stats.sent_bytes, 3 * 3 + 2);
    tong_close(ch);
}

/* ---- spinning -------------------------------------------------------------------------------------------------- */

static void spin_time(uint32_t mode)
{
    tiny_time();
    tiny_tick_ns = 100;
    ch->start.opts.wait = mode;
    ch->in.spin = (struct tongi_spin){.hits = TONGI_SPIN_ONE / 2, .looked = UINT32_MAX, .cpus = 8, .machine_cpus = 8};
}

/* Returns the time that one failing wait spun before its first sleep. */
static int64_t spun_ns(void)
{
    uint32_t before = tiny.recvs;

    ck_error(recv_until(tong_in_ms(1)), -ETIMEDOUT);
    return (int64_t)(tiny.recvs - before) * tiny_tick_ns;
}

TONG_TEST(blocking_never_spins)
{
    ch = tiny_channel(TONG_PAIR);
    spin_time(TONG_WAIT_BLOCK);
    ck_assert_int_le(spun_ns(), 10 * tiny_tick_ns);
    ck_assert_uint_eq(tiny_sleeps, 1);
    tong_close(ch);
}

TONG_TEST(spinning_never_sleeps)
{
    ch = tiny_channel(TONG_PAIR);
    spin_time(TONG_WAIT_SPIN);
    ck_assert_int_ge(spun_ns(), MS * 9 / 10);
    ck_assert_uint_eq(tiny_sleeps, 0);
    tong_shutdown(ch);
    ck_error(recv_until(tong_forever()), TONG_E_SHUTDOWN);
    tong_close(ch);
}

/* A learner that need not count processors. */
static struct tongi_spin learner(uint32_t cpus, uint32_t machine_cpus)
{
    return (struct tongi_spin){
        .hits = TONGI_SPIN_ONE / 2, .looked = UINT32_MAX, .cpus = cpus, .machine_cpus = machine_cpus};
}

static int64_t budget_ns(struct tongi_spin *spin)
{
    return tongi_spin_budget_ns(spin, TONG_WAIT_ADAPTIVE);
}

TONG_TEST(on_a_machine_of_one_processor_nobody_spins)
{
    struct tongi_spin spin = learner(1, 1);

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(budget_ns(&spin), 0);
        tongi_spin_learn(&spin, i % 2, 0);
    }
}

/* What did not pay costs little from then on, and is tried again now and then. */
TONG_TEST_LOOP(spinning_is_learned, 1, 3)
{
    struct tongi_spin spin = learner((uint32_t)_i, 8);
    int64_t all_ns = 0, most_ns = 0;
    int waits = 1024;

    ck_assert_int_eq(budget_ns(&spin), TONGI_SPIN_CAP_NS);
    for (int i = 0; i < 100; i++)
        tongi_spin_learn(&spin, false, INT64_MAX);
    for (int i = 0; i < waits; i++) {
        int64_t ns = budget_ns(&spin);
        all_ns += ns;
        most_ns = ns > most_ns ? ns : most_ns;
        tongi_spin_learn(&spin, false, INT64_MAX);
    }
    ck_assert_int_le(all_ns / waits, TONGI_SPIN_CAP_NS / (_i == 1 ? 16 : 2));
    ck_assert_int_ge(most_ns, TONGI_SPIN_CAP_NS);
    for (int i = 0; i < 10; i++)
        tongi_spin_learn(&spin, true, 0);
    ck_assert_int_eq(budget_ns(&spin), TONGI_SPIN_CAP_NS);
    for (int i = 0; i < 1000; i++)
        tongi_spin_learn(&spin, true, 0);
    ck_assert_uint_le(spin.hits, TONGI_SPIN_ONE);
    for (int i = 0; i < 1000; i++)
        tongi_spin_learn(&spin, false, INT64_MAX);
    ck_assert_uint_le(spin.hits, TONGI_SPIN_ONE / 4);
}

static uint64_t comes_at;

static void comes(enum tongi_access access, const void *address, uint32_t size)
{
    (void)access, (void)address, (void)size;
    if (tiny.recvs == comes_at)
        message_comes();
}

TONG_TEST(what_comes_while_spinning_costs_no_sleep)
{
    ch = tiny_channel(TONG_PAIR);
    spin_time(TONG_WAIT_ADAPTIVE);
    comes_at = 20;
    tongi_order_hook = comes;
    ck_assert_int_eq(recv_until(tong_forever()), 4);
    tongi_order_hook = NULL;
    ck_assert_uint_eq(tiny_sleeps, 0);
    ck_assert_uint_gt(ch->in.spin.hits, TONGI_SPIN_ONE / 2);
    tong_close(ch);
}

/* ---- shutdown -------------------------------------------------------------------------------------------------- */

static uint64_t accesses, strike_at;

static void strikes(enum tongi_access access, const void *address, uint32_t size)
{
    (void)access, (void)address, (void)size;
    if (++accesses == strike_at) {
        tongi_order_hook = NULL;
        tong_shutdown(ch);
        tongi_order_hook = strikes;
    }
}

/* It had not come before the sleep. */
static bool strikes_late(void)
{
    if (accesses < strike_at) {
        tongi_order_hook = NULL;
        tong_shutdown(ch);
    }
    return false;
}

static int64_t receive_for_ever(void)
{
    return recv_until(tong_forever());
}

static int64_t send_for_ever(void)
{
    return tong_send(ch, "x", 1, tong_forever());
}

static int64_t poll_for_ever(void)
{
    tong_pollitem item = {ch, TONG_IN | TONG_OUT, 0};

    return tong_poll(&item, 1, tong_forever());
}

static int64_t (*const waits[])(void) = {receive_for_ever, send_for_ever, poll_for_ever};

/* Shutdown comes, as from another thread or a signal, at every single shared access of a call that would sleep for
 * ever: tiny_ppoll fails the test when nothing would wake it. */
TONG_TEST_LOOP(shutdown_at_every_access, 0, 6)
{
    bool late = false;

    for (strike_at = 1; !late; strike_at++) {
        ch = tiny_channel(TONG_PAIR);
        tiny_time();
        tiny_wakes = strikes_late;
        tiny.send_answer = tiny.step_answer = -EAGAIN;
        tiny_sleeps = 0;
        if (_i >= 3)
            ck_ok(tongi_stop_bell(ch)); /* the bell hangs there already */
        accesses = 0;
        tongi_order_hook = strikes;
        int64_t r = waits[_i % 3]();
        tongi_order_hook = NULL;
        ck_assert(_i % 3 == 2 ? r == 1 : r == TONG_E_SHUTDOWN);
        ck_assert_uint_le(tiny_sleeps, 1);
        late = tiny_sleeps && accesses < strike_at;
        tong_close(ch);
    }
    ck_assert_uint_ge(strike_at, 6);
}

TONG_TEST(after_shutdown_nothing_goes)
{
    tong_span span;
    tong_channel *peer;

    ch = tiny_channel(TONG_PAIR);
    faulty_install();
    message_comes();
    tong_shutdown(ch);
    tong_shutdown(ch);
    tong_shutdown(NULL);
    ck_error(recv_until(tong_forever()), TONG_E_SHUTDOWN);
    says("tiny:x: the channel was shut down");
    ck_error(tong_send(ch, "x", 1, tong_forever()), TONG_E_SHUTDOWN);
    ck_error(tong_peek(ch, &span, NULL, 1, tong_now()), TONG_E_SHUTDOWN);
    ck_error(tong_claim(ch, 1, &span, tong_now()), TONG_E_SHUTDOWN);
    ck_error(tong_flush(ch, TONG_ACCEPTED, tong_now()), TONG_E_SHUTDOWN);
    ck_error(tong_finish(ch, tong_now()), TONG_E_SHUTDOWN);
    ck_error(tong_next_size(ch), TONG_E_SHUTDOWN);
    ck_error(tong_accept(ch, &peer, tong_now()), TONG_E_SHUTDOWN);
    ck_error(tong_events(ch, NULL, 0), TONG_E_SHUTDOWN);
    ck_assert_uint_eq(tiny.recvs + tiny.sends, 0);
    tong_close(ch);
}

static void handler(int number)
{
    (void)number;
    errno = 77;
    tong_shutdown(ch);
    if (errno != 77)
        _exit(9);
}

static bool raise_signal(void)
{
    raise(SIGUSR1);
    return false; /* the bell must */
}

TONG_TEST(shutdown_from_a_signal_handler)
{
    ck_assert_int_eq(sigaction(SIGUSR1, &(const struct sigaction){.sa_handler = handler}, NULL), 0);
    ch = tiny_channel(TONG_PAIR);
    tiny_time();
    tiny_wakes = raise_signal;
    ck_error(recv_until(tong_forever()), TONG_E_SHUTDOWN);
    tong_close(ch);
}

static void *receive_in_thread(void *context)
{
    (void)context;
    return (void *)(intptr_t)recv_until(tong_forever());
}

static void *send_in_thread(void *context)
{
    (void)context;
    return (void *)(intptr_t)tong_send(ch, "x", 1, tong_forever());
}

/* Both directions asleep or about to be, in threads of their own, each with the same bell to make. */
TONG_TEST_TIMEOUT(shutdown_wakes_both_threads, 30)
{
    uint64_t dice = runner_seed();

    for (int i = 0; i < 300; i++) {
        pthread_t threads[2];
        void *results[2];
        ch = tiny_channel(TONG_PAIR);
        tiny.send_answer = -EAGAIN;
        ch->start.opts.wait = i % 2 ? TONG_WAIT_BLOCK : TONG_WAIT_ADAPTIVE;
        ck_assert_int_eq(pthread_create(&threads[0], NULL, receive_in_thread, NULL), 0);
        ck_assert_int_eq(pthread_create(&threads[1], NULL, send_in_thread, NULL), 0);
        for (uint64_t spin = runner_random(&dice) % 20000; spin; spin--)
            tongi_pause();
        tong_shutdown(ch);
        for (int t = 0; t < 2; t++) {
            ck_assert_int_eq(pthread_join(threads[t], &results[t]), 0);
            ck_assert_int_eq((intptr_t)results[t], TONG_E_SHUTDOWN);
        }
        tong_close(ch);
    }
}

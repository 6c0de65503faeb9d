/* SPDX-License-Identifier: MIT */
/*
 * Every system call of a hub fails once, at each of its occurrences, with each errno that it may have. Whatever
 * happens, nothing is delivered torn or twice, nothing leaks, and when the fault is gone the conversation goes on.
 */
#include "hub_ends.h"

#include "support/faulty.h"

enum { SENDERS = 2, NUMBERS = 200, MESSAGE_MAX = 20000 };

struct fault {
    enum faulty_call call;
    int errors[5];
};

static const struct fault faults[] = {
    {FAULTY_accept4, {EMFILE, ENOMEM, ECONNABORTED, EPERM}},
    {FAULTY_send, {ENOMEM, ENOBUFS, EPIPE, EAGAIN}},
    {FAULTY_sendmsg, {ENOMEM, ENOBUFS, EPIPE, EAGAIN}},
    {FAULTY_recv, {ENOMEM, ECONNRESET, EAGAIN}},
    {FAULTY_recvmsg, {ENOMEM, ECONNRESET, EAGAIN}},
    {FAULTY_epoll_create1, {EMFILE, ENOMEM}},
    {FAULTY_epoll_ctl, {ENOMEM, ENOSPC}},
    {FAULTY_epoll_wait, {EINTR}},
    {FAULTY_timerfd_create, {EMFILE, ENOMEM}},
    {FAULTY_open_at, {EMFILE, ENFILE}},
    {FAULTY_socket, {EMFILE, ENOBUFS}},
    {FAULTY_connect, {ECONNREFUSED, EACCES}},
    {FAULTY_shutdown, {ENOTCONN}},
    {FAULTY_close, {EIO}},
    {FAULTY_getrandom, {ENOSYS}},
    {FAULTY_calloc, {ENOMEM}},
    {FAULTY_realloc, {ENOMEM}},
};

enum kind { PULL_LISTENS, PUSH_LISTENS, JOINED_PAIR, KINDS };

static enum kind kind;
static struct end senders[SENDERS], receivers[SENDERS];
static struct end *from[SENDERS], *to[SENDERS];
static uint32_t n_from, n_to;
static uint64_t next_number[SENDERS];
static bool seen[SENDERS][NUMBERS];
static uint8_t out_bytes[SENDERS][MESSAGE_MAX], in_bytes[MESSAGE_MAX];

/* ---- the conversation ------------------------------------------------------------------------------------------ */

static int try_listen(struct end *end, uint32_t role)
{
    struct tongi_hub_setup setup = end_setup(end, role);

    setup.listening = true;
    meeting_len = sizeof(sa_family_t);
    end_init(end, &setup);
    return tongi_hub_listen(&end->hub, meeting_listen());
}

static void try_connect(struct end *end, uint32_t role)
{
    struct tongi_hub_setup setup = end_setup(end, role);

    end_init(end, &setup);
    (void)!tongi_hub_step(&end->hub, role == TONG_PULL ? TONG_IN : TONG_OUT);
}

static int try_pair(void)
{
    int fds[2], r = 0;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    for (int i = 0; i < 2; i++) {
        struct tongi_hub_setup setup = end_setup(&senders[i], TONG_PAIR);
        setup.reconnect = false;
        end_init(&senders[i], &setup);
        int joined = tongi_hub_join(&senders[i].hub, fds[i], false);
        if (joined < 0)
            close(fds[i]);
        r = joined < 0 ? joined : r;
    }
    return r;
}

static int try_open(void)
{
    int r;

    n_from = n_to = SENDERS;
    for (int i = 0; i < SENDERS; i++) {
        from[i] = &senders[i];
        to[i] = kind == JOINED_PAIR ? &senders[1 - i] : &receivers[i];
    }
    if (kind == JOINED_PAIR)
        return try_pair();
    n_from = kind == PULL_LISTENS ? SENDERS : 1;
    n_to = kind == PULL_LISTENS ? 1 : SENDERS;
    if (kind == PULL_LISTENS)
        r = try_listen(&receivers[0], TONG_PULL);
    else
        r = try_listen(&senders[0], TONG_PUSH);
    for (int i = 0; i < SENDERS; i++)
        try_connect(kind == PULL_LISTENS ? &senders[i] : &receivers[i], kind == PULL_LISTENS ? TONG_PUSH : TONG_PULL);
    return r;
}

static void close_all(void)
{
    for (uint32_t i = 0; i < n_from; i++)
        end_close(from[i]);
    for (uint32_t i = 0; i < n_to && kind != JOINED_PAIR; i++)
        end_close(to[i]);
}

/* ---- messages: the sender, the number, then a pattern ----------------------------------------------------------- */

static size_t message_len(uint64_t number)
{
    static const size_t lens[] = {20, 6000, MESSAGE_MAX};

    return lens[number % 3];
}

static void send_next(uint32_t sender)
{
    uint64_t number = next_number[sender];
    uint8_t *bytes = out_bytes[sender];
    size_t len = message_len(number);

    CHECK(number < NUMBERS);
    pattern_fill(bytes, len, number * SENDERS + sender);
    bytes[0] = (uint8_t)sender;
    bytes[1] = (uint8_t)number;
    int64_t r = end_send(from[sender], bytes, len);
    /* What was begun is on its way, and whatever failed is offered again under its old number. */
    if (r == 1 || tongi_hub_settle_out(&from[sender]->hub) == 1)
        next_number[sender]++;
}

static void check_message(uint8_t *bytes, size_t len)
{
    CHECK(len >= 20 && bytes[0] < SENDERS && bytes[1] < NUMBERS);
    uint32_t sender = bytes[0];
    uint64_t number = bytes[1], pattern = number * SENDERS + sender;

    CHECK(len == message_len(number));
    CHECK(!seen[sender][number]);
    seen[sender][number] = true;
    bytes[0] = pattern_byte(pattern, 0);
    bytes[1] = pattern_byte(pattern, 1);
    CHECK(pattern_holds(bytes, len, pattern));
}

static void receive_some(struct end *end, bool in_place)
{
    for (int i = 0; i < 10; i++) {
        tong_span span;
        if (in_place) {
            if (tongi_hub_peek(&end->hub, &span, NULL, 1) != 1)
                return;
            check_message(span.data, span.len);
            CHECK(tongi_hub_release(&end->hub, &span, 1) == 0);
            continue;
        }
        int64_t len = end_recv(end, in_bytes, sizeof in_bytes);
        if (len < 0) {
            CHECK(tongi_hub_settle_in(&end->hub) == 0 || tongi_error_is(-ENOMEM));
            return;
        }
        check_message(in_bytes, (size_t)len);
    }
}

static void talk(int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < n_from; i++)
            send_next(i);
        for (uint32_t i = 0; i < n_to; i++)
            receive_some(to[i], round % 2);
        for (uint32_t i = 0; i < n_from; i++)
            (void)!tongi_hub_flush(&from[i]->hub);
        if (round == 0) {
            (void)!tongi_hub_fd(&to[0]->hub, TONG_IN);
            (void)!tongi_hub_fd(&from[0]->hub, TONG_OUT);
        }
        hub_now_ns += 3 * MS;
    }
}

/* A message that is sent from now on arrives. */
static bool works(uint32_t sender)
{
    uint64_t fresh = next_number[sender];

    for (int i = 0; i < 40; i++) {
        talk(1);
        for (uint64_t number = fresh; number < NUMBERS; number++)
            if (seen[sender][number])
                return true;
        hub_now_ns += 2 * TONGI_BACKOFF_LAST_NS;
    }
    return false;
}

/* ---- one fault ------------------------------------------------------------------------------------------------- */

/* false: the call does not occur so often. */
static bool survive(enum faulty_call call, uint64_t k, int error, size_t step)
{
    int fds = runner_count_fds();

    hub_faults();
    memset(seen, 0, sizeof seen);
    memset(next_number, 0, sizeof next_number);
    faulty_shorten(step);
    faulty_fail(call, k, error);
    int opened = try_open();
    if (opened >= 0)
        talk(6);
    bool struck = faulty_count(call) >= k;
    faulty_fail(call, 0, 0);
    /* Two joined ends have nobody to go to when their connection is cut. */
    if (opened >= 0 && kind != JOINED_PAIR) {
        hub_now_ns += TONGI_HANDSHAKE_NS;
        for (uint32_t i = 0; i < n_from; i++)
            if (!works(i))
                ck_abort_msg("call %d, occurrence %d, errno %d: sender %u is stuck", (int)call, (int)k, error, i);
    }
    close_all();
    if (runner_count_fds() != fds)
        ck_abort_msg("call %d, occurrence %d, errno %d: a descriptor leaked", (int)call, (int)k, error);
    return struck;
}

TONG_TEST_LOOP_TIMEOUT(every_call_fails_once, 0, 2 * KINDS, 40)
{
    size_t step = _i < KINDS ? 0 : 700;

    kind = (enum kind)(_i % KINDS);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (const int *error = faults[i].errors; *error; error++)
            for (uint64_t k = 1; survive(faults[i].call, k, *error, step); k += 1 + k / 8)
                continue;
}

TONG_TEST_LOOP_TIMEOUT(every_call_is_interrupted, 0, KINDS, 20)
{
    kind = (enum kind)_i;
    for (uint64_t every = 3; every < 20; every++) {
        hub_faults();
        memset(seen, 0, sizeof seen);
        memset(next_number, 0, sizeof next_number);
        faulty_interrupt(every);
        ck_ok(try_open());
        talk(6);
        for (uint32_t i = 0; i < n_from; i++)
            ck_assert_msg(works(i), "kind %d, every %d, sender %u", (int)kind, (int)every, i);
        close_all();
    }
}

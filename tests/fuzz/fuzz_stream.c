/* SPDX-License-Identifier: MIT */
/*
 * Hubs that read whatever peers may write, in pieces of any size, over a system that exists only here. The input is a
 * small program: who the hub is, how its reader behaves, and what each peer writes. A decoder of this file's own says
 * which messages are due; nothing else may be delivered, and memory may only follow what was really written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <tong/tong.h>

#include "prim/frame.h"
#include "prim/hub.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEERS = 3, STREAM_MAX = 200000, MESSAGES_MAX = 20000, SIZE_MAX_BYTES = 80000, LISTENER = 900, PEER_0 = 1000 };

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* ---- the input ------------------------------------------------------------------------------------------------- */

static const uint8_t *input, *input_end;
static uint64_t dice;

static uint32_t take(uint32_t bytes)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < bytes && input < input_end; i++)
        value |= (uint32_t)*input++ << 8 * i;
    return value;
}

static uint32_t roll(uint32_t n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 32) % n;
}

/* ---- what each peer writes, and what of it is due --------------------------------------------------------------- */

struct message {
    size_t at, len;
};

static struct peer {
    uint8_t bytes[STREAM_MAX];
    size_t len, at;
    bool open, resets;
    void *watch; /* what the hub registered; NULL: nothing */
    struct message due[MESSAGES_MAX];
    uint32_t n_due, delivered;
    bool finishes;
} peers[PEERS];
static uint32_t n_peers, accepted;
static uint32_t size_max; /* the hub's limit */
static size_t written;    /* by all of them */

static void put(struct peer *peer, const void *bytes, size_t len)
{
    if (len > STREAM_MAX - peer->len)
        len = STREAM_MAX - peer->len;
    memcpy(peer->bytes + peer->len, bytes, len);
    peer->len += len;
    written += len;
}

static void put_body(struct peer *peer, size_t len)
{
    static uint8_t body[1 << 17];

    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(peer->len + i * 7 + (i >> 8));
    put(peer, body, len);
}

static void put_header(struct peer *peer, uint32_t type, uint32_t len, uint32_t flags)
{
    uint8_t bytes[TONGI_FRAME_BYTES];

    tongi_frame_encode(bytes, (enum tongi_frame_type)(uint8_t)type, len);
    bytes[5] = (uint8_t)flags;
    put(peer, bytes, sizeof bytes);
}

static void put_hello(struct peer *peer, uint32_t role, uint32_t more)
{
    uint8_t bytes[TONGI_HELLO_BYTES];

    tongi_hello_encode(bytes, &(struct tongi_hello){.role = role, .size_max = SIZE_MAX_BYTES});
    put_header(peer, TONGI_FRAME_HELLO, sizeof bytes - TONGI_FRAME_BYTES + more, 0);
    put(peer, bytes + TONGI_FRAME_BYTES, sizeof bytes - TONGI_FRAME_BYTES);
    put_body(peer, more);
}

/* One step of the program. */
static void write_some(struct peer *peer)
{
    uint32_t step = take(1), len;

    switch (step % 10) {
    case 0: /* bytes as they are */
        for (len = take(1); len; len--)
            put(peer, &(uint8_t){(uint8_t)take(1)}, 1);
        break;
    case 1:
        put_hello(peer, take(1), 0);
        break;
    case 2: /* a message */
        len = take(2);
        put_header(peer, TONGI_FRAME_DATA, len, 0);
        put_body(peer, len);
        break;
    case 3: /* a long one */
        len = take(2) * 2;
        put_header(peer, TONGI_FRAME_DATA, len, 0);
        put_body(peer, len);
        break;
    case 4: /* many empty ones, or nearly so */
        for (len = take(1); len; len--) {
            put_header(peer, TONGI_FRAME_DATA, len % 3, 0);
            put_body(peer, len % 3);
        }
        break;
    case 5:
        put_header(peer, TONGI_FRAME_END, 0, 0);
        break;
    case 6: /* a header that promises anything */
        len = take(4);
        put_header(peer, take(1), len, take(1));
        break;
    case 7: /* a refusal */
        len = take(2) % 600;
        put_header(peer, TONGI_FRAME_REFUSE, len, 0);
        put_body(peer, len);
        break;
    case 8:
        put_hello(peer, take(1), take(2) % 600);
        break;
    default: /* half a message */
        len = take(2);
        put_header(peer, TONGI_FRAME_DATA, len, 0);
        put_body(peer, len / 2);
        break;
    }
}

static uint32_t word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool is_hello(const uint8_t *body, uint32_t len, uint32_t partner)
{
    return len >= 16 && memcmp(body, "TONG", 4) == 0 && body[4] == 1 && body[5] == partner;
}

/* docs/FORMATS.md, a second time. */
static void find_due(struct peer *peer, uint32_t partner, bool receives)
{
    bool greeted = false;

    for (size_t at = 0; peer->len - at >= 8;) {
        const uint8_t *header = peer->bytes + at;
        uint32_t len = word(header), type = header[4];
        bool plain = header[5] == 0 && header[6] == 0 && header[7] == 0;
        if (!plain || (type == 2) == greeted || (type == 1 && (len > size_max || !receives)))
            return;
        if ((type == 3 && len) || (type == 2 && len > 512) || type > 3 || type == 0)
            return;
        if (len > peer->len - at - 8)
            return;
        if (type == 2 && !is_hello(header + 8, len, partner))
            return;
        if (type == 3) {
            peer->finishes = true;
            return;
        }
        greeted = true;
        if (type == 1)
            peer->due[peer->n_due++] = (struct message){at + 8, len};
        at += 8 + len;
    }
}

/* ---- the system ------------------------------------------------------------------------------------------------ */

static uint32_t piece_max;
static bool listening;

static struct peer *peer_of(int fd)
{
    return fd >= PEER_0 && fd < PEER_0 + PEERS ? &peers[fd - PEER_0] : NULL;
}

static ssize_t fail(int error)
{
    errno = error;
    return -1;
}

static int fake_accept(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    (void)address, (void)len, (void)flags;
    must(fd == LISTENER);
    if (accepted == n_peers)
        return (int)fail(EAGAIN);
    if (roll(8) == 0)
        return (int)fail(ECONNABORTED);
    peers[accepted].open = true;
    return PEER_0 + (int)accepted++;
}

static ssize_t fake_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct peer *peer = peer_of(fd);
    size_t left = 1 + roll(piece_max), got = 0;

    (void)flags;
    must(peer && peer->open);
    if (roll(8) == 0)
        return fail(roll(4) ? EAGAIN : EINTR);
    if (left > peer->len - peer->at)
        left = peer->len - peer->at;
    if (!left)
        return peer->resets ? fail(ECONNRESET) : 0;
    for (size_t i = 0; i < message->msg_iovlen && left; i++) {
        const struct iovec *part = &message->msg_iov[i];
        size_t n = part->iov_len < left ? part->iov_len : left;
        memcpy(part->iov_base, peer->bytes + peer->at, n);
        peer->at += n;
        left -= n;
        got += n;
    }
    return (ssize_t)got;
}

static ssize_t fake_recv(int fd, void *data, size_t len, int flags)
{
    struct iovec part = {data, len};

    must(len > 0);
    return fake_recvmsg(fd, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1}, flags);
}

static ssize_t fake_send(int fd, const void *data, size_t len, int flags)
{
    (void)data, (void)flags;
    must(peer_of(fd) && peer_of(fd)->open);
    return (ssize_t)len;
}

static int fake_shutdown(int fd, int how)
{
    (void)fd, (void)how;
    return 0;
}

static int fake_close(int fd)
{
    struct peer *peer = peer_of(fd);

    must(!peer || peer->open);
    if (peer)
        peer->open = false;
    return 0;
}

static int fake_open(int directory, const char *path, int flags, mode_t mode)
{
    (void)directory, (void)path, (void)flags, (void)mode;
    return 901;
}

static int fake_epoll_create(int flags)
{
    (void)flags;
    return 902;
}

/* What the listener is watched with does not matter: it is the one without a pointer. */
static bool listener_watched;

static int fake_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    struct peer *peer = peer_of(fd);
    bool adds = operation == EPOLL_CTL_ADD;

    (void)epoll;
    if (fd == LISTENER)
        listener_watched = adds;
    else if (peer)
        peer->watch = adds ? event->data.ptr : NULL;
    return 0;
}

static int fake_epoll_wait(int epoll, struct epoll_event *events, int n, int timeout_ms)
{
    uint32_t first = roll(PEERS);
    int count = 0;

    (void)epoll, (void)timeout_ms;
    must(n > PEERS);
    if (roll(8) == 0)
        return (int)fail(EINTR);
    if (listener_watched && accepted < n_peers && roll(2))
        events[count++] = (struct epoll_event){.events = EPOLLIN};
    for (uint32_t i = 0; i < PEERS; i++) {
        struct peer *peer = &peers[(first + i) % PEERS];
        if (peer->open && peer->watch && roll(4))
            events[count++] = (struct epoll_event){.events = EPOLLIN, .data.ptr = peer->watch};
    }
    return count;
}

static int fake_clock(clockid_t clock, struct timespec *ret_time)
{
    (void)clock;
    *ret_time = (struct timespec){.tv_sec = 1};
    return 0;
}

/* Nothing is taken for what was only announced. */
static void *fake_realloc(void *block, size_t bytes)
{
    must(bytes <= 2 * written + (1 << 17));
    return realloc(block, bytes);
}

static void *fake_calloc(size_t n, size_t bytes)
{
    must(n * bytes <= 1 << 17);
    return calloc(n, bytes);
}

static void system_fake(void)
{
    tongi_sys_table = tongi_sys_real;
    tongi_sys_table.accept4 = fake_accept;
    tongi_sys_table.recv = fake_recv;
    tongi_sys_table.recvmsg = fake_recvmsg;
    tongi_sys_table.send = fake_send;
    tongi_sys_table.shutdown = fake_shutdown;
    tongi_sys_table.close = fake_close;
    tongi_sys_table.open_at = fake_open;
    tongi_sys_table.epoll_create1 = fake_epoll_create;
    tongi_sys_table.epoll_ctl = fake_epoll_ctl;
    tongi_sys_table.epoll_wait = fake_epoll_wait;
    tongi_sys_table.clock_gettime = fake_clock;
    tongi_sys_table.realloc = fake_realloc;
    tongi_sys_table.calloc = fake_calloc;
}

/* ---- the reader ------------------------------------------------------------------------------------------------ */

static struct tongi_hub hub;
static uint8_t *room; /* lent to the hub after -EAGAIN */
static size_t room_len;

static void delivered(uint64_t number, const void *data, size_t len)
{
    must(number >= 1 && number <= n_peers);
    struct peer *peer = &peers[number - 1];
    must(peer->delivered < peer->n_due);
    const struct message *due = &peer->due[peer->delivered++];
    must(due->len == len && memcmp(peer->bytes + due->at, data, len) == 0);
}

static void room_free(void)
{
    must(tongi_hub_settle_in(&hub) == 0);
    free(room);
    room = NULL;
}

static int64_t receive_one(void)
{
    tong_meta meta = {.struct_size = sizeof meta};

    if (room && roll(2))
        room_free();
    if (!room) {
        room_len = roll(3) ? SIZE_MAX_BYTES : roll(40000);
        room = malloc(room_len + 1);
        must(room != NULL);
    }
    tong_bytes msg = {room, room_len};
    int64_t r = tongi_hub_recv(&hub, &msg, 1, &meta);
    if (r == -EAGAIN)
        return r;
    if (r == TONG_E_TOOBIG)
        must(tongi_hub_next_size(&hub) > (int64_t)room_len);
    if (r > 0)
        delivered(meta.peer, room, msg.len);
    free(room);
    room = NULL;
    return r;
}

static int64_t receive_many(void)
{
    static uint8_t bytes[4][5000];
    tong_bytes msgs[4];

    room_free();
    for (int i = 0; i < 4; i++)
        msgs[i] = (tong_bytes){bytes[i], roll(5000)};
    int64_t r = tongi_hub_recv(&hub, msgs, 4, NULL);
    for (int64_t i = 0; i < r; i++)
        delivered(hub.in->peer, bytes[i], msgs[i].len);
    must(tongi_hub_settle_in(&hub) == 0 || r > 0);
    return r;
}

static int64_t peek_some(void)
{
    tong_span spans[6];
    tong_meta metas[6];
    int64_t lent = 0, r;

    room_free();
    do {
        r = tongi_hub_peek(&hub, spans + lent, metas + lent, 1 + roll(2));
        lent += r > 0 ? r : 0;
    } while (r > 0 && lent < 4 && roll(3));
    for (int64_t i = 0; i < lent; i++)
        delivered(metas[i].peer, spans[i].data, spans[i].len);
    if (lent)
        must(tongi_hub_release(&hub, spans, (uint32_t)lent) == 0);
    return lent ? lent : r;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static bool is_over(void)
{
    if (!listening)
        return hub.in_fate != TONGI_FATE_OPEN;
    return accepted == n_peers && hub.count == 0;
}

static void read_all(bool sends_only)
{
    for (uint64_t turns = 0; !is_over(); turns++) {
        int64_t r;
        must(turns < 100 * (written + 1000));
        if (sends_only) {
            tongi_hub_look(&hub);
            continue;
        }
        switch (roll(4)) {
        case 0:
            r = receive_many();
            break;
        case 1:
            r = peek_some();
            break;
        case 2:
            r = tongi_hub_next_size(&hub);
            break;
        default:
            r = receive_one();
            break;
        }
        must(r >= 0 || r == -EAGAIN || r == TONG_E_TOOBIG || r == -ENOBUFS || hub.in_fate != TONGI_FATE_OPEN);
    }
    room_free();
}

static void hub_make(uint32_t role, struct tongi_report *report)
{
    static const struct tongi_net no_net;
    const struct tongi_hub_setup setup = {
        .net = &no_net,
        .address = "fuzz",
        .report = report,
        .role = role,
        .listening = listening,
        .size_max = size_max,
        .peers_max = PEERS,
        .handshake_ns = 1,
    };

    must(tongi_hub_init(&hub, &setup) == 0);
    if (listening) {
        must(tongi_hub_listen(&hub, LISTENER) == 0);
        return;
    }
    accepted = 1;
    peers[0].open = true;
    must(tongi_hub_join(&hub, PEER_0, false) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t roles[4] = {TONG_PAIR, TONG_PULL, TONG_PULL, TONG_PUSH};
    static const uint32_t pieces[4] = {1, 20, 5000, STREAM_MAX};
    struct tongi_report report;

    input = data;
    input_end = data + size;
    uint32_t how = take(1);
    uint32_t role = roles[how % 4], partner = role == TONG_PULL ? TONG_PUSH : role == TONG_PUSH ? TONG_PULL : TONG_PAIR;
    piece_max = pieces[how / 4 % 4];
    listening = how % 4 >= 2;
    n_peers = listening ? 1 + how / 16 % 4 % PEERS : 1;
    size_max = how & 64 ? 1000 : SIZE_MAX_BYTES;
    dice = 0x9e3779b97f4a7c15u + take(2);
    accepted = 0;
    written = 0;
    for (uint32_t i = 0; i < PEERS; i++) {
        struct peer *peer = &peers[i];
        peer->len = peer->at = peer->n_due = peer->delivered = 0;
        peer->open = peer->finishes = false;
        peer->watch = NULL;
        peer->resets = i < n_peers && take(1) % 2;
    }
    for (uint32_t turn = 0; input < input_end && turn < 300; turn++)
        write_some(&peers[turn % n_peers]);
    for (uint32_t i = 0; i < n_peers; i++)
        find_due(&peers[i], partner, role != TONG_PUSH);
    /* A long stream byte by byte would take the time of a thousand others. */
    if (piece_max < written / 500)
        piece_max = (uint32_t)(written / 500);

    system_fake();
    tongi_report_init(&report);
    hub_make(role, &report);
    read_all(role == TONG_PUSH);
    for (uint32_t i = 0; i < n_peers; i++)
        must(peers[i].delivered == peers[i].n_due);
    must(listening || (hub.in_fate == TONGI_FATE_END) == peers[0].finishes);
    tongi_hub_fini(&hub, true);
    for (uint32_t i = 0; i < PEERS; i++)
        must(!peers[i].open);
    tongi_report_fini(&report);
    return 0;
}

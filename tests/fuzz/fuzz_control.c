/* SPDX-License-Identifier: MIT */
/*
 * What comes beside the bytes of a socket. First the input as the control messages of one read, in an allocation of
 * just their length. Then the input as a program: what a peer writes, where descriptors are attached, and in which
 * pieces a hub reads it, over a system that exists only here. Whatever comes, each descriptor is handed over with the
 * message that announced it or is closed, once, and no message comes with another count than it announced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <tong/tong.h>

#include "prim/control.h"
#include "prim/frame.h"
#include "prim/hub.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEER = 1000, FDS_FIRST = 2000, FDS_MAX = 4000, BYTES_MAX = 200000, MARKS_MAX = 500, SIZE_MAX_BYTES = 40000 };

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* ---- one read -------------------------------------------------------------------------------------------------- */

static void fuzz_read(const uint8_t *data, size_t size)
{
    static struct tongi_control control;
    uint8_t *exact = malloc(size ? size : 1);

    must(exact != NULL);
    if (size)
        memcpy(exact, data, size);
    tongi_control_read(exact, size, &control);
    must(control.n_fds * sizeof(int) <= (size < TONGI_CONTROL_BYTES ? size : TONGI_CONTROL_BYTES));
    must(control.credentials || (!control.pid && !control.uid && !control.gid));
    free(exact);
}

static void fuzz_write(const uint8_t *data, size_t size)
{
    static union tongi_control_room room;
    static struct tongi_control control;
    int fds[TONGI_DESCRIPTORS_MAX];
    uint32_t n = (uint32_t)(size / sizeof *fds);

    n = n < TONGI_DESCRIPTORS_MAX ? n : TONGI_DESCRIPTORS_MAX;
    if (!n)
        return;
    memcpy(fds, data, n * sizeof *fds);
    tongi_control_read(room.bytes, tongi_control_write(&room, fds, n), &control);
    must(control.n_fds == n && memcmp(control.fds, fds, n * sizeof *fds) == 0 && !control.credentials);
}

/* ---- the input as a program ------------------------------------------------------------------------------------ */

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

/* ---- what the peer writes -------------------------------------------------------------------------------------- */

/* From here on another call of the sender's wrote, with so many descriptors, as that process. */
struct mark {
    size_t at;
    uint32_t n_fds, pid;
};

static uint8_t bytes[BYTES_MAX];
static struct mark marks[MARKS_MAX];
static size_t bytes_len, bytes_at;
static uint32_t n_marks, next_mark;
static uint32_t let_in, credentials, starved;

static void mark(uint32_t n_fds, uint32_t pid)
{
    if (n_marks < MARKS_MAX)
        marks[n_marks++] = (struct mark){bytes_len, n_fds, pid};
}

static void put(const void *data, size_t len)
{
    len = len < BYTES_MAX - bytes_len ? len : BYTES_MAX - bytes_len;
    if (data)
        memcpy(bytes + bytes_len, data, len);
    else
        memset(bytes + bytes_len, 'b', len);
    bytes_len += len;
}

static void put_message(uint32_t len, uint32_t announced)
{
    uint8_t header[TONGI_FRAME_BYTES];

    tongi_frame_encode_with(header, TONGI_FRAME_DATA, len, announced);
    put(header, sizeof header);
    put(NULL, len);
}

static void write_some(void)
{
    uint32_t step = take(1), n = take(1) % 8, pid = 1 + step / 8 % 3;

    switch (step % 8) {
    case 0: /* as it should be */
    case 1:
        mark(n, pid);
        put_message(take(1), n);
        break;
    case 2: /* long */
        mark(n, pid);
        put_message(take(2) / 2, n);
        break;
    case 3: /* plain */
        mark(0, pid);
        put_message(take(1), 0);
        break;
    case 4: /* a lie */
        mark(n, pid);
        put_message(take(1), take(1) % 8);
        break;
    case 5: /* descriptors with anything, such as the middle of a body or of a header */
        mark(n, pid);
        put(NULL, take(1));
        break;
    case 6: /* a message of which the sender changes */
        mark(n, pid);
        put_message(take(1), n);
        bytes_len -= bytes_len ? 1 : 0;
        mark(0, pid + 1);
        put("e", 1);
        break;
    default: /* half a header */
        mark(n, pid);
        put("\x05\0\0\0\x01\0\1\0", take(1) % 8);
        break;
    }
}

static void write_hello(void)
{
    uint8_t hello[TONGI_HELLO_BYTES];

    tongi_hello_encode(hello, &(struct tongi_hello){.role = TONG_PAIR, .size_max = 1, .descriptors = 1});
    put(hello, sizeof hello);
}

/* ---- the system ------------------------------------------------------------------------------------------------ */

static bool is_open[FDS_MAX];
static uint32_t given; /* how many descriptors the system has handed out */

static ssize_t fail(int error)
{
    errno = error;
    return -1;
}

/* As the kernel does it: descriptors come with the first byte of what was sent with them, and end the read behind it;
 * another sender's bytes begin another read. */
static void attach(struct msghdr *message, uint32_t n_fds, uint32_t pid, size_t room)
{
    uint8_t *to = message->msg_control;
    struct cmsghdr header = {.cmsg_level = SOL_SOCKET};
    uint32_t ids[3] = {pid, 7, 8};

    message->msg_controllen = 0;
    message->msg_flags = 0;
    if (credentials) {
        must(room >= CMSG_SPACE(sizeof ids));
        header.cmsg_type = SCM_CREDENTIALS;
        header.cmsg_len = CMSG_LEN(sizeof ids);
        memcpy(to, &header, sizeof header);
        memcpy(to + CMSG_LEN(0), ids, sizeof ids);
        message->msg_controllen = CMSG_SPACE(sizeof ids);
    }
    room -= message->msg_controllen;
    uint32_t fitting = room > CMSG_LEN(0) ? (uint32_t)((room - CMSG_LEN(0)) / sizeof(int)) : 0;
    if (n_fds && starved && roll(2))
        fitting = fitting < n_fds ? fitting : n_fds - 1;
    if (fitting < n_fds)
        message->msg_flags = MSG_CTRUNC;
    n_fds = fitting < n_fds ? fitting : n_fds;
    n_fds = n_fds < FDS_MAX - given ? n_fds : FDS_MAX - given;
    if (!n_fds)
        return;
    header.cmsg_type = SCM_RIGHTS;
    header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    memcpy(to + message->msg_controllen, &header, sizeof header);
    for (uint32_t i = 0; i < n_fds; i++) {
        int fd = FDS_FIRST + (int)given;
        is_open[given++] = true;
        memcpy(to + message->msg_controllen + CMSG_LEN(i * sizeof fd), &fd, sizeof fd);
    }
    message->msg_controllen += header.cmsg_len;
}

static size_t until(uint32_t mark)
{
    return mark < n_marks ? marks[mark].at : bytes_len;
}

static ssize_t fake_recvmsg(int fd, struct msghdr *message, int flags)
{
    size_t room = message->msg_controllen, left = 1 + roll(roll(4) ? BYTES_MAX : 20), got = 0;
    uint32_t n_fds = 0, pid = 0;

    must(fd == PEER && flags & MSG_CMSG_CLOEXEC);
    if (roll(8) == 0)
        return fail(EAGAIN);
    for (size_t i = 0; i < message->msg_iovlen && left; i++) {
        const struct iovec *part = &message->msg_iov[i];
        for (size_t at = 0; at < part->iov_len && left;) {
            while (next_mark < n_marks && marks[next_mark].at == bytes_at) {
                const struct mark *here = &marks[next_mark];
                /* Nothing was sent by it: the next mark is at the same place. */
                if (until(next_mark + 1) == bytes_at) {
                    next_mark++;
                    continue;
                }
                if (n_fds || (got && credentials && here->pid != pid))
                    goto out;
                n_fds = here->n_fds;
                pid = here->pid;
                next_mark++;
            }
            if (!got && next_mark)
                pid = marks[next_mark - 1].pid;
            size_t n = until(next_mark) - bytes_at;
            n = n < left ? n : left;
            n = n < part->iov_len - at ? n : part->iov_len - at;
            if (!n)
                goto out;
            memcpy((uint8_t *)part->iov_base + at, bytes + bytes_at, n);
            bytes_at += n;
            at += n;
            left -= n;
            got += n;
        }
    }
out:
    attach(message, n_fds, pid, room);
    return (ssize_t)got;
}

static ssize_t fake_send(int fd, const void *data, size_t len, int flags)
{
    (void)data, (void)flags;
    must(fd == PEER);
    return (ssize_t)len;
}

static int fake_shutdown(int fd, int how)
{
    (void)fd, (void)how;
    return 0;
}

static int fake_close(int fd)
{
    if (fd == PEER)
        return 0;
    must(fd >= FDS_FIRST && fd < FDS_FIRST + (int)given && is_open[fd - FDS_FIRST]);
    is_open[fd - FDS_FIRST] = false;
    return 0;
}

static void system_fake(void)
{
    tongi_sys_table = tongi_sys_real;
    tongi_sys_table.recvmsg = fake_recvmsg;
    tongi_sys_table.send = fake_send;
    tongi_sys_table.shutdown = fake_shutdown;
    tongi_sys_table.close = fake_close;
}

/* ---- the reader ------------------------------------------------------------------------------------------------ */

static struct tongi_hub hub;
static size_t taken_at; /* where the next message's header stands */

static uint32_t pid_at(size_t at)
{
    uint32_t i = 0;

    while (i < n_marks && until(i + 1) <= at)
        i++;
    return i < n_marks && marks[i].at <= at ? marks[i].pid : 0;
}

/* A second look at what was delivered, in the bytes themselves. */
static void delivered(size_t len, const tong_meta *meta)
{
    struct tongi_frame frame = tongi_frame_decode(bytes + taken_at);

    must(frame.type == TONGI_FRAME_DATA && frame.len == len);
    must(meta->n_fds == frame.descriptors && frame.descriptors <= let_in);
    for (uint32_t i = 0; i < meta->n_fds; i++)
        fake_close(meta->fds[i]);
    if (credentials && meta->flags & TONG_VOUCHED)
        for (size_t at = taken_at; at < taken_at + TONGI_FRAME_BYTES + len; at++)
            must(pid_at(at) == meta->pid);
    taken_at += TONGI_FRAME_BYTES + len;
}

static int64_t receive_one(void)
{
    static uint8_t body[SIZE_MAX_BYTES];
    int fds[16];
    tong_meta meta = {.struct_size = sizeof meta, .fds = fds, .n_fds = roll(4) ? 16 : roll(16)};
    tong_bytes msg = {body, roll(3) ? SIZE_MAX_BYTES : roll(300)};
    tong_span span;
    int64_t r;

    if (roll(3) == 0) {
        r = tongi_hub_peek(&hub, &span, &meta, 1);
        if (r == 1) {
            delivered(span.len, &meta);
            must(tongi_hub_release(&hub, &span, 1) == 0);
        }
        return r;
    }
    r = tongi_hub_recv(&hub, &msg, 1, &meta);
    if (r == 1)
        delivered(msg.len, &meta);
    must(tongi_hub_settle_in(&hub) == 0 || hub.in_fate != TONGI_FATE_OPEN);
    return r;
}

static void fuzz_hub(void)
{
    static const struct tongi_net no_net;
    struct tongi_report report;
    struct tongi_hub_setup setup = {
        .net = &no_net,
        .address = "fuzz",
        .report = &report,
        .role = TONG_PAIR,
        .size_max = SIZE_MAX_BYTES,
        .peers_max = 1,
        .handshake_ns = 1,
    };

    setup.descriptors = let_in;
    setup.credentials = credentials;
    system_fake();
    tongi_report_init(&report);
    must(tongi_hub_init(&hub, &setup) == 0);
    must(tongi_hub_join(&hub, PEER, false) == 0);
    taken_at = TONGI_HELLO_BYTES;
    for (uint64_t turns = 0; hub.in_fate == TONGI_FATE_OPEN; turns++) {
        must(turns < 100 * (bytes_len + 1000));
        (void)!receive_one();
    }
    tongi_hub_fini(&hub, true);
    tongi_report_fini(&report);
    for (uint32_t i = 0; i < given; i++)
        must(!is_open[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read(data, size);
    fuzz_write(data, size);

    input = data;
    input_end = data + size;
    uint32_t how = take(1);
    dice = 0x9e3779b97f4a7c15u + take(2);
    credentials = how & 1;
    starved = how & 2;
    let_in = how / 4 % 8;
    if (!credentials && !let_in)
        let_in = 7;
    bytes_len = bytes_at = 0;
    n_marks = next_mark = given = 0;
    mark(0, 1);
    write_hello();
    /* The longest step writes 32 KiB. */
    for (uint32_t turn = 0; input < input_end && turn < 100 && bytes_len < BYTES_MAX / 2; turn++)
        write_some();
    fuzz_hub();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The puller of datagrams. It always reads with room for the largest message of size=; what is longer was sent by
 * somebody who was told otherwise, and is dropped, counted and reported. A datagram of length 0 is an empty message.
 *
 * Whom allow= does not name is dropped before anything else is looked at. Only with it, or when senders are to be told,
 * the kernel is asked for them.
 */
#include <string.h>

#include "base/error.h"
#include "prim/control.h"
#include "prim/packet.h"
#include "sys/sys.h"
#include "transport/unix_dgram.h"

/* What stands in front of each datagram in the stage; bodies are aligned as memory of malloc is. */
struct head {
    uint32_t len;
    struct tongi_unix_dgram_sender sender;
};

enum {
    HEAD_BYTES = 16,
    STRANGERS_MAX = 64 /* dropped by one call, which then looks at its deadline */
};
_Static_assert(sizeof(struct head) == HEAD_BYTES, "it keeps bodies aligned");

static size_t slot_bytes(size_t len)
{
    return HEAD_BYTES + ((len + HEAD_BYTES - 1) & ~(size_t)(HEAD_BYTES - 1));
}

static struct head staged(const struct tongi_unix_dgram_stage *stage)
{
    struct head head;

    memcpy(&head, stage->data + stage->next, sizeof head);
    return head;
}

/* Makes room for the largest datagram behind what is there. */
static int stage_reserve(struct tongi_unix_dgram *dgram)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    size_t largest = slot_bytes(dgram->start->opts.size);

    if (!stage->data) {
        stage->data = tongi_sys_resize(NULL, TONGI_CHUNK_BYTES + largest);
        if (!stage->data)
            return TONG_FAIL(-ENOMEM, "%s: no memory for a message of %llu bytes", dgram->start->address,
                             (unsigned long long)dgram->start->opts.size);
        stage->room = TONGI_CHUNK_BYTES + largest;
    }
    if (stage->lent == stage->released && stage->next == stage->end)
        stage->next = stage->end = 0;
    return stage->room - stage->end < largest ? -ENOBUFS : 0;
}

/* What was dropped is told of once. */
static int too_long_fail(struct tongi_unix_dgram *dgram)
{
    size_t len = dgram->cut_short;

    dgram->cut_short = 0;
    return TONG_FAIL(-EMSGSIZE,
                     "%s: a datagram of %zu bytes came, over size=%llu, and was dropped; open this side with a larger "
                     "size=, or the senders with a smaller one",
                     dgram->start->address, len, (unsigned long long)dgram->start->opts.size);
}

/* What the system said: a length, or an error. -EMSGSIZE has no sentence yet: messages before it go first. */
static ssize_t received(struct tongi_unix_dgram *dgram, ssize_t got)
{
    if (got >= 0 && (size_t)got > dgram->start->opts.size) {
        dgram->cut_short = (size_t)got;
        dgram->lost++;
        tongi_report_count(&dgram->start->report->lost, 1);
        return -EMSGSIZE;
    }
    if (got >= 0)
        dgram->large = got > TONGI_GATHER_BYTES;
    if (got >= 0 || got == -EAGAIN)
        return got;
    return TONG_FAIL(got == -ENOBUFS ? -ENOMEM : (int)got, "%s: receiving failed: %s", dgram->start->address,
                     tong_error_text((int)got));
}

/* Adds the datagram of that length that was read, which stands behind the room for its head. */
static void stage_add(struct tongi_unix_dgram *dgram, size_t len)
{
    const struct head head = {(uint32_t)len, dgram->sender};

    memcpy(dgram->stage.data + dgram->stage.end, &head, sizeof head);
    dgram->stage.end += slot_bytes(len);
}

/* ---- whose they are -------------------------------------------------------------------------------------------- */

/* Reads a datagram and its sender. Descriptors have no room beside it: the kernel closes them. */
static ssize_t get_with_sender(struct tongi_unix_dgram *dgram, struct iovec *vector, uint32_t n)
{
    union tongi_control_room room;
    struct msghdr message = {
        .msg_iov = vector, .msg_iovlen = n, .msg_control = room.bytes, .msg_controllen = tongi_control_len(0, true)};
    struct tongi_control control;
    ssize_t got = tongi_sys_recvmsg(dgram->fd, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);

    if (got < 0)
        return got;
    tongi_control_read(room.bytes, message.msg_controllen, &control);
    dgram->sender = tongi_control_is_named(&control)
                        ? (struct tongi_unix_dgram_sender){control.pid, control.uid, control.gid}
                        : (struct tongi_unix_dgram_sender){0, UINT32_MAX, UINT32_MAX};
    return got;
}

static bool is_let_in(const struct tongi_unix_dgram *dgram)
{
    const struct tongi_unix_dgram_sender *sender = &dgram->sender;
    const struct tongi_allow *allow = dgram->name.allow;

    return !allow->count || (sender->uid != UINT32_MAX &&
                             (tongi_allow_has_user(allow, sender->uid) || tongi_allow_has_group(allow, sender->gid)));
}

/* Who floods us cannot keep a call: it comes to look at its deadline. */
static ssize_t get_allowed(struct tongi_unix_dgram *dgram, struct iovec *vector, uint32_t n)
{
    for (int i = 0; i < STRANGERS_MAX; i++) {
        ssize_t got = get_with_sender(dgram, vector, n);
        if (got < 0 || is_let_in(dgram))
            return got;
        const tong_event event = {.what = TONG_REFUSED,
                                  .error = -EACCES,
                                  .pid = dgram->sender.pid,
                                  .uid = dgram->sender.uid,
                                  .gid = dgram->sender.gid};
        tongi_report_event_of(dgram->start->report, &event);
    }
    return -EAGAIN;
}

static ssize_t get(struct tongi_unix_dgram *dgram, struct iovec *vector, uint32_t n)
{
    if (dgram->name.senders)
        return received(dgram, get_allowed(dgram, vector, n));
    return received(dgram, n == 1 ? tongi_packet_get(dgram->fd, vector[0].iov_base, vector[0].iov_len)
                                  : tongi_packet_getv(dgram->fd, vector, n));
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int read_staged(struct tongi_unix_dgram *dgram)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    ssize_t got = get(dgram, &(struct iovec){stage->data + stage->end + HEAD_BYTES, dgram->start->opts.size}, 1);

    if (got < 0)
        return (int)got;
    stage_add(dgram, (size_t)got);
    return 0;
}

/* Reads one that is likely to be long straight into the receiver's room; 1: it is there. What does not fit is put
 * together in the stage: 0. */
static int read_direct(struct tongi_unix_dgram *dgram, tong_bytes *msg)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    uint8_t *slot = stage->data + stage->end + HEAD_BYTES;
    size_t size_max = dgram->start->opts.size;
    size_t room = msg->len < size_max ? msg->len : size_max;
    struct iovec vector[2] = {{msg->data, room}, {slot + room, size_max - room}};
    ssize_t got = get(dgram, vector, 2);

    if (got < 0)
        return (int)got;
    if ((size_t)got <= room) {
        msg->len = (size_t)got;
        return 1;
    }
    memcpy(slot, msg->data, room);
    stage_add(dgram, (size_t)got);
    return 0;
}

/* Takes one message: 1, or 0 if the one that stands first does not fit. */
static int take(struct tongi_unix_dgram *dgram, tong_bytes *msg)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    int r = 0;

    if (stage->next == stage->end) {
        r = stage_reserve(dgram);
        if (r >= 0)
            r = dgram->large && msg->len > TONGI_GATHER_BYTES ? read_direct(dgram, msg) : read_staged(dgram);
        if (r != 0)
            return r;
    }
    struct head head = staged(stage);
    if (head.len > msg->len)
        return 0;
    if (head.len)
        memcpy(msg->data, stage->data + stage->next + HEAD_BYTES, head.len);
    msg->len = head.len;
    stage->next += slot_bytes(head.len);
    dgram->sender = head.sender;
    return 1;
}

static void meta_fill(struct tongi_unix_dgram *dgram, tong_meta *meta)
{
    bool vouched = dgram->name.senders && dgram->sender.uid != UINT32_MAX;

    *meta = (tong_meta){.struct_size = meta->struct_size, .lost = dgram->lost, .fds = meta->fds};
    if (vouched) {
        meta->flags = TONG_VOUCHED;
        meta->pid = dgram->sender.pid;
        meta->uid = dgram->sender.uid;
        meta->gid = dgram->sender.gid;
    }
    dgram->lost = 0;
}

int64_t tongi_unix_dgram_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    struct tongi_unix_dgram *dgram = state;
    uint32_t count = 0;
    int r = dgram->cut_short ? -EMSGSIZE : 1;

    while (count < n && r > 0) {
        r = take(dgram, &msgs[count]);
        count += r > 0;
    }
    if (count && meta)
        meta_fill(dgram, meta);
    if (count)
        return count;
    if (r == -EMSGSIZE)
        return too_long_fail(dgram);
    return r < 0 ? r
                 : TONG_FAIL(TONG_E_TOOBIG,
                             "%s: the message has %zu bytes and the room %zu; it stays until there is room",
                             dgram->start->address, (size_t)staged(&dgram->stage).len, msgs[0].len);
}

/* ---- in place -------------------------------------------------------------------------------------------------- */

/* Reads until a message stands in the stage that is not lent. */
static int advance(struct tongi_unix_dgram *dgram)
{
    struct tongi_unix_dgram_stage *stage = &dgram->stage;

    if (dgram->cut_short)
        return -EMSGSIZE;
    if (stage->next < stage->end)
        return 0;
    int r = stage_reserve(dgram);
    return r < 0 ? r : read_staged(dgram);
}

int64_t tongi_unix_dgram_peek(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    struct tongi_unix_dgram *dgram = state;
    struct tongi_unix_dgram_stage *stage = &dgram->stage;
    uint32_t count = 0;
    int r = 0;

    while (count < n && (r = advance(dgram)) >= 0) {
        struct head head = staged(stage);
        ret_spans[count] = (tong_span){stage->data + stage->next + HEAD_BYTES, head.len, ++stage->lent};
        stage->next += slot_bytes(head.len);
        dgram->sender = head.sender;
        if (metas)
            meta_fill(dgram, &metas[count]);
        count++;
    }
    if (count)
        return count;
    if (r == -ENOBUFS)
        return TONG_FAIL(r, "%s: %llu loans are out; release some before peeking further", dgram->start->address,
                         (unsigned long long)(stage->lent - stage->released));
    return r == -EMSGSIZE ? too_long_fail(dgram) : r;
}

int tongi_unix_dgram_release(void *state, const tong_span *spans, uint32_t n)
{
    struct tongi_unix_dgram *dgram = state;
    struct tongi_unix_dgram_stage *stage = &dgram->stage;

    for (uint32_t i = 0; i < n; i++)
        if (spans[i].token != stage->released + 1 + i || spans[i].token > stage->lent)
            return TONG_FAIL(-EINVAL, "%s: loan %u is not the oldest that is out; they come back in order",
                             dgram->start->address, i);
    stage->released += n;
    return 0;
}

int64_t tongi_unix_dgram_next_size(void *state)
{
    struct tongi_unix_dgram *dgram = state;
    int r = advance(dgram);

    if (r == -EMSGSIZE)
        return too_long_fail(dgram);
    if (r == -ENOBUFS)
        return -EAGAIN;
    return r < 0 ? r : (int64_t)staged(&dgram->stage).len;
}

bool tongi_unix_dgram_in_ready(const struct tongi_unix_dgram *dgram)
{
    return dgram->cut_short || dgram->stage.next < dgram->stage.end;
}

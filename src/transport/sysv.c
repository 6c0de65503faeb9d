/* SPDX-License-Identifier: MIT */
/*
 * sysv: System V message queues. The kernel keeps the messages and gives them out by type; bodies are raw, so that old
 * programs can write and read them.
 *
 * The mechanism has neither a descriptor nor a timeout. With a deadline the channel tries again after pauses that grow
 * from 50 us to 2 ms. Without one it sleeps in the kernel's own call, where nobody but a message, a removal or a signal
 * handler can wake it: the slot wait says when that is enough.
 */
#include <limits.h>
#include <string.h>
#include <sys/msg.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/clock.h"
#include "sys/sys.h"
#include "transport/sysv.h"

/* What is sent without mtype= and without a kind. */
#define TYPE_DEFAULT 1

static int queue_start(void *place, const struct tongi_start *start)
{
    struct sysv_state *state = place;
    int64_t type = start->opts.mtype;

    state->place = (struct sysv_place){.directory = -1, .file = -1};
    if (start->role == TONG_PUSH && type < 0)
        return TONG_FAIL(-ERANGE, "%s: a message is sent with one type, from 1 on; mtype=%lld asks for several",
                         start->address, (long long)type);
    state->type = start->role == TONG_PUSH && type == 0 ? TYPE_DEFAULT : (long)type;
    return tongi_sysv_enter(state, start);
}

static void queue_close(void *place, bool owner)
{
    struct sysv_state *state = place;

    if (state->opened && owner) {
        /* What this channel holds goes back behind the others, if there is room. */
        if (state->in.full)
            tongi_sys_msgsnd(state->id, state->in.message, state->in.len, IPC_NOWAIT);
        tongi_sysv_leave(state);
    }
    if (state->opened)
        tongi_sysv_place_close(&state->place, owner);
    tongi_sys_free(state->in.message);
    tongi_sys_free(state->out.message);
    memset(state, 0, sizeof *state);
}

/* Room for a message of so many bytes. */
static int room_make(const struct sysv_state *state, struct sysv_slot *slot, size_t bytes)
{
    if (slot->message && slot->room >= bytes)
        return 0;
    struct sysv_message *grown = tongi_sys_resize(slot->message, sizeof *grown + bytes);
    if (!grown)
        return TONG_FAIL(-ENOMEM, "%s: no memory for a message of %zu bytes", state->start->address, bytes);
    slot->message = grown;
    slot->room = bytes;
    return 0;
}

/* What has gone wrong, in a call that is not merely to be repeated. */
static int call_fail(const struct sysv_state *state, int error)
{
    if (error == -EIDRM || error == -EINVAL)
        return TONG_FAIL(TONG_E_GONE, "%s: the queue was removed; open the address again for a new one",
                         state->start->address);
    return TONG_FAIL(error, "%s: the queue does not let a message through: %s", state->start->address,
                     tong_error_text(error));
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

/* Copies a message behind its type. What found no room before is offered again, the same, and still there. */
static int prepare(struct sysv_state *state, const tong_view *parts, uint32_t n, long type)
{
    struct sysv_slot *out = &state->out;

    if (out->full)
        return 0;
    int r = room_make(state, out, state->size);
    if (r < 0)
        return r;
    out->message->type = type;
    out->len = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (parts[i].len)
            memcpy(out->message->body + out->len, parts[i].data, parts[i].len);
        out->len += parts[i].len;
    }
    return 0;
}

/* -EINVAL is a queue that is gone, or a kernel.msgmax that has been lowered since. */
static int send_fail(const struct sysv_state *state, int error)
{
    size_t size;

    if (error == -EINVAL && tongi_sysv_size(state->start, state->id, &size) >= 0)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: a message of %zu bytes is over what the queue takes by now, %zu",
                         state->start->address, state->out.len, size);
    return call_fail(state, error);
}

static int send_one(struct sysv_state *state, const tong_view *parts, uint32_t n, long type)
{
    struct sysv_slot *out = &state->out;
    int r = prepare(state, parts, n, type);

    if (r < 0)
        return r;
    if (!out->sent)
        r = tongi_sys_msgsnd(state->id, out->message, out->len, IPC_NOWAIT);
    out->full = r == -EAGAIN;
    if (out->full)
        return r;
    out->sent = false;
    out->pause_ns = 0;
    return r < 0 ? send_fail(state, r) : 0;
}

static int64_t queue_send(void *place, const tong_view *msgs, uint32_t n)
{
    struct sysv_state *state = place;
    int64_t sent = 0, r = 0;

    while (sent < n && (r = send_one(state, &msgs[sent], 1, state->type)) >= 0)
        sent++;
    /* Only the first message of a call is borrowed. */
    if (sent)
        state->out.full = false;
    return sent ? sent : r;
}

static int queue_send_parts(void *place, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    struct sysv_state *state = place;
    int64_t type = meta && meta->kind ? meta->kind : state->type;

    if (type < 1)
        return TONG_FAIL(-ERANGE, "%s: a type is 1 or more, not %lld", state->start->address, (long long)type);
    return send_one(state, parts, n, (long)type);
}

static int queue_settle(void *place, uint32_t direction)
{
    struct sysv_state *state = place;
    bool sent = direction == TONG_OUT && state->out.sent;

    if (direction == TONG_OUT)
        state->out.full = state->out.sent = false;
    return sent;
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

/* Takes the next message of at most `most` bytes into the slot's memory; -E2BIG leaves it in the queue. */
static int64_t take(struct sysv_state *state, size_t most)
{
    struct sysv_slot *in = &state->in;
    int64_t r = room_make(state, in, most);

    if (r < 0)
        return r;
    r = tongi_sys_msgrcv(state->id, in->message, most, state->type, IPC_NOWAIT);
    if (r == -ENOMSG)
        return -EAGAIN;
    if (r < 0 && r != -E2BIG)
        return call_fail(state, (int)r);
    in->pause_ns = 0;
    return r;
}

/* Sees to it that a message is held; its length. */
static int64_t hold(struct sysv_state *state)
{
    struct sysv_slot *in = &state->in;

    if (in->full)
        return (int64_t)in->len;
    int64_t r = take(state, state->size);
    if (r == -E2BIG) {
        /* The limits were raised, or size= is less than what others send. */
        size_t size;
        r = tongi_sysv_size(state->start, state->id, &size);
        r = r < 0 ? r : take(state, size);
    }
    if (r == -E2BIG)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: the next message is longer than the queue takes", state->start->address);
    if (r < 0)
        return r;
    in->len = (size_t)r;
    in->full = true;
    return r;
}

static int toobig_fail(const struct sysv_state *state, size_t room)
{
    return TONG_FAIL(TONG_E_TOOBIG, "%s: the next message does not fit into the room for %zu bytes, and stays",
                     state->start->address, room);
}

static int64_t recv_one(struct sysv_state *state, tong_bytes *msg)
{
    struct sysv_slot *in = &state->in;
    int64_t len = in->full ? (int64_t)in->len : take(state, msg->len < state->size ? msg->len : state->size);

    if (len == -E2BIG && msg->len > state->size)
        len = hold(state);
    if (len == -E2BIG || (len >= 0 && (size_t)len > msg->len))
        return toobig_fail(state, msg->len);
    if (len < 0)
        return len;
    if (len)
        memcpy(msg->data, in->message->body, (size_t)len);
    in->full = false;
    return len;
}

static int64_t queue_recv(void *place, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    struct sysv_state *state = place;
    int64_t taken = 0, len = 0;

    while (taken < n && (len = recv_one(state, &msgs[taken])) >= 0)
        msgs[taken++].len = (size_t)len;
    if (taken && meta)
        meta->kind = state->in.message->type;
    return taken ? taken : len;
}

static int64_t queue_next_size(void *place)
{
    return hold(place);
}

/* ---- waiting and knowing --------------------------------------------------------------------------------------- */

/* Nothing but time: the pause that is due, and the next one twice as long. */
static int queue_pollset(void *place, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    struct sysv_state *state = place;
    struct sysv_slot *slot = direction == TONG_IN ? &state->in : &state->out;
    int64_t pause_ns = slot->pause_ns ? slot->pause_ns : TONGI_SYSV_PAUSE_FIRST_NS;
    int64_t due_ns = tongi_clock_add(tongi_clock_ns(), pause_ns);

    (void)set;
    *until_ns = due_ns < *until_ns ? due_ns : *until_ns;
    slot->pause_ns = 2 * pause_ns < TONGI_SYSV_PAUSE_LAST_NS ? 2 * pause_ns : TONGI_SYSV_PAUSE_LAST_NS;
    return 0;
}

/* Without room, a message with a body is refused and stays: the call sleeps until there is one, and takes only what is
 * empty. */
static int wait_in(struct sysv_state *state)
{
    struct sysv_slot *in = &state->in;
    int r = in->full ? 0 : room_make(state, in, 0);

    if (r < 0 || in->full)
        return r;
    int64_t len = tongi_sys_msgrcv_wait(state->id, in->message, 0, state->type, 0);
    if (len < 0)
        return len == -E2BIG || len == -EINTR ? 0 : call_fail(state, (int)len);
    in->len = 0;
    in->full = true;
    return 0;
}

static int wait_out(struct sysv_state *state)
{
    struct sysv_slot *out = &state->out;
    int r = out->full ? tongi_sys_msgsnd_wait(state->id, out->message, out->len, 0) : 0;

    if (r < 0)
        return r == -EINTR ? 0 : call_fail(state, r);
    out->sent = out->full;
    return 0;
}

static int queue_wait(void *place, uint32_t direction)
{
    return direction == TONG_IN ? wait_in(place) : wait_out(place);
}

/* Is there a message, without taking it? One that is empty is taken, and held. */
static bool is_waiting(struct sysv_state *state)
{
    struct sysv_slot *in = &state->in;

    if (in->full)
        return true;
    int64_t r = take(state, 0);
    if (r == 0) {
        in->len = 0;
        in->full = true;
    }
    return r != -EAGAIN;
}

/* Is there room for what found none, or for a largest message? */
static bool has_room(const struct sysv_state *state)
{
    size_t wanted = state->out.full ? state->out.len : state->size;
    struct msqid_ds queue;

    return tongi_sys_msgctl(state->id, IPC_STAT, &queue) < 0 ||
           (queue.__msg_cbytes + wanted <= queue.msg_qbytes && queue.msg_qnum < queue.msg_qbytes);
}

static bool queue_ready(void *place, uint32_t direction)
{
    return direction == TONG_IN ? is_waiting(place) : has_room(place);
}

static uint64_t queue_depth(const void *place)
{
    struct msqid_ds queue;

    return tongi_sys_msgctl(((const struct sysv_state *)place)->id, IPC_STAT, &queue) < 0 ? 0 : queue.msg_qnum;
}

static uint64_t queue_size_max(const void *place)
{
    return ((const struct sysv_state *)place)->size;
}

const struct tongi_transport_ops tongi_sysv_ops = {
    .ops_bytes = sizeof(struct tongi_transport_ops),
    .scheme = "sysv",
    .state_bytes = sizeof(struct sysv_state),
    .options = TONGI_OPT_SIZE | TONGI_OPT_MODE | TONGI_OPT_WAIT | TONGI_OPT_KEEP | TONGI_OPT_MTYPE,
    .presets = {.mode = 0600, .wait = TONG_WAIT_ADAPTIVE, .keep = TONG_KEEP_UNREAD},
    .caps = {.level = TONG_KEPT,
             .bits = TONG_CAP_ORDERED | TONG_CAP_KINDS | TONG_CAP_FAN_IN | TONG_CAP_FAN_OUT | TONG_CAP_OBJECT |
                     TONG_CAP_PROCESSES,
             .roles = TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL),
             .copies = 2},
    .instead = "mq",
    .larger = "'sysctl -w kernel.msgmax=BYTES', and kernel.msgmnb for queues made from then on",
    .takes = true,
    .start = queue_start,
    .close = queue_close,
    .send = queue_send,
    .send_parts = queue_send_parts,
    .recv = queue_recv,
    .settle = queue_settle,
    .next_size = queue_next_size,
    .pollset = queue_pollset,
    .wait = queue_wait,
    .ready = queue_ready,
    .depth = queue_depth,
    .size_max = queue_size_max,
    .list = tongi_sysv_list,
    .remove = tongi_sysv_remove,
};

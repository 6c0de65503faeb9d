/* SPDX-License-Identifier: MIT */
/*
 * mq: POSIX message queues. The kernel keeps the messages and sorts them by priority; bodies are raw, so that any
 * program can write and read them.
 *
 * A queue's descriptor can be polled, which makes deadlines monotonic: each call is made without waiting, and the
 * channel sleeps in ppoll. Reading takes a message out, and wants room for the largest one. So what is only looked at,
 * or does not fit the caller's room, is held here for the next call, and given back to the queue by close.
 */
#include <mqueue.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"
#include "transport/mq.h"

static int queue_start(void *place, const struct tongi_start *start)
{
    return tongi_mq_enter(place, start);
}

/* What this channel holds goes back behind the others of its priority, if there is room. */
static void give_back(struct mq_state *state)
{
    if (state->held.full)
        tongi_sys_mq_send(state->fd, state->held.data, state->held.len, state->held.priority);
    state->held.full = false;
}

static void queue_close(void *place, bool owner)
{
    struct mq_state *state = place;

    if (state->opened) {
        if (owner) {
            give_back(state);
            tongi_mq_leave(state);
        }
        tongi_sys_close(state->out_events - 1);
        tongi_sys_close(state->fd);
    }
    tongi_sys_free(state->gathered);
    tongi_sys_free(state->held.data);
    memset(state, 0, sizeof *state);
}

/* Room for a largest message, made on first use. */
static int room_make(struct mq_state *state, char **room)
{
    if (!*room)
        *room = tongi_sys_resize(NULL, state->size);
    return *room ? 0
                 : TONG_FAIL(-ENOMEM, "%s: no memory for a message of %zu bytes", state->start->address, state->size);
}

/* The kernel says nothing when a queue loses its name, so it is asked now and then: what is sent to such a queue
 * reaches only those who have it open. */
static int look(struct mq_state *state)
{
    state->unlooked = 0;
    if (!tongi_mq_is_removed(state->fd))
        return 0;
    return TONG_FAIL(TONG_E_GONE, "%s: the queue was removed; open the address again for a new one",
                     state->start->address);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static int send_one(struct mq_state *state, const void *data, size_t len, unsigned priority)
{
    if (++state->unlooked >= TONGI_LOOK_EVERY) {
        int r = look(state);
        if (r < 0)
            return r;
    }
    int r = tongi_sys_mq_send(state->fd, data ? data : "", len, priority);
    if (r >= 0 || r == -EAGAIN)
        return r;
    return TONG_FAIL(r, "%s: a message cannot be sent: %s", state->start->address, tong_error_text(r));
}

static int64_t queue_send_many(void *place, const tong_view *msgs, uint32_t n)
{
    int64_t sent = 0, r = 0;

    while (sent < n && (r = send_one(place, msgs[sent].data, msgs[sent].len, 0)) >= 0)
        sent++;
    return sent ? sent : r;
}

static int queue_send_parts(void *place, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    struct mq_state *state = place;
    tong_view whole = n == 1 ? parts[0] : (tong_view){NULL, 0};
    int64_t priority = meta ? meta->kind : 0;

    if (priority < 0 || priority > TONGI_MQ_PRIORITY_MAX)
        return TONG_FAIL(-ERANGE, "%s: a priority is 0 to %d, not %lld", state->start->address, TONGI_MQ_PRIORITY_MAX,
                         (long long)priority);
    if (n > 1) {
        int r = room_make(state, &state->gathered);
        if (r < 0)
            return r;
        for (uint32_t i = 0; i < n; i++) {
            if (parts[i].len)
                memcpy(state->gathered + whole.len, parts[i].data, parts[i].len);
            whole.len += parts[i].len;
        }
        whole.data = state->gathered;
    }
    return send_one(state, whole.data, whole.len, (unsigned)priority);
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

/* Takes the next message into a room for the largest. */
static int64_t take(struct mq_state *state, char *room, unsigned *ret_priority)
{
    int64_t len = tongi_sys_mq_receive(state->fd, room, state->size, ret_priority);

    if (len >= 0)
        return len;
    if (len != -EAGAIN)
        return TONG_FAIL((int)len, "%s: a message cannot be received: %s", state->start->address,
                         tong_error_text((int)len));
    if (++state->unlooked >= TONGI_MQ_LOOK_EVERY) {
        int r = look(state);
        if (r < 0)
            return r;
    }
    return -EAGAIN;
}

/* Sees to it that a message is held; its length. */
static int64_t hold(struct mq_state *state)
{
    struct mq_held *held = &state->held;

    if (held->full)
        return (int64_t)held->len;
    int64_t r = room_make(state, &held->data);
    if (r < 0)
        return r;
    r = take(state, held->data, &held->priority);
    if (r < 0)
        return r;
    held->len = (size_t)r;
    held->full = true;
    return r;
}

static int64_t recv_one(struct mq_state *state, tong_bytes *msg, unsigned *ret_priority)
{
    if (!state->held.full && msg->len >= state->size)
        return take(state, msg->data, ret_priority);
    int64_t len = hold(state);
    if (len < 0)
        return len;
    if ((size_t)len > msg->len)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: the next message has %lld bytes, and there is room for %zu",
                         state->start->address, (long long)len, msg->len);
    if (len)
        memcpy(msg->data, state->held.data, (size_t)len);
    *ret_priority = state->held.priority;
    state->held.full = false;
    return len;
}

static int64_t queue_recv(void *place, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    unsigned priority = 0;
    int64_t taken = 0, len = 0;

    while (taken < n && (len = recv_one(place, &msgs[taken], &priority)) >= 0)
        msgs[taken++].len = (size_t)len;
    if (taken && meta)
        meta->kind = priority;
    return taken ? taken : len;
}

static int64_t queue_next_size(void *place)
{
    return hold(place);
}

/* ---- waiting and knowing --------------------------------------------------------------------------------------- */

static int queue_pollset(void *place, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    struct mq_state *state = place;
    int r = look(state);

    (void)until_ns;
    if (r < 0)
        return r;
    set[0] = (struct pollfd){.fd = state->fd, .events = direction == TONG_IN ? POLLIN : POLLOUT};
    return 1;
}

/* For TONG_OUT an epoll that is readable when the queue is writable. */
static int queue_fd(void *place, uint32_t direction)
{
    struct mq_state *state = place;
    struct epoll_event event = {.events = EPOLLOUT};

    if (direction == TONG_IN)
        return state->fd;
    if (state->out_events)
        return state->out_events - 1;
    int fd = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
    int r = fd < 0 ? fd : tongi_sys_epoll_ctl(fd, EPOLL_CTL_ADD, state->fd, &event);
    if (r < 0) {
        tongi_sys_close(fd);
        return TONG_FAIL(r, "%s: no descriptor for an event loop: %s (raise 'ulimit -n')", state->start->address,
                         tong_error_text(r));
    }
    state->out_events = fd + 1;
    return fd;
}

static bool queue_ready(void *place, uint32_t direction)
{
    return direction == TONG_IN && ((struct mq_state *)place)->held.full;
}

static uint64_t queue_depth(const void *place)
{
    const struct mq_state *state = place;
    struct mq_attr attributes;

    return tongi_sys_mq_getattr(state->fd, &attributes) < 0 ? 0 : (uint64_t)attributes.mq_curmsgs;
}

static uint64_t queue_size_max(const void *place)
{
    return ((const struct mq_state *)place)->size;
}

const struct tongi_transport_ops tongi_mq_ops = {
    .ops_bytes = sizeof(struct tongi_transport_ops),
    .scheme = "mq",
    .state_bytes = sizeof(struct mq_state),
    .options = TONGI_OPT_SIZE | TONGI_OPT_DEPTH | TONGI_OPT_MODE | TONGI_OPT_WAIT | TONGI_OPT_KEEP,
    .presets = {.mode = 0600, .wait = TONG_WAIT_ADAPTIVE, .keep = TONG_KEEP_UNREAD},
    .caps = {.level = TONG_KEPT,
             .bits = TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_KINDS | TONG_CAP_FAN_IN | TONG_CAP_FAN_OUT |
                     TONG_CAP_OBJECT | TONG_CAP_PROCESSES,
             .roles = TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL),
             .copies = 2},
    .takes = true,
    .larger = "make the queue anew with a larger size= (over fs.mqueue.msgsize_max, first 'sysctl -w "
              "fs.mqueue.msgsize_max=BYTES')",
    .start = queue_start,
    .close = queue_close,
    .send = queue_send_many,
    .send_parts = queue_send_parts,
    .recv = queue_recv,
    .next_size = queue_next_size,
    .pollset = queue_pollset,
    .fd = queue_fd,
    .ready = queue_ready,
    .depth = queue_depth,
    .size_max = queue_size_max,
    .list = tongi_mq_list,
    .remove = tongi_mq_remove,
};

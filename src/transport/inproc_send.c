/* SPDX-License-Identifier: MIT */
/*
 * Sending: room is reserved under the lock, the message is written without it, and linked under it again. By copy and
 * in place differ only in who writes.
 */
#include <string.h>
#include <utlist.h>

#include "transport/inproc.h"
#include "transport/inproc_call.h"
#include "transport/inproc_publish.h"
#include "transport/inproc_ready.h"
#include "transport/inproc_spare.h"

static int gone_fail(const struct inproc_end *end)
{
    return TONG_FAIL(TONG_E_GONE, "%s: the other end has closed; open the address again to begin anew",
                     end->start->address);
}

static int toobig_fail(const struct inproc_end *end, size_t len)
{
    return TONG_FAIL(TONG_E_TOOBIG,
                     "%s: a message of %zu bytes is over the limit of size=%llu; open with a larger size=",
                     end->start->address, len, (unsigned long long)end->object->size);
}

static int memory_fail(const struct inproc_end *end, size_t len)
{
    return TONG_FAIL(-ENOMEM, "%s: no memory for a message of %zu bytes", end->start->address, len);
}

/* ---- room ------------------------------------------------------------------------------------------------------ */

static uint32_t take_room(struct inproc_end *end, uint32_t n)
{
    uint32_t room = tongi_inproc_room(end);

    n = n < room ? n : room;
    if (end->out)
        end->out->used += n;
    if (end->start->role == TONG_REQ)
        end->inbox.used += n;
    return n;
}

/* Only a queue that is full for everybody makes hungry, not an end's own part of it or its calls under way. */
static int no_room(struct inproc_end *end)
{
    if (end->start->role != TONG_PAIR)
        tongi_inproc_hunger(end, tongi_inproc_queue_room(end->out) == 0);
    return tongi_inproc_idle(end, &end->idle_out);
}

/* Reserves room for 1 to n messages and returns for how many. Errors: -EAGAIN TONG_E_GONE TONG_E_FORKED. */
static int64_t reserve(struct inproc_end *end, uint32_t n)
{
    int64_t room = tongi_inproc_lock_if_changed(end, end->idle_out);

    if (room < 0)
        return room;
    room = tongi_inproc_out_state(end);
    if (room == 0) {
        room = take_room(end, n);
        tongi_inproc_hunger(end, false);
        tongi_inproc_ring(end->object);
    } else if (room == -EAGAIN) {
        room = no_room(end);
    }
    end->flushing = false;
    tongi_inproc_unlock(end);
    return room == TONG_E_GONE ? gone_fail(end) : room;
}

/* Gives back room that was not used; the lock is held. */
static void unreserve(struct inproc_end *end, uint32_t n)
{
    if (n == 0 || !end->out)
        return;
    end->out->used -= n;
    if (end->start->role == TONG_REQ)
        end->inbox.used -= n;
    tongi_inproc_changed(end->object);
}

/* ---- linking --------------------------------------------------------------------------------------------------- */

/* Links one message; it is given away. The lock is held. Without a sentence: -ENOMEM -ENOENT -EINVAL TONG_E_GONE. */
static int put(struct inproc_end *end, struct inproc_message *message, const tong_meta *meta)
{
    uint64_t call = meta ? meta->call : 0;

    message->peer = end->number;
    message->sequence = end->sequence + 1;
    int r = 0;
    switch (end->start->role) {
    case TONG_PUB:
        r = tongi_inproc_publish(end, message);
        break;
    case TONG_REP:
        r = tongi_inproc_call_answer(end, message, call);
        break;
    default:
        if (end->out->deserted) {
            tongi_inproc_message_free(message);
            return TONG_E_GONE;
        }
        message->sender = end;
        end->untaken++;
        if (end->start->role == TONG_REQ)
            tongi_inproc_call_put(end, message, call);
        else
            tongi_inproc_queue_put(end->out, message);
    }
    end->sequence += r == 0;
    return r;
}

static int put_fail(const struct inproc_end *end, int error, const tong_meta *meta)
{
    if (error == TONG_E_GONE)
        return gone_fail(end);
    if (error == -ENOMEM)
        return TONG_FAIL(-ENOMEM, "%s: no memory to give the message to every subscriber", end->start->address);
    if (!meta || !meta->call)
        return TONG_FAIL(-EINVAL, "%s: a rep sends answers only; use tong_reply with the call that it received",
                         end->start->address);
    return TONG_FAIL(error,
                     "%s: nobody waits for an answer to call %llu: its caller has gone, cancelled it, or has one",
                     end->start->address, (unsigned long long)meta->call);
}

/* Links a list for which `reserved` messages' room is there. Returns how many, at least 1, or why not even one. */
static int64_t put_all(struct inproc_end *end, struct inproc_message *list, uint32_t reserved, const tong_meta *meta)
{
    int64_t sent = 0;
    int r = tongi_inproc_lock(end);

    while (r == 0 && list) {
        struct inproc_message *message = list;
        DL_DELETE(list, message);
        r = put(end, message, meta);
        sent += r == 0;
    }
    tongi_inproc_message_free_all(list);
    if (r == TONG_E_FORKED)
        return TONG_TRACE(r);
    if (sent)
        tongi_inproc_changed(end->object);
    unreserve(end, reserved - (uint32_t)sent);
    tongi_inproc_unlock(end);
    return sent ? sent : put_fail(end, r, meta);
}

/* ---- by copy --------------------------------------------------------------------------------------------------- */

static struct inproc_message *message_of(struct inproc_end *end, const tong_view *parts, uint32_t n, size_t len)
{
    struct inproc_message *message = tongi_inproc_spare_new(end, len);

    if (!message)
        return NULL;
    struct inproc_body *body = message->body;
    for (uint32_t i = 0; i < n; i++) {
        if (parts[i].len)
            memcpy(body->bytes + body->len, parts[i].data, parts[i].len);
        body->len += parts[i].len;
    }
    return message;
}

static void unreserve_locked(struct inproc_end *end, uint32_t n)
{
    if (tongi_inproc_lock(end) < 0)
        return;
    unreserve(end, n);
    tongi_inproc_unlock(end);
}

int64_t tongi_inproc_send(void *state, const tong_view *msgs, uint32_t n)
{
    struct inproc_end *end = state;
    struct inproc_message *list = NULL, *message = NULL;
    uint32_t fit = 0;

    while (fit < n && msgs[fit].len <= end->object->size)
        fit++;
    if (fit == 0)
        return toobig_fail(end, msgs[0].len);
    int64_t room = reserve(end, fit);
    if (room < 0)
        return room;
    for (int64_t i = 0; i < room && (message = message_of(end, &msgs[i], 1, msgs[i].len)); i++)
        DL_APPEND(list, message);
    if (!list) {
        unreserve_locked(end, (uint32_t)room);
        return memory_fail(end, msgs[0].len);
    }
    return put_all(end, list, (uint32_t)room, NULL);
}

int tongi_inproc_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    struct inproc_end *end = state;
    struct inproc_message *list = NULL, *message;
    size_t len = 0;

    for (uint32_t i = 0; i < n; i++)
        if (__builtin_add_overflow(len, parts[i].len, &len))
            len = SIZE_MAX;
    if (len > end->object->size)
        return toobig_fail(end, len);
    int64_t room = reserve(end, 1);
    if (room < 0)
        return (int)room;
    message = message_of(end, parts, n, len);
    if (!message) {
        unreserve_locked(end, 1);
        return memory_fail(end, len);
    }
    DL_APPEND(list, message);
    int64_t sent = put_all(end, list, 1, meta);
    return sent < 0 ? (int)sent : 0;
}

/* ---- in place -------------------------------------------------------------------------------------------------- */

int tongi_inproc_claim(void *state, size_t len, tong_span *ret_span)
{
    struct inproc_end *end = state;

    if (end->claimed)
        return TONG_FAIL(TONG_E_STATE, "%s: a claim is open already; commit or abort it first", end->start->address);
    if (len > end->object->size)
        return toobig_fail(end, len);
    int64_t room = reserve(end, 1);
    if (room < 0)
        return (int)room;
    end->claimed = tongi_inproc_spare_new(end, len);
    if (!end->claimed) {
        unreserve_locked(end, 1);
        return memory_fail(end, len);
    }
    *ret_span = (tong_span){.data = end->claimed->body->bytes, .len = len, .token = (uintptr_t)end->claimed};
    return 0;
}

int tongi_inproc_commit(void *state, tong_span *span, size_t len, const tong_meta *meta)
{
    struct inproc_end *end = state;
    struct inproc_message *list = NULL, *message = end->claimed;

    if (!message || span->token != (uintptr_t)message)
        return TONG_FAIL(-EINVAL, "%s: that is not this channel's open claim", end->start->address);
    if (len > message->body->room)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: %zu bytes were claimed and %zu are to be committed", end->start->address,
                         message->body->room, len);
    message->body->len = len;
    end->claimed = NULL;
    DL_APPEND(list, message);
    int64_t sent = put_all(end, list, 1, meta);
    return sent < 0 ? (int)sent : 0;
}

void tongi_inproc_abort(void *state, tong_span *span)
{
    struct inproc_end *end = state;
    struct inproc_message *message = end->claimed;

    if (!message || span->token != (uintptr_t)message)
        return;
    end->claimed = NULL;
    tongi_inproc_message_free(message);
    unreserve_locked(end, 1);
}

/* ---- after sending --------------------------------------------------------------------------------------------- */

int tongi_inproc_flush(void *state, enum tong_level level)
{
    struct inproc_end *end = state;

    if (level <= TONG_ACCEPTED)
        return 0;
    if (level != TONG_TAKEN)
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: inproc: keeps nothing beyond the process, only accepted and taken can be "
                         "had; shm: keeps messages, and file: makes them durable",
                         end->start->address);
    int r = tongi_inproc_lock(end);
    if (r < 0)
        return TONG_TRACE(r);
    r = tongi_inproc_taken_state(end);
    end->flushing = r == -EAGAIN;
    tongi_inproc_unlock(end);
    return r == TONG_E_GONE ? gone_fail(end) : r;
}

int tongi_inproc_cancel(void *state, uint64_t call)
{
    struct inproc_end *end = state;

    if (end->start->role != TONG_REQ)
        return TONG_FAIL(TONG_E_NOCAP, "%s: only a req cancels", end->start->address);
    int r = tongi_inproc_lock(end);
    if (r < 0)
        return TONG_TRACE(r);
    uint32_t forgotten = tongi_inproc_call_forget(end, call, false);
    if (forgotten)
        tongi_inproc_changed(end->object);
    tongi_inproc_unlock(end);
    return forgotten
               ? 0
               : TONG_FAIL(-ENOENT, "%s: call %llu is not waited for", end->start->address, (unsigned long long)call);
}

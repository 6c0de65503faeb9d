/* SPDX-License-Identifier: MIT */
/*
 * Receiving. A message taken by copy is copied without the lock, when it is nobody else's any more; but a call remains
 * the object's until it is answered, so it is copied under it.
 */
#include <string.h>
#include <utlist.h>

#include "transport/inproc.h"
#include "transport/inproc_ready.h"
#include "transport/inproc_spare.h"

/* The sentence for why nothing was received. */
static int nothing_fail(const struct inproc_end *end, int error)
{
    if (error == TONG_E_END)
        return TONG_FAIL(error, "%s: all who sent have finished, and everything was received", end->start->address);
    if (error == TONG_E_GONE && end->start->role == TONG_REQ)
        return TONG_FAIL(error, "%s: the rep that had taken the call closed without an answer; call again",
                         end->start->address);
    if (error == TONG_E_GONE && end->start->role == TONG_PAIR)
        return TONG_FAIL(error, "%s: the other end closed without finishing; open the address again to begin anew",
                         end->start->address);
    if (error == TONG_E_GONE)
        return TONG_FAIL(error, "%s: the last sender closed without finishing; another may still come",
                         end->start->address);
    return error;
}

/* Writes down what goes with a message; what was lost before it is told once. */
static void tell(struct inproc_end *end, struct inproc_message *message, tong_meta *meta)
{
    if (message->flags & TONG_REDELIVERED)
        tongi_report_count(&end->start->report->redelivered, 1);
    if (meta) {
        int *fds = meta->fds;
        *meta = (tong_meta){
            .struct_size = meta->struct_size,
            .flags = message->flags,
            .sequence = message->sequence,
            .lost = message->lost,
            .call = message->call,
            .peer = message->peer,
            .fds = fds,
        };
    }
    message->lost = 0;
}

/* A rep keeps the call for its answer; everybody else's message is his alone now, and leaves the object. */
static struct inproc_message *take(struct inproc_end *end)
{
    struct inproc_message *message = tongi_inproc_queue_take(end->in);

    tongi_inproc_taken(message);
    if (end->start->role == TONG_REP)
        DL_APPEND(end->held, message);
    return message;
}

/* The first in the queue says that a call failed: that is told once. */
static void drop_failed(struct inproc_end *end, tong_meta *meta)
{
    struct inproc_message *message = tongi_inproc_queue_take(end->in);

    if (meta)
        meta->call = message->call;
    tongi_inproc_message_free(message);
}

static void copy_out(const struct inproc_message *message, void *data)
{
    if (message->body->len)
        memcpy(data, message->body->bytes, message->body->len);
}

/* Whom it concerns that messages were taken: in an inbox, nobody else. */
static void changed_by_receiving(struct inproc_end *end)
{
    if (end->in == &end->inbox)
        tongi_inproc_changed_for(end);
    else
        tongi_inproc_changed(end->object);
}

int64_t tongi_inproc_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    struct inproc_end *end = state;
    struct inproc_message *taken = NULL, *message;
    bool is_rep = end->start->role == TONG_REP;
    uint32_t count = 0;
    size_t len = 0;
    int r = tongi_inproc_lock_if_changed(end, end->idle_in);

    if (r < 0)
        return r;
    while (count < n && (r = tongi_inproc_in_state(end)) == 0) {
        len = end->in->waiting->body->len;
        if (len > msgs[count].len)
            break;
        message = take(end);
        tell(end, message, meta);
        msgs[count].len = len;
        if (is_rep)
            copy_out(message, msgs[count].data);
        else
            DL_APPEND(taken, message);
        count++;
    }
    if (!count && r == TONG_E_GONE && end->in->waiting)
        drop_failed(end, meta);
    if (!count && r == -EAGAIN)
        tongi_inproc_idle(end, &end->idle_in);
    else
        changed_by_receiving(end);
    tongi_inproc_unlock(end);

    tong_bytes *msg = msgs;
    for (message = taken; message; message = message->next)
        copy_out(message, msg++->data);
    tongi_inproc_spare_free_all(end, taken);
    if (count)
        return count;
    if (r == 0)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: a message of %zu bytes waits, and the room is %zu; tong_next_size tells",
                         end->start->address, len, msgs[0].len);
    return nothing_fail(end, r);
}

int64_t tongi_inproc_next_size(void *state)
{
    struct inproc_end *end = state;
    int64_t len = 0;
    int r = tongi_inproc_lock_if_changed(end, end->idle_in);

    if (r < 0)
        return r;
    r = tongi_inproc_in_state(end);
    if (r == 0)
        len = (int64_t)end->in->waiting->body->len;
    else if (r == -EAGAIN)
        tongi_inproc_idle(end, &end->idle_in);
    tongi_inproc_unlock(end);
    return r < 0 ? nothing_fail(end, r) : len;
}

/* ---- in place -------------------------------------------------------------------------------------------------- */

static void lend(struct inproc_end *end, tong_span *ret_span, tong_meta *meta)
{
    struct inproc_message *message = tongi_inproc_queue_lend(end->in);

    message->loan = ++end->loans;
    end->lent++;
    DL_APPEND(end->held, message);
    tell(end, message, meta);
    *ret_span = (tong_span){.data = message->body->bytes, .len = message->body->len, .token = message->loan};
}

int64_t tongi_inproc_peek(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    struct inproc_end *end = state;
    uint32_t count = 0;
    int r = tongi_inproc_lock_if_changed(end, end->idle_in);

    if (r < 0)
        return r;
    while (count < n && (r = tongi_inproc_in_state(end)) == 0) {
        lend(end, &ret_spans[count], metas ? &metas[count] : NULL);
        count++;
    }
    uint32_t lent = end->lent;
    if (!count && r == TONG_E_GONE && end->in->waiting)
        drop_failed(end, metas);
    if (!count && r == -EAGAIN && lent < end->object->depth)
        tongi_inproc_idle(end, &end->idle_in);
    else
        changed_by_receiving(end);
    tongi_inproc_unlock(end);
    if (count)
        return count;
    if (r == -EAGAIN && lent >= end->object->depth)
        return TONG_FAIL(-ENOBUFS, "%s: %u messages are lent out, as many as depth=%u lets wait; release some first",
                         end->start->address, lent, end->object->depth);
    return nothing_fail(end, r);
}

static struct inproc_message *loan_find(const struct inproc_end *end, uint64_t token)
{
    /* In the order they were lent this finds it at once. */
    for (struct inproc_message *message = end->held; message; message = message->next)
        if (token && message->loan == token && !message->marked)
            return message;
    return NULL;
}

/* Marks what is given back; unless everything is a loan, and named once, nothing is. */
static bool loans_mark(struct inproc_end *end, const tong_span *spans, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct inproc_message *message = loan_find(end, spans[i].token);
        if (message) {
            message->marked = true;
            continue;
        }
        for (message = end->held; message; message = message->next)
            message->marked = false;
        return false;
    }
    return true;
}

/* Ends a loan for good. False: the message stays with the rep until it is answered. */
static bool loan_end(struct inproc_end *end, struct inproc_message *message)
{
    tongi_inproc_queue_release(end->in);
    tongi_inproc_taken(message);
    message->loan = 0;
    if (message->caller)
        return false;
    DL_DELETE(end->held, message);
    return true;
}

static int give_back(struct inproc_end *end, const tong_span *spans, uint32_t n, bool done)
{
    struct inproc_message *message, *next, *ended = NULL;
    int r = tongi_inproc_lock(end);

    if (r < 0)
        return TONG_TRACE(r);
    bool right = loans_mark(end, spans, n);
    uint32_t left = right ? n : 0;
    for (message = end->held; left; message = next) {
        next = message->next;
        if (!message->marked)
            continue;
        message->marked = false;
        left--;
        end->lent--;
        /* A call that is answered or cancelled needs no other receiver. */
        if (done || (end->start->role == TONG_REP && !message->caller)) {
            if (loan_end(end, message))
                DL_APPEND(ended, message);
            continue;
        }
        DL_DELETE(end->held, message);
        end->in->lent--;
        /* Behind the others: who rejects it is free for them first, and somebody else may come by. */
        tongi_inproc_queue_put_back(end->in, message, false);
    }
    if (right)
        changed_by_receiving(end);
    tongi_inproc_unlock(end);
    tongi_inproc_spare_free_all(end, ended);
    return right ? 0
                 : TONG_FAIL(-EINVAL, "%s: what is given back is no loan of this channel, or is named twice",
                             end->start->address);
}

int tongi_inproc_release(void *state, const tong_span *spans, uint32_t n)
{
    return give_back(state, spans, n, true);
}

int tongi_inproc_reject(void *state, const tong_span *spans, uint32_t n)
{
    return give_back(state, spans, n, false);
}

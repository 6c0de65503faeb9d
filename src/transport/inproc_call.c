/* SPDX-License-Identifier: MIT */
#include "transport/inproc_call.h"

#include <utlist.h>

#include "transport/inproc_ready.h"

void tongi_inproc_call_put(struct inproc_end *req, struct inproc_message *call, uint64_t number)
{
    call->caller = req;
    call->number = number ? number : call->sequence;
    call->call = ++req->object->tickets;
    tongi_inproc_queue_put(req->out, call);
}

/* Nobody waits for an answer to a call that a rep holds; its bytes stay while they are lent. */
static void let_go(struct inproc_end *rep, struct inproc_message *call)
{
    call->caller = NULL;
    if (call->loan)
        return;
    DL_DELETE(rep->held, call);
    tongi_inproc_message_free(call);
}

int tongi_inproc_call_answer(struct inproc_end *rep, struct inproc_message *answer, uint64_t ticket)
{
    struct inproc_message *call = rep->held;

    while (call && !(call->caller && call->call == ticket))
        call = call->next;
    if (!call) {
        tongi_inproc_message_free(answer);
        return -ENOENT;
    }
    answer->call = call->number;
    answer->sender = rep;
    rep->untaken++;
    tongi_inproc_queue_put(&call->caller->inbox, answer);
    let_go(rep, call);
    return 0;
}

static bool is_his(const struct inproc_message *call, const struct inproc_end *req, uint64_t number, bool all)
{
    return call->caller == req && (all || call->number == number);
}

uint32_t tongi_inproc_call_forget(struct inproc_end *req, uint64_t number, bool all)
{
    struct inproc_message *message, *next;
    struct inproc_end *rep;
    uint32_t forgotten = 0, answered = 0;

    for (message = req->out->waiting; message; message = next) {
        next = message->next;
        if (!is_his(message, req, number, all))
            continue;
        tongi_inproc_withdraw(req->out, message);
        forgotten++;
    }
    for (rep = req->object->ends; rep; rep = rep->next) {
        if (rep->start->role != TONG_REP)
            continue;
        for (message = rep->held; message; message = next) {
            next = message->next;
            if (!is_his(message, req, number, all))
                continue;
            let_go(rep, message);
            forgotten++;
        }
    }
    req->inbox.used -= forgotten;
    for (message = req->inbox.waiting; message; message = next) {
        next = message->next;
        if (!all && message->call != number)
            continue;
        tongi_inproc_withdraw(&req->inbox, message);
        answered++;
    }
    return forgotten + answered;
}

static bool has_another_rep(const struct inproc_end *rep)
{
    for (const struct inproc_end *end = rep->object->ends; end; end = end->next)
        if (end != rep && end->start->role == TONG_REP)
            return true;
    return false;
}

void tongi_inproc_call_abandon(struct inproc_end *rep)
{
    bool another = has_another_rep(rep);

    while (rep->held) {
        struct inproc_message *call = rep->held->prev; /* the last, so that the first gets to the front */
        DL_DELETE(rep->held, call);
        if (call->loan)
            tongi_inproc_queue_release(rep->in);
        if (!call->caller) {
            tongi_inproc_taken(call);
            tongi_inproc_message_free(call);
        } else if (another) {
            /* Over the depth if need be: these calls had their room before. */
            rep->in->used++;
            tongi_inproc_queue_put_back(rep->in, call, true);
        } else {
            tongi_inproc_taken(call);
            call->failed = true;
            call->call = call->number;
            tongi_inproc_queue_put(&call->caller->inbox, call);
        }
    }
}

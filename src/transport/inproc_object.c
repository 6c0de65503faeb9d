/* SPDX-License-Identifier: MIT */
#include "transport/inproc_object.h"

#include <utlist.h>

#include "sys/process.h"
#include "sys/sys.h"
#include "transport/inproc_call.h"
#include "transport/inproc_publish.h"
#include "transport/inproc_ready.h"

/* What a role is to its conversation. */
static const struct {
    enum inproc_conversation conversation;
    bool fans_in; /* an end=last waits for the last of these to finish */
} roles[] = {
    [TONG_PUSH] = {INPROC_PIPELINE, true}, [TONG_PULL] = {INPROC_PIPELINE, false}, [TONG_PUB] = {INPROC_PUBLISH, true},
    [TONG_SUB] = {INPROC_PUBLISH, false},  [TONG_PAIR] = {INPROC_PAIR, false},     [TONG_REQ] = {INPROC_REQUEST, true},
    [TONG_REP] = {INPROC_REQUEST, false},
};

static const char *const conversations[] = {
    [INPROC_PIPELINE] = "a pipeline (push, pull)",
    [INPROC_PUBLISH] = "publishing (pub, sub)",
    [INPROC_PAIR] = "a pair",
    [INPROC_REQUEST] = "requests (req, rep)",
};

/* ---- life ------------------------------------------------------------------------------------------------------ */

struct inproc_object *tongi_inproc_object_new(const struct tongi_start *start)
{
    struct inproc_object *object = tongi_sys_alloc(sizeof *object);

    if (!object)
        return NULL;
    object->generation = tongi_process_generation();
    object->conversation = roles[start->role].conversation;
    object->depth = start->opts.depth;
    object->size = start->opts.size;
    object->queues[0].depth = object->queues[1].depth = object->depth;
    /* From 1 on, so that an end that never looked differs. */
    tongi_store_relaxed_u64(&object->changes, 1);
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
    /* It is held for some dozens of instructions: who collides does better to spin a little than to sleep at once. */
    object->lock = (pthread_mutex_t)PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
#else
    pthread_mutex_init(&object->lock, NULL);
#endif
    return object;
}

void tongi_inproc_object_free(struct inproc_object *object)
{
    for (int i = 0; i < 2; i++)
        tongi_inproc_message_free_all(object->queues[i].waiting);
    tongi_inproc_message_free_all(object->past);
    tongi_inproc_message_free_all(object->spares);
    pthread_mutex_destroy(&object->lock);
    tongi_sys_free(object);
}

int tongi_inproc_lock(struct inproc_end *end)
{
    if (end->object->generation != tongi_process_generation())
        return TONG_FAIL(TONG_E_FORKED,
                         "%s: inproc: joins threads of one process, and this is a child of it; unix: "
                         "joins processes",
                         end->start->address);
    pthread_mutex_lock(&end->object->lock);
    return 0;
}

/* ---- joining --------------------------------------------------------------------------------------------------- */

/* Does an opener want what the object is? An option left at its preset is one that was not given. */
static int agree(const struct inproc_object *object, const struct tongi_start *start)
{
    const tong_opts *opts = &start->opts;

    if (roles[start->role].conversation != object->conversation)
        return TONG_FAIL(TONG_E_REFUSED, "%s: this name is in use for %s, and you want %s; take another name",
                         start->address, conversations[object->conversation],
                         conversations[roles[start->role].conversation]);
    if (opts->size != object->size && opts->size != tongi_inproc_ops.presets.size)
        return TONG_FAIL(-EINVAL,
                         "%s: was created with size=%llu, you asked for %llu; open it without size=", start->address,
                         (unsigned long long)object->size, (unsigned long long)opts->size);
    if (opts->depth != object->depth && opts->depth != tongi_inproc_ops.presets.depth)
        return TONG_FAIL(-EINVAL,
                         "%s: was created with depth=%u, you asked for %u; open it without depth=", start->address,
                         object->depth, opts->depth);
    if (opts->history && object->conversation != INPROC_PUBLISH)
        return TONG_FAIL(TONG_E_NOCAP, "%s: only pub and sub have a history; open it without history=", start->address);
    if (opts->history && object->history && opts->history != object->history)
        return TONG_FAIL(-EINVAL, "%s: has history=%u, you asked for %u; open it without history=", start->address,
                         object->history, opts->history);
    if (opts->history > object->depth)
        return TONG_FAIL(-ERANGE,
                         "%s: history=%u is more than the depth=%u of a subscriber's queue; ask for less, or "
                         "for more depth",
                         start->address, opts->history, object->depth);
    if (object->conversation == INPROC_PAIR && object->members == 2)
        return TONG_FAIL(-EBUSY, "%s: a pair has two ends, and both are open already; take another name",
                         start->address);
    return 0;
}

static void take_place(struct inproc_object *object, struct inproc_end *end)
{
    end->inbox.depth = object->depth;
    switch (end->start->role) {
    case TONG_PUSH:
        end->out = &object->queues[0];
        break;
    case TONG_PULL:
    case TONG_REP:
        end->in = &object->queues[0];
        break;
    case TONG_SUB:
        end->in = &end->inbox;
        break;
    case TONG_REQ:
        end->out = &object->queues[0];
        end->in = &end->inbox;
        break;
    case TONG_PAIR:
        end->out = &object->queues[object->members];
        end->in = &object->queues[1 - object->members];
        break;
    default:
        break;
    }
}

static bool is_counterpart(const struct inproc_end *end, const struct inproc_end *other)
{
    return end != other && (end->start->role == TONG_PAIR || end->start->role != other->start->role);
}

static void announce(const struct inproc_end *end, enum tong_event_what what)
{
    for (const struct inproc_end *other = end->object->ends; other; other = other->next)
        if (is_counterpart(end, other))
            tongi_report_event(other->start->report, what, end->number);
}

static void learn_who_is_there(const struct inproc_end *end)
{
    for (const struct inproc_end *other = end->object->ends; other; other = other->next) {
        if (!is_counterpart(end, other))
            continue;
        tongi_report_event(end->start->report, TONG_JOINED, other->number);
        if (other->finished)
            tongi_report_event(end->start->report, TONG_LEFT, other->number);
    }
}

int tongi_inproc_object_join(struct inproc_object *object, struct inproc_end *end, const struct tongi_start *start)
{
    pthread_mutex_lock(&object->lock);
    int r = agree(object, start);
    if (r < 0)
        goto out;
    end->start = start;
    end->object = object;
    take_place(object, end);
    if (start->role == TONG_SUB)
        r = tongi_inproc_publish_past(end);
    if (r < 0) {
        tongi_inproc_message_free_all(end->inbox.waiting);
        *end = (struct inproc_end){0};
        r = TONG_FAIL(r, "%s: no memory for the messages that a late subscriber gets", start->address);
        goto out;
    }
    if (start->opts.history)
        object->history = start->opts.history;
    end->number = ++object->numbers;
    if (roles[start->role].fans_in) {
        object->senders++;
        object->begun = true;
    }
    object->members++;
    DL_APPEND(object->ends, end);
    learn_who_is_there(end);
    announce(end, TONG_JOINED);
    tongi_inproc_changed(object);
out:
    pthread_mutex_unlock(&object->lock);
    return r;
}

/* ---- leaving --------------------------------------------------------------------------------------------------- */

static void say_farewell(struct inproc_end *end, enum tong_event_what what)
{
    end->finished = true;
    tongi_inproc_hunger(end, false);
    if (roles[end->start->role].fans_in) {
        end->object->senders--;
        end->object->broken_off = what != TONG_LEFT;
    }
    announce(end, what);
}

int tongi_inproc_object_finish(struct inproc_end *end)
{
    int r = tongi_inproc_lock(end);

    if (r < 0)
        return TONG_TRACE(r);
    bool gone = tongi_inproc_taken_state(end) == TONG_E_GONE;
    if (!gone && !end->finished) {
        if (end->start->role == TONG_PAIR)
            end->out->ended = true;
        say_farewell(end, TONG_LEFT);
        tongi_inproc_changed(end->object);
    }
    tongi_inproc_unlock(end);
    return gone ? TONG_FAIL(TONG_E_GONE, "%s: the other end closed before it took everything", end->start->address) : 0;
}

static void forget_sender(struct inproc_message *list, const struct inproc_end *sender)
{
    for (; list; list = list->next)
        if (list->sender == sender)
            list->sender = NULL;
}

/* What the end sent goes on without it. */
static void disown(const struct inproc_end *end)
{
    const struct inproc_object *object = end->object;

    if (end->untaken == 0)
        return;
    for (int i = 0; i < 2; i++)
        forget_sender(object->queues[i].waiting, end);
    for (const struct inproc_end *other = object->ends; other; other = other->next) {
        forget_sender(other->inbox.waiting, end);
        forget_sender(other->held, end);
    }
}

static void unclaim(struct inproc_end *end)
{
    if (!end->claimed)
        return;
    if (end->out)
        end->out->used--;
    if (end->start->role == TONG_REQ)
        end->inbox.used--;
    tongi_inproc_message_free(end->claimed);
    end->claimed = NULL;
}

/* What was lent goes back to the front in its old order, for another receiver. */
static void give_loans_back(struct inproc_end *end)
{
    while (end->held) {
        struct inproc_message *message = end->held->prev;
        DL_DELETE(end->held, message);
        end->in->lent--;
        tongi_inproc_queue_put_back(end->in, message, true);
    }
}

/* What an end alone would have received goes with it. */
static void drop_received(struct inproc_end *end)
{
    /* Who sent to a subscriber or a caller need not wait for it any more; the other end of a pair learns that these
     * were not taken. */
    if (end->start->role != TONG_PAIR) {
        for (struct inproc_message *message = end->in->waiting; message; message = message->next)
            tongi_inproc_taken(message);
        for (struct inproc_message *message = end->held; message; message = message->next)
            tongi_inproc_taken(message);
    }
    tongi_inproc_message_free_all(end->in->waiting);
    tongi_inproc_message_free_all(end->held);
    end->in->waiting = end->held = NULL;
    end->in->count = 0;
}

static void settle_estate(struct inproc_end *end)
{
    switch (end->start->role) {
    case TONG_PULL:
        give_loans_back(end);
        break;
    case TONG_REP:
        tongi_inproc_call_abandon(end);
        break;
    case TONG_REQ:
        tongi_inproc_call_forget(end, 0, true);
        drop_received(end);
        break;
    case TONG_SUB:
        drop_received(end);
        tongi_inproc_prefixes_free(end);
        break;
    case TONG_PAIR:
        drop_received(end);
        end->in->deserted = true;
        end->out->cut = !end->out->ended;
        break;
    default:
        break;
    }
}

void tongi_inproc_object_leave(struct inproc_end *end)
{
    struct inproc_object *object = end->object;

    pthread_mutex_lock(&object->lock);
    unclaim(end);
    settle_estate(end);
    disown(end);
    if (!end->finished)
        say_farewell(end, TONG_CUT);
    DL_DELETE(object->ends, end);
    object->members--;
    for (int i = 0; i < INPROC_BELLS; i++)
        object->bells -= end->bells[i].made;
    tongi_inproc_changed(object);
    pthread_mutex_unlock(&object->lock);
    end->object = NULL;
}

/* SPDX-License-Identifier: MIT */
#include "transport/inproc_ready.h"

/* With end=last, a fan-in is over when nobody is left who might send, and nobody else holds what might come back. */
static bool is_over(const struct inproc_end *end)
{
    const struct inproc_object *object = end->object;

    return end->start->opts.end == TONG_END_LAST && end->start->role != TONG_REQ && object->begun &&
           object->senders == 0 && end->in->lent == end->lent;
}

int tongi_inproc_in_state(const struct inproc_end *end)
{
    const struct inproc_queue *in = end->in;

    if (!in)
        return -EAGAIN;
    if (in->waiting)
        return in->waiting->failed ? TONG_E_GONE : 0;
    if (in->ended)
        return TONG_E_END;
    if (is_over(end))
        return end->object->broken_off ? TONG_E_GONE : TONG_E_END;
    return in->cut ? TONG_E_GONE : -EAGAIN;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What is left of an end's part of the queue that it shares. */
static uint32_t part_left(const struct inproc_end *end)
{
    uint32_t part = end->object->depth / (1 + end->object->hungry - end->hungry);

    part = part ? part : 1;
    return end->untaken < part ? part - (uint32_t)end->untaken : 0;
}

uint32_t tongi_inproc_room(const struct inproc_end *end)
{
    switch (end->start->role) {
    case TONG_PUSH:
        return lesser(tongi_inproc_queue_room(end->out), part_left(end));
    case TONG_REQ:
        /* The answer's room is taken with the call, so that no answer ever has to wait. */
        return lesser(tongi_inproc_queue_room(&end->inbox), lesser(tongi_inproc_queue_room(end->out), part_left(end)));
    case TONG_PAIR:
        return tongi_inproc_queue_room(end->out);
    case TONG_PUB:
    case TONG_REP:
        /* Always some; but a batch is written before it is linked, and shall not fill the memory. */
        return end->object->depth;
    default:
        return 0;
    }
}

void tongi_inproc_hunger(struct inproc_end *end, bool hungry)
{
    if (hungry == end->hungry)
        return;
    end->hungry = hungry;
    if (hungry)
        end->object->hungry++;
    else
        end->object->hungry--;
    tongi_inproc_changed(end->object);
}

int tongi_inproc_out_state(const struct inproc_end *end)
{
    if (end->out && end->out->deserted)
        return TONG_E_GONE;
    return tongi_inproc_room(end) ? 0 : -EAGAIN;
}

int tongi_inproc_taken_state(const struct inproc_end *end)
{
    if (end->untaken == 0)
        return 0;
    return end->out && end->out->deserted ? TONG_E_GONE : -EAGAIN;
}

static int state_of(const struct inproc_end *end, uint32_t bell)
{
    switch (bell) {
    case TONG_IN:
        return tongi_inproc_in_state(end);
    case TONG_OUT:
        return tongi_inproc_out_state(end);
    default:
        return tongi_inproc_taken_state(end);
    }
}

static void ring_one(struct inproc_end *end, uint32_t bell)
{
    if (tongi_inproc_bell_is_live(&end->bells[bell]))
        tongi_inproc_bell_tell(&end->bells[bell], state_of(end, bell) != -EAGAIN);
}

static void ring(struct inproc_end *end)
{
    for (uint32_t bell = TONG_IN; bell < INPROC_BELLS; bell++)
        ring_one(end, bell);
}

void tongi_inproc_ring(struct inproc_object *object)
{
    if (object->bells)
        for (struct inproc_end *end = object->ends; end; end = end->next)
            ring(end);
}

void tongi_inproc_changed(struct inproc_object *object)
{
    /* Relaxed is enough for tongi_inproc_lock_if_changed: who sees the new value takes the lock to learn what it means,
     * and who sees the old one asks again, or makes sure under the lock before sleeping. */
    tongi_count_u64(&object->changes, 1);
    tongi_inproc_ring(object);
}

void tongi_inproc_changed_for(struct inproc_end *end)
{
    tongi_count_u64(&end->object->changes, 1);
    ring(end);
}

void tongi_inproc_taken(struct inproc_message *message)
{
    struct inproc_end *sender = message->sender;

    message->sender = NULL;
    if (sender && --sender->untaken == 0)
        ring_one(sender, INPROC_BELL_TAKEN);
}

void tongi_inproc_withdraw(struct inproc_queue *queue, struct inproc_message *message)
{
    tongi_inproc_taken(message);
    tongi_inproc_queue_remove(queue, message);
    tongi_inproc_message_free(message);
}

int tongi_inproc_lock_if_changed(struct inproc_end *end, uint64_t idle)
{
    if (tongi_load_relaxed_u64(&end->object->changes) == idle)
        return -EAGAIN;
    return tongi_inproc_lock(end);
}

static int bell_fail(const struct inproc_end *end, int error)
{
    return TONG_FAIL(error, "%s: no descriptor to wait on: %s; close some or raise 'ulimit -n'", end->start->address,
                     tong_error_text(error));
}

/* Makes a bell, live for one ring or for good, tells it what holds and returns its descriptor. */
static int bell_use(struct inproc_end *end, uint32_t index, bool for_good)
{
    struct inproc_bell *bell = &end->bells[index];
    int r = tongi_inproc_bell_make(bell);

    if (r < 0)
        return r;
    end->object->bells += (uint32_t)r;
    if (for_good)
        bell->watched = true;
    else
        bell->armed = true;
    tongi_inproc_bell_tell(bell, state_of(end, index) != -EAGAIN);
    return bell->fd;
}

int tongi_inproc_pollset(void *state, uint32_t direction, struct pollfd *set, int64_t *until_ns)
{
    struct inproc_end *end = state;
    uint32_t index = direction;
    int r = tongi_inproc_lock(end);

    (void)until_ns;
    if (r < 0)
        return TONG_TRACE(r);
    if (direction == TONG_OUT && end->flushing) {
        /* Room is not what a flush waits for. It says so again before each sleep, since it may be given up. */
        end->flushing = false;
        index = INPROC_BELL_TAKEN;
    }
    int fd = bell_use(end, index, false);
    tongi_inproc_unlock(end);
    if (fd < 0)
        return bell_fail(end, fd);
    set[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    return 1;
}

int tongi_inproc_fd(void *state, uint32_t direction)
{
    struct inproc_end *end = state;
    int r = tongi_inproc_lock(end);

    if (r < 0)
        return TONG_TRACE(r);
    int fd = bell_use(end, direction, true);
    tongi_inproc_unlock(end);
    return fd < 0 ? bell_fail(end, fd) : fd;
}

/* SPDX-License-Identifier: MIT */
#include "transport/inproc_queue.h"

#include <tong/tong.h>
#include <utlist.h>

void tongi_inproc_queue_put(struct inproc_queue *queue, struct inproc_message *message)
{
    message->lost += queue->lost;
    queue->lost = 0;
    DL_APPEND(queue->waiting, message);
    queue->count++;
}

void tongi_inproc_queue_put_back(struct inproc_queue *queue, struct inproc_message *message, bool before)
{
    message->flags |= TONG_REDELIVERED;
    message->loan = 0;
    if (before)
        DL_PREPEND(queue->waiting, message);
    else
        DL_APPEND(queue->waiting, message);
    queue->count++;
}

static void take_out(struct inproc_queue *queue, struct inproc_message *message)
{
    DL_DELETE(queue->waiting, message);
    queue->count--;
}

void tongi_inproc_queue_remove(struct inproc_queue *queue, struct inproc_message *message)
{
    if (message->next)
        message->next->lost += message->lost;
    else
        queue->lost += message->lost;
    take_out(queue, message);
    queue->used--;
}

struct inproc_message *tongi_inproc_queue_lend(struct inproc_queue *queue)
{
    struct inproc_message *message = queue->waiting;

    take_out(queue, message);
    queue->lent++;
    return message;
}

void tongi_inproc_queue_release(struct inproc_queue *queue)
{
    queue->lent--;
    queue->used--;
}

struct inproc_message *tongi_inproc_queue_take(struct inproc_queue *queue)
{
    struct inproc_message *message = queue->waiting;

    take_out(queue, message);
    queue->used--;
    return message;
}

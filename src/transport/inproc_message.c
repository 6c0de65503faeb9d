/* SPDX-License-Identifier: MIT */
#include "transport/inproc_message.h"

#include "sys/sys.h"

static struct inproc_message *body_init(struct inproc_body *body, size_t room)
{
    *body = (struct inproc_body){.refs = {1}, .room = room, .first = {.body = body}};
    return &body->first;
}

struct inproc_message *tongi_inproc_message_new(size_t room)
{
    /* Not tongi_sys_alloc: zeroing a mebibyte that is written next costs as much as writing it. */
    struct inproc_body *body = tongi_sys_resize(NULL, sizeof *body + room);

    return body ? body_init(body, room) : NULL;
}

struct inproc_message *tongi_inproc_message_reset(struct inproc_message *message)
{
    return body_init(message->body, message->body->room);
}

bool tongi_inproc_message_is_whole(const struct inproc_message *message)
{
    /* Acquire: pairs with the release of those who let go of it. */
    return message == &message->body->first && tongi_load_acquire_u32(&message->body->refs) == 1;
}

struct inproc_message *tongi_inproc_message_share(const struct inproc_message *message)
{
    struct inproc_message *shared = tongi_sys_alloc(sizeof *shared);

    if (!shared)
        return NULL;
    *shared = (struct inproc_message){.body = message->body, .peer = message->peer, .sequence = message->sequence};
    tongi_add_acq_rel_u32(&message->body->refs, 1);
    return shared;
}

void tongi_inproc_message_free(struct inproc_message *message)
{
    struct inproc_body *body = message->body;

    if (message != &body->first)
        tongi_sys_free(message);
    /* Acquire and release: whoever frees has seen all others finish reading. */
    if (tongi_add_acq_rel_u32(&body->refs, UINT32_MAX) == 1)
        tongi_sys_free(body);
}

void tongi_inproc_message_free_all(struct inproc_message *list)
{
    while (list) {
        struct inproc_message *next = list->next;
        tongi_inproc_message_free(list);
        list = next;
    }
}

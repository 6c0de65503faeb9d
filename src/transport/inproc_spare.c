/* SPDX-License-Identifier: MIT */
#include "transport/inproc_spare.h"

#include <utlist.h>

/* Takes a spare message out that has the room, but does not waste more than it uses. */
static struct inproc_message *take_spare(struct inproc_object *object, size_t room)
{
    for (struct inproc_message *spare = object->spares; spare; spare = spare->next) {
        if (spare->body->room < room || spare->body->room / 2 > room)
            continue;
        DL_DELETE(object->spares, spare);
        object->spare_count--;
        return spare;
    }
    return NULL;
}

struct inproc_message *tongi_inproc_spare_new(struct inproc_end *end, size_t room)
{
    if (room < TONGI_INPROC_SPARE_BYTES || tongi_inproc_lock(end) < 0)
        return tongi_inproc_message_new(room);
    struct inproc_message *spare = take_spare(end->object, room);
    tongi_inproc_unlock(end);
    return spare ? tongi_inproc_message_reset(spare) : tongi_inproc_message_new(room);
}

/* Adds a message to the spare ones; returns the one that goes for it, if there are too many, or NULL. */
static struct inproc_message *add_spare(struct inproc_object *object, struct inproc_message *message)
{
    struct inproc_message *oldest = object->spares;

    DL_APPEND(object->spares, message);
    if (object->spare_count < TONGI_INPROC_SPARES) {
        object->spare_count++;
        return NULL;
    }
    DL_DELETE(object->spares, oldest);
    return oldest;
}

static void keep_or_free(struct inproc_end *end, struct inproc_message *message)
{
    bool worth = message->body->room >= TONGI_INPROC_SPARE_BYTES && tongi_inproc_message_is_whole(message);

    if (worth && tongi_inproc_lock(end) == 0) {
        message = add_spare(end->object, message);
        tongi_inproc_unlock(end);
    }
    if (message)
        tongi_inproc_message_free(message);
}

void tongi_inproc_spare_free_all(struct inproc_end *end, struct inproc_message *list)
{
    while (list) {
        struct inproc_message *next = list->next;
        keep_or_free(end, list);
        list = next;
    }
}

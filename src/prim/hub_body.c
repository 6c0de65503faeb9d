/* SPDX-License-Identifier: MIT */
/*
 * Bodies too long for the stage. They are read straight into the receiver's room, or into memory of their own that
 * grows as bytes arrive, so that an announcement alone costs nothing.
 */
#include "prim/hub_parts.h"

#include <string.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"

/* The first memory for a body of which nothing has come yet. */
#define BODY_FIRST_BYTES ((size_t)4 * 1024)

int tongi_hub_no_memory(const struct tongi_hub *hub, size_t bytes)
{
    return TONG_FAIL(-ENOMEM, "%s: no memory for a message of %zu bytes", hub->setup.address, bytes);
}

/* A body begins: into the receiver's room if it is large enough, or else into own memory, as much as is needed now. */
int tongi_hub_body_begin(struct tongi_hub *hub, struct tongi_link *link, uint32_t len, const tong_bytes *direct)
{
    struct tongi_body *body = &link->body;
    size_t staged = hub->stage.end - hub->stage.next - TONGI_FRAME_BYTES;

    body->len = len;
    body->got = 0;
    body->lent = direct && direct->len >= len ? direct->data : NULL;
    if (!body->lent) {
        if (!body->own.data) {
            body->own = hub->spare_body;
            hub->spare_body = (struct tongi_block){0};
        }
        /* As much as has arrived: an announcement alone costs the announcer's victim nothing. */
        if (tongi_block_reserve(&body->own, staged > BODY_FIRST_BYTES ? staged : BODY_FIRST_BYTES) < 0)
            return tongi_hub_no_memory(hub, len);
    }
    if (staged)
        memcpy(body->lent ? body->lent : body->own.data, hub->stage.data + hub->stage.next + TONGI_FRAME_BYTES, staged);
    body->got = staged;
    body->active = true;
    tongi_hub_consume(hub, TONGI_FRAME_BYTES + staged);
    return 0;
}

void tongi_hub_body_end(struct tongi_hub *hub, struct tongi_link *link)
{
    struct tongi_body *body = &link->body;

    body->active = false;
    body->lent = NULL;
    if (body->own.room > hub->spare_body.room) {
        tongi_block_free(&hub->spare_body);
        hub->spare_body = body->own;
    } else {
        tongi_block_free(&body->own);
    }
    body->own = (struct tongi_block){0};
}

/* The receiver's room is no longer lent: what it holds moves into own memory. */
int tongi_hub_body_settle(struct tongi_hub *hub, struct tongi_link *link)
{
    struct tongi_body *body = &link->body;

    if (!body->active || !body->lent)
        return 0;
    size_t room = body->got > TONGI_CHUNK_BYTES ? body->got : TONGI_CHUNK_BYTES;
    if (tongi_block_reserve(&body->own, room) < 0)
        return tongi_hub_no_memory(hub, body->len);
    memcpy(body->own.data, body->lent, body->got);
    body->lent = NULL;
    return 0;
}

/* What the system said about reading: a peer that cannot be read from any more is one that is gone. */
ssize_t tongi_hub_received(struct tongi_hub *hub, ssize_t got)
{
    if (got >= 0 || got == -EAGAIN)
        return got;
    hub->reset = true;
    return got == -ENOMEM ? TONG_FAIL(-ENOMEM, "%s: the system has no memory to receive with", hub->setup.address) : 0;
}

ssize_t tongi_hub_body_fill(struct tongi_hub *hub, struct tongi_link *link)
{
    struct tongi_body *body = &link->body;
    size_t left = body->len - body->got;
    size_t room = left;

    if (!body->lent) {
        if (body->got == body->own.room) {
            size_t want = body->own.room * 2 < body->len ? body->own.room * 2 : body->len;
            if (tongi_block_reserve(&body->own, want) < 0)
                return tongi_hub_no_memory(hub, body->len);
        }
        if (room > body->own.room - body->got)
            room = body->own.room - body->got;
    }
    uint8_t *to = (body->lent ? body->lent : body->own.data) + body->got;
    /* The next header comes along with the end of this body, which saves a call per message. */
    struct iovec vector[2] = {{to, room}, {hub->stage.data, TONGI_FRAME_BYTES}};
    ssize_t got = room == left ? tongi_link_getv(link, vector, 2) : tongi_link_get(link, to, room);
    if (got <= 0)
        return tongi_hub_received(hub, got);
    hub->stage.at = hub->stage.next = hub->stage.end = 0;
    if ((size_t)got > room)
        hub->stage.end = (size_t)got - room;
    body->got += (size_t)got - hub->stage.end;
    return got;
}

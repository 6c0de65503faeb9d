/* SPDX-License-Identifier: MIT */
/*
 * Reading packets. Each brings one whole frame, so that the stage never holds a part of one, and it always has room for
 * the largest: what does not fit is longer than the rules allow.
 */
#include "prim/hub_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "prim/packet.h"

size_t tongi_hub_packet_room(const struct tongi_hub *hub)
{
    size_t body = hub->setup.size_max > TONGI_CONTROL_MAX ? hub->setup.size_max : TONGI_CONTROL_MAX;

    return TONGI_FRAME_BYTES + body;
}

static ssize_t get(struct tongi_link *link, struct iovec *vector, uint32_t n)
{
    ssize_t got;

    if (!link->ancillary)
        return n == 1 ? tongi_packet_get(link->in_fd, vector[0].iov_base, vector[0].iov_len)
                      : tongi_packet_getv(link->in_fd, vector, n);
    got = tongi_ancillary_get_packet(link->ancillary, link->in_fd, vector, n);
    return got == -ECONNRESET ? tongi_ancillary_get_packet(link->ancillary, link->in_fd, vector, n) : got;
}

/* Adds the packet that was read behind the others in the stage, for scan to judge. What is not one whole frame becomes
 * a frame that scan refuses. */
static void stage_add(struct tongi_hub *hub, size_t len)
{
    struct tongi_stage *stage = &hub->stage;
    uint8_t *frame = stage->data + stage->end;
    bool whole = len >= TONGI_FRAME_BYTES && tongi_frame_decode(frame).len == len - TONGI_FRAME_BYTES;

    if (!whole)
        tongi_frame_encode(frame, TONGI_FRAME_TORN, 0);
    /* Of one that was too long its header is enough: it says so. */
    if (!whole || len > stage->room - stage->end)
        len = TONGI_FRAME_BYTES;
    stage->end += len;
    hub->in->large = len > TONGI_GATHER_BYTES;
    if (hub->in->ancillary)
        tongi_ancillary_packet(hub->in->ancillary, len, tongi_frame_decode(frame).descriptors);
}

/* Reads a packet whose body is likely to be long: into the receiver's room, and what is more than that behind it. If it
 * then is no message that fits there, it is put together in the stage. */
static ssize_t read_direct(struct tongi_hub *hub)
{
    struct tongi_stage *stage = &hub->stage;
    struct tongi_body *body = &hub->in->body;
    size_t limit = stage->room - TONGI_FRAME_BYTES;
    size_t room = hub->direct->len < limit ? hub->direct->len : limit;
    uint8_t *rest = stage->data + TONGI_FRAME_BYTES;
    struct iovec vector[3] = {{stage->data, TONGI_FRAME_BYTES}, {hub->direct->data, room}, {rest + room, limit - room}};
    ssize_t got = get(hub->in, vector, 3);

    if (got <= 0)
        return got;
    size_t len = (size_t)got > TONGI_FRAME_BYTES ? (size_t)got - TONGI_FRAME_BYTES : 0;
    if (len && len <= room && len <= hub->setup.size_max &&
        tongi_frame_word(stage->data) == (TONGI_FRAME_PLAIN_DATA << 32 | len)) {
        body->lent = hub->direct->data;
        body->len = body->got = len;
        body->active = true;
        hub->in->large = len > TONGI_GATHER_BYTES;
        if (hub->in->ancillary)
            tongi_ancillary_packet(hub->in->ancillary, (size_t)got, 0);
        return got;
    }
    memcpy(rest, hub->direct->data, len < room ? len : room);
    stage_add(hub, (size_t)got);
    return got;
}

static ssize_t read_staged(struct tongi_hub *hub)
{
    struct tongi_stage *stage = &hub->stage;
    ssize_t got = get(hub->in, &(struct iovec){stage->data + stage->end, stage->room - stage->end}, 1);

    if (got > 0)
        stage_add(hub, (size_t)got);
    return got;
}

ssize_t tongi_hub_packet_fill(struct tongi_hub *hub)
{
    struct tongi_stage *stage = &hub->stage;
    struct tongi_link *link = hub->in;
    size_t largest = tongi_hub_sends_only(hub) ? stage->room : tongi_hub_packet_room(hub);
    bool direct = link->large && link->greeted && hub->direct && hub->direct->len > TONGI_GATHER_BYTES;
    /* With one packet at a time, what came beside the last one is what came beside the first. */
    uint32_t wanted = link->ancillary ? 1 : hub->wanted, n = 0;
    ssize_t got;

    if (tongi_hub_loans(hub) == 0 && stage->next == stage->end)
        stage->at = stage->next = stage->end = 0;
    do {
        got = direct ? read_direct(hub) : read_staged(hub);
        if (got == 0 && !tongi_packet_ended(link->in_fd)) {
            stage_add(hub, 0);
            got = (ssize_t)TONGI_FRAME_BYTES;
        }
        direct = false;
        n += got > 0;
    } while (got > 0 && n < wanted && !link->body.active && stage->room - stage->end >= largest);
    return n ? (ssize_t)n : tongi_hub_received(hub, got);
}

/* Nothing but the next packet of the only link can be what the call gets. */
static bool is_plain(const struct tongi_hub *hub)
{
    const struct tongi_link *link = hub->in;
    const struct tongi_stage *stage = &hub->stage;
    bool only = !tongi_hub_many(hub) || (tongi_hub_sole(hub) == link && hub->fills < TONGI_LOOK_EVERY);

    return link && only && link->greeted && !link->large && !link->ancillary && !link->body.active && stage->data &&
           stage->next == stage->end && hub->in_fate == TONGI_FATE_OPEN && !tongi_hub_loans(hub) &&
           !tongi_hub_sends_only(hub);
}

int tongi_hub_packet_recv(struct tongi_hub *hub, tong_bytes *msg)
{
    struct tongi_stage *stage = &hub->stage;

    if (!is_plain(hub))
        return 0;
    hub->fills++;
    stage->at = stage->next = stage->end = 0;
    ssize_t got = read_staged(hub);
    if (got == 0 && !tongi_packet_ended(hub->in->in_fd))
        stage_add(hub, 0);
    /* Of many, somebody else may have something: that is looked for next, without asking this one again. */
    if (got == -EAGAIN && !tongi_hub_many(hub))
        return -EAGAIN;
    if (got == -EAGAIN)
        hub->asked = hub->in->peer;
    uint32_t len;
    if (got <= 0 || !tongi_hub_is_whole(hub, hub->in, &len) || len > msg->len)
        return 0;
    if (len)
        memcpy(msg->data, stage->data + TONGI_FRAME_BYTES, len);
    msg->len = len;
    stage->at = stage->next = stage->end;
    return 1;
}

bool tongi_hub_packet_behind(struct tongi_hub *hub, uint32_t *ret_len)
{
    struct tongi_stage *stage = &hub->stage;

    if (!tongi_hub_packets(hub) || stage->next < stage->end || stage->room - stage->end < tongi_hub_packet_room(hub))
        return false;
    return tongi_hub_packet_fill(hub) > 0 && tongi_hub_is_whole(hub, hub->in, ret_len);
}

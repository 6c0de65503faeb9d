/* SPDX-License-Identifier: MIT */
/* The receiving slots: messages out of the stage, by copy and in place. */
#include "prim/hub_parts.h"

#include <string.h>

#include "base/error.h"

/* How often one look reads what is thrown away: a chunk in all, so that whoever says much cannot keep a call. */
#define FOREIGN_READS 64

static int listens_for_pairs(const struct tongi_hub *hub)
{
    if (!tongi_hub_many(hub) || hub->setup.role != TONG_PAIR)
        return 0;
    return TONG_FAIL(TONG_E_STATE, "%s: this pair listens; tong_accept gives a channel for each peer",
                     hub->setup.address);
}

/* Lends the message that was found, whose descriptors are the caller's from now on. */
static void lend(struct tongi_hub *hub, enum tongi_scan found, const uint8_t *data, size_t len, tong_span *ret_span,
                 tong_meta *ret_meta)
{
    uint32_t announced = tongi_hub_announced(hub, hub->in, found);
    union {
        const uint8_t *from;
        void *to;
    } body = {.from = data};

    *ret_span = (tong_span){.data = body.to, .len = len, .token = ++hub->lent};
    hub->in->sequence++;
    if (ret_meta)
        tongi_hub_describe(hub->in, hub->in->ancillary ? tongi_hub_began(hub, hub->in, found) : 0, ret_meta);
    if (announced)
        tongi_ancillary_hand_over(hub->in->ancillary, ret_meta);
}

static int too_big(const struct tongi_hub *hub, uint32_t len, size_t room)
{
    return TONG_FAIL(TONG_E_TOOBIG, "%s: the message has %u bytes and the room %zu; it stays until there is room",
                     hub->setup.address, len, room);
}

/* Takes the whole messages that stand in the stage, the first of which scan() has approved; stops at anything else. */
static uint32_t take_staged(struct tongi_hub *hub, tong_bytes *msgs, uint32_t n)
{
    const uint8_t *from = hub->stage.data + hub->stage.next;
    const uint8_t *end = hub->stage.data + hub->stage.end;
    uint64_t size_max = hub->setup.size_max;
    uint32_t count = 0;

    while (count < n && (size_t)(end - from) >= TONGI_FRAME_BYTES) {
        uint64_t word = tongi_frame_word(from);
        uint32_t len = (uint32_t)word;
        if (word >> 32 != TONGI_FRAME_PLAIN_DATA || len > (size_t)(end - from) - TONGI_FRAME_BYTES || len > size_max ||
            len > msgs[count].len)
            break;
        if (len)
            memcpy(msgs[count].data, from + TONGI_FRAME_BYTES, len);
        msgs[count++].len = len;
        from += TONGI_FRAME_BYTES + len;
    }
    hub->stage.at = hub->stage.next = (size_t)(from - hub->stage.data);
    return count;
}

/* Takes just the first of them, which is not plain: descriptors come with it. */
static uint32_t take_first(struct tongi_hub *hub, tong_bytes *msg, uint32_t len)
{
    if (len)
        memcpy(msg->data, hub->stage.data + hub->stage.next + TONGI_FRAME_BYTES, len);
    msg->len = len;
    tongi_hub_consume(hub, TONGI_FRAME_BYTES + len);
    return 1;
}

/* From the one link of a hub whose peer was greeted, when nothing is unfinished: what most calls meet, in a fraction of
 * the steps. How many messages were taken, -EAGAIN, or 0: it takes the long way. */
static int64_t recv_short(struct tongi_hub *hub, tong_bytes *msgs, uint32_t n)
{
    struct tongi_stage *stage = &hub->stage;
    struct tongi_link *link = hub->in;

    if (!link || !link->greeted || link->body.active || link->large || hub->in_fate != TONGI_FATE_OPEN ||
        tongi_hub_loans(hub) || tongi_hub_sends_only(hub))
        return 0;
    if (stage->next == stage->end) {
        ssize_t got = tongi_link_get(link, stage->data, stage->room);
        if (got <= 0)
            return got == -EAGAIN ? -EAGAIN : 0;
        stage->next = 0;
        stage->end = (size_t)got;
    }
    uint32_t count = take_staged(hub, msgs, n);
    link->sequence += count;
    return count;
}

/* Takes what is not a frame in the stage. Raw bytes have no bounds that a small room could break. */
static int64_t take_other(struct tongi_hub *hub, int found, uint32_t len, tong_bytes *msgs, uint32_t n)
{
    struct tongi_body *body = &hub->in->body;
    bool fits = len <= msgs[0].len || (hub->setup.framing == TONG_FRAMING_RAW && msgs[0].len);

    if (!fits)
        return too_big(hub, len, msgs[0].len);
    if (found == TONGI_SCAN_FOREIGN)
        return tongi_hub_foreign_take(hub, msgs, n);
    if (!body->lent)
        memcpy(msgs[0].data, body->own.data, len);
    tongi_hub_body_end(hub, hub->in);
    msgs[0].len = len;
    return 1;
}

int64_t tongi_hub_recv(struct tongi_hub *hub, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    int64_t taken = meta || !hub->plain ? 0 : recv_short(hub, msgs, n);

    if (taken)
        return taken;
    uint32_t len = 0;
    int r = listens_for_pairs(hub);

    if (r < 0)
        return r;
    if (hub->in && hub->in->body.lent && (hub->in->body.lent != msgs[0].data || msgs[0].len < hub->in->body.len)) {
        r = tongi_hub_settle_in(hub);
        if (r < 0)
            return r;
    }
    if (n == 1 && tongi_hub_packets(hub)) {
        r = tongi_hub_packet_recv(hub, &msgs[0]);
        if (r > 0) {
            hub->in->sequence++;
            if (meta)
                tongi_hub_describe(hub->in, 0, meta);
        }
        if (r != 0)
            return r;
    }
    hub->wanted = n;
    int found = tongi_hub_advance(hub, &msgs[0], &len);
    if (found < 0) {
        /* Only -EAGAIN may keep the receiver's room. */
        r = found == -EAGAIN ? 0 : tongi_hub_settle_in(hub);
        return r < 0 ? r : found;
    }
    struct tongi_link *link = hub->in;
    uint32_t announced = tongi_hub_announced(hub, link, (enum tongi_scan)found);
    if (announced && (r = tongi_hub_has_room(hub, announced, meta)) < 0) {
        int settled = tongi_hub_settle_in(hub);
        return settled < 0 ? settled : r;
    }
    uint64_t began = link->ancillary && meta ? tongi_hub_began(hub, link, (enum tongi_scan)found) : 0;
    int64_t count;
    if (found != TONGI_SCAN_FRAME)
        count = take_other(hub, found, len, msgs, n);
    else if (len > msgs[0].len)
        count = too_big(hub, len, msgs[0].len);
    else
        count = announced ? take_first(hub, msgs, len) : take_staged(hub, msgs, n);
    if (count < 0)
        return count;
    link->sequence += (uint64_t)count;
    if (meta)
        tongi_hub_describe(link, began, meta);
    if (announced)
        tongi_ancillary_hand_over(link->ancillary, meta);
    return count;
}

static int64_t peek_foreign(struct tongi_hub *hub, uint32_t len, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    int64_t more = len;
    uint32_t count = 0;

    do {
        len = (uint32_t)more;
        lend(hub, TONGI_SCAN_FOREIGN, hub->stage.data + hub->stage.next, len, &ret_spans[count],
             metas ? &metas[count] : NULL);
        count++;
        tongi_hub_foreign_pass(hub, len);
    } while (count < n && (more = tongi_hub_foreign_find(hub, hub->in)) >= 0);
    return count;
}

int64_t tongi_hub_peek(struct tongi_hub *hub, tong_span *ret_spans, tong_meta *metas, uint32_t n)
{
    uint32_t count = 0, len = 0;
    int r = listens_for_pairs(hub);

    if (r < 0)
        return r;
    hub->wanted = n;
    int found = tongi_hub_advance(hub, NULL, &len);
    if (found == -ENOBUFS)
        return TONG_FAIL(-ENOBUFS, "%s: %llu loans are out; release some before peeking further", hub->setup.address,
                         (unsigned long long)tongi_hub_loans(hub));
    if (found < 0)
        return found;
    /* Only the first can bring descriptors: those that are lent behind it are plain. */
    r = tongi_hub_has_room(hub, tongi_hub_announced(hub, hub->in, (enum tongi_scan)found), metas);
    if (r < 0)
        return r;
    if (found == TONGI_SCAN_BODY) {
        lend(hub, TONGI_SCAN_BODY, hub->in->body.own.data, len, &ret_spans[0], metas);
        hub->body_lent = true;
        return 1;
    }
    if (found == TONGI_SCAN_FOREIGN)
        return peek_foreign(hub, len, ret_spans, metas, n);
    do {
        lend(hub, TONGI_SCAN_FRAME, hub->stage.data + hub->stage.next + TONGI_FRAME_BYTES, len, &ret_spans[count],
             metas ? &metas[count] : NULL);
        count++;
        hub->stage.next += TONGI_FRAME_BYTES + len;
    } while (count < n && tongi_hub_is_whole(hub, hub->in, &len));
    return count;
}

int tongi_hub_release(struct tongi_hub *hub, const tong_span *spans, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (spans[i].token != hub->released + 1 + i || spans[i].token > hub->lent)
            return TONG_FAIL(-EINVAL, "%s: loan %u is not the oldest that is out; a stream takes loans back in order",
                             hub->setup.address, i);
    hub->released += n;
    if (tongi_hub_loans(hub))
        return 0;
    hub->stage.at = hub->stage.next;
    if (hub->body_lent)
        tongi_hub_body_end(hub, hub->in);
    hub->body_lent = false;
    return 0;
}

int64_t tongi_hub_next_size(struct tongi_hub *hub)
{
    uint32_t len = 0;
    int r = listens_for_pairs(hub);

    if (r < 0)
        return r;
    int found = tongi_hub_advance(hub, NULL, &len);
    if (found == -ENOBUFS)
        return -EAGAIN;
    return found < 0 ? found : (int64_t)len;
}

int tongi_hub_settle_in(struct tongi_hub *hub)
{
    int r = hub->in ? tongi_hub_body_settle(hub, hub->in) : 0;

    if (r < 0) {
        (void)tongi_hub_lost(hub, TONG_CUT);
        r = TONG_FAIL(r, "%s: no memory for the beginning of a message; the connection was cut", hub->setup.address);
    }
    return r;
}

void tongi_hub_look(struct tongi_hub *hub)
{
    uint32_t len = 0;

    /* A hub that only sends takes a message for a breach; one that receives stops in front of it. What a foreign
     * reader says is read, so that it does not get stuck, and thrown away. */
    for (int i = 0; i < FOREIGN_READS && tongi_hub_advance(hub, NULL, &len) == TONGI_SCAN_FOREIGN; i++) {
        if (!tongi_hub_sends_only(hub))
            return;
        tongi_hub_consume(hub, hub->stage.end - hub->stage.next);
    }
}

bool tongi_hub_in_ready(const struct tongi_hub *hub)
{
    const struct tongi_stage *stage = &hub->stage;
    size_t available = stage->end - stage->next;

    if (hub->in_fate != TONGI_FATE_OPEN)
        return true;
    if (!hub->in)
        return false;
    if (hub->in->body.active)
        return hub->in->body.got == hub->in->body.len && !hub->body_lent;
    if (tongi_hub_foreign(hub))
        return tongi_hub_foreign_find(hub, hub->in) != -EAGAIN;
    return available >= TONGI_FRAME_BYTES &&
           available - TONGI_FRAME_BYTES >= (uint32_t)tongi_frame_word(stage->data + stage->next);
}

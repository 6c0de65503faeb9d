/* SPDX-License-Identifier: MIT */
/*
 * Reading. Bytes are read into one stage, as many as are there, so that small messages share a system call; a link's
 * unfinished frame is stashed when the stage goes to another link.
 */
#include "prim/hub_parts.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"

/* What a hub that only sends needs to read: greetings, farewells and refusals, or what it throws away. */
#define CONTROL_STAGE_BYTES ((size_t)1024)
#define EVENTS_MAX 64

/* Made when there is something to read from: an idle listener costs little. */
static int stage_make(struct tongi_hub *hub)
{
    size_t room = tongi_hub_sends_only(hub) ? CONTROL_STAGE_BYTES : TONGI_CHUNK_BYTES;

    if (hub->stage.data)
        return 0;
    /* Behind a chunk of small packets there is still room for the largest. */
    if (tongi_hub_packets(hub) && !tongi_hub_sends_only(hub))
        room += tongi_hub_packet_room(hub);
    hub->stage.data = tongi_sys_resize(NULL, room);
    if (!hub->stage.data)
        return tongi_hub_no_memory(hub, room);
    hub->stage.room = room;
    return 0;
}

/* Reads more of the hub's present link. 0: end of stream; -EAGAIN: nothing there. */
static ssize_t fill(struct tongi_hub *hub)
{
    struct tongi_stage *stage = &hub->stage;
    struct tongi_link *link = hub->in;
    size_t rest = stage->end - stage->next;

    hub->fills++;
    /* No pipe leads back to a sender: as if the peer had said that it will say nothing. */
    if (tongi_hub_sends_only(hub) && tongi_link_is_one_way(link))
        return 0;
    if (link->body.active)
        return tongi_hub_foreign(hub) ? tongi_hub_foreign_fill(hub, link) : tongi_hub_body_fill(hub, link);
    int r = stage_make(hub);
    if (r < 0)
        return r;
    if (tongi_hub_packets(hub))
        return tongi_hub_packet_fill(hub);
    if (stage->next && rest)
        memmove(stage->data, stage->data + stage->next, rest);
    stage->at = stage->next = 0;
    stage->end = rest;
    /* Behind a long message another is likely: its header alone tells whether its body can go straight to its room. */
    size_t want = link->large && rest < TONGI_FRAME_BYTES ? TONGI_FRAME_BYTES - rest : stage->room - rest;
    ssize_t got = tongi_link_get(link, stage->data + rest, want);
    if (got <= 0)
        return tongi_hub_received(hub, got);
    stage->end += (size_t)got;
    return got;
}

/* Gives the stage to another link. */
static int turn_to(struct tongi_hub *hub, struct tongi_link *link)
{
    struct tongi_stage *stage = &hub->stage;
    struct tongi_link *old = hub->in;
    size_t rest = stage->end - stage->next;

    if (old == link)
        return 0;
    if (old) {
        int r = tongi_hub_body_settle(hub, old);
        if (r < 0)
            return r;
        if (rest && tongi_block_reserve(&old->stash, rest) < 0)
            return tongi_hub_no_memory(hub, rest);
        if (rest)
            memcpy(old->stash.data, stage->data + stage->next, rest);
        old->stashed = rest;
    }
    stage->at = stage->next = 0;
    stage->end = link->stashed;
    if (link->stashed)
        memcpy(stage->data, link->stash.data, link->stashed);
    link->stashed = 0;
    tongi_block_free(&link->stash);
    hub->in = link;
    return 0;
}

static int events_get(struct tongi_hub *hub)
{
    if (!hub->events) {
        hub->events = tongi_sys_alloc(EVENTS_MAX * sizeof *hub->events);
        if (!hub->events)
            return tongi_hub_no_memory(hub, EVENTS_MAX * sizeof *hub->events);
    }
    (void)tongi_hub_shed(hub);
    hub->event_at = hub->event_count = 0;
    hub->fills = 0;
    int n;
    do
        n = tongi_sys_epoll_wait(hub->in_epoll, hub->events, EVENTS_MAX, 0);
    while (n == -EINTR);
    if (n <= 0)
        return n < 0 ? TONG_FAIL(n, "%s: epoll: %s", hub->setup.address, tong_error_text(n)) : -EAGAIN;
    hub->event_count = (uint32_t)n;
    return 0;
}

/* Reads from whoever is next. Each ready link has one read at a time, so that nobody waits for a fast neighbour; the
 * kernel's list puts those that are still ready behind the others. */
static ssize_t refill_many(struct tongi_hub *hub)
{
    /* the number of the sole link that has nothing: its memory may be another's by now */
    uint64_t empty = hub->asked;

    hub->asked = 0;
    for (;;) {
        struct tongi_link *sole = tongi_hub_sole(hub);
        if (sole && sole->peer != empty && hub->fills < TONGI_LOOK_EVERY) {
            int r = turn_to(hub, sole);
            if (r < 0)
                return r;
            ssize_t got = fill(hub);
            if (got != -EAGAIN)
                return got;
            empty = sole->peer;
        }
        if (hub->event_at == hub->event_count) {
            int r = events_get(hub);
            sole = tongi_hub_sole(hub);
            if (r == -EAGAIN && sole && sole->peer != empty)
                continue;
            if (r < 0)
                return r;
        }
        void *who = hub->events[hub->event_at++].data.ptr;
        if (who == &hub->timer) {
            if (hub->event_count == 1)
                return -EAGAIN;
            continue;
        }
        if (!who) {
            /* In a flood of newcomers the call looks at its deadline in between. */
            if (tongi_hub_accept_all(hub))
                return -EAGAIN;
            continue;
        }
        int r = turn_to(hub, who);
        if (r < 0)
            return r;
        ssize_t got = fill(hub);
        if (got != -EAGAIN)
            return got;
    }
}

/* ---- losing ---------------------------------------------------------------------------------------------------- */

static void stage_clear(struct tongi_hub *hub)
{
    if (tongi_hub_loans(hub) == 0)
        hub->stage.at = hub->stage.next = hub->stage.end = 0;
    else
        hub->stage.end = hub->stage.next;
}

/* What the reader is told when there is, or was, one link only. */
static int fate_fail(struct tongi_hub *hub, enum tongi_fate fate)
{
    if (fate != TONGI_FATE_GONE || tongi_hub_many(hub) || !hub->why[0])
        return tongi_hub_fate_fail(hub, fate);
    TONG_FAIL(TONG_E_GONE, "%s: %s%s", hub->setup.address, hub->why,
              hub->setup.reconnect ? "; the next call connects again" : "");
    if (hub->in_fate == TONGI_FATE_OPEN)
        hub->why[0] = 0;
    return TONG_E_GONE;
}

static int many_lost(struct tongi_hub *hub, enum tong_event_what what)
{
    bool greeted = hub->in->greeted;

    tongi_hub_drop(hub, hub->in, what);
    if (!greeted || !hub->setup.end_last || hub->count)
        return 0;
    /* Somebody may stand at the door. */
    tongi_hub_accept_all(hub);
    if (hub->count)
        return 0;
    hub->in_fate = what == TONG_LEFT ? TONGI_FATE_END : TONGI_FATE_GONE;
    return tongi_hub_fate_fail(hub, hub->in_fate);
}

int tongi_hub_lost(struct tongi_hub *hub, enum tong_event_what what)
{
    bool pair = hub->setup.role == TONG_PAIR;

    stage_clear(hub);
    if (tongi_hub_many(hub))
        return many_lost(hub, what);
    if (pair && what == TONG_LEFT) {
        /* The peer's other direction may still be open, so the link stays. */
        pthread_mutex_lock(&hub->lock);
        if (!hub->in->told)
            tongi_hub_tell(hub, TONG_LEFT, hub->in, 0);
        hub->in->told = true;
        pthread_mutex_unlock(&hub->lock);
        hub->in_fate = TONGI_FATE_END;
        return tongi_hub_fate_fail(hub, TONGI_FATE_END);
    }
    hub->in->body.active = false;
    tongi_ancillary_clear(hub->in->ancillary);
    if (!hub->in->shared)
        tongi_hub_cut(hub, hub->in);
    tongi_hub_let_go(hub, &hub->in, what);
    if (hub->in_fate == TONGI_FATE_OPEN) {
        if (what == TONG_LEFT && (hub->setup.end_last || !hub->setup.reconnect))
            hub->in_fate = TONGI_FATE_END;
        else if (!hub->setup.reconnect || hub->setup.end_last || !hub->setup.net)
            hub->in_fate = TONGI_FATE_GONE;
    }
    if (hub->in_fate != TONGI_FATE_OPEN)
        return fate_fail(hub, hub->in_fate);
    if (pair)
        return fate_fail(hub, TONGI_FATE_GONE);
    hub->why[0] = 0;
    return 0;
}

static int refill(struct tongi_hub *hub)
{
    ssize_t got = tongi_hub_many(hub) ? refill_many(hub) : fill(hub);

    if (got != 0)
        return got < 0 ? (int)got : 0;
    return tongi_hub_foreign(hub) ? tongi_hub_foreign_ended(hub) : tongi_hub_lost(hub, tongi_hub_death(hub, hub->in));
}

/* ---- the next message ------------------------------------------------------------------------------------------ */

/* What stands first ends the conversation. */
static int given_up(struct tongi_hub *hub, enum tongi_scan found)
{
    int r = tongi_hub_lost(hub, found == TONGI_SCAN_END ? TONG_LEFT : TONG_CUT);

    return found == TONGI_SCAN_STARVED ? tongi_hub_starved(hub) : r;
}

/* What stands behind the loans, which are in the way of reading more. */
static int advance_behind(struct tongi_hub *hub, uint32_t *ret_len)
{
    if (tongi_hub_is_whole(hub, hub->in, ret_len) || tongi_hub_packet_behind(hub, ret_len))
        return TONGI_SCAN_FRAME;
    int64_t len = tongi_hub_foreign(hub) && !hub->body_lent ? tongi_hub_foreign_find(hub, hub->in) : -ENOBUFS;
    if (len < 0)
        return -ENOBUFS;
    *ret_len = (uint32_t)len;
    return TONGI_SCAN_FOREIGN;
}

int tongi_hub_advance(struct tongi_hub *hub, const tong_bytes *direct, uint32_t *ret_len)
{
    int r = 0;

    hub->direct = direct;
    for (;;) {
        if (r < 0)
            return r;
        if (hub->in_fate != TONGI_FATE_OPEN)
            return fate_fail(hub, hub->in_fate);
        if (tongi_hub_loans(hub))
            return advance_behind(hub, ret_len);
        if (!hub->in && !tongi_hub_many(hub) && (r = tongi_hub_hold(hub, &hub->in, hub->in_fate)) < 0)
            return r;
        enum tongi_scan found = hub->in ? tongi_hub_scan(hub, hub->in, ret_len) : TONGI_SCAN_MORE;
        if (found == TONGI_SCAN_FRAME || found == TONGI_SCAN_BODY || found == TONGI_SCAN_FOREIGN)
            return (int)found;
        if (found == TONGI_SCAN_LARGE)
            r = tongi_hub_foreign(hub) ? tongi_hub_foreign_begin(hub, hub->in)
                                       : tongi_hub_body_begin(hub, hub->in, *ret_len, direct);
        else if (found == TONGI_SCAN_MORE)
            r = refill(hub);
        else
            r = given_up(hub, found);
    }
}

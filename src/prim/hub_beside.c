/* SPDX-License-Identifier: MIT */
/* What comes beside the bytes: descriptors that go with messages, who sent them, and whether the peer is dead. */
#include "prim/hub_parts.h"

#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"

/* ---- receiving ------------------------------------------------------------------------------------------------- */

/* Where in the stream the first byte stands that is not taken. */
static uint64_t next_at(const struct tongi_hub *hub, const struct tongi_link *link)
{
    return link->ancillary->received - (hub->stage.end - hub->stage.next);
}

static enum tongi_scan mismatch(struct tongi_hub *hub, struct tongi_link *link, enum tongi_match match)
{
    char why[96];

    switch (match) {
    case TONGI_MATCH_STRAY:
        return tongi_hub_broken(hub, link, TONG_E_CORRUPT, "it sent descriptors that no message announces");
    case TONGI_MATCH_FEWER:
        return tongi_hub_broken(hub, link, TONG_E_CORRUPT, "it announced descriptors that did not come");
    case TONGI_MATCH_MORE:
        snprintf(why, sizeof why, "a message came with more descriptors than it announced, or than descriptors=%u",
                 hub->setup.descriptors);
        return tongi_hub_broken(hub, link, TONG_E_CORRUPT, why);
    case TONGI_MATCH_STARVED:
        /* Not its fault, so that it may come again. */
        tongi_hub_broken(hub, link, -EBUSY, "this process has no descriptor left for those of a message ('ulimit -n')");
        return TONGI_SCAN_STARVED;
    case TONGI_MATCH_OK:
        break;
    }
    return TONGI_SCAN_MORE;
}

enum tongi_scan tongi_hub_judge(struct tongi_hub *hub, struct tongi_link *link, uint32_t announced)
{
    char why[96];

    if (announced > hub->setup.descriptors) {
        snprintf(why, sizeof why, "its message brings %u descriptors, here %u are let in (descriptors=)", announced,
                 hub->setup.descriptors);
        return tongi_hub_broken(hub, link, hub->setup.descriptors ? TONG_E_TOOBIG : TONG_E_NOCAP, why);
    }
    uint64_t at = next_at(hub, link);
    if (announced)
        return mismatch(hub, link, tongi_ancillary_match(link->ancillary, at, announced));
    return mismatch(hub, link, tongi_ancillary_strays(link->ancillary, at));
}

uint64_t tongi_hub_began(const struct tongi_hub *hub, const struct tongi_link *link, enum tongi_scan found)
{
    return next_at(hub, link) - (found == TONGI_SCAN_BODY ? TONGI_FRAME_BYTES + link->body.len : 0);
}

int tongi_hub_has_room(const struct tongi_hub *hub, uint32_t announced, const tong_meta *meta)
{
    if (!meta || !meta->fds || meta->n_fds >= announced)
        return 0;
    return TONG_FAIL(TONG_E_TOOBIG,
                     "%s: the message brings %u descriptors and there is room for %u; it stays until there is room",
                     hub->setup.address, announced, meta->n_fds);
}

void tongi_hub_describe(const struct tongi_link *link, uint64_t began, tong_meta *ret_meta)
{
    *ret_meta = (tong_meta){
        .struct_size = ret_meta->struct_size,
        .flags = link->vouched ? TONG_VOUCHED : 0,
        .sequence = link->sequence,
        .peer = link->peer,
        .pid = link->pid,
        .uid = link->uid,
        .gid = link->gid,
        .fds = ret_meta->fds,
    };
    if (link->ancillary && link->ancillary->credentials)
        tongi_ancillary_sender(link->ancillary, began, ret_meta);
}

int tongi_hub_starved(const struct tongi_hub *hub)
{
    return TONG_FAIL(-EMFILE,
                     "%s: a message was lost and its sender cut off, since this process has no descriptor left for "
                     "those that it brought; raise 'ulimit -n' or close some",
                     hub->setup.address);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

int tongi_hub_may_pass(const struct tongi_hub *hub, const struct tongi_link *link, uint32_t n_fds)
{
    /* Relaxed: a number, published by the reading half when the peer's hello came; 0 until then. */
    uint64_t known = tongi_load_relaxed_u64(&link->peer_descriptors);
    uint64_t limit = known ? known - 1 : TONGI_DESCRIPTORS_MAX;

    if (n_fds > TONGI_DESCRIPTORS_MAX)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: a message with %u descriptors is over the system's limit of %d",
                         hub->setup.address, n_fds, TONGI_DESCRIPTORS_MAX);
    if (limit == 0)
        return TONG_FAIL(TONG_E_NOCAP, "%s: the peer lets no descriptors in; open the other side with descriptors=%u",
                         hub->setup.address, n_fds);
    if (n_fds > limit)
        return TONG_FAIL(TONG_E_TOOBIG,
                         "%s: a message with %u descriptors is over the peer's limit of %llu; open the other side with "
                         "a larger descriptors=",
                         hub->setup.address, n_fds, (unsigned long long)limit);
    return 0;
}

/* ---- who it is ------------------------------------------------------------------------------------------------- */

enum tong_event_what tongi_hub_death(const struct tongi_hub *hub, const struct tongi_link *link)
{
    return hub->setup.net && hub->setup.net->is_dead && hub->setup.net->is_dead(link) ? TONG_DIED : TONG_CUT;
}

void tongi_hub_tell(struct tongi_hub *hub, enum tong_event_what what, const struct tongi_link *link, int error)
{
    const tong_event event = {
        .what = what,
        .error = error,
        .pid = link->pid,
        .uid = link->vouched ? link->uid : UINT32_MAX,
        .gid = link->vouched ? link->gid : UINT32_MAX,
        .peer = link->peer,
    };

    tongi_report_event_of(hub->setup.report, &event);
}

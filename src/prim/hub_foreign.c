/* SPDX-License-Identifier: MIT */
/*
 * Peers that do not speak tong. Their bytes are lines, or as they come; nobody greets, an end of stream is a farewell,
 * and what a peer says to a hub that only sends is read and thrown away. A line that fits into the stage is taken from
 * there as a small frame is; a longer one goes on in the link's body, whose length is unknown until its end comes.
 */
#include "prim/hub_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"

/* The length of a body whose end has not come: no number of bytes reaches it. */
#define LEN_UNKNOWN SIZE_MAX

int64_t tongi_hub_foreign_find(const struct tongi_hub *hub, struct tongi_link *link)
{
    const struct tongi_stage *stage = &hub->stage;
    size_t available = stage->end - stage->next;
    uint64_t size_max = hub->setup.size_max;

    if (available == 0)
        return -EAGAIN;
    if (link->framing == TONG_FRAMING_LINE && !tongi_hub_sends_only(hub))
        return tongi_line_find(stage->data + stage->next, available, size_max, &link->searched);
    return (int64_t)(available < size_max ? available : size_max);
}

static enum tongi_scan over_long(struct tongi_hub *hub, struct tongi_link *link)
{
    char why[80];

    snprintf(why, sizeof why, "its line is over the limit of %llu bytes (size=)",
             (unsigned long long)hub->setup.size_max);
    tongi_report_count(&hub->setup.report->lost, 1);
    return tongi_hub_broken(hub, link, TONG_E_TOOBIG, why);
}

enum tongi_scan tongi_hub_foreign_scan(struct tongi_hub *hub, struct tongi_link *link, uint32_t *ret_len)
{
    int64_t len = tongi_hub_foreign_find(hub, link);

    if (len >= 0) {
        *ret_len = (uint32_t)len;
        return TONGI_SCAN_FOREIGN;
    }
    if (len == TONG_E_TOOBIG)
        return over_long(hub, link);
    return hub->stage.end - hub->stage.next == hub->stage.room ? TONGI_SCAN_LARGE : TONGI_SCAN_MORE;
}

void tongi_hub_foreign_pass(struct tongi_hub *hub, size_t len)
{
    hub->in->searched = 0;
    tongi_hub_consume(hub, len + tongi_framing_tail(hub->setup.framing));
}

uint32_t tongi_hub_foreign_take(struct tongi_hub *hub, tong_bytes *msgs, uint32_t n)
{
    bool raw = hub->setup.framing == TONG_FRAMING_RAW;
    uint32_t count = 0;

    for (; count < n; count++) {
        int64_t found = tongi_hub_foreign_find(hub, hub->in);
        if (found < 0)
            break;
        size_t len = (size_t)found;
        if (raw && len > msgs[count].len)
            len = msgs[count].len;
        if (len > msgs[count].len || (raw && len == 0))
            break;
        if (len)
            memcpy(msgs[count].data, hub->stage.data + hub->stage.next, len);
        msgs[count].len = len;
        tongi_hub_foreign_pass(hub, len);
    }
    return count;
}

/* ---- long lines ------------------------------------------------------------------------------------------------ */

int tongi_hub_foreign_begin(struct tongi_hub *hub, struct tongi_link *link)
{
    struct tongi_body *body = &link->body;
    size_t staged = hub->stage.end - hub->stage.next;

    if (!body->own.data) {
        body->own = hub->spare_body;
        hub->spare_body = (struct tongi_block){0};
    }
    if (tongi_block_reserve(&body->own, 2 * staged) < 0)
        return tongi_hub_no_memory(hub, 2 * staged);
    memcpy(body->own.data, hub->stage.data + hub->stage.next, staged);
    body->got = staged;
    body->len = LEN_UNKNOWN;
    body->lent = NULL;
    body->active = true;
    link->searched = 0;
    tongi_hub_consume(hub, staged);
    return 0;
}

/* Bytes have come behind the body: as far as its end they belong to it, what follows goes into the empty stage. */
static void body_add(struct tongi_hub *hub, struct tongi_body *body, size_t bytes)
{
    const uint8_t *from = body->own.data + body->got;
    const uint8_t *end = memchr(from, TONGI_LINE_END, bytes);

    hub->stage.at = hub->stage.next = hub->stage.end = 0;
    if (!end) {
        body->got += bytes;
        return;
    }
    body->got += (size_t)(end - from);
    body->len = body->got;
    hub->stage.end = bytes - (size_t)(end - from) - 1;
    if (hub->stage.end)
        memcpy(hub->stage.data, end + 1, hub->stage.end);
}

ssize_t tongi_hub_foreign_fill(struct tongi_hub *hub, struct tongi_link *link)
{
    struct tongi_body *body = &link->body;
    /* With its end, which may stand right behind the longest line. */
    size_t most = (size_t)hub->setup.size_max + 1;

    if (body->got == body->own.room) {
        size_t want = body->own.room * 2 < most ? body->own.room * 2 : most;
        if (tongi_block_reserve(&body->own, want) < 0)
            return tongi_hub_no_memory(hub, want);
    }
    size_t room = (body->own.room < most ? body->own.room : most) - body->got;
    if (room > hub->stage.room)
        room = hub->stage.room;
    ssize_t got = tongi_link_get(link, body->own.data + body->got, room);
    if (got <= 0)
        return tongi_hub_received(hub, got);
    body_add(hub, body, (size_t)got);
    if (body->got < most)
        return got;
    /* Cut off here: to the caller that is an end of stream, and not one in order. */
    (void)over_long(hub, link);
    body->active = false;
    hub->reset = true;
    return 0;
}

/* ---- the end of a stream --------------------------------------------------------------------------------------- */

/* Has the peer closed both directions, or only the one in which it writes? */
static bool is_gone(const struct tongi_link *link)
{
    struct pollfd poll = {.fd = link->in_fd};
    const struct timespec now = {0};
    int r;

    do
        r = tongi_sys_ppoll(&poll, 1, &now, NULL);
    while (r == -EINTR);
    return r != 0;
}

/* Only that the peer is gone is worth a wake-up from now on: its end of stream would be one for ever. */
static int stop_reading(struct tongi_hub *hub, struct tongi_link *link)
{
    struct epoll_event gone_only = {.data.ptr = link};

    link->ended = true;
    return link->watched ? tongi_sys_epoll_ctl(hub->in_epoll, EPOLL_CTL_MOD, link->in_fd, &gone_only) : 0;
}

int tongi_hub_foreign_ended(struct tongi_hub *hub)
{
    struct tongi_link *link = hub->in;
    bool reset = hub->reset;
    bool partial = link->body.active || hub->stage.end > hub->stage.next;

    hub->reset = false;
    if (!reset && tongi_hub_sends_only(hub) && !is_gone(link) && stop_reading(hub, link) >= 0)
        return -EAGAIN;
    if (partial) {
        tongi_report_count(&hub->setup.report->lost, 1);
        snprintf(hub->why, sizeof hub->why, "the peer is gone in the middle of a line, whose beginning was dropped");
    }
    return tongi_hub_lost(hub, reset || partial ? TONG_CUT : TONG_LEFT);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static int unfit(const struct tongi_hub *hub, size_t flaw)
{
    if (hub->setup.framing == TONG_FRAMING_RAW)
        return TONG_FAIL(-EINVAL,
                         "%s: an empty message is nothing among raw bytes; open both sides with framing=length or "
                         "framing=line",
                         hub->setup.address);
    return TONG_FAIL(-EINVAL,
                     "%s: the message has a line feed at byte %zu and would arrive as more than one line; send it line "
                     "by line, or open both sides with framing=length",
                     hub->setup.address, flaw);
}

int64_t tongi_hub_foreign_vet(const struct tongi_hub *hub, const struct tongi_batch *batch)
{
    bool raw = hub->setup.framing == TONG_FRAMING_RAW;
    uint32_t messages = batch->gather ? 1 : batch->n, at = 0;
    size_t bytes = 0;

    /* What has begun was looked at before. */
    if (hub->begun)
        return 1;
    /* No more than one write is likely to take, since all the others will be looked at again. */
    for (; at < messages && bytes < TONGI_CHUNK_BYTES; at++) {
        size_t len = tongi_batch_len(batch, at);
        size_t flaw = SIZE_MAX;
        if (!raw)
            flaw = batch->gather ? tongi_line_flaw(batch->parts, batch->n) : tongi_line_flaw(&batch->parts[at], 1);
        if (flaw != SIZE_MAX || (raw && len == 0))
            return at ? (int64_t)at : unfit(hub, flaw);
        bytes += len + 1;
    }
    return at;
}

int64_t tongi_hub_foreign_listened(struct tongi_hub *hub, int64_t result)
{
    if (result == -EAGAIN && tongi_hub_foreign(hub) && tongi_hub_sends_only(hub))
        tongi_hub_look(hub);
    return result;
}

int64_t tongi_hub_foreign_send(struct tongi_hub *hub, const struct tongi_batch *batch)
{
    int64_t vetted = tongi_hub_foreign_vet(hub, batch);
    struct tongi_batch fit = *batch;

    if (vetted < 0)
        return vetted;
    if (!batch->gather)
        fit.n = (uint32_t)vetted;
    return tongi_hub_foreign_listened(hub, tongi_hub_send_batch(hub, &fit));
}

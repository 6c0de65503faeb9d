/* SPDX-License-Identifier: MIT */
/*
 * Sending. What is to be sent goes into one system call with what was left from before. A message that the kernel took
 * only in part is carried on: a short one is copied and counts as sent; a long one stays in the caller's memory while
 * the call waits, and its remainder is copied only when the call gives up.
 */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "prim/hub_parts.h"
#include "sys/sys.h"

#define EVENTS_MAX 64
/* How many links that were full are tried again before a call sleeps. */
#define FULL_TRIES 4

static int out_of_memory(const struct tongi_hub *hub)
{
    return TONG_FAIL(-ENOMEM, "%s: no memory for the remainder of a message; the connection was cut",
                     hub->setup.address);
}

/* A message that ends in the middle is on its way: nothing may follow it. */
static void cut(struct tongi_hub *hub, struct tongi_link *link)
{
    if (tongi_hub_many(hub))
        tongi_hub_drop(hub, link, TONG_CUT);
    else
        tongi_hub_cut(hub, link);
}

/* What the system said about writing, with a sentence where nobody adds one. */
static int refused(const struct tongi_hub *hub, int error)
{
    if (error == -EMSGSIZE)
        return TONG_FAIL(TONG_E_TOOBIG,
                         "%s: the message is more than the socket's buffer takes as one packet; send less, or use "
                         "socket=stream",
                         hub->setup.address);
    if (error == -EBADF)
        return TONG_FAIL(error, "%s: one of the descriptors to be passed is not open", hub->setup.address);
    if (error == -ETOOMANYREFS)
        return TONG_FAIL(error,
                         "%s: more descriptors of this user are on their way than its limit ('ulimit -n'); wait until "
                         "receivers have taken some",
                         hub->setup.address);
    if (error != -ENOMEM && error != -ENOBUFS)
        return error;
    return TONG_FAIL(-ENOMEM, "%s: the system has no memory to send with", hub->setup.address);
}

static bool is_loss(int error)
{
    switch (error) {
    case -EAGAIN:
    case -ENOMEM:
    case -EBADF:
    case -ETOOMANYREFS:
    case TONG_E_TOOBIG:
        return false;
    default:
        return error < 0;
    }
}

/* The link of a single hub is lost for the sending half. Returns 0 if the hub may connect again and go on. */
static int out_lost(struct tongi_hub *hub)
{
    bool pair = hub->setup.role == TONG_PAIR;

    hub->begun = NULL;
    hub->wait_link = NULL;
    /* Perhaps the peer said why. Where a receiving thread holds the link, that one finds out. */
    if (!pair)
        tongi_hub_look(hub);
    else if (hub->out && !tongi_hub_foreign(hub))
        tongi_hub_last_words(hub, hub->out);
    if (hub->out)
        tongi_hub_let_go(hub, &hub->out, tongi_hub_death(hub, hub->out));
    pthread_mutex_lock(&hub->lock);
    if (hub->refused)
        hub->out_fate = TONGI_FATE_REFUSED;
    else if (!hub->setup.reconnect || !hub->setup.net)
        hub->out_fate = TONGI_FATE_GONE;
    pthread_mutex_unlock(&hub->lock);
    if (hub->out_fate != TONGI_FATE_OPEN)
        return tongi_hub_fate_fail(hub, hub->out_fate);
    return pair ? tongi_hub_fate_fail(hub, TONGI_FATE_GONE) : 0;
}

/* ---- one link -------------------------------------------------------------------------------------------------- */

static int size_check(const struct tongi_hub *hub, const struct tongi_link *link, const struct tongi_batch *batch)
{
    /* Relaxed: a number, published by the reading half when the peer's hello came; 0 until then. */
    uint64_t limit = tongi_load_relaxed_u64(&link->peer_size);
    size_t len = tongi_batch_len(batch, 0);

    if (limit == 0 || len <= limit)
        return batch->n_fds ? tongi_hub_may_pass(hub, link, batch->n_fds) : 0;
    return TONG_FAIL(TONG_E_TOOBIG,
                     "%s: a message of %zu bytes is over the peer's limit of %llu; open the other side "
                     "with a larger size=",
                     hub->setup.address, len, (unsigned long long)limit);
}

/* May the caller's memory be used until the message is through? Not where another link could take the next message. */
static bool may_borrow(const struct tongi_hub *hub, const struct tongi_batch *batch)
{
    return tongi_batch_len(batch, 0) > TONGI_GATHER_BYTES && (!tongi_hub_many(hub) || hub->count == 1);
}

/* How many of the batch's messages are within the peer's limit, at least the first, which size_check has passed. */
static uint32_t fitting(const struct tongi_link *link, const struct tongi_batch *batch)
{
    uint64_t limit = tongi_load_relaxed_u64(&link->peer_size);
    uint32_t n = 1;

    if (limit == 0)
        return batch->n;
    while (n < batch->n && batch->parts[n].len <= limit)
        n++;
    return n;
}

/* Writes what it can of a batch; returns how many messages that settles, -EAGAIN, or the system's error. */
static int64_t write_link(struct tongi_hub *hub, struct tongi_link *link, const struct tongi_batch *batch)
{
    struct tongi_batch fit = *batch;
    struct tongi_written written;
    size_t skip = hub->begun == link ? hub->begun_bytes : 0;

    if (!fit.gather)
        fit.n = fitting(link, batch);
    if (!hub->scratch) {
        hub->scratch = tongi_sys_resize(NULL, TONGI_CHUNK_BYTES);
        if (!hub->scratch)
            return TONG_FAIL(-ENOMEM, "%s: no memory to send with", hub->setup.address);
    }
    int r = tongi_link_write(link, &fit, skip, hub->scratch, &written);
    if (r < 0)
        return refused(hub, r);
    if (written.messages) {
        hub->begun = NULL;
        hub->wait_link = NULL;
    }
    if (written.begun == 0)
        return written.messages ? (int64_t)written.messages : -EAGAIN;
    if (written.messages == 0 && may_borrow(hub, &fit)) {
        hub->begun = hub->wait_link = link;
        hub->begun_bytes = written.begun;
        hub->begun_batch = fit;
        return -EAGAIN;
    }
    hub->begun = NULL;
    if (tongi_link_keep(link, &fit, written.messages, written.begun) >= 0)
        return (int64_t)written.messages + 1;
    cut(hub, link);
    return written.messages ? (int64_t)written.messages : out_of_memory(hub);
}

/* ---- a hub with one link --------------------------------------------------------------------------------------- */

static int64_t send_single(struct tongi_hub *hub, const struct tongi_batch *batch)
{
    for (;;) {
        int r = hub->out ? 0 : tongi_hub_hold(hub, &hub->out, hub->out_fate);
        if (r < 0)
            return r;
        if (!hub->begun && (r = size_check(hub, hub->out, batch)) < 0)
            return r;
        int64_t sent = write_link(hub, hub->out, batch);
        if (sent >= 0 || !is_loss((int)sent))
            return sent;
        r = out_lost(hub);
        if (r < 0)
            return r;
    }
}

/* ---- a hub with many ------------------------------------------------------------------------------------------- */

/* Finds out who has room again, and moves on what was left for them. */
static void room_again(struct tongi_hub *hub)
{
    struct epoll_event events[EVENTS_MAX];
    int n = tongi_sys_epoll_wait(hub->out_epoll, events, EVENTS_MAX, 0);

    for (int i = 0; i < n; i++) {
        struct tongi_link *link = events[i].data.ptr;
        if (!link || events[i].data.ptr == &hub->timer)
            continue;
        int r = refused(hub, tongi_link_push(link));
        if (is_loss(r)) {
            tongi_hub_drop(hub, link, tongi_hub_death(hub, link));
        } else if (r == 0 && link->full) {
            link->full = false;
            hub->full_count--;
        }
    }
}

/* Offers the batch to one link after the other. The full ones are left out, but for as many tries as the caller grants:
 * the kernel calls a socket writable only when three quarters of its buffer are free, and there may be room before. */
static int64_t send_round(struct tongi_hub *hub, const struct tongi_batch *batch, uint32_t tries)
{
    for (uint32_t tried = 0; tried < hub->count; tried++) {
        struct tongi_link *link = hub->begun ? hub->begun : hub->links[hub->turn % hub->count];
        hub->turn = (hub->turn + 1) % hub->count;
        if (!link->greeted || link->farewell || (link->full && !hub->begun && tries == 0))
            continue;
        tries -= link->full && tries;
        int r = hub->begun ? 0 : size_check(hub, link, batch);
        if (r < 0)
            return r;
        int64_t sent = write_link(hub, link, batch);
        if (sent >= 0 || (sent != -EAGAIN && !is_loss((int)sent)))
            return sent;
        if (is_loss((int)sent)) {
            tongi_hub_drop(hub, link, tongi_hub_death(hub, link));
            tried = UINT32_MAX; /* the others have moved up: begin again */
        } else if (hub->begun) {
            return -EAGAIN;
        } else {
            hub->full_count += !link->full;
            link->full = true;
        }
    }
    return -EAGAIN;
}

static int64_t send_many(struct tongi_hub *hub, const struct tongi_batch *batch)
{
    if (hub->in_fate == TONGI_FATE_OPEN && hub->sends == 0) {
        tongi_hub_look(hub);
        if (hub->full_count)
            room_again(hub);
    }
    int64_t sent = send_round(hub, batch, 0);
    if (sent != -EAGAIN || hub->begun)
        return sent;
    /* Nobody had room: perhaps somebody has now, or a newcomer has. */
    tongi_hub_look(hub);
    room_again(hub);
    return send_round(hub, batch, FULL_TRIES);
}

/* ---- slots ----------------------------------------------------------------------------------------------------- */

int64_t tongi_hub_send_batch(struct tongi_hub *hub, const struct tongi_batch *batch)
{
    if (tongi_hub_many(hub) && hub->setup.role == TONG_PAIR)
        return TONG_FAIL(TONG_E_STATE, "%s: this pair listens; tong_accept gives a channel for each peer",
                         hub->setup.address);
    if (!hub->begun)
        hub->wait_link = NULL;
    hub->sends = (hub->sends + 1) % TONGI_LOOK_EVERY;
    if (tongi_hub_many(hub))
        return send_many(hub, batch);
    /* Until the listener has said hello, it may still say no; a foreign one may say anything at any time. */
    if (hub->sends == 0 && hub->setup.role == TONG_PUSH && !(hub->in && hub->in->framed))
        tongi_hub_look(hub);
    return send_single(hub, batch);
}

/* One short message over the one link of a hub that has written before, and has nothing left of that: what most sends
 * are, in a fraction of the steps. 0: it takes the long way. */
static int64_t send_short(struct tongi_hub *hub, const tong_view *msg)
{
    struct tongi_link *link = hub->out;

    if (!link || hub->begun || !hub->scratch || msg->len > TONGI_GATHER_BYTES || link->rest_at != link->rest_end)
        return 0;
    uint64_t limit = tongi_load_relaxed_u64(&link->peer_size);
    if (limit == 0 || msg->len > limit)
        return 0;
    size_t frame = TONGI_FRAME_BYTES + msg->len;
    tongi_frame_encode(hub->scratch, TONGI_FRAME_DATA, (uint32_t)msg->len);
    if (msg->len)
        memcpy(hub->scratch + TONGI_FRAME_BYTES, msg->data, msg->len);
    ssize_t written = tongi_link_put(link, hub->scratch, frame);
    hub->wait_link = NULL;
    if (written == (ssize_t)frame)
        return 1;
    if (written <= 0)
        return written == -EAGAIN ? -EAGAIN : 0;
    if (tongi_link_keep_bytes(link, hub->scratch + written, frame - (size_t)written) >= 0)
        return 1;
    tongi_hub_cut(hub, link);
    return out_of_memory(hub);
}

int64_t tongi_hub_send(struct tongi_hub *hub, const tong_view *msgs, uint32_t n)
{
    const struct tongi_batch batch = {.parts = msgs, .n = n};
    int64_t sent = n == 1 && hub->plain ? send_short(hub, msgs) : 0;

    if (sent)
        return sent;
    return tongi_hub_foreign(hub) ? tongi_hub_foreign_send(hub, &batch) : tongi_hub_send_batch(hub, &batch);
}

/* Keeps a message that its sender says is followed by others at once. Not once a chunk is full. */
static int keep_for_more(struct tongi_hub *hub, const struct tongi_batch *batch)
{
    size_t frame = TONGI_FRAME_BYTES + tongi_batch_len(batch, 0);
    struct tongi_link *link = hub->out;

    if (tongi_hub_many(hub))
        link = hub->count ? hub->links[hub->turn % hub->count] : NULL;
    if (!link || hub->begun || (tongi_hub_many(hub) && (!link->greeted || link->full)))
        return -EAGAIN;
    if (link->rest_end - link->rest_at + frame > TONGI_CHUNK_BYTES)
        return -EAGAIN;
    int r = size_check(hub, link, batch);
    if (r >= 0)
        r = tongi_link_keep(link, batch, 0, 0);
    return r;
}

int tongi_hub_send_parts(struct tongi_hub *hub, const tong_view *parts, uint32_t n, const tong_meta *meta)
{
    struct tongi_batch batch = {.parts = parts, .n = n, .gather = true};

    if (meta && meta->n_fds) {
        batch.fds = meta->fds;
        batch.n_fds = meta->n_fds;
        /* They are lent for this call only, so the message does not wait for others. What the peer takes stands in its
         * greeting, which a hub of one thread may look for. */
        if (hub->setup.role == TONG_PUSH)
            tongi_hub_look(hub);
    } else if (meta && meta->flags & TONG_MORE) {
        if (tongi_hub_foreign(hub)) {
            int64_t vetted = tongi_hub_foreign_vet(hub, &batch);
            if (vetted < 0)
                return (int)vetted;
        }
        if (!tongi_hub_many(hub)) {
            int r = tongi_hub_hold(hub, &hub->out, hub->out_fate);
            if (r < 0)
                return r;
        }
        int r = keep_for_more(hub, &batch);
        if (r != -EAGAIN)
            return r;
    }
    int64_t sent = tongi_hub_foreign(hub) ? tongi_hub_foreign_send(hub, &batch) : tongi_hub_send_batch(hub, &batch);
    return sent < 0 ? (int)sent : 0;
}

int tongi_hub_settle_out(struct tongi_hub *hub)
{
    struct tongi_link *link = hub->begun;

    if (!link)
        return 0;
    hub->begun = hub->wait_link = NULL;
    if (tongi_link_keep(link, &hub->begun_batch, 0, hub->begun_bytes) >= 0)
        return 1;
    cut(hub, link);
    return out_of_memory(hub);
}

static int flush_link(struct tongi_hub *hub, struct tongi_link *link)
{
    int r = refused(hub, tongi_link_push(link));

    if (r == -EAGAIN)
        hub->wait_link = link;
    return r;
}

static int flush_many(struct tongi_hub *hub)
{
    int result = 0;

    for (uint32_t i = 0; i < hub->count;) {
        struct tongi_link *link = hub->links[i];
        int r = flush_link(hub, link);
        if (is_loss(r)) {
            tongi_hub_drop(hub, link, tongi_hub_death(hub, link));
            continue;
        }
        result = r < 0 ? r : result;
        i++;
    }
    return result;
}

static int flush_single(struct tongi_hub *hub)
{
    if (!hub->out)
        return hub->out_fate == TONGI_FATE_OPEN ? 0 : tongi_hub_fate_fail(hub, hub->out_fate);
    int r = flush_link(hub, hub->out);
    if (!is_loss(r))
        return r;
    r = out_lost(hub);
    return r < 0 ? r : tongi_hub_fate_fail(hub, TONGI_FATE_GONE);
}

int tongi_hub_flush(struct tongi_hub *hub)
{
    hub->wait_link = NULL;
    return (int)tongi_hub_foreign_listened(hub, tongi_hub_many(hub) ? flush_many(hub) : flush_single(hub));
}

/* Says goodbye to one peer: END behind everything else, then nothing more can follow, which tells a foreign one. */
static int farewell(struct tongi_hub *hub, struct tongi_link *link)
{
    uint8_t end[TONGI_FRAME_BYTES];

    if (!link->farewell && !tongi_hub_foreign(hub)) {
        tongi_frame_encode(end, TONGI_FRAME_END, 0);
        if (tongi_link_keep_bytes(link, end, sizeof end) < 0)
            return TONG_FAIL(-ENOMEM, "%s: no memory for the farewell", hub->setup.address);
    }
    link->farewell = true;
    int r = flush_link(hub, link);
    if (r == 0)
        tongi_hub_end(hub, link);
    /* A pusher that has said goodbye has nothing to connect again for. */
    if (r == 0 && hub->setup.role == TONG_PUSH)
        hub->setup.reconnect = false;
    return r;
}

int tongi_hub_finish(struct tongi_hub *hub)
{
    int result = 0;

    hub->wait_link = NULL;
    if (tongi_hub_many(hub)) {
        for (uint32_t i = 0; i < hub->count; i++) {
            int r = farewell(hub, hub->links[i]);
            result = r == -EAGAIN || r == -ENOMEM ? r : result;
        }
        return (int)tongi_hub_foreign_listened(hub, result);
    }
    /* A listener that refused before it took anything is worth knowing before the program goes. */
    if (hub->setup.role == TONG_PUSH && hub->out && !(hub->in && hub->in->greeted))
        tongi_hub_look(hub);
    if (hub->setup.role == TONG_PUSH && hub->refused)
        hub->out_fate = TONGI_FATE_REFUSED;
    if (hub->out_fate != TONGI_FATE_OPEN)
        return tongi_hub_fate_fail(hub, hub->out_fate);
    if (!hub->out && hub->setup.role == TONG_PAIR && tongi_hub_hold(hub, &hub->out, hub->out_fate) < 0)
        return 0;
    if (!hub->out)
        return 0;
    int r = farewell(hub, hub->out);
    if (!is_loss(r))
        return (int)tongi_hub_foreign_listened(hub, r);
    /* Only END itself, if there is one, may be missing: everything sent had reached the channel's level. */
    bool owed = hub->out->rest_end - hub->out->rest_at > tongi_framing_head(hub->setup.framing);
    r = out_lost(hub);
    if (hub->setup.role == TONG_PUSH && !owed && r != TONG_E_REFUSED)
        return 0;
    return r < 0 ? r : tongi_hub_fate_fail(hub, TONGI_FATE_GONE);
}

bool tongi_hub_out_ready(const struct tongi_hub *hub)
{
    return hub->out_fate != TONGI_FATE_OPEN;
}

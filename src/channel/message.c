/* SPDX-License-Identifier: MIT */
/* Messages by copy. Each function tries the transport once, and only what would have to wait takes the longer way. */
#include "channel/channel.h"

struct sending {
    const tong_view *msgs;
    uint32_t n;
    const tong_meta *meta;
    bool parts;
};

static int64_t send_attempt(tong_channel *ch, void *context)
{
    const struct sending *sending = context;

    if (sending->parts)
        return ch->ops->send_parts(ch->state, sending->msgs, sending->n, sending->meta);
    return ch->ops->send(ch->state, sending->msgs, sending->n);
}

/* Waits for room; returns what the slot returned. A message whose beginning went in counts as sent. */
static int64_t send_wait(tong_channel *ch, struct sending *sending, tong_deadline deadline)
{
    int64_t r = tongi_wait(ch, TONG_OUT, deadline, send_attempt, sending, "no room for a message");

    if (r >= 0 || !ch->ops->settle)
        return r;
    /* Whatever ended the wait, the message is the caller's again. */
    int settled = ch->ops->settle(ch->state, TONG_OUT);
    if (settled < 0)
        return TONG_TRACE(settled);
    return settled ? !sending->parts : r;
}

static int send_check(tong_channel *ch)
{
    int r = tongi_enter(ch, TONG_OUT);

    if (TONGI_UNLIKELY(r < 0))
        return r;
    if (TONGI_UNLIKELY(ch->finished))
        return TONG_FAIL(TONG_E_STATE, "%s: the channel was finished; nothing more can be sent", ch->address);
    return 0;
}

int tong_send(tong_channel *ch, const void *data, size_t len, tong_deadline deadline)
{
    tong_view msg = {data, len};
    int r = send_check(ch);

    if (TONGI_UNLIKELY(r < 0))
        return r;
    if (TONGI_UNLIKELY(len > ch->size_max))
        return tongi_toobig(ch, len);
    int64_t n = ch->ops->send(ch->state, &msg, 1);
    if (TONGI_UNLIKELY(n == -EAGAIN))
        n = send_wait(ch, &(struct sending){.msgs = &msg, .n = 1}, deadline);
    if (TONGI_LIKELY(n == 1))
        tongi_count(&ch->out, 1, len);
    tongi_leave(ch, TONG_OUT);
    return n < 0 ? (int)n : 0;
}

/* How many of the messages are within the limit, up to the first that is not. */
static uint32_t within_limit(const tong_channel *ch, const tong_view *msgs, uint32_t n)
{
    uint32_t count = 0;

    while (count < n && msgs[count].len <= ch->size_max)
        count++;
    return count;
}

int64_t tong_send_many(tong_channel *ch, const tong_view *msgs, uint32_t n, tong_deadline deadline)
{
    uint32_t sent = 0;
    int64_t r = send_check(ch);

    if (r < 0 || n == 0)
        return r;
    uint32_t fitting = within_limit(ch, msgs, n);
    if (fitting == 0)
        return tongi_toobig(ch, msgs[0].len);
    while (sent < fitting) {
        r = ch->ops->send(ch->state, msgs + sent, fitting - sent);
        if (r == -EAGAIN)
            r = send_wait(ch, &(struct sending){.msgs = msgs + sent, .n = fitting - sent}, deadline);
        if (r < 0)
            break;
        uint64_t bytes = 0;
        for (int64_t i = 0; i < r; i++)
            bytes += msgs[sent + i].len;
        tongi_count(&ch->out, (uint64_t)r, bytes);
        sent += (uint32_t)r;
    }
    tongi_leave(ch, TONG_OUT);
    return sent ? sent : r;
}

int tong_send_parts(tong_channel *ch, const tong_view *parts, uint32_t n, const tong_meta *meta, tong_deadline deadline)
{
    struct sending sending = {.msgs = parts, .n = n, .parts = true};
    tong_meta storage;
    uint64_t len = 0;
    int r = send_check(ch);

    if (r < 0)
        return r;
    r = tongi_meta_send(ch, meta, &storage, &sending.meta);
    if (r < 0)
        return TONG_TRACE(r);
    for (uint32_t i = 0; i < n; i++)
        if (__builtin_add_overflow(len, parts[i].len, &len))
            len = UINT64_MAX;
    if (len > ch->size_max)
        return tongi_toobig(ch, len);
    r = ch->ops->send_parts(ch->state, parts, n, sending.meta);
    if (r == -EAGAIN)
        r = (int)send_wait(ch, &sending, deadline);
    if (r >= 0)
        tongi_count(&ch->out, 1, len);
    tongi_leave(ch, TONG_OUT);
    return r < 0 ? r : 0;
}

struct receiving {
    tong_bytes *msgs;
    uint32_t n;
    tong_meta *meta;
};

static int64_t recv_attempt(tong_channel *ch, void *context)
{
    const struct receiving *receiving = context;

    return ch->ops->recv(ch->state, receiving->msgs, receiving->n, receiving->meta);
}

static int64_t recv_wait(tong_channel *ch, struct receiving *receiving, tong_deadline deadline)
{
    int64_t r = tongi_wait(ch, TONG_IN, deadline, recv_attempt, receiving, "nothing arrived");

    if (r < 0 && ch->ops->settle) {
        int settled = ch->ops->settle(ch->state, TONG_IN);
        if (settled < 0)
            return TONG_TRACE(settled);
    }
    return r;
}

static int64_t receive(tong_channel *ch, tong_bytes *msgs, uint32_t n, tong_meta *meta, tong_deadline deadline)
{
    if (TONGI_UNLIKELY(ch->loans))
        return TONG_FAIL(TONG_E_STATE, "%s: %u loans of tong_peek are out; release them before receiving by copy",
                         ch->address, ch->loans);
    int64_t r = ch->ops->recv(ch->state, msgs, n, meta);
    if (r == -EAGAIN)
        r = recv_wait(ch, &(struct receiving){msgs, n, meta}, deadline);
    if (TONGI_LIKELY(r > 0)) {
        uint64_t bytes = 0;
        for (int64_t i = 0; i < r; i++)
            bytes += msgs[i].len;
        tongi_count(&ch->in, (uint64_t)r, bytes);
    }
    tongi_leave(ch, TONG_IN);
    return r;
}

int64_t tong_recv(tong_channel *ch, void *data, size_t len, tong_deadline deadline)
{
    tong_bytes msg = {data, len};
    int64_t r = tongi_enter(ch, TONG_IN);

    if (TONGI_UNLIKELY(r < 0))
        return r;
    r = receive(ch, &msg, 1, NULL, deadline);
    return r < 0 ? r : (int64_t)msg.len;
}

int64_t tong_recv_meta(tong_channel *ch, void *data, size_t len, tong_meta *ret_meta, tong_deadline deadline)
{
    tong_bytes msg = {data, len};
    tong_meta meta;
    int64_t r = tongi_enter(ch, TONG_IN);

    if (r < 0)
        return r;
    if (!ret_meta)
        return tong_recv(ch, data, len, deadline);
    r = tongi_meta_take(ch, ret_meta, &meta);
    if (r < 0)
        return TONG_TRACE((int)r);
    meta = (tong_meta){.struct_size = sizeof meta, .fds = meta.fds, .n_fds = meta.n_fds};
    r = receive(ch, &msg, 1, &meta, deadline);
    if (r < 0)
        return r;
    tongi_meta_give(&meta, ret_meta);
    return (int64_t)msg.len;
}

int64_t tong_recv_many(tong_channel *ch, tong_bytes *msgs, uint32_t n, tong_deadline deadline)
{
    int64_t r = tongi_enter(ch, TONG_IN);

    if (r < 0)
        return r;
    return n ? receive(ch, msgs, n, NULL, deadline) : 0;
}

int64_t tong_next_size(tong_channel *ch)
{
    int64_t r = tongi_enter(ch, TONG_IN);

    if (r < 0)
        return r;
    if (!ch->ops->next_size)
        return tongi_nocap(ch, 0, "look at a message's size before it is taken");
    r = ch->ops->next_size(ch->state);
    tongi_leave(ch, TONG_IN);
    return r == -EAGAIN ? TONG_FAIL_FAST(-EAGAIN, "no message waits just now") : r;
}

static int64_t flush_attempt(tong_channel *ch, void *context)
{
    return ch->ops->flush(ch->state, *(const enum tong_level *)context);
}

int tong_flush(tong_channel *ch, enum tong_level level, tong_deadline deadline)
{
    int r = tongi_enter(ch, TONG_OUT);

    if (r < 0)
        return r;
    if (!ch->ops->flush)
        return level <= (enum tong_level)ch->ops->caps.level
                   ? 0
                   : tongi_nocap(ch, TONG_CAP_FLUSH_TAKEN, "way to observe that level");
    r = (int)tongi_try(ch, TONG_OUT, deadline, flush_attempt, &level, "what was sent did not get there");
    tongi_leave(ch, TONG_OUT);
    return r;
}

static int64_t finish_attempt(tong_channel *ch, void *context)
{
    (void)context;
    return ch->ops->finish(ch->state);
}

int tong_finish(tong_channel *ch, tong_deadline deadline)
{
    int r = tongi_enter(ch, TONG_OUT);

    if (r < 0)
        return r;
    if (ch->claimed)
        return TONG_FAIL(TONG_E_STATE, "%s: a claim is open; commit or abort it first", ch->address);
    ch->finished = true;
    if (ch->ops->finish)
        r = (int)tongi_try(ch, TONG_OUT, deadline, finish_attempt, NULL, "not everything could be moved on");
    tongi_leave(ch, TONG_OUT);
    return r;
}

/* SPDX-License-Identifier: MIT */
/* Messages in place, and how the channel stands in with copies where a transport lends nothing. */
#include "channel/channel.h"

#include "sys/sys.h"

void tongi_spans_free(tong_channel *ch)
{
    ch->bounce = tongi_sys_free(ch->bounce);
    while (ch->copies) {
        struct tongi_loan *next = ch->copies->next;
        tongi_sys_free(ch->copies);
        ch->copies = next;
    }
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

struct claiming {
    size_t len;
    tong_span *span;
};

static int64_t claim_attempt(tong_channel *ch, void *context)
{
    const struct claiming *claiming = context;

    return ch->ops->claim(ch->state, claiming->len, claiming->span);
}

static int bounce_claim(tong_channel *ch, size_t len, tong_span *ret_span)
{
    if (!ch->bounce || ch->bounce_bytes < len) {
        void *grown = tongi_sys_resize(ch->bounce, len);
        if (!grown)
            return TONG_FAIL(-ENOMEM, "%s: no memory to lend %zu bytes", ch->address, len);
        ch->bounce = grown;
        ch->bounce_bytes = len;
    }
    *ret_span = (tong_span){.data = ch->bounce, .len = len};
    return 0;
}

int tong_claim(tong_channel *ch, size_t len, tong_span *ret_span, tong_deadline deadline)
{
    int r = tongi_enter(ch, TONG_OUT);

    if (r < 0)
        return r;
    if (ch->finished || ch->claimed)
        return TONG_FAIL(TONG_E_STATE, "%s: %s", ch->address,
                         ch->finished ? "the channel was finished; nothing more can be sent"
                                      : "a claim is open already; commit or abort it first");
    if (len > ch->size_max)
        return tongi_toobig(ch, len);
    tong_span span;
    if (ch->ops->claim)
        r = (int)tongi_try(ch, TONG_OUT, deadline, claim_attempt, &(struct claiming){len, &span}, "no room to lend");
    else
        r = bounce_claim(ch, len, &span);
    tongi_leave(ch, TONG_OUT);
    if (r < 0)
        return TONG_TRACE(r);
    ch->claimed = true;
    *ret_span = span;
    return 0;
}

static int bounce_commit(tong_channel *ch, const tong_span *span, size_t len, const tong_meta *meta)
{
    tong_view view = {span->data, len};
    int r = ch->ops->send_parts(ch->state, &view, 1, meta);

    if (r == -EAGAIN && ch->ops->settle) {
        /* The loan of this call ends with it; what was begun is kept by the transport and counts as sent. */
        int settled = ch->ops->settle(ch->state, TONG_OUT);
        if (settled)
            r = settled < 0 ? settled : 0;
    }
    return r;
}

int tong_commit(tong_channel *ch, tong_span *span, size_t len, const tong_meta *meta)
{
    tong_meta storage;
    const tong_meta *used;
    int r = tongi_enter(ch, TONG_OUT);

    if (r < 0)
        return r;
    if (!ch->claimed || !span || !span->data)
        return TONG_FAIL(-EINVAL, "%s: that is not this channel's open claim", ch->address);
    if (len > span->len)
        return TONG_FAIL(TONG_E_TOOBIG, "%s: %zu bytes were claimed and %zu are to be committed", ch->address,
                         span->len, len);
    r = tongi_meta_send(ch, meta, &storage, &used);
    if (r < 0)
        return TONG_TRACE(r);
    r = ch->ops->commit ? ch->ops->commit(ch->state, span, len, used) : bounce_commit(ch, span, len, used);
    if (r == -EAGAIN)
        return TONG_FAIL_FAST(-EAGAIN, "no room just now; the claim stays open");
    ch->claimed = false;
    *span = (tong_span){0};
    if (r >= 0)
        tongi_count(&ch->out, 1, len);
    tongi_leave(ch, TONG_OUT);
    return r < 0 ? TONG_TRACE(r) : 0;
}

void tong_abort(tong_channel *ch, tong_span *span)
{
    if (!ch || !span || !span->data || tongi_enter_any(ch) == TONG_E_FORKED)
        return;
    if (ch->claimed && ch->ops->abort)
        ch->ops->abort(ch->state, span);
    ch->claimed = false;
    *span = (tong_span){0};
    tongi_leave(ch, TONG_OUT);
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

struct peeking {
    tong_span *spans;
    tong_meta *metas;
    uint32_t n;
};

/* A transport that lends nothing: the message is taken into memory of the channel, and released from there. */
static int64_t copy_peek(tong_channel *ch, const struct peeking *peeking)
{
    if (ch->loans >= TONGI_COPIES_MAX)
        return TONG_FAIL(-ENOBUFS, "%s: %u messages are lent, as many as may be; release some of them first",
                         ch->address, ch->loans);
    int64_t size = ch->ops->next_size ? ch->ops->next_size(ch->state) : (int64_t)ch->size_max;

    if (size < 0)
        return size;
    struct tongi_loan *loan = tongi_sys_alloc(sizeof *loan + (size_t)size);
    if (!loan)
        return TONG_FAIL(-ENOMEM, "%s: no memory to lend %lld bytes", ch->address, (long long)size);
    tong_bytes msg = {loan->body, (size_t)size};
    int64_t r = ch->ops->recv(ch->state, &msg, 1, peeking->metas);
    if (r == -EAGAIN && ch->ops->settle) {
        int settled = ch->ops->settle(ch->state, TONG_IN);
        r = settled < 0 ? settled : r;
    }
    if (r < 0) {
        tongi_sys_free(loan);
        return r;
    }
    loan->next = ch->copies;
    ch->copies = loan;
    peeking->spans[0] = (tong_span){.data = loan->body, .len = msg.len, .token = (uintptr_t)loan};
    return 1;
}

static int64_t peek_attempt(tong_channel *ch, void *context)
{
    const struct peeking *peeking = context;

    if (ch->ops->peek)
        return ch->ops->peek(ch->state, peeking->spans, peeking->metas, peeking->n);
    return copy_peek(ch, peeking);
}

/* The caller's metas have the caller's struct_size; slots write this library's. One at a time is what peeks with
 * metadata of another version get. */
static int64_t peek_with_metas(tong_channel *ch, struct peeking *peeking, tong_deadline deadline)
{
    tong_meta *callers = peeking->metas;
    tong_meta meta;

    if (callers[0].struct_size == sizeof meta)
        return tongi_try(ch, TONG_IN, deadline, peek_attempt, peeking, "nothing arrived");
    int64_t r = tongi_meta_take(ch, &callers[0], &meta);
    if (r < 0)
        return TONG_TRACE((int)r);
    meta = (tong_meta){.struct_size = sizeof meta, .fds = meta.fds, .n_fds = meta.n_fds};
    *peeking = (struct peeking){peeking->spans, &meta, 1};
    r = tongi_try(ch, TONG_IN, deadline, peek_attempt, peeking, "nothing arrived");
    if (r > 0)
        tongi_meta_give(&meta, callers);
    return r;
}

int64_t tong_peek(tong_channel *ch, tong_span *ret_spans, tong_meta *ret_metas, uint32_t n, tong_deadline deadline)
{
    struct peeking peeking = {ret_spans, ret_metas, n};
    int64_t r = tongi_enter(ch, TONG_IN);

    if (r < 0 || n == 0)
        return r;
    r = ret_metas ? peek_with_metas(ch, &peeking, deadline)
                  : tongi_try(ch, TONG_IN, deadline, peek_attempt, &peeking, "nothing arrived");
    if (r > 0)
        ch->loans += (uint32_t)r;
    tongi_leave(ch, TONG_IN);
    return r;
}

static struct tongi_loan **copy_find(tong_channel *ch, const tong_span *span)
{
    struct tongi_loan **link = &ch->copies;

    while (*link && (uintptr_t)*link != span->token)
        link = &(*link)->next;
    return link;
}

static int copies_release(tong_channel *ch, const tong_span *spans, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!*copy_find(ch, &spans[i]))
            return TONG_FAIL(-EINVAL, "%s: that is not a loan of this channel", ch->address);
        for (uint32_t j = 0; j < i; j++)
            if (spans[j].token == spans[i].token)
                return TONG_FAIL(-EINVAL, "%s: the same loan is given back twice", ch->address);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct tongi_loan **link = copy_find(ch, &spans[i]);
        struct tongi_loan *loan = *link;
        *link = loan->next;
        tongi_sys_free(loan);
    }
    return 0;
}

static int give_back(tong_channel *ch, const tong_span *spans, uint32_t n, bool taken)
{
    uint64_t bytes = 0;
    int r = tongi_enter(ch, TONG_IN);

    if (r < 0 || n == 0)
        return r;
    if (n > ch->loans)
        return TONG_FAIL(-EINVAL, "%s: %u loans are given back, %u are out", ch->address, n, ch->loans);
    if (!taken && !ch->ops->reject)
        return tongi_nocap(ch, TONG_CAP_REJECT, "way to give a message to another receiver");
    for (uint32_t i = 0; i < n; i++)
        bytes += spans[i].len;
    if (!taken)
        r = ch->ops->reject(ch->state, spans, n);
    else
        r = ch->ops->release ? ch->ops->release(ch->state, spans, n) : copies_release(ch, spans, n);
    if (r >= 0) {
        ch->loans -= n;
        if (taken)
            tongi_count(&ch->in, n, bytes);
    }
    tongi_leave(ch, TONG_IN);
    return r < 0 ? TONG_TRACE(r) : 0;
}

int tong_release(tong_channel *ch, const tong_span *spans, uint32_t n)
{
    return give_back(ch, spans, n, true);
}

int tong_reject(tong_channel *ch, const tong_span *spans, uint32_t n)
{
    return give_back(ch, spans, n, false);
}

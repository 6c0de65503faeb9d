/* SPDX-License-Identifier: MIT */
/* Request and publish: what the four conversations add to sending and receiving. */
#include "channel/channel.h"

static int role_needed(const tong_channel *ch, uint32_t role, const char *what)
{
    if (ch->start.role == role)
        return 0;
    return TONG_FAIL(TONG_E_NOCAP, "%s: only the role %s does that", ch->address, what);
}

/* Takes answers until the one to this call comes; those to cancelled calls are dropped. */
static int64_t answer_wait(tong_channel *ch, uint64_t call, void *ret_data, size_t ret_len, tong_deadline deadline)
{
    for (;;) {
        tong_meta meta = {.struct_size = sizeof meta};
        int64_t r = tong_recv_meta(ch, ret_data, ret_len, &meta, deadline);
        if (r == TONG_E_TOOBIG) {
            /* Take it out of the way without its bytes having anywhere to go. */
            tong_span span;
            if (tong_peek(ch, &span, NULL, 1, tong_now()) == 1)
                (void)!tong_release(ch, &span, 1);
            return TONG_FAIL(TONG_E_TOOBIG, "%s: the answer is longer than the %zu bytes of room; it was dropped",
                             ch->address, ret_len);
        }
        if (r < 0 || meta.call == call)
            return r;
    }
}

int64_t tong_call(tong_channel *ch, const void *data, size_t len, void *ret_data, size_t ret_len,
                  tong_deadline deadline)
{
    int r = tongi_enter(ch, TONG_OUT);

    if (r < 0)
        return r;
    r = role_needed(ch, TONG_REQ, "req");
    if (r < 0)
        return r;
    /* Calls of tong_call count down from the top, so that they meet none that the program numbered itself. */
    tong_meta meta = {.struct_size = sizeof meta, .call = UINT64_MAX - ch->next_call++};
    tong_view view = {data, len};
    r = tong_send_parts(ch, &view, 1, &meta, deadline);
    if (r < 0)
        return TONG_TRACE(r);
    int64_t answered = answer_wait(ch, meta.call, ret_data, ret_len, deadline);
    if (answered == -ETIMEDOUT || answered == -EAGAIN) {
        if (ch->ops->cancel)
            ch->ops->cancel(ch->state, meta.call);
    }
    return answered;
}

int tong_reply(tong_channel *ch, uint64_t call, const void *data, size_t len, tong_deadline deadline)
{
    tong_meta meta = {.struct_size = sizeof meta, .call = call};
    tong_view view = {data, len};
    int r = tongi_enter(ch, TONG_OUT);

    if (r < 0)
        return r;
    r = role_needed(ch, TONG_REP, "rep");
    return r < 0 ? r : tong_send_parts(ch, &view, 1, &meta, deadline);
}

int tong_cancel(tong_channel *ch, uint64_t call)
{
    int r = tongi_enter_any(ch);

    if (r < 0)
        return r;
    r = role_needed(ch, TONG_REQ, "req");
    if (r < 0)
        return r;
    return ch->ops->cancel ? ch->ops->cancel(ch->state, call) : tongi_nocap(ch, 0, "way to cancel a call");
}

static int subscription(tong_channel *ch, const void *prefix, size_t len, bool wanted)
{
    int r = tongi_enter_any(ch);

    if (r < 0)
        return r;
    r = role_needed(ch, TONG_SUB, "sub");
    if (r < 0)
        return r;
    r = ch->ops->subscribe ? ch->ops->subscribe(ch->state, prefix, len, wanted) : tongi_nocap(ch, 0, "subscriptions");
    tongi_leave(ch, TONG_IN);
    return r;
}

int tong_subscribe(tong_channel *ch, const void *prefix, size_t len)
{
    return subscription(ch, prefix, len, true);
}

int tong_unsubscribe(tong_channel *ch, const void *prefix, size_t len)
{
    return subscription(ch, prefix, len, false);
}

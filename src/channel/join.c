/* SPDX-License-Identifier: MIT */
/* Channels that are not opened by name: accepted, made in pairs, or made of somebody else's descriptor. */
#include "channel/channel.h"

#include <stdio.h>

#include "base/address.h"
#include "sys/sys.h"

struct accepting {
    tong_channel *peer;
};

static int64_t accept_attempt(tong_channel *ch, void *context)
{
    tong_channel *peer = ((struct accepting *)context)->peer;

    return ch->ops->accept(ch->state, peer->state, &peer->start);
}

int tong_accept(tong_channel *ch, tong_channel **ret_ch, tong_deadline deadline)
{
    int r = tongi_enter_any(ch);

    if (r < 0)
        return r;
    if (!ch->ops->accept || ch->start.role != TONG_PAIR)
        return TONG_FAIL(ch->ops->accept ? TONG_E_STATE : TONG_E_NOCAP,
                         "%s: only a listening pair of a link accepts; open it with TONG_PAIR | TONG_LISTEN",
                         ch->address);
    struct accepting accepting = {tongi_channel_new(ch->ops, ch->start.rest, TONG_PAIR)};
    if (!accepting.peer)
        return tongi_no_memory(ch->address);
    accepting.peer->start.side = TONG_LISTEN;
    accepting.peer->start.opts = ch->start.opts;
    accepting.peer->start.allow = ch->start.allow;
    accepting.peer->start.given = ch->start.given;
    accepting.peer->size_max = ch->size_max;
    r = tongi_wrap_prepare(accepting.peer);
    accepting.peer->start.inner = ch->start.inner;
    tongi_wrap_follow(accepting.peer);
    if (r >= 0)
        r = (int)tongi_try(ch, TONG_IN, deadline, accept_attempt, &accepting, "nobody connected");
    tongi_leave(ch, TONG_IN);
    if (r < 0) {
        /* The state is zeroed or half-made; closing it is legal either way. */
        tong_close(accepting.peer);
        return TONG_TRACE(r);
    }
    *ret_ch = accepting.peer;
    return 0;
}

static int end_new(const struct tongi_transport_ops *ops, const struct tongi_address *parsed, tong_channel **ret_ch)
{
    tong_channel *ch = tongi_channel_new(ops, parsed->rest, TONG_PAIR);

    if (!ch)
        return tongi_no_memory(ops->scheme);
    ch->start.side = TONG_CONNECT;
    *ret_ch = ch;
    int r = tongi_wrap_prepare(ch);
    return r < 0 ? TONG_TRACE(r) : tongi_options_fill(ch, NULL, parsed->query, parsed->query_len);
}

/* Two ends have no name; what wraps them has its settings before the colon. */
static bool is_nameless(const struct tongi_transport_ops *ops, const struct tongi_address *parsed)
{
    return parsed->rest_len == 0 || (ops->wraps && parsed->rest[parsed->rest_len - 1] == ':');
}

static int ends_join(tong_channel *ends[2], const struct tongi_address *parsed)
{
    const struct tongi_transport_ops *ops = tongi_transport_find(parsed);

    if (!ops)
        return TONG_E_ADDRESS;
    for (int i = 0; i < 2; i++) {
        int r = end_new(ops, parsed, &ends[i]);
        if (r < 0)
            return TONG_TRACE(r);
    }
    ops = ends[0]->ops;
    if (!ops->pair)
        return TONG_FAIL(TONG_E_NOCAP, "%s: cannot join two ends without a name; unix: can", ends[0]->address);
    if (!is_nameless(ops, parsed))
        return TONG_FAIL(TONG_E_ADDRESS, "%s: two joined ends have no name; the address is '%s:'", ends[0]->address,
                         ops->scheme);
    return ops->pair(ends[0]->state, &ends[0]->start, ends[1]->state, &ends[1]->start);
}

int tong_pair(tong_channel *ret_ch[2], const char *address)
{
    tong_channel *ends[2] = {NULL, NULL};
    struct tongi_address *parsed;
    int r = tongi_address_take(&parsed, address);

    if (r < 0)
        return TONG_TRACE(r);
    r = ends_join(ends, parsed);
    tongi_sys_free(parsed);
    for (int i = 0; i < 2; i++) {
        if (r < 0) {
            tong_close(ends[i]);
            continue;
        }
        tongi_store_relaxed_u32(&ends[i]->generation, 0);
        ret_ch[i] = ends[i];
    }
    return r < 0 ? TONG_TRACE(r) : 0;
}

static int adopt_by(const struct tongi_transport_ops *ops, tong_channel **ret_ch, int fd, uint32_t role,
                    const tong_opts *opts)
{
    char rest[32];

    snprintf(rest, sizeof rest, "fd/%d", fd);
    tong_channel *ch = tongi_channel_new(ops, rest, role & 0xff);
    if (!ch)
        return tongi_no_memory(ops->scheme);
    tongi_start_fill(&ch->start, role);
    int r = tongi_options_fill(ch, opts, "", 0);
    if (r >= 0)
        r = ch->ops->adopt ? ch->ops->adopt(ch->state, fd, &ch->start) : 1;
    if (r != 0) {
        tong_close(ch);
        return r < 0 ? TONG_TRACE(r) : r;
    }
    *ret_ch = ch;
    return 0;
}

int tong_adopt(tong_channel **ret_ch, int fd, uint32_t role, const tong_opts *opts)
{
    int r = tongi_process_init();

    if (r < 0)
        return TONG_FAIL(r, "the fork handler could not be installed: %s", tong_error_text(r));
    for (size_t i = 0; tongi_transports[i]; i++) {
        const struct tongi_transport_ops *ops = tongi_transports[i];
        if (!ops->adopt)
            continue;
        r = tongi_role_check(ops, ops->scheme, role);
        if (r < 0)
            return TONG_TRACE(r);
        r = adopt_by(ops, ret_ch, fd, role, opts);
        if (r <= 0)
            return r;
    }
    return TONG_FAIL(TONG_E_NOCAP,
                     "descriptor %d: no transport takes such a descriptor; unix: takes a connected "
                     "stream or seqpacket socket of the Unix family",
                     fd);
}

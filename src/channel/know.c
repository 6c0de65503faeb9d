/* SPDX-License-Identifier: MIT */
/* What a channel is, did and can do; what can be found and removed by name. */
#include "channel/channel.h"

#include <stdio.h>

#include "base/address.h"
#include "sys/sys.h"

#ifndef TONG_VERSION
#error "the build defines TONG_VERSION as 0x00MMmmpp"
#endif

uint32_t tong_version(void)
{
    return TONG_VERSION;
}

/* Gives a record of this version to a caller of whatever version. */
static int record_give(const void *record, size_t bytes, void *ret_record, const char *what)
{
    uint32_t room;

    memcpy(&room, ret_record, sizeof room);
    if (room < sizeof room || room > 4096)
        return TONG_FAIL(-EINVAL, "%s.struct_size is %u; set it to sizeof (%s), %zu", what, room, what, bytes);
    if (room > bytes)
        memset((char *)ret_record + bytes, 0, room - bytes);
    memcpy(ret_record, record, room < bytes ? room : bytes);
    memcpy(ret_record, &room, sizeof room);
    return 0;
}

int tong_get_caps(const tong_channel *ch, tong_caps *ret_caps)
{
    if (!ch || !ret_caps)
        return TONG_FAIL(-EINVAL, "tong_get_caps: NULL");
    const struct tongi_transport_ops *ops = ch->start.inner ? ch->start.inner : ch->ops;
    tong_caps caps = ops->caps;
    caps.struct_size = sizeof caps;
    caps.size_max = ch->size_max;
    /* What a wrapping transport leaves out, and what it adds, comes with its own record. */
    if (ch->ops->wraps) {
        caps.bits &=
            ~(uint32_t)(TONG_CAP_CLAIM | TONG_CAP_PEEK | TONG_CAP_REJECT | TONG_CAP_REDELIVERY | TONG_CAP_ADOPT);
        caps.bits |= ch->ops->caps.bits;
    }
    return record_give(&caps, sizeof caps, ret_caps, "tong_caps");
}

int tong_get_stats(const tong_channel *ch, tong_stats *ret_stats)
{
    if (!ch || !ret_stats)
        return TONG_FAIL(-EINVAL, "tong_get_stats: NULL");
    /* Relaxed throughout: each counter is true by itself, and no two belong together. */
    tong_stats stats = {
        .struct_size = sizeof stats,
        .peers = (uint32_t)tongi_load_relaxed_u64(&ch->report.peers),
        .sent = tongi_load_relaxed_u64(&ch->out.messages),
        .sent_bytes = tongi_load_relaxed_u64(&ch->out.bytes),
        .received = tongi_load_relaxed_u64(&ch->in.messages),
        .received_bytes = tongi_load_relaxed_u64(&ch->in.bytes),
        .lost = tongi_load_relaxed_u64(&ch->report.lost),
        .redelivered = tongi_load_relaxed_u64(&ch->report.redelivered),
        .depth = ch->ops->depth ? ch->ops->depth(ch->state) : 0,
        .connects = tongi_load_relaxed_u64(&ch->report.connects),
        .refused = tongi_load_relaxed_u64(&ch->report.refused),
        .sleeps = tongi_load_relaxed_u64(&ch->in.sleeps) + tongi_load_relaxed_u64(&ch->out.sleeps),
    };
    return record_give(&stats, sizeof stats, ret_stats, "tong_stats");
}

int64_t tong_events(tong_channel *ch, tong_event *ret_events, uint32_t n)
{
    int r = tongi_enter_any(ch);

    if (r < 0)
        return r;
    /* A newcomer or a farewell may wait unseen in the kernel while nothing is received. */
    uint32_t direction = ch->in.legal ? TONG_IN : TONG_OUT;
    if (ch->ops->step)
        (void)ch->ops->step(ch->state, direction);
    tongi_leave(ch, direction);
    return tongi_report_take(&ch->report, ret_events, n);
}

int64_t tong_address(const tong_channel *ch, char *ret_address, size_t len)
{
    if (!ch)
        return TONG_FAIL(-EINVAL, "the channel is NULL");
    size_t used = strlen(ch->address);
    if (len) {
        size_t copied = used < len ? used : len - 1;
        memcpy(ret_address, ch->address, copied);
        ret_address[copied] = 0;
    }
    return (int64_t)used;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

struct listing {
    const struct tongi_transport_ops *ops;
    int (*each)(const char *address, const tong_stats *stats, void *context);
    void *context;
};

static int list_one(const char *rest, const tong_stats *stats, void *context)
{
    const struct listing *listing = context;
    size_t len = tongi_address_format(listing->ops->scheme, rest, NULL, 0);
    char *address = tongi_sys_alloc(len + 1);

    if (!address)
        return TONG_FAIL(-ENOMEM, "no memory for an address of %zu bytes", len);
    tongi_address_format(listing->ops->scheme, rest, address, len + 1);
    int r = listing->each(address, stats, listing->context);
    tongi_sys_free(address);
    return r;
}

int tong_list(int (*each)(const char *address, const tong_stats *stats, void *context), void *context)
{
    if (!each)
        return TONG_FAIL(-EINVAL, "tong_list: each is NULL");
    for (size_t i = 0; tongi_transports[i]; i++) {
        struct listing listing = {tongi_transports[i], each, context};
        int r = tongi_transports[i]->list ? tongi_transports[i]->list(list_one, &listing) : 0;
        if (r)
            return r;
    }
    return 0;
}

static int remove_named(const char *address, const struct tongi_address *parsed)
{
    const struct tongi_transport_ops *ops = tongi_transport_find(parsed);
    struct tongi_start start = {.address = address, .rest = parsed->rest, .opts = {.struct_size = sizeof start.opts}};

    if (!ops)
        return TONG_E_ADDRESS;
    if (!ops->remove)
        return TONG_FAIL(TONG_E_NOCAP, "%s: %s: leaves nothing that could be removed; unix: does", address,
                         ops->scheme);
    int r = tongi_options_parse(parsed->query, parsed->query_len, ops->options, address, &start.opts, &start.allow);
    return r < 0 ? TONG_TRACE(r) : ops->remove(&start);
}

int tong_remove(const char *address)
{
    struct tongi_address *parsed = tongi_sys_alloc(sizeof *parsed);
    char *name = NULL; /* without the query, as sentences name it */

    if (!parsed)
        return TONG_FAIL(-ENOMEM, "no memory for an address");
    int r = tongi_address_parse(address, parsed);
    if (r >= 0) {
        size_t len = tongi_address_format(parsed->scheme, parsed->rest, NULL, 0);
        name = tongi_sys_alloc(len + 1);
        if (name)
            tongi_address_format(parsed->scheme, parsed->rest, name, len + 1);
        r = name ? remove_named(name, parsed) : TONG_FAIL(-ENOMEM, "no memory for an address of %zu bytes", len);
    }
    tongi_sys_free(name);
    tongi_sys_free(parsed);
    return r < 0 ? TONG_TRACE(r) : 0;
}

/* SPDX-License-Identifier: MIT */
/* Transports that wrap another one: their rest is "settings:inner address", and their options are the inner one's. */
#include "channel/channel.h"

#include "base/address.h"
#include "sys/sys.h"

int tongi_wrap_prepare(tong_channel *ch)
{
    if (!ch->ops->wraps)
        return 0;
    const char *colon = strchr(ch->start.rest, ':');
    struct tongi_address *parsed = tongi_sys_alloc(sizeof *parsed);
    int r;

    if (!parsed)
        return tongi_no_memory(ch->address);
    if (!colon) {
        r = TONG_FAIL(TONG_E_ADDRESS, "%s: the address is %s:settings:address", ch->address, ch->ops->scheme);
        goto out;
    }
    r = tongi_address_parse(colon + 1, parsed);
    if (r < 0)
        goto out;
    ch->start.inner = tongi_transport_find(parsed);
    if (!ch->start.inner || ch->start.inner->wraps) {
        r = ch->start.inner ? TONG_FAIL(TONG_E_ADDRESS, "%s: wraps itself", ch->address) : TONG_E_ADDRESS;
        goto out;
    }

    size_t address_len = strlen(colon + 1);
    char *strings = tongi_sys_alloc(address_len + 1 + parsed->rest_len + 1);
    if (!strings) {
        r = tongi_no_memory(ch->address);
        goto out;
    }
    memcpy(strings, colon + 1, address_len + 1);
    memcpy(strings + address_len + 1, parsed->rest, parsed->rest_len + 1);
    ch->inner_start.address = strings;
    ch->inner_start.rest = strings + address_len + 1;
    ch->inner_start.role = ch->start.role;
    ch->inner_start.report = &ch->report;
    ch->start.inner_start = &ch->inner_start;
out:
    tongi_sys_free(parsed);
    return r;
}

void tongi_wrap_follow(tong_channel *ch)
{
    if (!ch->start.inner)
        return;
    ch->inner_start.opts = ch->start.opts;
    ch->inner_start.allow = ch->start.allow;
    ch->inner_start.given = ch->start.given;
    ch->inner_start.side = ch->start.side;
    ch->inner_start.existence = ch->start.existence;
}

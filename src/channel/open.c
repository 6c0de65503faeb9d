/* SPDX-License-Identifier: MIT */
/* tong_open: address, role and options become a running channel. */
#include "channel/channel.h"

#include "base/address.h"
#include "sys/clock.h"
#include "sys/sys.h"

#define ROLE_MASK 0xffu
#define SIDE_MASK (TONG_LISTEN | TONG_CONNECT)
#define EXISTENCE_MASK (TONG_NEW | TONG_EXISTING)

/* ---- options and roles ----------------------------------------------------------------------------------------- */

static void presets_fill(const struct tongi_transport_ops *ops, tong_opts *opts)
{
    for (uint32_t i = 0; i < TONGI_OPT_COUNT; i++) {
        const struct tongi_option_spec *spec = &tongi_option_specs[i];
        static const uint64_t zero;
        char *field = (char *)opts + spec->offset;
        if (memcmp(field, &zero, spec->width) == 0)
            memcpy(field, (const char *)&ops->presets + spec->offset, spec->width);
    }
}

static uint32_t default_side(uint32_t role)
{
    return role == TONG_PULL || role == TONG_PUB || role == TONG_REP ? TONG_LISTEN : TONG_CONNECT;
}

/* Who has a role instead, for a sentence. A variant names its scheme's others where these have it. */
static const char *instead_of(const struct tongi_transport_ops *ops, uint32_t role)
{
    for (size_t i = 0; tongi_transports[i]; i++)
        if (strcmp(tongi_transports[i]->scheme, ops->scheme) == 0 && tongi_transports[i] != ops &&
            !(tongi_transports[i]->caps.roles & role))
            return "inproc";
    return ops->instead ? ops->instead : "inproc";
}

int tongi_role_check(const struct tongi_transport_ops *ops, const char *address, uint32_t role)
{
    uint32_t base = role & ROLE_MASK;

    if (base < TONG_PUSH || base > TONG_REP || role & ~(ROLE_MASK | SIDE_MASK | EXISTENCE_MASK))
        return TONG_FAIL(-EINVAL, "%s: %#x is not a role; a role is TONG_PUSH to TONG_REP", address, role);
    if ((role & SIDE_MASK) == SIDE_MASK || (role & EXISTENCE_MASK) == EXISTENCE_MASK)
        return TONG_FAIL(-EINVAL, "%s: a channel listens or connects, and insists on new or existing, not both",
                         address);
    if (!(ops->caps.roles & TONGI_ROLE_BIT(base)))
        return TONG_FAIL(TONG_E_NOCAP, "%s: %s: has not that conversation; %s: has", address, ops->scheme,
                         instead_of(ops, TONGI_ROLE_BIT(base)));
    if (role & EXISTENCE_MASK && !(ops->caps.bits & TONG_CAP_OBJECT))
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: %s: is a link and leaves no object, so TONG_NEW and TONG_EXISTING mean nothing; "
                         "inproc: has objects",
                         address, ops->scheme);
    return 0;
}

void tongi_start_fill(struct tongi_start *start, uint32_t role)
{
    start->side = role & SIDE_MASK ? role & SIDE_MASK : default_side(role & ROLE_MASK);
    start->existence = role & EXISTENCE_MASK;
}

int tongi_options_fill(tong_channel *ch, const tong_opts *opts, const char *query, size_t query_len)
{
    struct tongi_start *start = &ch->start;
    const struct tongi_transport_ops **chosen = start->inner ? &start->inner : &ch->ops;
    const struct tongi_transport_ops *ops = *chosen;
    int r = tongi_options_take(opts, ops->options, ch->address, &start->opts, &start->allow);

    if (r >= 0)
        r = tongi_options_parse(query, query_len, ops->options, ch->address, &start->opts, &start->allow);
    if (r < 0)
        return TONG_TRACE(r);
    start->given = tongi_options_given(&start->opts);
    if (ops->variant) {
        *chosen = ops = ops->variant(&start->opts);
        r = tongi_options_check(start->given, ops->options, ch->address);
        if (r < 0)
            return TONG_TRACE(r);
    }
    start->opts.allow = NULL; /* the caller's memory */
    presets_fill(ops, &start->opts);
    ch->size_max = start->opts.size ? start->opts.size : ops->caps.size_max;
    tongi_wrap_follow(ch);
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int64_t open_attempt(tong_channel *ch, void *context)
{
    return ch->ops->step(ch->state, *(uint32_t *)context);
}

static int open_wait(tong_channel *ch, tong_deadline deadline)
{
    uint32_t direction = ch->out.legal ? TONG_OUT : TONG_IN;

    /* A listener is usable from its start on. */
    if (!ch->ops->step || ch->start.side == TONG_LISTEN)
        return 0;
    int64_t r = tongi_try(ch, direction, deadline, open_attempt, &direction, "nobody listened there");
    /* With tong_now() the channel goes on connecting inside later calls. */
    return r == -EAGAIN && deadline.ns == 0 ? 0 : (int)r;
}

int tongi_channel_make(tong_channel **ret_ch, const struct tongi_address *parsed, uint32_t role, const tong_opts *opts)
{
    const struct tongi_transport_ops *ops = tongi_transport_find(parsed);

    if (!ops)
        return TONG_E_ADDRESS;
    tong_channel *ch = tongi_channel_new(ops, parsed->rest, role & ROLE_MASK);
    if (!ch)
        return tongi_no_memory(parsed->scheme);
    int r = tongi_wrap_prepare(ch);
    tongi_start_fill(&ch->start, role);
    if (r >= 0)
        r = tongi_options_fill(ch, opts, parsed->query, parsed->query_len);
    /* What there is depends on what the options chose. */
    if (r >= 0)
        r = tongi_role_check(ch->start.inner ? ch->start.inner : ch->ops, ch->address, role);
    if (r < 0) {
        tong_close(ch);
        return TONG_TRACE(r);
    }
    *ret_ch = ch;
    return 0;
}

static int channel_open(tong_channel **ret_ch, const struct tongi_address *parsed, uint32_t role, const tong_opts *opts,
                        tong_deadline deadline)
{
    tong_channel *ch;
    int r = tongi_channel_make(&ch, parsed, role, opts);

    if (r < 0)
        return TONG_TRACE(r);
    r = ch->ops->start(ch->state, &ch->start);
    if (r >= 0)
        r = open_wait(ch, deadline);
    if (r < 0) {
        tong_close(ch);
        return TONG_TRACE(r);
    }
    *ret_ch = ch;
    return 0;
}

int tongi_address_take(struct tongi_address **ret_parsed, const char *address)
{
    int r = tongi_process_init();

    if (r < 0)
        return TONG_FAIL(r, "the fork handler could not be installed: %s", tong_error_text(r));
    /* Two paths of 4 KiB are too much for the stack of a small thread. */
    struct tongi_address *parsed = tongi_sys_alloc(sizeof *parsed);
    if (!parsed)
        return tongi_no_memory(address ? address : "tong");
    r = tongi_address_parse(address, parsed);
    if (r < 0) {
        tongi_sys_free(parsed);
        return TONG_TRACE(r);
    }
    *ret_parsed = parsed;
    return 0;
}

int tong_open(tong_channel **ret_ch, const char *address, uint32_t role, const tong_opts *opts, tong_deadline deadline)
{
    struct tongi_address *parsed;

    if (!ret_ch)
        return TONG_FAIL(-EINVAL, "tong_open: ret_ch is NULL");
    int r = tongi_address_take(&parsed, address);
    if (r < 0)
        return TONG_TRACE(r);
    r = channel_open(ret_ch, parsed, role, opts, deadline);
    tongi_sys_free(parsed);
    return r;
}

/* SPDX-License-Identifier: MIT */
/* Finding transports, making and ending channels. */
#include "channel/channel.h"

#include "base/address.h"
#include "sys/sys.h"

const struct tongi_transport_ops *const tongi_transports[] = {
#define TONG_TRANSPORT(name) &tongi_##name##_ops,
#include "transport/transports.def"
#undef TONG_TRANSPORT
    NULL,
};

static const char schemes[] =
#define TONG_TRANSPORT(name) " " #name ":"
#include "transport/transports.def"
#undef TONG_TRANSPORT
    ;

const struct tongi_transport_ops *tongi_transport_find(const struct tongi_address *parsed)
{
    for (size_t i = 0; tongi_transports[i]; i++)
        if (strcmp(tongi_transports[i]->scheme, parsed->scheme) == 0)
            return tongi_transports[i];
    TONG_FAIL(TONG_E_ADDRESS, "%s:%.200s: there is no such scheme here; there are:%s", parsed->scheme, parsed->rest,
              schemes);
    return NULL;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static void half_init(struct tongi_half *half, bool legal)
{
    half->fd = -1;
    half->pending = -1;
    half->legal = legal;
    half->spin.hits = TONGI_SPIN_ONE / 2;
}

static bool role_sends(uint32_t role)
{
    return role != TONG_PULL && role != TONG_SUB;
}

static bool role_receives(uint32_t role)
{
    return role != TONG_PUSH && role != TONG_PUB;
}

/* A channel around a zeroed state. The strings are kept behind each other in one block: address, rest. */
tong_channel *tongi_channel_new(const struct tongi_transport_ops *ops, const char *rest, uint32_t role)
{
    size_t rest_len = strlen(rest);
    size_t address_len = tongi_address_format(ops->scheme, rest, NULL, 0);
    tong_channel *ch = tongi_sys_alloc(aligned(sizeof *ch) + ops->state_bytes);
    char *strings = tongi_sys_alloc(address_len + 1 + rest_len + 1);

    if (!ch || !strings) {
        tongi_sys_free(ch);
        tongi_sys_free(strings);
        return NULL;
    }
    ch->ops = ops;
    ch->state = (char *)ch + aligned(sizeof *ch);
    ch->address = strings;
    tongi_address_format(ops->scheme, rest, strings, address_len + 1);
    memcpy(strings + address_len + 1, rest, rest_len + 1);
    ch->start.address = ch->address;
    ch->start.rest = strings + address_len + 1;
    ch->start.role = role;
    ch->start.report = &ch->report;
    ch->born = tongi_process_generation();
    tongi_store_relaxed_u32(&ch->generation, ch->born);
    half_init(&ch->in, role_receives(role));
    half_init(&ch->out, role_sends(role));
    tongi_report_init(&ch->report);
    return ch;
}

int tongi_no_memory(const char *address)
{
    return TONG_FAIL(-ENOMEM, "%s: no memory for a channel", address);
}

tong_channel *tong_close(tong_channel *ch)
{
    if (!ch)
        return NULL;

    uint32_t generation = tongi_load_relaxed_u32(&ch->generation);
    bool owner = (generation ? generation : ch->born) == tongi_process_generation();
    tongi_spans_free(ch);
    ch->ops->close(ch->state, owner);
    /* Total: whoever shut the channel down from another thread has returned, so this only reads what it stored. */
    tongi_sys_close((int)tongi_load_total_u32(&ch->stop_bell) - 1);
    struct tongi_half *halves[] = {&ch->in, &ch->out};
    for (int i = 0; i < 2; i++) {
        tongi_sys_close(halves[i]->fd);
        tongi_sys_close(halves[i]->pending);
    }
    tongi_report_fini(&ch->report);
    tongi_sys_free((void *)(uintptr_t)ch->inner_start.address);
    tongi_sys_free(ch->address);
    return tongi_sys_free(ch);
}

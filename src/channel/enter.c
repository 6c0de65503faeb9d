/* SPDX-License-Identifier: MIT */
/* Who may call what, and the sentences for those who may not. */
#include "channel/channel.h"

#include "prim/role.h"

int tongi_enter_any(tong_channel *ch)
{
    if (!ch)
        return TONG_FAIL(-EINVAL, "the channel is NULL");

    uint32_t mine = tongi_process_generation();
    uint32_t owner = tongi_load_relaxed_u32(&ch->generation);
    /* Binding is ordered by nothing but itself: only the two threads of one process can race here, with one value. */
    if (owner == 0 && tongi_swap_total_u32(&ch->generation, &owner, mine))
        owner = mine;
    if (owner != mine)
        return TONG_FAIL(TONG_E_FORKED,
                         "%s: the channel belongs to the process that forked this one; open it again here",
                         ch->address);
    if (tongi_load_acquire_u32(&ch->stopped))
        return TONG_FAIL(TONG_E_SHUTDOWN, "%s: the channel was shut down", ch->address);
    return 0;
}

int tongi_enter_fail(tong_channel *ch, uint32_t direction)
{
    int r = tongi_enter_any(ch);

    if (r < 0)
        return r;
    if (!tongi_half_of(ch, direction)->legal)
        return TONG_FAIL(TONG_E_NOCAP, "%s: the role %s does not %s; pair does", ch->address,
                         tongi_role_name(ch->start.role), direction == TONG_IN ? "receive" : "send");
    return 0;
}

/* The first of transports.def that has the capability. */
static const char *who_has(uint32_t bit)
{
    for (size_t i = 0; bit && tongi_transports[i]; i++)
        if (tongi_transports[i]->caps.bits & bit)
            return tongi_transports[i]->scheme;
    return "inproc";
}

int tongi_nocap(const tong_channel *ch, uint32_t bit, const char *what)
{
    const char *instead = who_has(bit);

    return TONG_FAIL(TONG_E_NOCAP, "%s: %s: has no %s; %s: has", ch->address, ch->ops->scheme, what, instead);
}

int tongi_toobig(const tong_channel *ch, uint64_t len)
{
    return TONG_FAIL(TONG_E_TOOBIG,
                     "%s: a message of %llu bytes is over the limit of %llu; open with a larger size=", ch->address,
                     (unsigned long long)len, (unsigned long long)ch->size_max);
}

int tongi_meta_take(const tong_channel *ch, const tong_meta *given, tong_meta *ret_meta)
{
    if (given->struct_size < offsetof(tong_meta, sequence) || given->struct_size > 4096)
        return TONG_FAIL(-EINVAL, "%s: tong_meta.struct_size is %u; set it to sizeof (tong_meta), %zu", ch->address,
                         given->struct_size, sizeof *given);
    memset(ret_meta, 0, sizeof *ret_meta);
    memcpy(ret_meta, given, given->struct_size < sizeof *ret_meta ? given->struct_size : sizeof *ret_meta);
    ret_meta->struct_size = sizeof *ret_meta;
    return 0;
}

void tongi_meta_give(const tong_meta *meta, tong_meta *ret_meta)
{
    uint32_t room = ret_meta->struct_size;

    if (room > sizeof *meta)
        memset((char *)ret_meta + sizeof *meta, 0, room - sizeof *meta);
    memcpy(ret_meta, meta, room < sizeof *meta ? room : sizeof *meta);
    ret_meta->struct_size = room;
}

int tongi_meta_send(const tong_channel *ch, const tong_meta *given, tong_meta *storage, const tong_meta **ret_used)
{
    *ret_used = NULL;
    if (!given)
        return 0;
    int r = tongi_meta_take(ch, given, storage);
    if (r < 0)
        return r;
    /* What a wrapping transport passes on is the inner one's to carry. */
    uint32_t bits = (ch->start.inner ? ch->start.inner : ch->ops)->caps.bits;
    if (storage->n_fds && !(bits & TONG_CAP_DESCRIPTORS))
        return tongi_nocap(ch, TONG_CAP_DESCRIPTORS, "descriptors with messages");
    if (storage->n_fds && !storage->fds)
        return TONG_FAIL(-EINVAL, "%s: tong_meta.fds is NULL and n_fds is %u", ch->address, storage->n_fds);
    if (storage->kind && !(bits & TONG_CAP_KINDS))
        return tongi_nocap(ch, TONG_CAP_KINDS, "priorities or types");
    *ret_used = storage;
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "prim/senders.h"

#include <errno.h>
#include <string.h>

#include "sys/sys.h"

static struct tongi_sender *sender_free(struct tongi_sender *sender)
{
    tongi_block_free(&sender->block);
    return tongi_sys_free(sender);
}

void tongi_senders_fini(struct tongi_senders *senders)
{
    for (uint32_t i = 0; i < senders->count; i++)
        sender_free(senders->list[i]);
    tongi_sys_free(senders->list);
    *senders = (struct tongi_senders){0};
}

/* The first place whose number is not below this one. */
static uint32_t place_of(const struct tongi_senders *senders, uint32_t number)
{
    uint32_t from = 0, to = senders->count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (senders->list[middle]->number < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct tongi_sender *tongi_senders_find(const struct tongi_senders *senders, uint32_t number)
{
    uint32_t at = place_of(senders, number);

    return at < senders->count && senders->list[at]->number == number ? senders->list[at] : NULL;
}

struct tongi_sender *tongi_senders_add(struct tongi_senders *senders, uint32_t number)
{
    uint32_t at = place_of(senders, number);

    if (senders->count == senders->room) {
        uint32_t room = senders->room ? 2 * senders->room : 4;
        void *grown = tongi_sys_resize(senders->list, room * sizeof *senders->list);
        if (!grown)
            return NULL;
        senders->list = grown;
        senders->room = room;
    }
    struct tongi_sender *sender = tongi_sys_alloc(sizeof *sender);
    if (!sender)
        return NULL;
    sender->number = number;
    memmove(senders->list + at + 1, senders->list + at, (senders->count - at) * sizeof *senders->list);
    senders->list[at] = sender;
    senders->count++;
    return sender;
}

bool tongi_senders_remove(struct tongi_senders *senders, uint32_t at)
{
    bool torn = senders->list[at]->gathering;

    sender_free(senders->list[at]);
    senders->count--;
    memmove(senders->list + at, senders->list + at + 1, (senders->count - at) * sizeof *senders->list);
    return torn;
}

static int append(struct tongi_sender *sender, const struct tongi_fragment *fragment, const uint8_t *body)
{
    if (tongi_block_reserve(&sender->block, sender->got + fragment->len) < 0) {
        sender->gathering = false;
        sender->skipping = !(fragment->flags & TONGI_FRAGMENT_LAST);
        return -ENOMEM;
    }
    if (fragment->len)
        memcpy(sender->block.data + sender->got, body, fragment->len);
    sender->got += fragment->len;
    sender->gathering = !(fragment->flags & TONGI_FRAGMENT_LAST);
    return sender->gathering ? TONGI_GATHERED_PART : TONGI_GATHERED_THERE;
}

int tongi_sender_gather(struct tongi_sender *sender, const struct tongi_fragment *fragment, const uint8_t *body,
                        uint64_t size_max)
{
    bool last = fragment->flags & TONGI_FRAGMENT_LAST;

    if (sender->gathering && (fragment->sequence != sender->sequence || fragment->at != sender->got)) {
        sender->gathering = false;
        return TONGI_GATHERED_TORN;
    }
    if (fragment->at == 0) {
        sender->got = 0;
        sender->sequence = fragment->sequence;
        sender->skipping = false;
    } else if (!sender->gathering) {
        /* It continues nothing we know of: the message began before we listened, or was given up and told of. */
        bool told = sender->skipping && sender->sequence == fragment->sequence;
        sender->sequence = fragment->sequence;
        sender->skipping = !last;
        return told ? TONGI_GATHERED_PART : TONGI_GATHERED_ORPHAN;
    }
    if ((uint64_t)fragment->at + fragment->len > size_max) {
        sender->gathering = false;
        sender->skipping = !last;
        return TONGI_GATHERED_OVER;
    }
    if (fragment->at == 0 && last)
        return TONGI_GATHERED_HERE;
    return append(sender, fragment, body);
}

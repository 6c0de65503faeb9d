/* SPDX-License-Identifier: MIT */
/*
 * Reading fragments of many writers. Each holds the lock of its number while it lives. One whose lock is gone is dead,
 * but what it wrote may still stand in the FIFO: it is marked with the place up to which something of it may come, and
 * dropped when everything before that place has been parsed.
 */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/sys.h"
#include "transport/fifo_in.h"

/* From so many writers on, the dead among them are looked for when one more comes. */
#define PROBE_FIRST 8

static void drop(struct tongi_fifo_in *in, uint32_t at, enum tong_event_what what)
{
    uint64_t peer = in->senders.list[at]->peer;

    in->dead -= in->senders.list[at]->dead_at != 0;
    if (tongi_senders_remove(&in->senders, at))
        tongi_fifo_missed(in, 1);
    tongi_fifo_left(in, peer, what, in->senders.count == 0);
}

/* Where the bytes end that have been written so far; 0 if that cannot be told. */
static uint64_t written_so_far(const struct tongi_fifo_in *in)
{
    int unread = 0;

    return tongi_sys_unread_bytes(in->fd, &unread) < 0 ? 0 : in->taken + (in->end - in->at) + (uint64_t)unread + 1;
}

static void mark_dead(struct tongi_fifo_in *in)
{
    for (uint32_t i = 0; i < in->senders.count; i++) {
        struct tongi_sender *sender = in->senders.list[i];
        if (sender == in->leaving || sender->dead_at ||
            tongi_fifo_is_locked(in->fd, TONGI_FIFO_SENDERS + sender->number) != 0)
            continue;
        sender->dead_at = written_so_far(in);
        in->dead += sender->dead_at != 0;
    }
}

void tongi_fifo_reap(struct tongi_fifo_in *in, bool mark)
{
    if (mark)
        mark_dead(in);
    for (uint32_t i = in->senders.count; in->dead && i-- > 0;) {
        uint64_t dead_at = in->senders.list[i]->dead_at;
        if (dead_at && in->taken + 1 >= dead_at)
            drop(in, i, TONG_CUT);
    }
}

static uint32_t place_of(const struct tongi_fifo_in *in, const struct tongi_sender *sender)
{
    uint32_t at = 0;

    while (in->senders.list[at] != sender)
        at++;
    return at;
}

/* Looks for the dead now and then, as their number may have doubled: so each newcomer costs a probe or two. */
static struct tongi_sender *newcomer(struct tongi_fifo_in *in, uint32_t number)
{
    bool full = in->senders.count >= in->peers_max;

    if (full || in->senders.count >= in->probe_at) {
        tongi_fifo_reap(in, true);
        in->probe_at = in->senders.count < PROBE_FIRST / 2 ? PROBE_FIRST : 2 * in->senders.count;
    }
    if (in->senders.count >= in->peers_max)
        return NULL;
    struct tongi_sender *sender = tongi_senders_add(&in->senders, number);
    if (sender)
        sender->peer = tongi_fifo_joined(in);
    return sender;
}

/* A sender comes, goes, or speaks for the first time. -ENOBUFS, -ENOMEM: it has no place. */
static int meet(struct tongi_fifo_in *in, const struct tongi_fragment *fragment, struct tongi_sender **ret_sender)
{
    struct tongi_sender *sender = tongi_senders_find(&in->senders, fragment->sender);

    /* The number of one that died may be drawn again; its hello says that this is another. */
    if (sender && fragment->flags == TONGI_FRAGMENT_HELLO) {
        drop(in, place_of(in, sender), TONG_CUT);
        sender = NULL;
    }
    if (!sender)
        sender = newcomer(in, fragment->sender);
    if (sender && fragment->flags == TONGI_FRAGMENT_END) {
        /* Whether it is the last is known when those are dropped that died before it. */
        in->leaving = sender;
        if (in->end_last)
            tongi_fifo_reap(in, true);
        in->leaving = NULL;
        drop(in, place_of(in, sender), TONG_LEFT);
        sender = NULL;
    }
    *ret_sender = sender;
    if (sender || fragment->flags & ~(uint32_t)TONGI_FRAGMENT_LAST)
        return 0;
    return in->senders.count >= in->peers_max ? -ENOBUFS : -ENOMEM;
}

/* One fragment of data: 1 when it completes a message. */
static int gather(struct tongi_fifo_in *in, struct tongi_sender *sender, const struct tongi_fragment *fragment,
                  const uint8_t *body)
{
    int r = tongi_sender_gather(sender, fragment, body, in->size_max);

    if (r == TONGI_GATHERED_TORN) {
        tongi_fifo_missed(in, 1);
        r = tongi_sender_gather(sender, fragment, body, in->size_max);
    }
    switch (r) {
    case TONGI_GATHERED_HERE:
    case TONGI_GATHERED_THERE:
        in->message = (struct tongi_fifo_message){
            .data = r == TONGI_GATHERED_HERE ? body : sender->block.data,
            .len = r == TONGI_GATHERED_HERE ? fragment->len : sender->got,
            .peer = sender->peer,
            .sequence = fragment->sequence,
        };
        return 1;
    case TONGI_GATHERED_ORPHAN:
        tongi_fifo_missed(in, 1);
        return 0;
    case TONGI_GATHERED_OVER:
        return tongi_fifo_dropped(in, -EMSGSIZE);
    default:
        return r < 0 ? tongi_fifo_dropped(in, r) : 0;
    }
}

static int take(struct tongi_fifo_in *in, const struct tongi_fragment *fragment, const uint8_t *body)
{
    struct tongi_sender *sender;

    /* Before its sender is met, so that it does not stand in the way of the dead being dropped. */
    tongi_fifo_consume(in, TONGI_FRAGMENT_BYTES + fragment->len);
    int r = meet(in, fragment, &sender);
    if (r < 0)
        return fragment->at == 0 ? tongi_fifo_dropped(in, r) : 0;
    return fragment->flags & ~(uint32_t)TONGI_FRAGMENT_LAST ? 0 : gather(in, sender, fragment, body);
}

static int fragments_parse(struct tongi_fifo_in *in, const tong_bytes *direct)
{
    (void)direct;
    while (in->at < in->end) {
        const uint8_t *bytes = tongi_fifo_staged(in);
        size_t len = in->end - in->at;
        struct tongi_fragment fragment;

        if (len < TONGI_FRAGMENT_BYTES && bytes[0] == TONGI_FRAGMENT_MAGIC)
            return 0;
        if (len < TONGI_FRAGMENT_BYTES || tongi_fragment_decode(bytes, &fragment) < 0) {
            /* Somebody who is not tong wrote. What he wrote is passed over and does not hurt the others. */
            if (!in->junk)
                tongi_report_count(&in->report->refused, 1);
            in->junk = true;
            tongi_fifo_consume(in, tongi_fragment_seek(bytes, len));
            continue;
        }
        if (len < TONGI_FRAGMENT_BYTES + fragment.len)
            return 0;
        in->junk = false;
        int r = take(in, &fragment, bytes + TONGI_FRAGMENT_BYTES);
        if (r != 0)
            return r;
    }
    return 0;
}

static void fragments_left(struct tongi_fifo_in *in)
{
    while (in->senders.count)
        drop(in, in->senders.count - 1, TONG_CUT);
    in->junk = false;
}

const struct tongi_fifo_reading tongi_fifo_fragments_in = {
    .reads = TONGI_FIFO_READS_FRAGMENTS,
    .parse = fragments_parse,
    .left = fragments_left,
};

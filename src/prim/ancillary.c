/* SPDX-License-Identifier: MIT */
#include "prim/ancillary.h"

#include <string.h>
#include <sys/socket.h>

#include "prim/control.h"
#include "sys/sys.h"

#define NO_HEADER UINT64_MAX

struct tongi_ancillary *tongi_ancillary_new(uint32_t descriptors, bool credentials)
{
    struct tongi_ancillary *ancillary = tongi_sys_alloc(sizeof *ancillary + TONGI_SETS_MAX * descriptors * sizeof(int));

    if (!ancillary)
        return NULL;
    int *fds = (int *)(ancillary + 1);
    ancillary->descriptors = descriptors;
    ancillary->credentials = credentials;
    for (uint32_t i = 0; i < TONGI_SETS_MAX; i++)
        ancillary->sets[i].fds = fds + i * descriptors;
    return ancillary;
}

static void close_all(const int *fds, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        tongi_sys_close(fds[i]);
}

void tongi_ancillary_clear(struct tongi_ancillary *ancillary)
{
    if (!ancillary)
        return;
    for (uint32_t i = 0; i < ancillary->count; i++)
        close_all(ancillary->sets[i].fds, ancillary->sets[i].n);
    ancillary->count = 0;
}

struct tongi_ancillary *tongi_ancillary_free(struct tongi_ancillary *ancillary)
{
    tongi_ancillary_clear(ancillary);
    return tongi_sys_free(ancillary);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static void set_add(struct tongi_ancillary *ancillary, const struct tongi_control *control, uint64_t end,
                    bool cut_short)
{
    if (ancillary->count == TONGI_SETS_MAX || control->n_fds > ancillary->descriptors) {
        close_all(control->fds, control->n_fds);
        ancillary->overrun = true;
        return;
    }
    struct tongi_set *set = &ancillary->sets[ancillary->count++];
    *set = (struct tongi_set){.from = ancillary->received,
                              .end = end,
                              .header = NO_HEADER,
                              .cut_short = cut_short,
                              .n = control->n_fds,
                              .fds = set->fds};
    memcpy(set->fds, control->fds, control->n_fds * sizeof *set->fds);
}

static void sender_note(struct tongi_ancillary *ancillary, const struct tongi_control *control)
{
    bool named = tongi_control_is_named(control);

    if (named == ancillary->named && control->pid == ancillary->pid && control->uid == ancillary->uid &&
        control->gid == ancillary->gid)
        return;
    ancillary->named = named;
    ancillary->pid = control->pid;
    ancillary->uid = control->uid;
    ancillary->gid = control->gid;
    ancillary->changed_at = ancillary->received;
}

/* Reads, and says of what came: also of an empty packet, which may bring descriptors all the same. */
static ssize_t get(struct tongi_ancillary *ancillary, int fd, struct iovec *vector, uint32_t n, int flags)
{
    union tongi_control_room room;
    struct msghdr message = {
        .msg_iov = vector,
        .msg_iovlen = n,
        .msg_control = room.bytes,
        .msg_controllen = tongi_control_len(ancillary->descriptors, ancillary->credentials),
    };
    struct tongi_control control;
    ssize_t got = tongi_sys_recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);

    if (got < 0)
        return got;
    tongi_control_read(room.bytes, message.msg_controllen, &control);
    /* Where no descriptor is let in, the kernel has closed those that were cut off. */
    bool cut_short = message.msg_flags & MSG_CTRUNC && ancillary->descriptors;
    if (control.n_fds || cut_short)
        set_add(ancillary, &control, ancillary->received + (uint64_t)got, cut_short);
    if (ancillary->credentials && got > 0)
        sender_note(ancillary, &control);
    return got;
}

ssize_t tongi_ancillary_get(struct tongi_ancillary *ancillary, int fd, struct iovec *vector, uint32_t n)
{
    ssize_t got = get(ancillary, fd, vector, n, 0);

    ancillary->received += got > 0 ? (uint64_t)got : 0;
    return got;
}

ssize_t tongi_ancillary_get_packet(struct tongi_ancillary *ancillary, int fd, struct iovec *vector, uint32_t n)
{
    return get(ancillary, fd, vector, n, MSG_TRUNC);
}

void tongi_ancillary_packet(struct tongi_ancillary *ancillary, size_t len, uint32_t announced)
{
    struct tongi_set *last = ancillary->count ? &ancillary->sets[ancillary->count - 1] : NULL;

    /* No header can tell of it, so that it is a stray before anything of the packet is taken. */
    if (last && last->from == ancillary->received && !announced)
        last->end = last->from;
    ancillary->received += len;
}

/* ---- whose they are -------------------------------------------------------------------------------------------- */

enum tongi_match tongi_ancillary_strays(const struct tongi_ancillary *ancillary, uint64_t at)
{
    if (ancillary->overrun)
        return TONGI_MATCH_STRAY;
    for (uint32_t i = 0; i < ancillary->count; i++)
        if (ancillary->sets[i].header == NO_HEADER && ancillary->sets[i].end <= at)
            return TONGI_MATCH_STRAY;
    return TONGI_MATCH_OK;
}

enum tongi_match tongi_ancillary_match(struct tongi_ancillary *ancillary, uint64_t at, uint32_t n)
{
    struct tongi_set *set = ancillary->sets;

    if (!ancillary->count || at < set->from || at >= set->end || (set->header != NO_HEADER && set->header != at))
        return TONGI_MATCH_FEWER;
    if (set->cut_short)
        return set->n < ancillary->descriptors ? TONGI_MATCH_STARVED : TONGI_MATCH_MORE;
    if (set->n != n)
        return set->n < n ? TONGI_MATCH_FEWER : TONGI_MATCH_MORE;
    set->header = at;
    return TONGI_MATCH_OK;
}

void tongi_ancillary_hand_over(struct tongi_ancillary *ancillary, tong_meta *meta)
{
    struct tongi_set first = ancillary->sets[0];

    if (meta && meta->fds) {
        memcpy(meta->fds, first.fds, first.n * sizeof *first.fds);
        meta->n_fds = first.n;
    } else {
        close_all(first.fds, first.n);
    }
    /* The memory goes to the end of the queue. */
    for (uint32_t i = 1; i < TONGI_SETS_MAX; i++)
        ancillary->sets[i - 1] = ancillary->sets[i];
    ancillary->sets[TONGI_SETS_MAX - 1] = (struct tongi_set){.fds = first.fds};
    ancillary->count--;
}

void tongi_ancillary_sender(const struct tongi_ancillary *ancillary, uint64_t at, tong_meta *meta)
{
    bool vouched = ancillary->named && at >= ancillary->changed_at;

    meta->flags = (meta->flags & ~(uint32_t)TONG_VOUCHED) | (vouched ? TONG_VOUCHED : 0);
    meta->pid = vouched ? ancillary->pid : 0;
    meta->uid = vouched ? ancillary->uid : 0;
    meta->gid = vouched ? ancillary->gid : 0;
}

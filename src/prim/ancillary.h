/* SPDX-License-Identifier: MIT */
/*
 * What comes beside a stream's bytes: descriptors, and the sender of each byte. The kernel ends a read behind the bytes
 * that one call sent with descriptors, and in front of those of another sender, so each read brings at most one set and
 * has one sender. Which message a set belongs to follows from where in the stream the read stood: the message whose
 * header begins there and announces it. Packets make up a stream, too, of what is kept of each; a set belongs to the
 * packet with which it came.
 *
 * It belongs to the reading half of a link, and there is none unless an option asks for it: without one, reading costs
 * nothing more, and the kernel closes what a peer attaches.
 */
#ifndef TONGI_PRIM_ANCILLARY_H
#define TONGI_PRIM_ANCILLARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <tong/tong.h>

/* A set of descriptors that came with the bytes at [from, end) of the stream. */
struct tongi_set {
    uint64_t from, end;
    uint64_t header; /* where the header is that announces it; UINT64_MAX: not found yet */
    bool cut_short;  /* the kernel had more to give: over the limit, or this process has no descriptor left */
    uint32_t n;
    int *fds;
};

/* One set belongs to a message of which not all has come, another to the next one: nothing is read beyond that. */
enum { TONGI_SETS_MAX = 2 };

struct tongi_ancillary {
    uint32_t descriptors; /* how many a message may bring */
    bool credentials;     /* each read tells its sender */
    bool overrun;         /* more sets than there can be messages for them */
    uint64_t received;    /* how many bytes were read */
    uint64_t changed_at;  /* since which of them the sender is the present one */
    uint32_t pid, uid, gid;
    bool named; /* the kernel named it */
    uint32_t count;
    struct tongi_set sets[TONGI_SETS_MAX];
};

/* With room for its sets, or NULL without memory. */
struct tongi_ancillary *tongi_ancillary_new(uint32_t descriptors, bool credentials);
/* Closes what was not handed over. Accepts NULL and returns NULL. */
struct tongi_ancillary *tongi_ancillary_free(struct tongi_ancillary *ancillary);
/* Closes what was not handed over. Accepts NULL. */
void tongi_ancillary_clear(struct tongi_ancillary *ancillary);

/* Reads from a socket as recvmsg does, with what comes beside. */
ssize_t tongi_ancillary_get(struct tongi_ancillary *ancillary, int fd, struct iovec *vector, uint32_t n);
/* The same from a socket of packets: returns the packet's length, also if its end was lost. The caller then says which
 * bytes it keeps of it. */
ssize_t tongi_ancillary_get_packet(struct tongi_ancillary *ancillary, int fd, struct iovec *vector, uint32_t n);
/* Of the packet that was read last so many bytes are kept, and announce so many descriptors. */
void tongi_ancillary_packet(struct tongi_ancillary *ancillary, size_t len, uint32_t announced);

enum tongi_match {
    TONGI_MATCH_OK,
    TONGI_MATCH_STRAY,  /* a set came that no message announces */
    TONGI_MATCH_FEWER,  /* less came than was announced */
    TONGI_MATCH_MORE,   /* more came than was announced, or may come */
    TONGI_MATCH_STARVED /* this process has no descriptor left for all of them */
};

/* Is there a set of which no header at `at` or behind can tell? */
enum tongi_match tongi_ancillary_strays(const struct tongi_ancillary *ancillary, uint64_t at);
/* The header at `at` announces n descriptors, at least 1: finds their set. Asked again, it answers the same. */
enum tongi_match tongi_ancillary_match(struct tongi_ancillary *ancillary, uint64_t at, uint32_t n);
/* The message that was matched is taken: its descriptors go to *meta, which has the room, or are closed. */
void tongi_ancillary_hand_over(struct tongi_ancillary *ancillary, tong_meta *meta);
/* The sender of the message that begins at `at`, if all its bytes came from one that the kernel named. */
void tongi_ancillary_sender(const struct tongi_ancillary *ancillary, uint64_t at, tong_meta *meta);

#endif

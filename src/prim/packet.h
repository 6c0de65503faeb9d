/* SPDX-License-Identifier: MIT */
/*
 * Packets: sockets that keep the bounds of what is written. On a link of packets each frame is one packet, which the
 * kernel takes whole or not at all, so that nothing is ever left half written or half read.
 */
#ifndef TONGI_PRIM_PACKET_H
#define TONGI_PRIM_PACKET_H

#include "prim/link.h"

/*
 * Room in a socket's sending buffer for a packet of so many bytes. -ERANGE: the system does not grant it; the sentence
 * names size, the option that asks for it.
 */
int tongi_packet_reserve(int fd, size_t packet, uint64_t size, const char *address);
/* Would a new Unix socket of that type get the room? Errors as tongi_packet_reserve, or why there is no socket. */
int tongi_packet_check(int type, size_t packet, uint64_t size, const char *address);

/* As recv, without waiting, but returns the packet's length, which is over room if its end was lost. */
ssize_t tongi_packet_get(int fd, void *to, size_t room);
ssize_t tongi_packet_getv(int fd, struct iovec *vector, uint32_t n);

/*
 * Sends one packet: the first head_len bytes of stage, then the parts of a message, with its descriptors. Behind the
 * head, stage has TONGI_GATHER_BYTES of scratch. -EAGAIN, -ENOMEM, -EMSGSIZE, or what else the system says.
 */
ssize_t tongi_packet_put(int fd, uint8_t *stage, size_t head_len, const struct tongi_batch *batch);
/* Sends the first of n packets, and more as one call takes them; returns how many. Errors as tongi_packet_put. */
int tongi_packet_put_many(int fd, const tong_view *msgs, uint32_t n);

/* Nothing more comes: tells the end from an empty packet, since both read as 0. */
bool tongi_packet_ended(int fd);

/* tongi_link_write and tongi_link_push for packets. */
int tongi_packet_write(struct tongi_link *link, const struct tongi_batch *batch, uint8_t *stage,
                       struct tongi_written *ret_written);
int tongi_packet_push(struct tongi_link *link);

#endif

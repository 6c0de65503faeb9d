/* SPDX-License-Identifier: MIT */
/* Control messages: how descriptors and a sender's credentials look beside the bytes of a Unix socket. */
#ifndef TONGI_PRIM_CONTROL_H
#define TONGI_PRIM_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/limits.h"

/* Room for all that one message of the system can have beside it, as the kernel lays it out: SCM_CREDENTIALS with three
 * numbers of 32 bits, and SCM_RIGHTS. */
#define TONGI_CONTROL_BYTES (CMSG_SPACE(3 * sizeof(uint32_t)) + CMSG_SPACE(TONGI_DESCRIPTORS_MAX * sizeof(int)))

/* The memory that goes into msg_control. */
union tongi_control_room {
    struct cmsghdr aligned;
    uint8_t bytes[TONGI_CONTROL_BYTES];
};

/* What came beside bytes. */
struct tongi_control {
    bool credentials; /* pid, uid and gid came */
    uint32_t pid, uid, gid;
    uint32_t n_fds;
    int fds[TONGI_CONTROL_BYTES / sizeof(int)]; /* as many as the room can hold, whatever stands in it */
};

/* What msg_controllen must be for credentials, if they are asked for, and exactly so many descriptors: the kernel then
 * gives no descriptor more, and tells by MSG_CTRUNC that there were more. */
size_t tongi_control_len(uint32_t descriptors, bool credentials);

/* Writes a control message that passes n descriptors, 1 to TONGI_DESCRIPTORS_MAX; returns its msg_controllen. */
size_t tongi_control_write(union tongi_control_room *room, const int *fds, uint32_t n);

/* Did a sender come whom the kernel could name? */
bool tongi_control_is_named(const struct tongi_control *control);

/* Reads what the system wrote into len bytes. Whatever stands there: each descriptor in it is found once, and what is
 * no control message ends the search. */
void tongi_control_read(const uint8_t *bytes, size_t len, struct tongi_control *ret_control);

#endif

/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a Unix socket, whether it is somebody to talk to, and whether it is still alive. */
#ifndef TONGI_TRANSPORT_UNIX_PEER_H
#define TONGI_TRANSPORT_UNIX_PEER_H

#include "prim/link.h"
#include "transport/unix_name.h"

/*
 * The kernel's word on who connected or listens, fixed at that moment: fills in pid, uid, gid and vouched. -EACCES:
 * allow= does not name it; or, without allow=, an abstract name is another user's, or a listener is somebody whom
 * nothing proves to be meant, since others could have made a socket by that name.
 */
int tongi_unix_identify(const struct tongi_unix_name *name, struct tongi_link *link);

/* The same of a socket at which nobody answers, by whose file it is in that directory, whose descriptor is taken. */
int tongi_unix_check_owner(const struct tongi_unix_name *name, int directory, uid_t owner);

/* Has the process died that connected or listened? False also where the kernel does not say (before Linux 6.5). */
bool tongi_unix_is_dead(const struct tongi_link *link);

/* From now on whatever is sent to this socket tells its sender; connections taken from a listener inherit it. */
int tongi_unix_ask_senders(const struct tongi_unix_name *name, int fd);

#endif

/* SPDX-License-Identifier: MIT */
#include "transport/unix_peer.h"

#include <fcntl.h>
#include <poll.h>

#include "base/error.h"
#include "sys/sys.h"

/* Since Linux 6.5; the headers may be older. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
/* Directories between a socket and the root: more than any path of PATH_MAX bytes has. */
#define WAY_UP_MAX 2048

/* ---- who may be there ------------------------------------------------------------------------------------------ */

static bool has_allowed_group(const struct tongi_unix_name *name, const struct tongi_link *link)
{
    gid_t groups[TONGI_PEER_GROUPS_MAX];
    socklen_t len = sizeof groups;

    if (!tongi_allow_names_groups(name->allow))
        return false;
    if (tongi_allow_has_group(name->allow, link->gid))
        return true;
    if (tongi_sys_getsockopt(link->in_fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        return false;
    for (size_t i = 0; i < len / sizeof *groups; i++)
        if (tongi_allow_has_group(name->allow, groups[i]))
            return true;
    return false;
}

static int allow_check(const struct tongi_unix_name *name, const struct tongi_link *link)
{
    char list[TONGI_ALLOW_TEXT_BYTES];

    if (tongi_allow_has_user(name->allow, link->uid) || has_allowed_group(name, link))
        return 0;
    tongi_allow_format(name->allow, list, sizeof list);
    return TONG_FAIL(-EACCES, "%s: user %u (process %u) is not let in: allow=%s", name->address, link->uid, link->pid,
                     list);
}

/* ---- who could have made the name ------------------------------------------------------------------------------- */

static bool is_ours(uid_t uid)
{
    return uid == 0 || uid == tongi_sys_geteuid();
}

/* Is what has a name in this directory there by nobody's doing but root's, this user's, or the listener's? Where others
 * write too, the sticky bit keeps in place what is root's or this user's, and nothing else. */
static bool is_closed(const struct stat *directory, uid_t named, uid_t listener)
{
    bool others_write = directory->st_mode & (S_IWGRP | S_IWOTH);

    return (is_ours(directory->st_uid) || directory->st_uid == listener) &&
           (!others_write || (directory->st_mode & S_ISVTX && is_ours(named)));
}

/* From a directory with the listener's socket up to the root: is every one of them closed? Takes the descriptor. */
static bool is_way_closed(int directory, uid_t listener)
{
    struct stat here, above;
    uid_t named = listener;
    bool closed = directory >= 0 && tongi_sys_fstat(directory, &here) >= 0;

    for (int i = 0; closed && i < WAY_UP_MAX; i++) {
        int up = is_closed(&here, named, listener)
                     ? tongi_sys_open_at(directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
                     : -1;
        tongi_sys_close(directory);
        directory = up;
        closed = up >= 0 && tongi_sys_fstat(up, &above) >= 0;
        if (closed && above.st_dev == here.st_dev && above.st_ino == here.st_ino)
            break;
        named = here.st_uid;
        here = above;
    }
    tongi_sys_close(directory);
    return closed;
}

/*
 * A name in a directory into which others write, as in /tmp, says nothing about who is behind it: whoever came first
 * has it. Root and this user need no proof; anybody else must be there by the will of those who own the way. Takes the
 * directory's descriptor.
 */
static int squat_check(const struct tongi_unix_name *name, int directory, uid_t listener)
{
    if (is_ours(listener)) {
        tongi_sys_close(directory);
        return 0;
    }
    if (is_way_closed(directory, listener))
        return 0;
    return TONG_FAIL(-EACCES,
                     "%s: user %u listens there, in a directory where others than its owner can make such a socket, so "
                     "that the name does not tell who it is; if you mean that user, add allow=uid:%u",
                     name->address, listener, listener);
}

int tongi_unix_check_owner(const struct tongi_unix_name *name, int directory, uid_t owner)
{
    char list[TONGI_ALLOW_TEXT_BYTES];

    if (!name->allow->count)
        return squat_check(name, directory, owner);
    tongi_sys_close(directory);
    /* A file's group may be its directory's, which says nothing of who made it. */
    if (tongi_allow_has_user(name->allow, owner))
        return 0;
    tongi_allow_format(name->allow, list, sizeof list);
    return TONG_FAIL(-EACCES,
                     "%s: the socket there is user %u's, who is not let in: allow=%s (of the owner of a datagram "
                     "socket only uid: counts)",
                     name->address, owner, list);
}

int tongi_unix_identify(const struct tongi_unix_name *name, struct tongi_link *link)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (tongi_sys_getsockopt(link->in_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || len != sizeof peer)
        return name->abstract || name->allow->count
                   ? TONG_FAIL(-EACCES, "%s: the kernel does not say who is there", name->address)
                   : 0;
    link->pid = (uint32_t)peer.pid;
    link->uid = peer.uid;
    link->gid = peer.gid;
    link->vouched = true;
    if (name->allow->count)
        return allow_check(name, link);
    /* An abstract name has no file whose permissions could keep others out. */
    if (name->abstract && peer.uid != tongi_sys_geteuid())
        return TONG_FAIL(-EACCES, "%s: user %u is another user; an abstract name is for one, unless allow= names more",
                         name->address, peer.uid);
    return name->connects && !name->abstract ? squat_check(name, tongi_unix_directory(name), peer.uid) : 0;
}

/* ---- whether it lives ------------------------------------------------------------------------------------------ */

bool tongi_unix_is_dead(const struct tongi_link *link)
{
    const struct timespec now = {0};
    int pidfd = -1;
    socklen_t len = sizeof pidfd;
    int r = tongi_sys_getsockopt(link->in_fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len);

    if (r < 0)
        return r == -ESRCH || r == -EINVAL; /* reaped, in the words of one kernel and another */
    struct pollfd exits = {.fd = pidfd, .events = POLLIN};
    bool dead = tongi_sys_ppoll(&exits, 1, &now, NULL) == 1;
    tongi_sys_close(pidfd);
    return dead;
}

int tongi_unix_ask_senders(const struct tongi_unix_name *name, int fd)
{
    const int on = 1;
    int r = tongi_sys_setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);

    return r < 0 ? TONG_FAIL(r, "%s: the kernel does not tell senders: %s", name->address, tong_error_text(r)) : 0;
}

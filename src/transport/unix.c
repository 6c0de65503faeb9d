/* SPDX-License-Identifier: MIT */
/*
 * unix: stream and packet sockets in the file system, or in the abstract name space when asked. Datagram sockets, which
 * have no connections, are in unix_dgram.c.
 *
 * A listener holds a write lock on "PATH.lock" while it lives. Whoever gets that lock and is refused by the socket has
 * proof that nobody listens there any more, and only then is the old socket file replaced; a socket that somebody
 * listens on is never touched. The socket's mode is set before it gets its name, so that it is never open wider.
 */
#include <fcntl.h>

#include "base/error.h"
#include "prim/hub_slots.h"
#include "prim/packet.h"
#include "sys/sys.h"
#include "transport/transport.h"
#include "transport/unix_dgram.h"
#include "transport/unix_name.h"
#include "transport/unix_peer.h"

struct unix_state {
    struct tongi_hub hub; /* first, as TONGI_HUB_SLOTS wants it */
    struct tongi_unix_name name;
    size_t packet_max; /* the largest packet that is sent; 0: not known, or no packets */
};
_Static_assert(offsetof(struct unix_state, hub) == 0, "the slots take the state for the hub");

static bool is_packet(const struct tongi_start *start)
{
    return start->opts.socket == TONG_SOCKET_SEQPACKET;
}

/* Whoever only receives sends greetings at most. */
static size_t packet_max(const struct tongi_start *start)
{
    return is_packet(start) && start->role != TONG_PULL ? TONGI_FRAME_BYTES + start->opts.size : 0;
}

static int connect_to(void *place)
{
    return tongi_unix_connect(&((struct unix_state *)place)->name);
}

static int identify(void *place, struct tongi_link *link)
{
    return tongi_unix_identify(&((const struct unix_state *)place)->name, link);
}

/* Every socket has a buffer of its own, which start has found to be large enough. Should the system grant less by now,
 * a message that does not fit says so. */
static int identify_packet(void *place, struct tongi_link *link)
{
    const struct unix_state *state = place;

    if (state->packet_max)
        (void)tongi_packet_reserve(link->in_fd, state->packet_max, state->hub.setup.size_max, state->hub.setup.address);
    return identify(place, link);
}

#define NET(connects, identifies)                                                                                      \
    {                                                                                                                  \
        .connect = (connects), .identify = (identifies), .is_dead = tongi_unix_is_dead                                 \
    }
static const struct tongi_net nets[2][2] = {
    {NET(NULL, identify), NET(connect_to, identify)},
    {NET(NULL, identify_packet), NET(connect_to, identify_packet)},
};
#undef NET

static void hub_setup(struct unix_state *state, const struct tongi_start *start, bool listening, bool connects)
{
    const struct tongi_hub_setup setup = {
        .net = &nets[is_packet(start)][connects],
        .place = state,
        .address = start->address,
        .report = start->report,
        .wire = is_packet(start) ? TONGI_WIRE_PACKET : TONGI_WIRE_SOCKET,
        .role = start->role,
        .listening = listening,
        .reconnect = connects && start->opts.reconnect != TONG_NO,
        .end_last = start->opts.end == TONG_END_LAST,
        .size_max = start->opts.size,
        .descriptors = start->opts.descriptors,
        .credentials = start->opts.credentials == TONG_CREDENTIALS_MESSAGE,
        .peers_max = start->opts.peers,
        .handshake_ns = start->opts.handshake_ns,
        .framing = start->opts.framing,
    };

    state->packet_max = packet_max(start);
    tongi_hub_init(&state->hub, &setup);
}

static int unix_start(void *place, const struct tongi_start *start)
{
    struct unix_state *state = place;
    bool listening = start->side == TONG_LISTEN;

    int r = tongi_unix_name_init(&state->name, start);
    if (r >= 0 && packet_max(start))
        r = tongi_packet_check(SOCK_SEQPACKET, packet_max(start), start->opts.size, start->address);
    if (r < 0)
        return TONG_TRACE(r);
    hub_setup(state, start, listening, !listening);
    if (!listening)
        return 0;
    int fd = tongi_unix_listen(&state->name, start->opts.mode);
    return fd < 0 ? TONG_TRACE(fd) : tongi_hub_listen(&state->hub, fd);
}

static int unix_accept(void *place, void *peer_place, const struct tongi_start *peer_start)
{
    struct unix_state *state = place, *peer = peer_place;

    if (!state->hub.setup.listening)
        return TONG_FAIL(TONG_E_STATE, "%s: this pair connects; only one opened with TONG_LISTEN accepts",
                         state->hub.setup.address);
    int fd = tongi_hub_accept(&state->hub);
    if (fd < 0)
        return fd;
    tongi_unix_name_none(&peer->name, peer_start);
    hub_setup(peer, peer_start, false, false);
    int r = tongi_hub_join(&peer->hub, fd, false);
    if (r == -EACCES) {
        /* A stranger at the door is no reason to disturb who waits for somebody else. */
        tongi_hub_turn_away(&state->hub, fd, r, NULL);
        return -EAGAIN;
    }
    if (r < 0)
        tongi_sys_close(fd);
    return r;
}

static int unix_pair(void *place, const struct tongi_start *start, void *other_place,
                     const struct tongi_start *other_start)
{
    struct unix_state *ends[2] = {place, other_place};
    const struct tongi_start *starts[2] = {start, other_start};
    int fds[2];

    int type = tongi_unix_type(start->opts.socket);
    int r = tongi_sys_socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
    if (r < 0)
        return TONG_FAIL(r, "%s: no pair of sockets: %s", start->address, tong_error_text(r));
    if (packet_max(start))
        r = tongi_packet_reserve(fds[0], packet_max(start), start->opts.size, start->address);
    for (int i = 0; i < 2; i++) {
        tongi_unix_name_none(&ends[i]->name, starts[i]);
        hub_setup(ends[i], starts[i], false, false);
        if (ends[i]->name.senders && r >= 0)
            r = tongi_unix_ask_senders(&ends[i]->name, fds[i]);
    }
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = tongi_hub_join(&ends[i]->hub, fds[i], true);
        if (r >= 0)
            fds[i] = -1;
    }
    tongi_sys_close(fds[0]);
    tongi_sys_close(fds[1]);
    return r < 0 ? TONG_TRACE(r) : 0;
}

/* The type of a Unix socket that is no listener; 0: it is something else. */
static int type_of(int fd)
{
    int domain = 0, type = 0, listening = 0;
    socklen_t len = sizeof domain;
    bool known = tongi_sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) >= 0 && domain == AF_UNIX &&
                 tongi_sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) >= 0 &&
                 tongi_sys_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) >= 0 && !listening;

    return known ? type : 0;
}

static int unix_adopt(void *place, int fd, const struct tongi_start *start)
{
    struct unix_state *state = place;

    if (tongi_sys_fcntl_int(fd, F_GETFD, 0) < 0)
        return TONG_FAIL(-EBADF, "descriptor %d is not open", fd);
    int type = type_of(fd);
    if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
        return 1;
    if (type != tongi_unix_type(start->opts.socket))
        return TONG_FAIL(TONG_E_NOCAP, "descriptor %d is a socket of another kind; adopt it with the option socket=%s",
                         fd, type == SOCK_STREAM ? "stream" : "seqpacket");
    int flags = tongi_sys_fcntl_int(fd, F_GETFL, 0);
    int r = flags < 0 ? flags : tongi_sys_fcntl_int(fd, F_SETFL, flags | O_NONBLOCK);
    if (r >= 0)
        r = tongi_sys_fcntl_int(fd, F_SETFD, FD_CLOEXEC);
    if (r < 0)
        return TONG_FAIL(r, "%s: descriptor %d: %s", start->address, fd, tong_error_text(r));
    if (packet_max(start))
        r = tongi_packet_reserve(fd, packet_max(start), start->opts.size, start->address);
    if (r < 0)
        return TONG_TRACE(r);
    tongi_unix_name_none(&state->name, start);
    hub_setup(state, start, false, false);
    r = state->name.senders ? tongi_unix_ask_senders(&state->name, fd) : 0;
    return r < 0 ? TONG_TRACE(r) : tongi_hub_join(&state->hub, fd, false);
}

static void unix_close(void *place, bool owner)
{
    struct unix_state *state = place;

    tongi_hub_fini(&state->hub, owner);
    tongi_unix_name_fini(&state->name, owner);
}

static int unix_flush(void *place, enum tong_level level)
{
    struct tongi_hub *hub = &((struct unix_state *)place)->hub;

    if (level > TONG_ACCEPTED)
        return TONG_FAIL(TONG_E_NOCAP,
                         "%s: a socket tells what the kernel accepted and no more (TONG_ACCEPTED); inproc: can tell "
                         "when a message was taken",
                         hub->setup.address);
    return tongi_hub_flush(hub);
}

/* What all but datagrams have: streams that speak tong, lines, or anything, and packets differ in what the hub is told,
 * and in their limits. */
#define HUB_OPTIONS                                                                                                    \
    (TONGI_OPT_SIZE | TONGI_OPT_MODE | TONGI_OPT_WAIT | TONGI_OPT_END | TONGI_OPT_RECONNECT | TONGI_OPT_ABSTRACT |     \
     TONGI_OPT_PEERS | TONGI_OPT_SOCKET | TONGI_OPT_ALLOW)
#define HUB_PRESETS                                                                                                    \
    .mode = 0600, .wait = TONG_WAIT_ADAPTIVE, .end = TONG_END_NEVER, .reconnect = TONG_YES, .abstract = TONG_NO,       \
    .peers = TONGI_PEERS_DEFAULT
#define STREAM_PRESETS .size = TONGI_STREAM_SIZE_DEFAULT, .socket = TONG_SOCKET_STREAM, HUB_PRESETS
#define HUB_BITS                                                                                                       \
    (TONG_CAP_ORDERED | TONG_CAP_POLLABLE | TONG_CAP_PEEK | TONG_CAP_CREDENTIALS | TONG_CAP_FAN_IN |                   \
     TONG_CAP_FAN_OUT | TONG_CAP_PROCESSES | TONG_CAP_PAIR_FD | TONG_CAP_ADOPT | TONG_CAP_PEERS)
#define HUB_ROLES (TONGI_ROLE_BIT(TONG_PUSH) | TONGI_ROLE_BIT(TONG_PULL) | TONGI_ROLE_BIT(TONG_PAIR))
#define HUB_SLOTS                                                                                                      \
    .ops_bytes = sizeof(struct tongi_transport_ops), .scheme = "unix", .state_bytes = sizeof(struct unix_state),       \
    .start = unix_start, .accept = unix_accept, .pair = unix_pair, .adopt = unix_adopt, .close = unix_close,           \
    .flush = unix_flush, .list = tongi_unix_list, .remove = tongi_unix_remove, TONGI_HUB_SLOTS

/* Lines and raw bytes pass through the reading stage whatever their length, which is one copy more; and a peer that
 * says nothing is nothing unusual. */
static const struct tongi_transport_ops line_ops = {
    .options = HUB_OPTIONS | TONGI_OPT_FRAMING,
    .presets = {STREAM_PRESETS, .framing = TONG_FRAMING_LINE},
    .caps = {.level = TONG_ACCEPTED, .bits = HUB_BITS | TONG_CAP_LINES, .roles = HUB_ROLES, .copies = 3},
    HUB_SLOTS,
};

static const struct tongi_transport_ops raw_ops = {
    .options = HUB_OPTIONS | TONGI_OPT_FRAMING,
    .presets = {STREAM_PRESETS, .framing = TONG_FRAMING_RAW},
    .caps = {.level = TONG_ACCEPTED, .bits = HUB_BITS | TONG_CAP_BYTES, .roles = HUB_ROLES, .copies = 3},
    HUB_SLOTS,
};

static const struct tongi_transport_ops packet_ops = {
    .options = HUB_OPTIONS | TONGI_OPT_HANDSHAKE | TONGI_OPT_DESCRIPTORS | TONGI_OPT_CREDENTIALS,
    .presets = {.size = TONGI_PACKET_SIZE_DEFAULT,
                .socket = TONG_SOCKET_SEQPACKET,
                .handshake_ns = TONGI_HANDSHAKE_NS,
                .credentials = TONG_CREDENTIALS_CONNECTION,
                HUB_PRESETS},
    .caps = {.level = TONG_ACCEPTED, .bits = HUB_BITS | TONG_CAP_DESCRIPTORS, .roles = HUB_ROLES, .copies = 2},
    HUB_SLOTS,
};

static const struct tongi_transport_ops *variant(const tong_opts *opts)
{
    if (opts->socket == TONG_SOCKET_DGRAM)
        return opts->allow || opts->credentials == TONG_CREDENTIALS_MESSAGE ? &tongi_unix_dgram_senders_ops
                                                                            : &tongi_unix_dgram_ops;
    if (opts->socket == TONG_SOCKET_SEQPACKET)
        return &packet_ops;
    if (opts->framing == TONG_FRAMING_LINE)
        return &line_ops;
    return opts->framing == TONG_FRAMING_RAW ? &raw_ops : &tongi_unix_ops;
}

_Static_assert(sizeof(struct tongi_unix_dgram) <= sizeof(struct unix_state), "the first table's state is the largest");

const struct tongi_transport_ops tongi_unix_ops = {
    .options = HUB_OPTIONS | TONGI_OPT_HANDSHAKE | TONGI_OPT_FRAMING | TONGI_OPT_DESCRIPTORS | TONGI_OPT_CREDENTIALS,
    .presets = {STREAM_PRESETS, .handshake_ns = TONGI_HANDSHAKE_NS, .framing = TONG_FRAMING_LENGTH,
                .credentials = TONG_CREDENTIALS_CONNECTION},
    .caps = {.level = TONG_ACCEPTED, .bits = HUB_BITS | TONG_CAP_DESCRIPTORS, .roles = HUB_ROLES, .copies = 2},
    .variant = variant,
    HUB_SLOTS,
};

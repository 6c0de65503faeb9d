/* SPDX-License-Identifier: MIT */
/* Every bound of the library, each with its reason. A bound that a user can hit is named in the error it causes. */
#ifndef TONGI_BASE_LIMITS_H
#define TONGI_BASE_LIMITS_H

enum {
    /* A scheme is a short word; longer ones are typing errors. */
    TONGI_SCHEME_MAX = 15,
    /* PATH_MAX is what the kernel takes as a path; a longer rest could not be opened. */
    TONGI_REST_MAX = 4096,
    /* Room for a sentence that names a path in full would be 4 KiB per thread; 512 bytes cut only absurd paths. */
    TONGI_SENTENCE_MAX = 512,
    /* Steps of an error's way that are kept: the library is six layers deep. */
    TONGI_TRACE_MAX = 8,
    /* Events wait for a program that may never ask; the newest are counted, not kept. */
    TONGI_EVENTS_MAX = 64,

    /* Bytes read or written at once on a stream. A probe reached the plateau of small-message rate at 64 KiB. */
    TONGI_CHUNK_BYTES = 64 * 1024,
    /* Bodies up to this are copied beside their header and written by send(); above, gathering costs less than copying
     * (measured: two iovecs make a 64-byte message 12-17 % slower, a 1 KiB copy costs about 20 ns). */
    TONGI_GATHER_BYTES = 4 * 1024,
    /* Frames given to one sendmsg() when their bodies are not copied: header and body each need an iovec. */
    TONGI_GATHER_FRAMES = 32,

    /* What a pipe holds as the kernel makes it, and once a longer message came: the most that fs.pipe-max-size lets
     * everybody have. Sender and receiver take turns on what it holds, and each turn costs a sleep and a wake-up (1 MiB
     * took 0.94 ms through 64 KiB, 0.39 ms through 1 MiB). Not from the start: fs.pipe-user-pages-soft grants a user 64
     * MiB in all pipes, and makes all that come later tiny. */
    TONGI_PIPE_BYTES = 64 * 1024,
    TONGI_PIPE_GROWN_BYTES = 1024 * 1024,

    /* The default largest message of a stream: what a peer may make us buffer per connection. */
    TONGI_STREAM_SIZE_DEFAULT = 1024 * 1024,
    /* A frame's length field has 32 bits; one message of 1 GiB is where a file is the better mechanism. */
    TONGI_STREAM_SIZE_MAX = 1024 * 1024 * 1024,

    /* Of a sending buffer the kernel keeps so much to itself (net/unix: sk_sndbuf - 32); a packet gets the rest. */
    TONGI_PACKET_KERNEL_BYTES = 32,
    /* The default largest datagram: what fits the buffer that a socket has by default (net.core.wmem_default of 64-bit
     * systems, 208 KiB); and the default largest message in a packet, which has a header of 8 bytes. */
    TONGI_DATAGRAM_SIZE_DEFAULT = 212992 - TONGI_PACKET_KERNEL_BYTES,
    TONGI_PACKET_SIZE_DEFAULT = TONGI_DATAGRAM_SIZE_DEFAULT - 8,

    /* Connections of one channel: under the usual soft limit of 1024 descriptors with room for the program's own. */
    TONGI_PEERS_DEFAULT = 960,
    TONGI_PEERS_MAX = 1024 * 1024,
    /* Connections waiting in the kernel for accept; the kernel cuts it to net.core.somaxconn. */
    TONGI_BACKLOG = 4096,
    /* Newcomers taken in one step, so that a flood of connections cannot keep a call from its messages. */
    TONGI_ACCEPT_BATCH = 64,

    /* What a FIFO of frames is to hold: the most that an unprivileged user may ask for (fs.pipe-max-size). */
    TONGI_FIFO_BYTES = 1024 * 1024,

    /* Loans by copy of one channel, where a mechanism lends nothing: each is memory until it is given back. */
    TONGI_COPIES_MAX = 1024,

    /* Messages that wait in an inproc queue by default. */
    TONGI_INPROC_DEPTH = 64,
    /* Messages from this size on are used again, so many of them per name: below, malloc keeps its pages itself. */
    TONGI_INPROC_SPARE_BYTES = 32 * 1024,
    TONGI_INPROC_SPARES = 2,
    /* The kernel's own bound for one message (SCM_MAX_FD). */
    TONGI_DESCRIPTORS_MAX = 253,
    /* Users and groups that one address names; a longer list is what a group of the system is for. */
    TONGI_ALLOW_MAX = 16,
    /* Groups of a peer that are looked through; the system allows 65536, and whoever has more than these few must be
     * let in by user. */
    TONGI_PEER_GROUPS_MAX = 256,

    /* The largest depth an address may ask for: 2^20 waiting messages are a backlog, not a queue. */
    TONGI_DEPTH_MAX = 1024 * 1024,

    /* A sending role looks at its peers' side (newcomers, refusals, farewells) every so many sends: an epoll_wait that
     * finds nothing costs about 150 ns, so this spreads it to 5 ns a message. */
    TONGI_LOOK_EVERY = 32,
};

/* A new connection says hello at once; five seconds let a loaded machine do it and shed the silent. */
#define TONGI_HANDSHAKE_NS INT64_C(5000000000)
/* Reconnection: the first retry comes fast, since a restart of the peer takes about that; the last interval bounds the
 * cost of an absent peer to ten system calls a second. Each is jittered by half, so that many clients spread. */
#define TONGI_BACKOFF_FIRST_NS INT64_C(1000000)
#define TONGI_BACKOFF_LAST_NS INT64_C(200000000)
/* How long accepting rests after the system had no descriptor even for refusing. */
#define TONGI_ACCEPT_REST_NS INT64_C(100000000)

/* The longest spin: beyond 25 us a sleep and its wake-up cost less processor time than they save in latency (measured:
 * a cross-core wake costs about 40 us on virtual machines, a spin hand-over 0.1 us). */
#define TONGI_SPIN_CAP_NS INT64_C(25000)

#endif

/* SPDX-License-Identifier: MIT */
/* The binary interface of libtong.so.0 on x86-64, held fast. Made by freeze.py, which tells what may change. */
#include <stddef.h>

#include <tong/error.h>
#include <tong/tong.h>

#if defined __x86_64__ && defined __LP64__

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "the size of " #type)
#define SAME(thing, ...) __builtin_types_compatible_p(__typeof__(thing), __VA_ARGS__)
#define FIELD(type, field, offset, ...)                                                                                \
    _Static_assert(offsetof(type, field) == (offset) && SAME(((type *)0)->field, __VA_ARGS__), #type ", " #field)
#define VALUE(name, value) _Static_assert((name) == (value), #name)
#define FUNCTION(name, ...) _Static_assert(SAME(name, __VA_ARGS__), #name)

VALUE(TONG_E_END, -5001);
VALUE(TONG_E_GONE, -5002);
VALUE(TONG_E_LAPPED, -5003);
VALUE(TONG_E_OWNER, -5004);
VALUE(TONG_E_TOOBIG, -5005);
VALUE(TONG_E_ABI, -5006);
VALUE(TONG_E_CORRUPT, -5007);
VALUE(TONG_E_STATE, -5008);
VALUE(TONG_E_NOCAP, -5009);
VALUE(TONG_E_ADDRESS, -5010);
VALUE(TONG_E_FORKED, -5011);
VALUE(TONG_E_SHUTDOWN, -5012);
VALUE(TONG_E_REFUSED, -5013);
VALUE(TONG_PUSH, 1);
VALUE(TONG_PULL, 2);
VALUE(TONG_PUB, 3);
VALUE(TONG_SUB, 4);
VALUE(TONG_PAIR, 5);
VALUE(TONG_REQ, 6);
VALUE(TONG_REP, 7);
VALUE(TONG_LISTEN, 256);
VALUE(TONG_CONNECT, 512);
VALUE(TONG_NEW, 1024);
VALUE(TONG_EXISTING, 2048);
VALUE(TONG_ACCEPTED, 1);
VALUE(TONG_KEPT, 2);
VALUE(TONG_TAKEN, 3);
VALUE(TONG_DURABLE, 4);
VALUE(TONG_IN, 1);
VALUE(TONG_OUT, 2);
VALUE(TONG_WAIT_ADAPTIVE, 1);
VALUE(TONG_WAIT_SPIN, 2);
VALUE(TONG_WAIT_BLOCK, 3);
VALUE(TONG_KEEP_UNREAD, 1);
VALUE(TONG_KEEP_NEVER, 2);
VALUE(TONG_KEEP_ALWAYS, 3);
VALUE(TONG_END_NEVER, 1);
VALUE(TONG_END_LAST, 2);
VALUE(TONG_YES, 1);
VALUE(TONG_NO, 2);
VALUE(TONG_SOCKET_STREAM, 1);
VALUE(TONG_SOCKET_SEQPACKET, 2);
VALUE(TONG_SOCKET_DGRAM, 3);
VALUE(TONG_FRAMING_LENGTH, 1);
VALUE(TONG_FRAMING_LINE, 2);
VALUE(TONG_FRAMING_RAW, 3);
VALUE(TONG_CREDENTIALS_CONNECTION, 1);
VALUE(TONG_CREDENTIALS_MESSAGE, 2);
VALUE(TONG_WRITERS_MANY, 1);
VALUE(TONG_WRITERS_ONE, 2);
VALUE(TONG_MORE, 1);
VALUE(TONG_REDELIVERED, 2);
VALUE(TONG_VOUCHED, 4);
VALUE(TONG_CAP_ORDERED, 1);
VALUE(TONG_CAP_POLLABLE, 2);
VALUE(TONG_CAP_CLAIM, 4);
VALUE(TONG_CAP_PEEK, 8);
VALUE(TONG_CAP_REJECT, 16);
VALUE(TONG_CAP_REDELIVERY, 32);
VALUE(TONG_CAP_CREDENTIALS, 64);
VALUE(TONG_CAP_DESCRIPTORS, 128);
VALUE(TONG_CAP_KINDS, 256);
VALUE(TONG_CAP_FAN_IN, 512);
VALUE(TONG_CAP_FAN_OUT, 1024);
VALUE(TONG_CAP_REPLAY, 2048);
VALUE(TONG_CAP_FLUSH_TAKEN, 4096);
VALUE(TONG_CAP_OBJECT, 8192);
VALUE(TONG_CAP_PROCESSES, 16384);
VALUE(TONG_CAP_LOSSY, 32768);
VALUE(TONG_CAP_PAIR_FD, 65536);
VALUE(TONG_CAP_ADOPT, 131072);
VALUE(TONG_CAP_PEERS, 262144);
VALUE(TONG_CAP_SPAWN, 524288);
VALUE(TONG_CAP_LINES, 1048576);
VALUE(TONG_CAP_BYTES, 2097152);
VALUE(TONG_JOINED, 1);
VALUE(TONG_LEFT, 2);
VALUE(TONG_DIED, 3);
VALUE(TONG_CUT, 4);
VALUE(TONG_EVENTS_LOST, 5);
VALUE(TONG_REFUSED, 6);

SIZE(struct tong_error_frame, 24);
FIELD(struct tong_error_frame, function, 0, const char *);
FIELD(struct tong_error_frame, file, 8, const char *);
FIELD(struct tong_error_frame, line, 16, int32_t);
FIELD(struct tong_error_frame, error, 20, int32_t);

SIZE(struct tong_deadline, 8);
FIELD(struct tong_deadline, ns, 0, int64_t);

SIZE(struct tong_view, 16);
FIELD(struct tong_view, data, 0, const void *);
FIELD(struct tong_view, len, 8, size_t);

SIZE(struct tong_bytes, 16);
FIELD(struct tong_bytes, data, 0, void *);
FIELD(struct tong_bytes, len, 8, size_t);

SIZE(struct tong_span, 24);
FIELD(struct tong_span, data, 0, void *);
FIELD(struct tong_span, len, 8, size_t);
FIELD(struct tong_span, token, 16, uint64_t);

SIZE(struct tong_meta, 80);
FIELD(struct tong_meta, struct_size, 0, uint32_t);
FIELD(struct tong_meta, flags, 4, uint32_t);
FIELD(struct tong_meta, sequence, 8, uint64_t);
FIELD(struct tong_meta, lost, 16, uint64_t);
FIELD(struct tong_meta, time_ns, 24, int64_t);
FIELD(struct tong_meta, kind, 32, int64_t);
FIELD(struct tong_meta, call, 40, uint64_t);
FIELD(struct tong_meta, peer, 48, uint64_t);
FIELD(struct tong_meta, pid, 56, uint32_t);
FIELD(struct tong_meta, uid, 60, uint32_t);
FIELD(struct tong_meta, gid, 64, uint32_t);
FIELD(struct tong_meta, n_fds, 68, uint32_t);
FIELD(struct tong_meta, fds, 72, int *);

SIZE(struct tong_opts, 88);
FIELD(struct tong_opts, struct_size, 0, uint32_t);
FIELD(struct tong_opts, depth, 4, uint32_t);
FIELD(struct tong_opts, size, 8, uint64_t);
FIELD(struct tong_opts, mode, 16, uint32_t);
FIELD(struct tong_opts, wait, 20, uint32_t);
FIELD(struct tong_opts, keep, 24, uint32_t);
FIELD(struct tong_opts, end, 28, uint32_t);
FIELD(struct tong_opts, reconnect, 32, uint32_t);
FIELD(struct tong_opts, abstract, 36, uint32_t);
FIELD(struct tong_opts, peers, 40, uint32_t);
FIELD(struct tong_opts, history, 44, uint32_t);
FIELD(struct tong_opts, handshake_ns, 48, int64_t);
FIELD(struct tong_opts, socket, 56, uint32_t);
FIELD(struct tong_opts, framing, 60, uint32_t);
FIELD(struct tong_opts, writers, 64, uint32_t);
FIELD(struct tong_opts, descriptors, 68, uint32_t);
FIELD(struct tong_opts, allow, 72, const char *);
FIELD(struct tong_opts, credentials, 80, uint32_t);
FIELD(struct tong_opts, reserved, 84, uint32_t);

SIZE(struct tong_caps, 32);
FIELD(struct tong_caps, struct_size, 0, uint32_t);
FIELD(struct tong_caps, level, 4, uint32_t);
FIELD(struct tong_caps, bits, 8, uint32_t);
FIELD(struct tong_caps, roles, 12, uint32_t);
FIELD(struct tong_caps, size_max, 16, uint64_t);
FIELD(struct tong_caps, copies, 24, uint32_t);
FIELD(struct tong_caps, reserved, 28, uint32_t);

SIZE(struct tong_stats, 88);
FIELD(struct tong_stats, struct_size, 0, uint32_t);
FIELD(struct tong_stats, peers, 4, uint32_t);
FIELD(struct tong_stats, sent, 8, uint64_t);
FIELD(struct tong_stats, sent_bytes, 16, uint64_t);
FIELD(struct tong_stats, received, 24, uint64_t);
FIELD(struct tong_stats, received_bytes, 32, uint64_t);
FIELD(struct tong_stats, lost, 40, uint64_t);
FIELD(struct tong_stats, redelivered, 48, uint64_t);
FIELD(struct tong_stats, depth, 56, uint64_t);
FIELD(struct tong_stats, connects, 64, uint64_t);
FIELD(struct tong_stats, refused, 72, uint64_t);
FIELD(struct tong_stats, sleeps, 80, uint64_t);

SIZE(struct tong_event, 32);
FIELD(struct tong_event, what, 0, uint32_t);
FIELD(struct tong_event, error, 4, int32_t);
FIELD(struct tong_event, pid, 8, uint32_t);
FIELD(struct tong_event, uid, 12, uint32_t);
FIELD(struct tong_event, gid, 16, uint32_t);
FIELD(struct tong_event, reserved, 20, uint32_t);
FIELD(struct tong_event, peer, 24, uint64_t);

SIZE(struct tong_pollitem, 16);
FIELD(struct tong_pollitem, ch, 0, tong_channel *);
FIELD(struct tong_pollitem, want, 8, uint32_t);
FIELD(struct tong_pollitem, ready, 12, uint32_t);

FUNCTION(tong_abort, void(tong_channel *, tong_span *));
FUNCTION(tong_accept, int(tong_channel *, tong_channel **, tong_deadline));
FUNCTION(tong_address, int64_t(const tong_channel *, char *, size_t));
FUNCTION(tong_adopt, int(tong_channel **, int, uint32_t, const tong_opts *));
FUNCTION(tong_call, int64_t(tong_channel *, const void *, size_t, void *, size_t, tong_deadline));
FUNCTION(tong_cancel, int(tong_channel *, uint64_t));
FUNCTION(tong_claim, int(tong_channel *, size_t, tong_span *, tong_deadline));
FUNCTION(tong_close, tong_channel *(tong_channel *));
FUNCTION(tong_commit, int(tong_channel *, tong_span *, size_t, const tong_meta *));
FUNCTION(tong_error_detail, const char *(void));
FUNCTION(tong_error_name, const char *(int));
FUNCTION(tong_error_text, const char *(int));
FUNCTION(tong_error_trace, size_t(tong_error_frame *, size_t));
FUNCTION(tong_events, int64_t(tong_channel *, tong_event *, uint32_t));
FUNCTION(tong_fd, int(tong_channel *, enum tong_direction));
FUNCTION(tong_finish, int(tong_channel *, tong_deadline));
FUNCTION(tong_flush, int(tong_channel *, enum tong_level, tong_deadline));
FUNCTION(tong_forever, tong_deadline(void));
FUNCTION(tong_get_caps, int(const tong_channel *, tong_caps *));
FUNCTION(tong_get_stats, int(const tong_channel *, tong_stats *));
FUNCTION(tong_in_ms, tong_deadline(int64_t));
FUNCTION(tong_in_ns, tong_deadline(int64_t));
FUNCTION(tong_list, int(int (*)(const char *, const tong_stats *, void *), void *));
FUNCTION(tong_next_size, int64_t(tong_channel *));
FUNCTION(tong_now, tong_deadline(void));
FUNCTION(tong_open, int(tong_channel **, const char *, uint32_t, const tong_opts *, tong_deadline));
FUNCTION(tong_pair, int(tong_channel **, const char *));
FUNCTION(tong_peek, int64_t(tong_channel *, tong_span *, tong_meta *, uint32_t, tong_deadline));
FUNCTION(tong_poll, int64_t(tong_pollitem *, uint32_t, tong_deadline));
FUNCTION(tong_recv, int64_t(tong_channel *, void *, size_t, tong_deadline));
FUNCTION(tong_recv_many, int64_t(tong_channel *, tong_bytes *, uint32_t, tong_deadline));
FUNCTION(tong_recv_meta, int64_t(tong_channel *, void *, size_t, tong_meta *, tong_deadline));
FUNCTION(tong_reject, int(tong_channel *, const tong_span *, uint32_t));
FUNCTION(tong_release, int(tong_channel *, const tong_span *, uint32_t));
FUNCTION(tong_remove, int(const char *));
FUNCTION(tong_reply, int(tong_channel *, uint64_t, const void *, size_t, tong_deadline));
FUNCTION(tong_send, int(tong_channel *, const void *, size_t, tong_deadline));
FUNCTION(tong_send_many, int64_t(tong_channel *, const tong_view *, uint32_t, tong_deadline));
FUNCTION(tong_send_parts, int(tong_channel *, const tong_view *, uint32_t, const tong_meta *, tong_deadline));
FUNCTION(tong_shutdown, void(tong_channel *));
FUNCTION(tong_spawn, int(tong_channel **, const char *, uint32_t, const tong_opts *, const char *const *,
                         const char *const *, pid_t *));
FUNCTION(tong_subscribe, int(tong_channel *, const void *, size_t));
FUNCTION(tong_unsubscribe, int(tong_channel *, const void *, size_t));
FUNCTION(tong_version, uint32_t(void));

#endif

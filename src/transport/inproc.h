/* SPDX-License-Identifier: MIT */
/* The slots that send and receive; their contract is in transport.h. */
#ifndef TONGI_TRANSPORT_INPROC_H
#define TONGI_TRANSPORT_INPROC_H

#include "transport/transport.h"

int64_t tongi_inproc_send(void *state, const tong_view *msgs, uint32_t n);
int tongi_inproc_send_parts(void *state, const tong_view *parts, uint32_t n, const tong_meta *meta);
int tongi_inproc_claim(void *state, size_t len, tong_span *ret_span);
int tongi_inproc_commit(void *state, tong_span *span, size_t len, const tong_meta *meta);
void tongi_inproc_abort(void *state, tong_span *span);
int tongi_inproc_flush(void *state, enum tong_level level);
int tongi_inproc_cancel(void *state, uint64_t call);

int64_t tongi_inproc_recv(void *state, tong_bytes *msgs, uint32_t n, tong_meta *meta);
int64_t tongi_inproc_next_size(void *state);
int64_t tongi_inproc_peek(void *state, tong_span *ret_spans, tong_meta *metas, uint32_t n);
int tongi_inproc_release(void *state, const tong_span *spans, uint32_t n);
int tongi_inproc_reject(void *state, const tong_span *spans, uint32_t n);

#endif

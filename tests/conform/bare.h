/* SPDX-License-Identifier: MIT */
/* Peers of unix: made of bare sockets, which say what they like, and the honest ones beside them. */
#ifndef TONG_CONFORM_BARE_H
#define TONG_CONFORM_BARE_H

#include "conform.h"
#include "prim/frame.h"

#define BARE_PATH "bare.sock"
#define BARE_ADDRESS "unix:" BARE_PATH

/* Of a stream, or of any type. */
int bare_connect(void);
int bare_connect_as(int type);
int bare_listen(void);
int bare_bind(int type);
/* All of it goes in at once. */
void bare_write(int fd, const void *bytes, size_t len);
void bare_header(int fd, enum tongi_frame_type type, uint32_t len);
void bare_hello(int fd, uint32_t role);
/* The other side ends the connection, whatever it says before; fd is closed. */
void bare_expect_hang_up(int fd);

/* A channel of tong at BARE_ADDRESS and the query. */
tong_channel *bare_open_as(uint32_t role, const char *query);
tong_stats bare_stats(tong_channel *ch);
/* The listener works until this many peers were turned away and this many are there. */
void bare_until(tong_channel *rx, uint64_t refused, uint32_t peers);
/* A message goes from one channel to the other. */
void bare_neighbour_works(tong_channel *tx, tong_channel *rx);

#endif

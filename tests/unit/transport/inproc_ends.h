/* SPDX-License-Identifier: MIT */
/* Ends of inproc without a channel around them: the slots are called through the table, as the channel does. */
#ifndef TESTS_INPROC_ENDS_H
#define TESTS_INPROC_ENDS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/runner.h"
#include "transport/transport.h"

#define OPS (&tongi_inproc_ops)

struct end {
    struct tongi_start start;
    struct tongi_report report;
    char address[64];
    void *state;
};

static inline void end_prepare(struct end *end, const char *name, uint32_t role)
{
    memset(end, 0, sizeof *end);
    snprintf(end->address, sizeof end->address, "inproc:%s", name);
    end->start = (struct tongi_start){
        .address = end->address,
        .rest = end->address + strlen("inproc:"),
        .role = role & 0xff,
        .existence = role & (TONG_NEW | TONG_EXISTING),
        .opts = OPS->presets,
        .report = &end->report,
    };
    tongi_report_init(&end->report);
    end->state = calloc(1, OPS->state_bytes);
    ck_assert_ptr_nonnull(end->state);
}

static inline void end_close(struct end *end)
{
    OPS->close(end->state, true);
    tongi_report_fini(&end->report);
    free(end->state);
}

/* Fields of opts that are not 0 take the place of the presets; opts may be NULL. */
static inline int end_try(struct end *end, const char *name, uint32_t role, const tong_opts *opts)
{
    end_prepare(end, name, role);
    if (opts && opts->size)
        end->start.opts.size = opts->size;
    if (opts && opts->depth)
        end->start.opts.depth = opts->depth;
    if (opts && opts->end)
        end->start.opts.end = opts->end;
    if (opts && opts->history)
        end->start.opts.history = opts->history;
    int r = OPS->start(end->state, &end->start);
    if (r < 0)
        end_close(end);
    return r;
}

static inline void end_open_with(struct end *end, const char *name, uint32_t role, const tong_opts *opts)
{
    ck_ok(end_try(end, name, role, opts));
}

static inline void end_open(struct end *end, const char *name, uint32_t role)
{
    end_open_with(end, name, role, NULL);
}

static inline int64_t try_send(struct end *end, const char *text)
{
    return OPS->send(end->state, &(tong_view){text, strlen(text)}, 1);
}

static inline void say(struct end *end, const char *text)
{
    ck_assert_int_eq(ck_ok(try_send(end, text)), 1);
}

/* Sends messages until there is no room; returns how many. */
static inline int fill(struct end *end, const char *text)
{
    int n = 0;

    while (try_send(end, text) == 1)
        n++;
    ck_error(try_send(end, text), -EAGAIN);
    return n;
}

static inline int64_t try_recv(struct end *end, tong_meta *ret_meta)
{
    char room[64];
    tong_meta meta = {.struct_size = sizeof meta};
    int64_t r = OPS->recv(end->state, &(tong_bytes){room, sizeof room}, 1, &meta);

    if (ret_meta)
        *ret_meta = meta;
    return r;
}

/* Receives one message, which must be this text, and returns what goes with it. */
static inline tong_meta hear(struct end *end, const char *text)
{
    char room[64] = "";
    tong_bytes msg = {room, sizeof room - 1};
    tong_meta meta = {.struct_size = sizeof meta};

    ck_assert_int_eq(ck_ok(OPS->recv(end->state, &msg, 1, &meta)), 1);
    ck_assert_uint_eq(msg.len, strlen(room));
    ck_assert_str_eq(room, text);
    return meta;
}

/* Borrows one message, which must be this text. */
static inline tong_span look(struct end *end, const char *text)
{
    tong_span span;

    ck_assert_int_eq(ck_ok(OPS->peek(end->state, &span, NULL, 1)), 1);
    ck_assert_uint_eq(span.len, strlen(text));
    ck_assert_mem_eq(span.data, text, span.len);
    return span;
}

/* The next event must be this one; 0: there is none. Returns whom it is about. */
static inline uint64_t expect_event(struct end *end, uint32_t what)
{
    tong_event event = {0};

    ck_assert_uint_eq(tongi_report_take(&end->report, &event, 1), what != 0);
    ck_assert_uint_eq(event.what, what);
    return event.peer;
}

static inline uint64_t reported(const tongi_u64 *counter)
{
    return tongi_load_relaxed_u64(counter);
}

/* The sentence about the last failure begins with the address and has this part. */
static inline void expect_sentence(const struct end *end, const char *part)
{
    ck_assert_msg(strncmp(tong_error_detail(), end->address, strlen(end->address)) == 0, "%s", tong_error_detail());
    ck_assert_msg(strstr(tong_error_detail(), part) != NULL, "'%s' is not in: %s", part, tong_error_detail());
}

#endif

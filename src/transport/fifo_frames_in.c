/* SPDX-License-Identifier: MIT */
/*
 * Reading the frames of one writer at a time. A writer that died leaves half a frame at most, and nobody writes behind
 * it before all writing ends were closed, which the reader sees as the end of file.
 */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "prim/frame.h"
#include "transport/fifo_in.h"

/* A body up to this is waited for in the stage, where a longer one gets memory of its own. */
#define STAGED_MAX TONGI_GATHER_BYTES
/* The first memory for a body of which nothing has come yet. */
#define BODY_FIRST_BYTES ((size_t)4 * 1024)

static int message(struct tongi_fifo_in *in, const uint8_t *data, size_t len)
{
    in->message = (struct tongi_fifo_message){data, len, in->peer, ++in->sequence};
    return 1;
}

/* A long body begins with what of it stands in the stage: in the receiver's room, or in memory that grows with it. */
static int body_begin(struct tongi_fifo_in *in, size_t len, const tong_bytes *direct)
{
    struct tongi_body *body = &in->body;
    size_t staged = in->end - in->at;

    staged = staged < len ? staged : len;
    body->lent = direct && direct->len >= len ? direct->data : NULL;
    if (!body->lent && tongi_block_reserve(&body->own, staged > BODY_FIRST_BYTES ? staged : BODY_FIRST_BYTES) < 0)
        return -ENOMEM;
    if (staged)
        memcpy(body->lent ? body->lent : body->own.data, tongi_fifo_staged(in), staged);
    tongi_fifo_consume(in, staged);
    body->len = len;
    body->got = staged;
    body->active = true;
    return 0;
}

static int body_end(struct tongi_fifo_in *in)
{
    struct tongi_body *body = &in->body;

    if (body->got < body->len)
        return 0;
    body->active = false;
    const uint8_t *data = body->lent ? NULL : body->own.data;
    body->lent = NULL;
    return message(in, data, body->len);
}

static int hello(struct tongi_fifo_in *in, const uint8_t *body, size_t len)
{
    struct tongi_hello said;
    int r = tongi_hello_decode(body, len, &said);

    if (r < 0 || said.role != TONG_PUSH)
        return TONG_E_CORRUPT;
    in->greeted = true;
    in->sequence = 0;
    in->peer = tongi_fifo_joined(in);
    return 0;
}

/* A whole frame of no data. */
static int control(struct tongi_fifo_in *in, const struct tongi_frame *frame, const uint8_t *body)
{
    tongi_fifo_consume(in, TONGI_FRAME_BYTES + frame->len);
    if (frame->type == TONGI_FRAME_HELLO)
        return hello(in, body, frame->len);
    if (frame->type != TONGI_FRAME_END)
        return TONG_E_CORRUPT;
    in->farewell = true;
    in->greeted = false;
    tongi_fifo_left(in, in->peer, TONG_LEFT, true);
    return 0;
}

static int data_frame(struct tongi_fifo_in *in, const struct tongi_frame *frame, size_t have, const tong_bytes *direct)
{
    if (have >= TONGI_FRAME_BYTES + frame->len) {
        const uint8_t *body = tongi_fifo_staged(in) + TONGI_FRAME_BYTES;
        tongi_fifo_consume(in, TONGI_FRAME_BYTES + frame->len);
        return message(in, body, frame->len);
    }
    if (frame->len <= STAGED_MAX)
        return 0;
    /* Kept until there is memory: nothing is lost. */
    size_t at = in->at;
    tongi_fifo_consume(in, TONGI_FRAME_BYTES);
    int r = body_begin(in, frame->len, direct);
    if (r < 0) {
        in->at = at;
        return TONG_FAIL(r, "%s: no memory for a message of %u bytes", in->name->address, frame->len);
    }
    return 0;
}

static int frames_parse(struct tongi_fifo_in *in, const tong_bytes *direct)
{
    if (in->body.active)
        return body_end(in);
    while (in->end - in->at >= TONGI_FRAME_BYTES) {
        const uint8_t *bytes = tongi_fifo_staged(in);
        size_t have = in->end - in->at;
        struct tongi_frame frame = tongi_frame_decode(bytes);

        if (in->farewell || tongi_frame_fault(&frame, in->greeted, in->size_max)) {
            tongi_fifo_cut(in);
            return 0;
        }
        if (frame.type == TONGI_FRAME_DATA)
            return data_frame(in, &frame, have, direct);
        if (have < TONGI_FRAME_BYTES + frame.len)
            return 0;
        if (control(in, &frame, bytes + TONGI_FRAME_BYTES) < 0) {
            tongi_fifo_cut(in);
            return 0;
        }
    }
    return 0;
}

static void frames_left(struct tongi_fifo_in *in)
{
    bool torn = in->body.active || in->at < in->end;

    if (torn && in->greeted)
        tongi_fifo_missed(in, 1);
    if (in->greeted)
        tongi_fifo_left(in, in->peer, TONG_CUT, true);
    in->greeted = in->farewell = false;
    in->body.active = false;
    in->body.lent = NULL;
}

static int frames_settle(struct tongi_fifo_in *in)
{
    struct tongi_body *body = &in->body;

    if (!body->active || !body->lent)
        return 0;
    if (tongi_block_reserve(&body->own, body->got > TONGI_CHUNK_BYTES ? body->got : TONGI_CHUNK_BYTES) < 0) {
        tongi_fifo_cut(in);
        return TONG_FAIL(-ENOMEM, "%s: no memory for the message that was coming; its writer was cut off",
                         in->name->address);
    }
    memcpy(body->own.data, body->lent, body->got);
    body->lent = NULL;
    return 0;
}

const struct tongi_fifo_reading tongi_fifo_frames_in = {
    .reads = TONGI_FIFO_READS_FRAMES,
    .parse = frames_parse,
    .left = frames_left,
    .settle = frames_settle,
};

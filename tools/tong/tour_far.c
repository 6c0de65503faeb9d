/* SPDX-License-Identifier: MIT */
/* The tour's far side: it holds what arrives against the file, byte by byte, and echoes. */
#include "tour.h"

#include <stdio.h>
#include <string.h>

static int far_open(struct tour_side *s)
{
    tong_channel *listener;
    int r;

    if (s->row->back) {
        r = tour_open(s, &s->in, false, TONG_PULL, tong_now());
        if (r < 0)
            return r;
        tool_guard(s->in);
        r = tour_open(s, &s->out, true, TONG_PUSH, tong_now());
        if (r >= 0)
            tool_guard(s->out);
        return r;
    }
    r = tour_open(s, &listener, false, s->heirs ? TONG_PAIR : TONG_PAIR | TONG_LISTEN, tong_now());
    if (r < 0)
        return r;
    tool_guard(listener);
    r = s->heirs ? 0 : tool_pair_take(&listener, tong_in_ms(TOUR_STEP_MS));
    s->in = s->out = listener;
    return r;
}

static int batch_check(struct tour_side *s, const tong_span *spans, int64_t n, uint64_t first,
                       struct tour_result *result)
{
    for (int64_t i = 0; i < n; i++) {
        tong_view part = tour_part(s->input, result->message_bytes, first + (uint64_t)i);

        if (spans[i].len != part.len || (part.len && memcmp(spans[i].data, part.data, part.len) != 0))
            return tour_refuse(s, _("what arrived differs from the file"));
        result->bytes += part.len;
        if (first + (uint64_t)i < tour_pass_messages(s->input, result->message_bytes))
            result->hash = tour_hash(result->hash, spans[i].data, spans[i].len);
    }
    return 0;
}

/* The rate is that of the passes after the first, from the end of the one to the end of the last. */
static int far_check(struct tour_side *s, struct tour_result *result)
{
    int64_t begun_ns = 0;
    uint64_t first_pass, n;
    size_t message_bytes;
    int r;

    result->caps.struct_size = sizeof result->caps;
    r = tong_get_caps(s->in, &result->caps);
    if (r < 0)
        return r;
    message_bytes = tour_message_bytes(&result->caps);
    result->message_bytes = message_bytes;
    result->hash = TOUR_HASH_EMPTY;
    first_pass = tour_pass_messages(s->input, message_bytes);
    n = tour_passes(s->input, message_bytes) * first_pass;
    while (result->messages < n) {
        uint64_t left = (result->messages < first_pass ? first_pass : n) - result->messages;
        tong_span spans[TOUR_BATCH];
        int64_t got =
            tong_peek(s->in, spans, NULL, left < TOUR_BATCH ? (uint32_t)left : TOUR_BATCH, tong_in_ms(TOUR_STEP_MS));

        if (got < 0)
            return (int)got;
        r = batch_check(s, spans, got, result->messages, result);
        if (r >= 0)
            r = tong_release(s->in, spans, (uint32_t)got);
        if (r < 0)
            return r;
        result->messages += (uint64_t)got;
        if (result->messages == first_pass)
            begun_ns = tool_now_ns();
    }
    result->bytes_per_s = (double)(result->bytes - s->input->len) / ((double)(tool_now_ns() - begun_ns) / 1e9);
    return result->hash == s->input->hash ? 0 : tour_refuse(s, _("the hash of what arrived differs from the file's"));
}

static int far_echo(struct tour_side *s)
{
    char ping[TOUR_PING_BYTES];

    for (int i = -TOUR_WARM_PINGS; i < TOUR_PINGS; i++) {
        int64_t n = tong_recv(s->in, ping, sizeof ping, tong_in_ms(TOUR_STEP_MS));
        int r = n < 0 ? (int)n : tong_send(s->out, ping, (size_t)n, tong_in_ms(TOUR_STEP_MS));

        if (r < 0)
            return r;
    }
    return 0;
}

int tour_far(struct tour_side *s, struct tour_result *result)
{
    int r = far_open(s);

    s->opening = r < 0;
    if (r >= 0)
        r = far_check(s, result);
    if (r >= 0)
        r = far_echo(s);
    if (r >= 0)
        r = tour_end(s);
    snprintf(result->why, sizeof result->why, "%s", r >= 0 ? "" : s->why ? s->why : tong_error_detail());
    if (s->in != s->out)
        tool_close(s->in);
    tool_close(s->out);
    return r;
}

/* SPDX-License-Identifier: MIT */
/* The tour's near side: it sends the file and times round trips. */
#include "tour.h"

#include <stdio.h>
#include <string.h>

static int near_open(struct tour_side *s)
{
    int r = tour_open(s, &s->out, false, s->row->back ? TONG_PUSH : TONG_PAIR, tong_in_ms(TOUR_STEP_MS));

    if (r >= 0 && s->row->back)
        r = tour_open(s, &s->in, true, TONG_PULL, tong_in_ms(TOUR_STEP_MS));
    else if (r >= 0)
        s->in = s->out;
    return r;
}

static int near_send(struct tour_side *s)
{
    tong_caps caps = {.struct_size = sizeof caps};
    int r = tong_get_caps(s->out, &caps);
    size_t message_bytes = tour_message_bytes(&caps);
    uint64_t n, done = 0;

    if (r < 0)
        return r;
    n = tour_passes(s->input, message_bytes) * tour_pass_messages(s->input, message_bytes);
    while (done < n) {
        uint32_t batch = n - done < TOUR_BATCH ? (uint32_t)(n - done) : TOUR_BATCH;
        tong_view views[TOUR_BATCH];
        int64_t sent;

        for (uint32_t i = 0; i < batch; i++)
            views[i] = tour_part(s->input, message_bytes, done + i);
        sent = tong_send_many(s->out, views, batch, tong_in_ms(TOUR_STEP_MS));
        if (sent < 0)
            return (int)sent;
        done += (uint64_t)sent;
    }
    return 0;
}

static int near_ping(struct tour_side *s)
{
    char ping[TOUR_PING_BYTES] = {0}, echo[TOUR_PING_BYTES];

    for (int i = -TOUR_WARM_PINGS; i < TOUR_PINGS; i++) {
        int64_t n, begun_ns = tool_now_ns();
        int r;

        memcpy(ping, &i, sizeof i);
        r = tong_send(s->out, ping, sizeof ping, tong_in_ms(TOUR_STEP_MS));
        if (r < 0)
            return r;
        n = tong_recv(s->in, echo, sizeof echo, tong_in_ms(TOUR_STEP_MS));
        if (n < 0)
            return (int)n;
        if (n != sizeof ping || memcmp(ping, echo, sizeof ping) != 0)
            return tour_refuse(s, _("an echo came back altered"));
        if (i >= 0)
            s->report->rtt_ns[i] = tool_now_ns() - begun_ns;
    }
    return 0;
}

/* The library's sentence is per thread and the report is not, so it is copied here. */
void *tour_near(void *side)
{
    struct tour_side *s = side;
    int r = near_open(s);

    s->opening = r < 0;
    if (r >= 0)
        r = near_send(s);
    if (r >= 0)
        r = near_ping(s);
    if (r >= 0)
        r = tour_end(s);
    s->report->opening = s->opening;
    snprintf(s->report->why, sizeof s->report->why, "%s", s->why ? s->why : tong_error_detail());
    s->report->error = r < 0 ? r : 0;
    if (s->in != s->out)
        tong_close(s->in);
    tong_close(s->out);
    return NULL;
}

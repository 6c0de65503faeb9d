/* SPDX-License-Identifier: MIT */
#include "prim/report.h"

#include <stdbool.h>
#include <string.h>

void tongi_report_init(struct tongi_report *report)
{
    memset(report, 0, sizeof *report);
    pthread_mutex_init(&report->lock, NULL);
}

void tongi_report_fini(struct tongi_report *report)
{
    pthread_mutex_destroy(&report->lock);
}

uint64_t tongi_report_peer(struct tongi_report *report)
{
    pthread_mutex_lock(&report->lock);
    uint64_t peer = ++report->next_peer;
    pthread_mutex_unlock(&report->lock);
    return peer;
}

static void count(struct tongi_report *report, uint32_t what)
{
    if (what == TONG_REFUSED) {
        tongi_report_count(&report->refused, 1);
    } else if (what == TONG_JOINED) {
        tongi_report_count(&report->peers, 1);
        tongi_report_count(&report->connects, 1);
    } else {
        tongi_report_count(&report->peers, UINT64_MAX);
    }
}

/* A stranger who comes again and again must not push out what is told of others. */
static bool is_told(const struct tongi_report *report, const tong_event *event)
{
    if (event->what != TONG_REFUSED || !report->count)
        return false;
    const tong_event *last = &report->events[(report->first + report->count - 1) % TONGI_EVENTS_MAX];
    return last->what == TONG_REFUSED && last->uid == event->uid;
}

void tongi_report_event_of(struct tongi_report *report, const tong_event *event)
{
    count(report, event->what);
    pthread_mutex_lock(&report->lock);
    if (is_told(report, event)) {
        pthread_mutex_unlock(&report->lock);
        return;
    }
    /* Once one is lost, so are all until the taker has been told: what it takes then is in order, gap included. */
    if (report->count < TONGI_EVENTS_MAX && !report->events_lost) {
        uint32_t at = (report->first + report->count) % TONGI_EVENTS_MAX;
        report->events[at] = *event;
        report->count++;
    } else {
        report->events_lost++;
    }
    pthread_mutex_unlock(&report->lock);
}

void tongi_report_event(struct tongi_report *report, enum tong_event_what what, uint64_t peer)
{
    tongi_report_event_of(report, &(tong_event){.what = what, .uid = UINT32_MAX, .gid = UINT32_MAX, .peer = peer});
}

uint32_t tongi_report_take(struct tongi_report *report, tong_event *ret_events, uint32_t n)
{
    uint32_t taken = 0;

    pthread_mutex_lock(&report->lock);
    while (taken < n && report->count) {
        ret_events[taken++] = report->events[report->first];
        report->first = (report->first + 1) % TONGI_EVENTS_MAX;
        report->count--;
    }
    /* The oldest are kept and the newest counted, so the gap comes after what was kept. */
    if (taken < n && report->events_lost) {
        ret_events[taken++] =
            (tong_event){.what = TONG_EVENTS_LOST, .uid = UINT32_MAX, .gid = UINT32_MAX, .peer = report->events_lost};
        report->events_lost = 0;
    }
    pthread_mutex_unlock(&report->lock);
    return taken;
}

/* SPDX-License-Identifier: MIT */
#include "prim/report.h"

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

void tongi_report_event(struct tongi_report *report, enum tong_event_what what, uint64_t peer)
{
    if (what == TONG_JOINED) {
        tongi_report_count(&report->peers, 1);
        tongi_report_count(&report->connects, 1);
    } else {
        tongi_report_count(&report->peers, UINT64_MAX);
    }

    pthread_mutex_lock(&report->lock);
    /* Once one is lost, so are all until the taker has been told: what it takes then is in order, gap included. */
    if (report->count < TONGI_EVENTS_MAX && !report->events_lost) {
        uint32_t at = (report->first + report->count) % TONGI_EVENTS_MAX;
        report->events[at] = (tong_event){.what = what, .peer = peer};
        report->count++;
    } else {
        report->events_lost++;
    }
    pthread_mutex_unlock(&report->lock);
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
        ret_events[taken++] = (tong_event){.what = TONG_EVENTS_LOST, .peer = report->events_lost};
        report->events_lost = 0;
    }
    pthread_mutex_unlock(&report->lock);
    return taken;
}

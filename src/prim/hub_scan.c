/* SPDX-License-Identifier: MIT */
/* What the bytes in the stage are: messages, greetings, farewells, refusals, or a breach of the rules. */
#include "prim/hub_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "prim/role.h"
#include "sys/sys.h"

/* From here on a second read costs less than a second copy. */
#define DIRECT_BYTES ((uint32_t)16 * 1024)

/* Tells the peer why it is cut off, unless the refusal would end up inside a message that is only partly written: then
 * its bytes would pass for that message's. */
static void tell(struct tongi_hub *hub, struct tongi_link *link, int error, const char *sentence)
{
    uint8_t bytes[TONGI_FRAME_BYTES + TONGI_CONTROL_MAX];
    bool two_threads = !tongi_hub_many(hub) && hub->setup.role == TONG_PAIR;

    if (tongi_hub_foreign(hub))
        return;
    pthread_mutex_lock(&hub->lock);
    bool writing = two_threads ? hub->out == link : hub->begun == link;
    if (!writing && link->rest_at == link->rest_end)
        (void)tongi_link_put(link, bytes, tongi_refuse_encode(bytes, error, sentence));
    pthread_mutex_unlock(&hub->lock);
}

enum tongi_scan tongi_hub_broken(struct tongi_hub *hub, struct tongi_link *link, int error, const char *why)
{
    TONG_FAIL(error, "%s: peer %llu was cut off: %s", hub->setup.address, (unsigned long long)link->peer, why);
    tell(hub, link, error, tong_error_detail());
    tongi_report_count(&hub->setup.report->refused, 1);
    snprintf(hub->why, sizeof hub->why, "the peer was cut off: %s", why);
    return TONGI_SCAN_BROKEN;
}

/* The conversation cannot be had, now or later: the reason stays for whoever asks. */
static void keep_refusal(struct tongi_hub *hub, const char *sentence)
{
    char *copy = tongi_sys_alloc(strlen(sentence) + 1);

    if (copy)
        memcpy(copy, sentence, strlen(sentence) + 1);
    pthread_mutex_lock(&hub->lock);
    tongi_sys_free(hub->refusal);
    hub->refusal = copy;
    hub->refused = true;
    pthread_mutex_unlock(&hub->lock);
}

static void refuse_for_good(struct tongi_hub *hub, const char *sentence)
{
    keep_refusal(hub, sentence);
    hub->in_fate = TONGI_FATE_REFUSED;
}

/* A refusal for lack of room is a reason to try again, any other one is not. */
static enum tongi_scan refusal_take(struct tongi_hub *hub, const uint8_t *body, size_t len)
{
    char sentence[TONGI_CONTROL_MAX];
    int error = tongi_refuse_decode(body, len, sentence, sizeof sentence);

    if (error != -EBUSY && !tongi_hub_many(hub))
        refuse_for_good(hub, sentence);
    return TONGI_SCAN_BROKEN;
}

/* Is a final refusal among these frames? Then it stays. */
static bool refusal_find(struct tongi_hub *hub, const uint8_t *bytes, size_t len)
{
    char sentence[TONGI_CONTROL_MAX];

    while (len >= TONGI_FRAME_BYTES) {
        struct tongi_frame frame = tongi_frame_decode(bytes);
        if (frame.len > len - TONGI_FRAME_BYTES)
            return false;
        if (frame.type == TONGI_FRAME_REFUSE &&
            tongi_refuse_decode(bytes + TONGI_FRAME_BYTES, frame.len, sentence, sizeof sentence) != -EBUSY) {
            keep_refusal(hub, sentence);
            return true;
        }
        bytes += TONGI_FRAME_BYTES + frame.len;
        len -= TONGI_FRAME_BYTES + frame.len;
    }
    return false;
}

void tongi_hub_last_words(struct tongi_hub *hub, struct tongi_link *link)
{
    uint8_t bytes[TONGI_HELLO_BYTES + TONGI_FRAME_BYTES + TONGI_CONTROL_MAX];
    bool found = false;

    /* A hello and a refusal, in one read or as two packets; whoever says more has not hung up. */
    for (int reads = 0; reads < 2 && !found; reads++) {
        pthread_mutex_lock(&hub->lock);
        /* Relaxed: the receiving half, which stores it, does not have the link. */
        bool unread = hub->in != link && tongi_load_relaxed_u64(&link->peer_size) == 0;
        ssize_t got = unread ? tongi_link_get(link, bytes, sizeof bytes) : 0;
        pthread_mutex_unlock(&hub->lock);
        found = got > 0 && refusal_find(hub, bytes, (size_t)got);
    }
}

static enum tongi_scan hello_take(struct tongi_hub *hub, struct tongi_link *link, const uint8_t *body, size_t len)
{
    struct tongi_hello hello;
    int r = tongi_hello_decode(body, len, &hello);
    char why[80];

    if (r < 0)
        return tongi_hub_broken(hub, link, r,
                                r == TONG_E_ABI ? "it speaks another version of tong" : "it does not speak tong");
    if (!tongi_roles_match(hub->setup.role, hello.role)) {
        snprintf(why, sizeof why, "here is a %s, which does not talk to a %s", tongi_role_name(hub->setup.role),
                 tongi_role_name(hello.role));
        enum tongi_scan found = tongi_hub_broken(hub, link, TONG_E_REFUSED, why);
        if (!tongi_hub_many(hub))
            refuse_for_good(hub, why);
        return found;
    }
    tongi_store_relaxed_u64(&link->peer_size, hello.size_max);
    tongi_store_relaxed_u64(&link->peer_descriptors, hello.descriptors + 1);
    return tongi_hub_greeted(hub, link) < 0 ? TONGI_SCAN_BROKEN : TONGI_SCAN_MORE;
}

static enum tongi_scan control_take(struct tongi_hub *hub, struct tongi_link *link, const struct tongi_frame *frame)
{
    const uint8_t *body = hub->stage.data + hub->stage.next + TONGI_FRAME_BYTES;

    tongi_hub_consume(hub, TONGI_FRAME_BYTES + frame->len);
    switch (frame->type) {
    case TONGI_FRAME_HELLO:
        return hello_take(hub, link, body, frame->len);
    case TONGI_FRAME_END:
        return TONGI_SCAN_END;
    default:
        return refusal_take(hub, body, frame->len);
    }
}

/* The rare frames: all but a whole message of a greeted peer. */
static enum tongi_scan scan_other(struct tongi_hub *hub, struct tongi_link *link, uint32_t *ret_len)
{
    const struct tongi_stage *stage = &hub->stage;
    size_t available = stage->end - stage->next;
    if (tongi_hub_foreign(hub))
        return tongi_hub_foreign_scan(hub, link, ret_len);
    struct tongi_frame frame = tongi_frame_decode(stage->data + stage->next);
    const char *fault = tongi_frame_fault(&frame, link->greeted, hub->setup.size_max);

    if (tongi_hub_packets(hub) && frame.type == TONGI_FRAME_TORN)
        fault = "its packet is not one frame of tong";
    if (!fault && frame.type == TONGI_FRAME_DATA && tongi_hub_sends_only(hub))
        fault = "it sends although it pulls";
    if (fault) {
        bool long_message = link->greeted && frame.type == TONGI_FRAME_DATA && frame.len > hub->setup.size_max;
        return tongi_hub_broken(hub, link, long_message ? TONG_E_TOOBIG : TONG_E_CORRUPT, fault);
    }
    if (frame.type == TONGI_FRAME_DATA) {
        *ret_len = frame.len;
        if (frame.descriptors) {
            enum tongi_scan judged = tongi_hub_judge(hub, link, frame.descriptors);
            if (judged != TONGI_SCAN_MORE)
                return judged;
            if (available >= TONGI_FRAME_BYTES + frame.len)
                return TONGI_SCAN_FRAME;
        }
        link->body.descriptors = frame.descriptors;
        link->large = frame.len >= DIRECT_BYTES;
        return link->large ? TONGI_SCAN_LARGE : TONGI_SCAN_MORE;
    }
    if (available < TONGI_FRAME_BYTES + frame.len)
        return TONGI_SCAN_MORE;
    return control_take(hub, link, &frame);
}

enum tongi_scan tongi_hub_scan(struct tongi_hub *hub, struct tongi_link *link, uint32_t *ret_len)
{
    for (;;) {
        const struct tongi_stage *stage = &hub->stage;
        if (link->ancillary) {
            enum tongi_scan judged = tongi_hub_judge(hub, link, 0);
            if (judged != TONGI_SCAN_MORE)
                return judged;
        }
        if (tongi_hub_is_whole(hub, link, ret_len))
            return TONGI_SCAN_FRAME;
        if (link->body.active) {
            *ret_len = (uint32_t)link->body.len;
            return link->body.got == link->body.len ? TONGI_SCAN_BODY : TONGI_SCAN_MORE;
        }
        if (stage->end - stage->next < link->least)
            return TONGI_SCAN_MORE;
        size_t before = stage->next;
        enum tongi_scan found = scan_other(hub, link, ret_len);
        /* A greeting was taken: what stands behind it? */
        if (found != TONGI_SCAN_MORE || stage->next == before)
            return found;
    }
}

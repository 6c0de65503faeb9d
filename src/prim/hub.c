/* SPDX-License-Identifier: MIT */
/* A hub's life. */
#include "prim/hub_parts.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/clock.h"
#include "sys/sys.h"

int tongi_hub_init(struct tongi_hub *hub, const struct tongi_hub_setup *setup)
{
    memset(hub, 0, sizeof *hub);
    hub->setup = *setup;
    /* Only who receives can be told of an end; a pusher waits for the next puller. */
    hub->setup.end_last = setup->end_last && setup->role != TONG_PUSH;
    hub->listener = hub->spare = hub->in_epoll = hub->out_epoll = hub->timer = -1;
    hub->timer_ns = TONGI_NEVER;
    hub->backoff_ns = TONGI_BACKOFF_FIRST_NS;
    pthread_mutex_init(&hub->lock, NULL);
    hub->made = true;
    hub->plain = !setup->listening && !tongi_hub_foreign(hub) && setup->wire != TONGI_WIRE_PACKET &&
                 !setup->descriptors && !setup->credentials;
    /* Only to spread retries of many processes; without randomness they just spread less. */
    if (tongi_sys_getrandom(&hub->jitter, sizeof hub->jitter, 0) < 0)
        hub->jitter = (uint32_t)tongi_clock_ns();
    return 0;
}

/* A hub that only receives cannot finish, but its peers are to know a farewell from a crash. */
static void say_goodbye(struct tongi_link *link)
{
    uint8_t end[TONGI_FRAME_BYTES];

    tongi_frame_encode(end, TONGI_FRAME_END, 0);
    if (link && !tongi_framing_is_foreign(link->framing) && link->rest_at == link->rest_end)
        (void)tongi_link_put(link, end, sizeof end);
}

void tongi_hub_fini(struct tongi_hub *hub, bool owner)
{
    if (!hub->made)
        return;
    bool farewell = owner && hub->setup.role == TONG_PULL;
    /* A thread of the parent may have held the lock at the fork; here nobody else runs. */
    if (tongi_hub_many(hub)) {
        for (uint32_t i = 0; i < hub->count; i++) {
            if (farewell)
                say_goodbye(hub->links[i]);
            tongi_link_free(hub->links[i], owner);
        }
    } else {
        if (farewell)
            say_goodbye(hub->in);
        tongi_link_unref(hub->in, owner);
        tongi_link_unref(hub->out, owner);
        tongi_link_unref(hub->current, owner);
    }
    tongi_sys_close(hub->listener);
    tongi_sys_close(hub->spare);
    tongi_sys_close(hub->in_epoll);
    tongi_sys_close(hub->out_epoll);
    tongi_sys_close(hub->timer);
    tongi_sys_free(hub->links);
    tongi_sys_free(hub->events);
    tongi_sys_free(hub->stage.data);
    tongi_sys_free(hub->scratch);
    tongi_sys_free(hub->refusal);
    tongi_block_free(&hub->spare_body);
    if (owner)
        pthread_mutex_destroy(&hub->lock);
    hub->made = false;
}

int tongi_hub_fate_fail(const struct tongi_hub *hub, enum tongi_fate fate)
{
    switch (fate) {
    case TONGI_FATE_END:
        return TONG_FAIL(TONG_E_END, "%s: the peer finished; everything was delivered", hub->setup.address);
    case TONGI_FATE_REFUSED:
        return TONG_FAIL(TONG_E_REFUSED, "%s: the conversation was refused: %s", hub->setup.address,
                         hub->refusal ? hub->refusal : "it gave no reason");
    default:
        if (!hub->setup.reconnect && !tongi_hub_foreign(hub) && !tongi_load_relaxed_u32(&hub->met))
            return TONG_FAIL(TONG_E_GONE,
                             "%s: the other side went before it said hello: it ended, or does not speak tong",
                             hub->setup.address);
        return TONG_FAIL(TONG_E_GONE, "%s: the peer is gone without a farewell%s", hub->setup.address,
                         hub->setup.reconnect ? "; the next call connects again" : "");
    }
}

int tongi_hub_step(struct tongi_hub *hub, uint32_t direction)
{
    if (!tongi_hub_many(hub)) {
        bool in = direction == TONG_IN;
        int r = tongi_hub_hold(hub, in ? &hub->in : &hub->out, in ? hub->in_fate : hub->out_fate);
        /* Nobody else reads what the listener of a pusher says. */
        if (r >= 0 && hub->setup.role == TONG_PUSH)
            tongi_hub_look(hub);
        return r;
    }
    (void)tongi_hub_shed(hub);
    /* A flush that was given up no longer waits for that one peer. */
    if (direction == TONG_OUT && !hub->begun)
        hub->wait_link = NULL;
    if (hub->setup.role != TONG_PAIR)
        tongi_hub_look(hub);
    return 0;
}

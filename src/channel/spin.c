/* SPDX-License-Identifier: MIT */
/*
 * How long a wait spins before it sleeps, learned from how the last ones went.
 *
 * Waking a sleeper across processors costs about as much as 15 hand-overs between spinners, so two ends that both sleep
 * look slow to each other and would stay asleep for ever. Three things lead out of it: what a sleeper learns
 * discounts the wake-up itself, a short spin is longer than a hand-over through the kernel, and now and then a probe
 * outlasts the other end's wake-up.
 */
#include "channel/channel.h"

#include "sys/clock.h"

/* About what a wake-up across processors takes (measured: 35 to 47 us on virtual machines, 5 elsewhere). */
#define WAKE_NS INT64_C(40000)
/* Outlasts a wake-up, of which nine of ten take less than 75 us. */
#define PROBE_NS INT64_C(100000)
#define PROBE_EVERY 32u
/* A thread bound to one processor may share it with its peer, which then cannot run while this one spins. */
#define PROBE_EVERY_BOUND 256u
/* Waits between two looks at the number of processors: a program may be bound after it opened a channel. */
#define LOOK_EVERY 64u

static bool is_bound(const struct tongi_spin *spin)
{
    return spin->cpus == 1;
}

static bool pays(const struct tongi_spin *spin)
{
    return spin->hits >= TONGI_SPIN_ONE / 4;
}

int64_t tongi_spin_budget_ns(struct tongi_spin *spin, uint32_t mode)
{
    if (mode == TONG_WAIT_SPIN)
        return TONGI_NEVER;
    if (mode == TONG_WAIT_BLOCK)
        return 0;
    if (spin->looked == 0) {
        spin->cpus = tongi_process_cpus();
        spin->machine_cpus = spin->machine_cpus ? spin->machine_cpus : tongi_process_machine_cpus();
        spin->looked = LOOK_EVERY;
    }
    spin->looked--;
    if (spin->machine_cpus == 1)
        return 0;
    if (pays(spin))
        return TONGI_SPIN_CAP_NS;
    if (++spin->unprobed >= (is_bound(spin) ? PROBE_EVERY_BOUND : PROBE_EVERY)) {
        spin->unprobed = 0;
        spin->probing = true;
        return PROBE_NS;
    }
    return is_bound(spin) ? 0 : TONGI_SPIN_CAP_NS / 4;
}

void tongi_spin_learn(struct tongi_spin *spin, bool spun, int64_t slept_ns)
{
    /* A full spin that did not pay is a miss, whatever came of the sleep; after a short one, the sleep tells whether a
     * full one would have. */
    bool hit = spun || (!pays(spin) && !is_bound(spin) && slept_ns < TONGI_SPIN_CAP_NS + WAKE_NS);

    if (hit)
        spin->hits += (TONGI_SPIN_ONE - spin->hits) / 8;
    else
        spin->hits -= spin->hits / 8;
    if (spin->probing && spun && spin->hits < TONGI_SPIN_ONE / 2)
        spin->hits = TONGI_SPIN_ONE / 2;
    spin->probing = false;
}

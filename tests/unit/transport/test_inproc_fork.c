/* SPDX-License-Identifier: MIT */
/* fork() at a moment when another thread holds the locks: the child gets an empty registry, and never waits for it. */
#include "inproc_ends.h"

#include <pthread.h>
#include <semaphore.h>

#include "support/faulty.h"
#include "sys/process.h"

static sem_t inside, go_on;
static _Thread_local bool stops;

/* Allocations take place under the locks: the thread that wants to stops there. */
static void *stopping_calloc(size_t n, size_t bytes)
{
    if (stops) {
        stops = false;
        sem_post(&inside);
        while (sem_wait(&go_on) < 0)
            continue;
    }
    return tongi_sys_real.calloc(n, bytes);
}

struct scene {
    struct end sub, pub, another; /* here, so that the child can reach what the other thread left */
    void (*act)(struct scene *scene);
};

static void *actor(void *context)
{
    struct scene *scene = context;

    stops = true;
    scene->act(scene);
    return NULL;
}

static int child(void *context)
{
    struct scene *scene = context;
    struct end push, pull;

    end_open(&push, "x", TONG_PUSH | TONG_NEW);
    end_open(&pull, "x", TONG_PULL);
    say(&push, "the child's own");
    hear(&pull, "the child's own");
    ck_error(try_send(&scene->pub, "m"), TONG_E_FORKED);
    OPS->close(scene->sub.state, false);
    OPS->close(scene->pub.state, false);
    end_close(&push);
    end_close(&pull);
    return 0;
}

static void fork_while(void (*act)(struct scene *scene))
{
    struct scene scene = {.act = act};
    pthread_t thread;

    ck_ok(tongi_process_init());
    sem_init(&inside, 0, 0);
    sem_init(&go_on, 0, 0);
    tongi_sys_table.calloc = stopping_calloc;
    end_open(&scene.sub, "x", TONG_SUB);
    end_open(&scene.pub, "x", TONG_PUB);
    ck_assert_int_eq(pthread_create(&thread, NULL, actor, &scene), 0);
    while (sem_wait(&inside) < 0)
        continue;
    runner_join_ok(runner_fork(child, &scene), 5000);
    sem_post(&go_on);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    say(&scene.pub, "the parent's own");
    hear(&scene.sub, "the parent's own");
    end_close(&scene.sub);
    end_close(&scene.pub);
}

/* end_prepare allocates from libc itself, so the first allocation is the registry's. */
static void open_another(struct scene *scene)
{
    end_open(&scene->another, "y", TONG_PULL);
    end_close(&scene->another);
}

TONG_TEST(while_the_registry_is_locked)
{
    fork_while(open_another);
}

static void subscribe(struct scene *scene)
{
    ck_ok(OPS->subscribe(scene->sub.state, "the", 3, true));
}

TONG_TEST(while_the_object_is_locked)
{
    fork_while(subscribe);
}

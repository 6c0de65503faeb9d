/* SPDX-License-Identifier: MIT */
#include "transport/inproc_registry.h"

#include <string.h>
#include <utlist.h>

#include "sys/process.h"
#include "sys/sys.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(bytes) tongi_sys_alloc(bytes)
#define uthash_free(block, bytes) tongi_sys_free(block)
#include <uthash.h>

struct inproc_name {
    UT_hash_handle hh;
    struct inproc_object *object;
    char text[];
};

/*
 * Threads of one process find each other by name alone, without a file or a descriptor that could carry the name: so
 * the names are state of the process. It begins empty in every process: what a child inherits belongs to threads that
 * it has not, and the lock may have been held by one of them. The word says for which process (by its generation) the
 * rest is valid, and, in its lowest bit, that a thread is just making it so.
 */
static struct {
    tongi_u64 word;
    pthread_mutex_t lock;
    struct inproc_name *names;
    struct inproc_object *inherited;
} registry;

static void registry_lock(void)
{
    uint64_t mine = (uint64_t)tongi_process_generation() << 1;
    /* Acquire: pairs with the release below, so that the lock is seen as it was made. */
    uint64_t word = tongi_load_acquire_u64(&registry.word);

    while (word != mine) {
        if (word != (mine | 1) && tongi_swap_total_u64(&registry.word, &word, mine | 1)) {
            pthread_mutex_init(&registry.lock, NULL);
            registry.names = NULL;
            tongi_store_release_u64(&registry.word, mine);
            break;
        }
        tongi_pause();
        word = tongi_load_acquire_u64(&registry.word);
    }
    pthread_mutex_lock(&registry.lock);
}

static void registry_unlock(void)
{
    pthread_mutex_unlock(&registry.lock);
}

/* ---- entering and leaving, the lock held ----------------------------------------------------------------------- */

static struct inproc_name *name_find(const char *text)
{
    struct inproc_name *name;

    HASH_FIND_STR(registry.names, text, name);
    return name;
}

static void name_free(struct inproc_name *name)
{
    HASH_DEL(registry.names, name);
    name->object->name = NULL;
    tongi_sys_free(name);
}

/* A new object under a new name; NULL without memory. */
static struct inproc_name *name_new(const struct tongi_start *start)
{
    size_t len = strlen(start->rest);
    struct inproc_name *name = tongi_sys_alloc(sizeof *name + len + 1);
    struct inproc_object *object = name ? tongi_inproc_object_new(start) : NULL;

    if (!object) {
        tongi_sys_free(name);
        return NULL;
    }
    memcpy(name->text, start->rest, len + 1);
    HASH_ADD_STR(registry.names, text, name);
    if (!name->hh.tbl) {
        tongi_inproc_object_free(object);
        tongi_sys_free(name);
        return NULL;
    }
    name->object = object;
    object->name = name;
    return name;
}

/* The object of a name, made if need be. */
static int find_or_make(const struct tongi_start *start, struct inproc_object **ret_object)
{
    struct inproc_name *name = name_find(start->rest);

    if (name && start->existence == TONG_NEW)
        return TONG_FAIL(-EEXIST, "%s: exists already, and TONG_NEW insists on a new one", start->address);
    if (!name && start->existence == TONG_EXISTING)
        return TONG_FAIL(-ENOENT, "%s: does not exist in this process, and TONG_EXISTING insists that it does",
                         start->address);
    if (!name)
        name = name_new(start);
    if (!name)
        return TONG_FAIL(-ENOMEM, "%s: no memory for the channel", start->address);
    *ret_object = name->object;
    return 0;
}

int tongi_inproc_registry_enter(struct inproc_end *end, const struct tongi_start *start)
{
    struct inproc_object *object = NULL;

    if (start->rest[0] == 0)
        return TONG_FAIL(TONG_E_ADDRESS, "%s: the address is inproc:NAME; only tong_pair takes it without a name",
                         start->address);
    registry_lock();
    int r = find_or_make(start, &object);
    if (r >= 0)
        r = tongi_inproc_object_join(object, end, start);
    if (object && object->members == 0) {
        name_free(object->name);
        tongi_inproc_object_free(object);
    }
    registry_unlock();
    return r;
}

void tongi_inproc_registry_leave(struct inproc_end *end)
{
    struct inproc_object *object = end->object;

    registry_lock();
    tongi_inproc_object_leave(end);
    bool last = object->members == 0;
    /* A pair ends when one of the two goes. The other stays for what is still to be received, but whoever takes the
     * name from now on begins a conversation of his own. */
    if (object->name && (last || object->conversation == INPROC_PAIR))
        name_free(object->name);
    registry_unlock();
    if (last)
        tongi_inproc_object_free(object);
}

void tongi_inproc_registry_disinherit(struct inproc_end *end)
{
    struct inproc_object *object = end->object;

    /* It cannot be taken apart: another thread of the parent may have been changing it when this process began. */
    registry_lock();
    if (!object->inherited) {
        object->inherited = true;
        object->next_inherited = registry.inherited;
        registry.inherited = object;
    }
    registry_unlock();
    end->object = NULL;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

struct listed {
    struct listed *next;
    tong_stats stats;
    char text[];
};

static struct listed *listed_new(const struct inproc_name *name)
{
    size_t len = strlen(name->text);
    struct listed *listed = tongi_sys_alloc(sizeof *listed + len + 1);

    if (!listed)
        return NULL;
    memcpy(listed->text, name->text, len + 1);
    listed->stats = (tong_stats){.struct_size = sizeof listed->stats, .peers = name->object->members};
    pthread_mutex_lock(&name->object->lock);
    listed->stats.depth = name->object->queues[0].count + name->object->queues[1].count;
    pthread_mutex_unlock(&name->object->lock);
    return listed;
}

/* What each() does may need the lock, so it gets a copy of how it was. */
static int list_copy(struct listed **ret_list)
{
    int r = 0;

    registry_lock();
    for (const struct inproc_name *name = registry.names; name; name = name->hh.next) {
        struct listed *listed = listed_new(name);
        if (!listed) {
            r = TONG_FAIL(-ENOMEM, "inproc: no memory for the list of names");
            break;
        }
        LL_PREPEND(*ret_list, listed);
    }
    registry_unlock();
    return r;
}

int tongi_inproc_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context)
{
    struct listed *list = NULL, *listed, *next;
    int r = list_copy(&list);

    for (listed = list; listed; listed = next) {
        next = listed->next;
        if (r == 0)
            r = each(listed->text, &listed->stats, context);
        tongi_sys_free(listed);
    }
    return r;
}

int tongi_inproc_remove(const struct tongi_start *start)
{
    registry_lock();
    bool exists = name_find(start->rest);
    registry_unlock();
    if (exists)
        return TONG_FAIL(-EBUSY, "%s: somebody has it open; it goes with its last closer", start->address);
    return TONG_FAIL(-ENOENT, "%s: does not exist in this process", start->address);
}

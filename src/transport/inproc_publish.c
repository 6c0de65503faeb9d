/* SPDX-License-Identifier: MIT */
#include "transport/inproc_publish.h"

#include <string.h>
#include <utlist.h>

#include "sys/sys.h"
#include "transport/inproc_ready.h"

struct inproc_prefix {
    struct inproc_prefix *next;
    size_t len;
    unsigned char bytes[];
};

static bool wants(const struct inproc_end *sub, const struct inproc_body *body)
{
    if (!sub->prefixes)
        return true;
    for (const struct inproc_prefix *prefix = sub->prefixes; prefix; prefix = prefix->next)
        if (prefix->len <= body->len && memcmp(prefix->bytes, body->bytes, prefix->len) == 0)
            return true;
    return false;
}

static bool is_reader(const struct inproc_end *end, const struct inproc_body *body)
{
    return end->start->role == TONG_SUB && wants(end, body);
}

static void deliver(struct inproc_end *sub, struct inproc_message *message)
{
    struct inproc_queue *inbox = &sub->inbox;
    struct inproc_message *victim = inbox->waiting;

    if (!tongi_inproc_queue_room(inbox)) {
        tongi_report_count(&sub->start->report->lost, 1);
        if (!victim) { /* all room is lent out */
            inbox->lost++;
            tongi_inproc_taken(message);
            tongi_inproc_message_free(message);
            return;
        }
        victim->lost++;
        tongi_inproc_withdraw(inbox, victim);
    }
    inbox->used++;
    tongi_inproc_queue_put(inbox, message);
}

static void keep(struct inproc_object *object, struct inproc_message *message)
{
    DL_APPEND(object->past, message);
    if (object->past_count < object->history) {
        object->past_count++;
        return;
    }
    struct inproc_message *oldest = object->past;
    DL_DELETE(object->past, oldest);
    tongi_inproc_message_free(oldest);
}

/* Makes of a message a list of n, itself the first; frees it without memory for them. */
static struct inproc_message *multiply(struct inproc_message *message, uint32_t n)
{
    struct inproc_message *list = NULL;

    DL_APPEND(list, message);
    for (uint32_t i = 1; i < n; i++) {
        struct inproc_message *shared = tongi_inproc_message_share(message);
        if (!shared) {
            tongi_inproc_message_free_all(list);
            return NULL;
        }
        DL_APPEND(list, shared);
    }
    return list;
}

int tongi_inproc_publish(struct inproc_end *pub, struct inproc_message *message)
{
    struct inproc_object *object = pub->object;
    uint32_t readers = object->history > 0;

    for (const struct inproc_end *end = object->ends; end; end = end->next)
        readers += is_reader(end, message->body);
    if (readers == 0) {
        tongi_inproc_message_free(message);
        return 0;
    }
    struct inproc_message *list = multiply(message, readers);
    if (!list)
        return -ENOMEM;
    const struct inproc_body *body = message->body;
    /* With the last copy in the list the body may go. */
    for (struct inproc_end *end = object->ends; end && list; end = end->next) {
        if (!is_reader(end, body))
            continue;
        struct inproc_message *copy = list;
        DL_DELETE(list, copy);
        copy->sender = pub;
        pub->untaken++;
        deliver(end, copy);
    }
    if (list)
        keep(object, list);
    return 0;
}

int tongi_inproc_publish_past(struct inproc_end *sub)
{
    for (const struct inproc_message *message = sub->object->past; message; message = message->next) {
        struct inproc_message *copy = tongi_inproc_message_share(message);
        if (!copy)
            return -ENOMEM;
        sub->inbox.used++;
        tongi_inproc_queue_put(&sub->inbox, copy);
    }
    return 0;
}

void tongi_inproc_prefixes_free(struct inproc_end *sub)
{
    while (sub->prefixes) {
        struct inproc_prefix *prefix = sub->prefixes;
        sub->prefixes = prefix->next;
        tongi_sys_free(prefix);
    }
}

/* What waits already was chosen by the old subscriptions; what the new ones do not want goes, and is not lost. */
static void choose_again(struct inproc_end *sub)
{
    struct inproc_message *message, *next;

    for (message = sub->inbox.waiting; message; message = next) {
        next = message->next;
        if (!wants(sub, message->body))
            tongi_inproc_withdraw(&sub->inbox, message);
    }
}

static struct inproc_prefix *prefix_find(const struct inproc_end *sub, const void *bytes, size_t len)
{
    for (struct inproc_prefix *prefix = sub->prefixes; prefix; prefix = prefix->next)
        if (prefix->len == len && (len == 0 || memcmp(prefix->bytes, bytes, len) == 0))
            return prefix;
    return NULL;
}

static int prefix_add(struct inproc_end *sub, const void *bytes, size_t len)
{
    if (prefix_find(sub, bytes, len))
        return -EEXIST;
    struct inproc_prefix *prefix = tongi_sys_alloc(sizeof *prefix + len);
    if (!prefix)
        return -ENOMEM;
    prefix->len = len;
    if (len)
        memcpy(prefix->bytes, bytes, len);
    LL_PREPEND(sub->prefixes, prefix);
    return 0;
}

static int prefix_remove(struct inproc_end *sub, const void *bytes, size_t len)
{
    struct inproc_prefix *prefix = prefix_find(sub, bytes, len);

    if (!prefix)
        return -ENOENT;
    LL_DELETE(sub->prefixes, prefix);
    tongi_sys_free(prefix);
    return 0;
}

int tongi_inproc_subscribe(void *state, const void *prefix, size_t len, bool wanted)
{
    struct inproc_end *sub = state;

    if (sub->start->role != TONG_SUB)
        return TONG_FAIL(TONG_E_NOCAP, "%s: only a sub subscribes", sub->start->address);
    int r = tongi_inproc_lock(sub);
    if (r < 0)
        return TONG_TRACE(r);
    r = wanted ? prefix_add(sub, prefix, len) : prefix_remove(sub, prefix, len);
    if (r == 0) {
        choose_again(sub);
        tongi_inproc_changed_for(sub);
    }
    tongi_inproc_unlock(sub);
    if (r == -EEXIST)
        return TONG_FAIL(r, "%s: this prefix of %zu bytes is subscribed to already", sub->start->address, len);
    if (r == -ENOENT)
        return TONG_FAIL(r, "%s: there is no subscription to this prefix of %zu bytes", sub->start->address, len);
    return r < 0 ? TONG_FAIL(r, "%s: no memory for a prefix of %zu bytes", sub->start->address, len) : 0;
}

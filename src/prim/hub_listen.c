/* SPDX-License-Identifier: MIT */
/* Listening: newcomers are taken in, turned away when there is no room for them, and shed when they stay silent. */
#include "prim/hub_parts.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "sys/clock.h"
#include "sys/sys.h"

int tongi_hub_listen(struct tongi_hub *hub, int fd)
{
    int r;

    hub->listener = fd;
    hub->spare = tongi_sys_open_at(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
    r = hub->spare < 0 ? hub->spare : 0;
    if (r >= 0)
        r = hub->in_epoll = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
    if (r >= 0)
        r = tongi_hub_watch(hub->in_epoll, fd, EPOLLIN, NULL);
    if (r >= 0 && hub->setup.role == TONG_PUSH) {
        r = hub->out_epoll = tongi_sys_epoll_create1(EPOLL_CLOEXEC);
        /* Whoever polls for room is also woken for newcomers, who bring room. */
        if (r >= 0)
            r = tongi_hub_watch(hub->out_epoll, hub->in_epoll, EPOLLIN, NULL);
    }
    return r < 0 ? TONG_FAIL(r, "%s: no descriptor to listen with: %s (raise 'ulimit -n')", hub->setup.address,
                             tong_error_text(r))
                 : 0;
}

static void greeting_add(struct tongi_hub *hub, struct tongi_link *link)
{
    link->greet_until_ns = tongi_clock_add(tongi_clock_ns(), hub->setup.handshake_ns);
    link->greet_prev = hub->greet_last;
    *(hub->greet_last ? &hub->greet_last->greet_next : &hub->greet_first) = link;
    hub->greet_last = link;
}

static void greeting_remove(struct tongi_hub *hub, struct tongi_link *link)
{
    if (!link->greet_until_ns)
        return;
    *(link->greet_prev ? &link->greet_prev->greet_next : &hub->greet_first) = link->greet_next;
    *(link->greet_next ? &link->greet_next->greet_prev : &hub->greet_last) = link->greet_prev;
    link->greet_next = link->greet_prev = NULL;
    link->greet_until_ns = 0;
}

int tongi_hub_greeted(struct tongi_hub *hub, struct tongi_link *link)
{
    tongi_store_relaxed_u32(&hub->met, 1);
    if (!tongi_hub_many(hub)) {
        link->greeted = true;
        link->framed = true;
        pthread_mutex_lock(&hub->lock);
        hub->backoff_ns = TONGI_BACKOFF_FIRST_NS;
        pthread_mutex_unlock(&hub->lock);
        return 0;
    }
    int r = tongi_hub_watch(hub->out_epoll, link->out_fd, EPOLLOUT, link);
    if (r < 0)
        return r;
    link->greeted = true;
    link->framed = !tongi_hub_foreign(hub);
    greeting_remove(hub, link);
    tongi_hub_arm(hub);
    tongi_hub_tell(hub, TONG_JOINED, link, 0);
    return 0;
}

static bool may_be_sole(const struct tongi_hub *hub)
{
    return hub->setup.role == TONG_PULL && !hub->watch_all;
}

void tongi_hub_drop(struct tongi_hub *hub, struct tongi_link *link, enum tong_event_what what)
{
    greeting_remove(hub, link);
    tongi_hub_arm(hub);
    if (link->watched)
        tongi_hub_unwatch(hub->in_epoll, link->in_fd);
    if (link->greeted) {
        tongi_hub_unwatch(hub->out_epoll, link->out_fd);
        tongi_hub_tell(hub, what, link, 0);
    }
    hub->links[link->index] = hub->links[--hub->count];
    hub->links[link->index]->index = link->index;
    for (uint32_t i = hub->event_at; i < hub->event_count; i++)
        if (hub->events[i].data.ptr == link)
            hub->events[i].data.ptr = &hub->timer;
    struct tongi_link **mentions[] = {&hub->in, &hub->out, &hub->begun, &hub->wait_link};
    for (size_t i = 0; i < sizeof mentions / sizeof *mentions; i++)
        if (*mentions[i] == link)
            *mentions[i] = NULL;
    hub->full_count -= link->full;
    tongi_link_free(link, true);
    if (hub->count == 1 && may_be_sole(hub) && hub->links[0]->watched) {
        tongi_hub_unwatch(hub->in_epoll, hub->links[0]->in_fd);
        hub->links[0]->watched = false;
    }
}

static int links_reserve(struct tongi_hub *hub)
{
    if (hub->count < hub->room)
        return 0;
    uint32_t room = hub->room ? hub->room * 2 : 8;
    void *grown = tongi_sys_resize(hub->links, room * sizeof *hub->links);
    if (!grown)
        return -ENOMEM;
    hub->links = grown;
    hub->room = room;
    return 0;
}

/* Who it was is asked once more: a newcomer that is turned away never became a link. */
static void turned_away_tell(struct tongi_hub *hub, int fd, int error)
{
    struct tongi_link who = {.in_fd = fd, .out_fd = fd};

    if (hub->setup.net && hub->setup.net->identify)
        (void)hub->setup.net->identify(hub->setup.place, &who);
    tongi_hub_tell(hub, TONG_REFUSED, &who, error);
}

/* Why somebody is not let in, as it stands in the thread's sentence: that one begins with the address, too. */
static const char *reason(const struct tongi_hub *hub)
{
    const char *sentence = tong_error_detail();
    size_t len = strlen(hub->setup.address);

    if (strlen(sentence) < len + 2 || memcmp(sentence, hub->setup.address, len) != 0 || sentence[len] != ':')
        return sentence;
    return sentence + len + 2;
}

void tongi_hub_turn_away(struct tongi_hub *hub, int fd, int error, const char *why)
{
    uint8_t bytes[TONGI_FRAME_BYTES + TONGI_CONTROL_MAX];
    char sentence[TONGI_CONTROL_MAX];
    size_t used = strnlen(hub->setup.address, sizeof sentence / 2);

    memcpy(sentence, hub->setup.address, used);
    sentence[used++] = ':';
    sentence[used++] = ' ';
    why = why ? why : reason(hub);
    size_t len = strnlen(why, sizeof sentence - used - 1);
    memcpy(sentence + used, why, len);
    sentence[used + len] = 0;
    if (!tongi_hub_foreign(hub))
        (void)tongi_sys_send(fd, bytes, tongi_refuse_encode(bytes, error, sentence), MSG_DONTWAIT | MSG_NOSIGNAL);
    turned_away_tell(hub, fd, error);
    tongi_sys_close(fd);
}

static void newcomer_take(struct tongi_hub *hub, int fd)
{
    if (hub->count >= hub->setup.peers_max) {
        tongi_hub_turn_away(hub, fd, -EBUSY, "all its connections are taken (peers=)");
        return;
    }
    struct tongi_link *link;
    int r = links_reserve(hub);
    if (r >= 0)
        r = tongi_hub_link_make(hub, fd, &link);
    if (r < 0) {
        tongi_hub_turn_away(hub, fd, r == -ENOMEM ? -EBUSY : r,
                            r == -ENOMEM ? "it has no memory for another connection" : NULL);
        return;
    }
    link->index = hub->count;
    hub->links[hub->count++] = link;
    if (!tongi_hub_foreign(hub))
        greeting_add(hub, link);
    tongi_hub_arm(hub);
    r = hub->count > 1 || !may_be_sole(hub) ? tongi_hub_watch_links(hub) : 0;
    if (r >= 0 && tongi_hub_foreign(hub))
        r = tongi_hub_greeted(hub, link);
    if (r < 0)
        tongi_hub_drop(hub, link, TONG_CUT);
}

/* The listener is put aside for a moment: its readiness can neither be served nor taken back. */
static void rest(struct tongi_hub *hub)
{
    tongi_hub_unwatch(hub->in_epoll, hub->listener);
    hub->resting = true;
    hub->rest_until_ns = tongi_clock_ns() + TONGI_ACCEPT_REST_NS;
    tongi_hub_arm(hub);
}

/* There is no descriptor for a newcomer. Left in the backlog it would keep the listener readable for ever, so the spare
 * is given up to take it and turn it away. */
static void refuse_with_spare(struct tongi_hub *hub)
{
    hub->spare = tongi_sys_close(hub->spare);
    int fd = tongi_sys_accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        tongi_hub_turn_away(hub, fd, -EBUSY, "its process has no descriptor left for another connection ('ulimit -n')");
    hub->spare = tongi_sys_open_at(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0 || hub->spare < 0)
        rest(hub);
}

static bool descriptors_are_out(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

bool tongi_hub_accept_all(struct tongi_hub *hub)
{
    for (int i = 0; i < TONGI_ACCEPT_BATCH; i++) {
        if (hub->resting)
            return false;
        int fd = tongi_sys_accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd == -EAGAIN)
            return false;
        if (fd >= 0)
            newcomer_take(hub, fd);
        else if (descriptors_are_out(fd))
            refuse_with_spare(hub);
        else if (fd != -ECONNABORTED)
            rest(hub);
    }
    return true;
}

int tongi_hub_accept(struct tongi_hub *hub)
{
    int fd;

    if (hub->resting)
        (void)tongi_hub_shed(hub);
    if (hub->resting)
        return -EAGAIN;
    do
        fd = tongi_sys_accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd == -ECONNABORTED);
    if (descriptors_are_out(fd)) {
        int error = fd;
        refuse_with_spare(hub);
        return TONG_FAIL(error,
                         "%s: a newcomer was turned away, since this process has no descriptor left; raise "
                         "'ulimit -n' or close some",
                         hub->setup.address);
    }
    return fd < 0 && fd != -EAGAIN ? TONG_FAIL(fd, "%s: accept: %s", hub->setup.address, tong_error_text(fd)) : fd;
}

int64_t tongi_hub_shed(struct tongi_hub *hub)
{
    if (!hub->greet_first && !hub->resting)
        return TONGI_NEVER;
    int64_t now_ns = tongi_clock_ns();
    while (hub->greet_first && hub->greet_first->greet_until_ns <= now_ns) {
        tongi_report_count(&hub->setup.report->refused, 1);
        tongi_hub_drop(hub, hub->greet_first, TONG_CUT);
    }
    if (hub->resting && hub->rest_until_ns <= now_ns) {
        if (hub->spare < 0)
            hub->spare = tongi_sys_open_at(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
        if (hub->spare >= 0 && tongi_hub_watch(hub->in_epoll, hub->listener, EPOLLIN, NULL) >= 0)
            hub->resting = false;
        else
            hub->rest_until_ns = now_ns + TONGI_ACCEPT_REST_NS;
        tongi_hub_arm(hub);
    }
    return hub->greet_first ? hub->greet_first->greet_until_ns : TONGI_NEVER;
}

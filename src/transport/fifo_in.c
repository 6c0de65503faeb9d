/* SPDX-License-Identifier: MIT */
#include "transport/fifo_in.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>

#include "base/error.h"
#include "sys/clock.h"
#include "sys/sys.h"

/*
 * Room for all that a FIFO of the usual size holds, behind a fragment that is not whole. One read() so empties it while
 * no writer can come between, and ends where a write ended: who reads after us, should we die, begins with a header.
 */
#define STAGE_BYTES (TONGI_CHUNK_BYTES + TONGI_ATOMIC_BYTES)
/* Reads of one call that find nothing to deliver; then the deadline is looked at. */
#define FILLS_MAX 16
/* A FIFO that is replaced while we open it is opened again; each turn needs somebody to have done so. */
#define OPEN_TRIES 4

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void disconnect(struct tongi_fifo_in *in, bool owner)
{
    if (in->fd >= 0) {
        if (owner) {
            tongi_fifo_tries_lost(&in->tries, in->fd);
            tongi_fifo_unlock(in->fd);
        }
        in->fd = tongi_sys_close(in->fd);
    }
    in->own = tongi_sys_close(in->own);
    in->hung = in->vacant = false;
}

/*
 * Frames can only be read from where a conversation begins. If there are bytes of an earlier one, or a writer that is
 * perhaps in the middle of a frame, another FIFO takes the place of this one: who writes on finds no reader, and begins
 * anew with that. -EAGAIN: it is not to be had yet.
 */
static int seat_clear(struct tongi_fifo_in *in, int fd)
{
    uint8_t byte;

    if (in->reading->reads != TONGI_FIFO_READS_FRAMES || tongi_sys_read(fd, &byte, 1) == 0)
        return 0;
    return tongi_fifo_replace(in->name, fd) == -EBUSY ? -EBUSY : -EAGAIN;
}

/* Takes the reader's seat: a descriptor, -EADDRINUSE, or -EAGAIN if the name has come to mean another FIFO. */
static int seat_take(struct tongi_fifo_in *in)
{
    int r = tongi_fifo_make(in->name);

    if (r < 0)
        return TONG_TRACE(r);
    int fd = tongi_fifo_open(in->name, O_RDONLY);
    if (fd < 0)
        return fd;
    r = tongi_sys_flock(fd, LOCK_EX | LOCK_NB);
    if (r == -EAGAIN)
        r = TONG_FAIL(-EADDRINUSE, "%s: somebody reads it already; a FIFO has one reader", in->name->address);
    else if (r < 0)
        r = TONG_FAIL(r, "%s: it cannot be locked: %s", in->name->address, tong_error_text(r));
    else
        r = tongi_fifo_is_named(in->name, fd) ? seat_clear(in, fd) : -EAGAIN;
    if (r < 0) {
        tongi_sys_close(fd);
        return r;
    }
    return fd;
}

/* Tells the writers that somebody reads, and what. The system's error. */
static int seat_show(struct tongi_fifo_in *in, int fd)
{
    bool frames = in->reading->reads == TONGI_FIFO_READS_FRAMES;
    int r = tongi_fifo_lock(fd, F_RDLCK, TONGI_FIFO_LOCKS + in->reading->reads);

    if (r >= 0 && frames)
        r = tongi_fifo_lock(fd, F_RDLCK, TONGI_FIFO_LOCKS + TONGI_FIFO_VACANT);
    if (r >= 0)
        r = tongi_fifo_tries_won(&in->tries, fd);
    in->vacant = r >= 0 && frames;
    /* A long message takes few turns through a large one. Less works too, but for more than the stage see above. */
    if (r >= 0)
        (void)tongi_sys_fcntl_int(fd, F_SETPIPE_SZ, frames ? TONGI_FIFO_BYTES : TONGI_CHUNK_BYTES);
    return r;
}

static int connect_once(struct tongi_fifo_in *in)
{
    int fd = -EAGAIN;

    if (!tongi_fifo_tries_due(&in->tries))
        return -EAGAIN;
    for (int i = 0; fd == -EAGAIN && i < OPEN_TRIES; i++)
        fd = seat_take(in);
    if (fd < 0)
        return fd == -EAGAIN ? fd : TONG_TRACE(fd);
    int r = seat_show(in, fd);
    if (r < 0) {
        tongi_sys_close(fd);
        return TONG_FAIL(r, "%s: it cannot be read: %s", in->name->address, tong_error_text(r));
    }
    in->fd = fd;
    return 0;
}

int tongi_fifo_in_init(struct tongi_fifo_in *in, const struct tongi_start *start,
                       const struct tongi_fifo_reading *reading, struct tongi_fifo_name *name)
{
    in->reading = reading;
    in->name = name;
    in->report = start->report;
    in->end_last = start->opts.end == TONG_END_LAST;
    in->size_max = start->opts.size;
    in->peers_max = start->opts.peers;
    in->fd = in->own = -1;
    tongi_fifo_tries_init(&in->tries, POLLIN);
    int r = connect_once(in);
    return r == -EAGAIN ? 0 : r;
}

void tongi_fifo_in_fini(struct tongi_fifo_in *in, bool owner)
{
    if (!in->reading)
        return;
    disconnect(in, owner);
    tongi_fifo_tries_fini(&in->tries);
    tongi_senders_fini(&in->senders);
    tongi_block_free(&in->body.own);
    tongi_sys_free(in->stage);
}

/* ---- who is there ---------------------------------------------------------------------------------------------- */

void tongi_fifo_missed(struct tongi_fifo_in *in, uint64_t messages)
{
    in->missed += messages;
    tongi_report_count(&in->report->lost, messages);
}

static int trouble_fail(const struct tongi_fifo_in *in, int error)
{
    const char *address = in->name->address;

    if (error == -EMSGSIZE)
        return TONG_FAIL(error,
                         "%s: a message over the limit of %llu came and was dropped; open with a larger size=", address,
                         (unsigned long long)in->size_max);
    if (error == -ENOBUFS)
        return TONG_FAIL(error,
                         "%s: %u writers are there, as many as may be, and a message of another one was dropped; open "
                         "with a larger peers=",
                         address, in->senders.count);
    return TONG_FAIL(error, "%s: what came could not be taken in: %s", address, tong_error_text(error));
}

int tongi_fifo_dropped(struct tongi_fifo_in *in, int error)
{
    tongi_fifo_missed(in, 1);
    return trouble_fail(in, error);
}

uint64_t tongi_fifo_joined(struct tongi_fifo_in *in)
{
    uint64_t peer = tongi_report_peer(in->report);

    in->fate = 0;
    tongi_report_event(in->report, TONG_JOINED, peer);
    return peer;
}

void tongi_fifo_left(struct tongi_fifo_in *in, uint64_t peer, enum tong_event_what what, bool last)
{
    tongi_report_event(in->report, what, peer);
    if (last && in->end_last)
        in->fate = what == TONG_LEFT ? TONG_E_END : TONG_E_GONE;
}

void tongi_fifo_cut(struct tongi_fifo_in *in)
{
    tongi_report_count(&in->report->refused, 1);
    in->reading->left(in);
    in->at = in->end = 0;
    disconnect(in, true);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* The writers have left. A reader of frames says that the next one may begin, and all hold a writing end themselves
 * until somebody writes again. Repeated until it succeeds. */
static int hang_on(struct tongi_fifo_in *in)
{
    char path[32];
    int r = 0;

    if (in->reading->reads == TONGI_FIFO_READS_FRAMES && !in->vacant)
        r = tongi_fifo_lock(in->fd, F_RDLCK, TONGI_FIFO_LOCKS + TONGI_FIFO_VACANT);
    in->vacant = r >= 0 && in->reading->reads == TONGI_FIFO_READS_FRAMES;
    snprintf(path, sizeof path, "/proc/self/fd/%d", in->fd);
    if (r >= 0)
        r = in->own = tongi_sys_open_at(AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
    if (r < 0)
        return TONG_FAIL(r, "%s: what is needed while nobody writes cannot be had: %s%s", in->name->address,
                         tong_error_text(r), r == -EMFILE ? " (raise 'ulimit -n')" : "");
    in->hung = false;
    return 0;
}

/* Nothing is there and nobody writes: did somebody? */
static int end_of_file(struct tongi_fifo_in *in)
{
    struct pollfd polled = {.fd = in->fd, .events = POLLIN};
    const struct timespec at_once = {0};

    if (in->own >= 0 || tongi_sys_ppoll(&polled, 1, &at_once, NULL) <= 0 || !(polled.revents & POLLHUP))
        return -EAGAIN;
    in->reading->left(in);
    in->at = in->end = 0;
    in->hung = tongi_fifo_is_named(in->name, in->fd);
    /* Somebody removed it: the next writers will be where the name leads then. */
    if (!in->hung)
        disconnect(in, true);
    return 0;
}

/* Reads frames only once nobody can take the FIFO for vacant any more. 1: there is nothing to be read. */
static int occupy(struct tongi_fifo_in *in)
{
    int bytes = 0;
    int r = tongi_sys_unread_bytes(in->fd, &bytes);

    if (r >= 0 && bytes == 0)
        return 1;
    if (r >= 0)
        r = tongi_fifo_lock(in->fd, F_UNLCK, TONGI_FIFO_LOCKS + TONGI_FIFO_VACANT);
    if (r < 0)
        return TONG_FAIL(r, "%s: it cannot be read: %s", in->name->address, tong_error_text(r));
    in->vacant = false;
    return 0;
}

/* A long message goes where it belongs, and what follows it into the stage. */
static ssize_t read_some(struct tongi_fifo_in *in)
{
    struct tongi_body *body = &in->body;
    size_t left = body->active ? body->len - body->got : 0;

    if (!left)
        return tongi_sys_read(in->fd, in->stage + in->end, STAGE_BYTES - in->end);
    if (!body->lent && body->got == body->own.room) {
        size_t want = 2 * body->got < body->len ? 2 * body->got : body->len;
        if (tongi_block_reserve(&body->own, want) < 0)
            return -ENOMEM;
    }
    size_t room = body->lent || body->own.room >= body->len ? left : body->own.room - body->got;
    struct iovec vector[2] = {{(body->lent ? body->lent : body->own.data) + body->got, room},
                              {in->stage, room == left ? TONGI_CHUNK_BYTES : 0}};
    ssize_t got = tongi_sys_readv(in->fd, vector, 2);
    if (got <= 0)
        return got;
    size_t here = (size_t)got < room ? (size_t)got : room;
    body->got += here;
    in->taken += here;
    in->end = (size_t)got - here;
    return got;
}

/* Whoever only waits has no stage yet. 1: there is nothing to be read. */
static int stage_make(struct tongi_fifo_in *in)
{
    int bytes = 0;
    int r = tongi_sys_unread_bytes(in->fd, &bytes);

    if (r >= 0 && bytes == 0)
        return 1;
    in->stage = tongi_sys_resize(NULL, STAGE_BYTES);
    return in->stage ? 0 : TONG_FAIL(-ENOMEM, "%s: no memory to receive with", in->name->address);
}

static int fill(struct tongi_fifo_in *in)
{
    int r = in->fd < 0 ? connect_once(in) : 0;

    if (r >= 0 && in->hung)
        r = hang_on(in);
    if (r >= 0 && in->vacant)
        r = occupy(in);
    if (r == 0 && !in->stage)
        r = stage_make(in);
    if (r != 0)
        return r < 0 ? r : end_of_file(in);
    if (in->at) {
        memmove(in->stage, in->stage + in->at, in->end - in->at);
        in->end -= in->at;
        in->at = 0;
    }
    size_t before = in->end;
    ssize_t got = read_some(in);
    if (got == 0)
        return end_of_file(in);
    if (got < 0)
        return got == -EAGAIN
                   ? -EAGAIN
                   : TONG_FAIL((int)got, "%s: it cannot be read: %s", in->name->address, tong_error_text((int)got));
    if (!in->body.active)
        in->end = before + (size_t)got;
    in->own = tongi_sys_close(in->own);
    return 0;
}

static int fate_fail(struct tongi_fifo_in *in)
{
    in->over = true;
    return in->fate == TONG_E_END
               ? TONG_FAIL(TONG_E_END, "%s: the last writer finished and everything was delivered", in->name->address)
               : TONG_FAIL(TONG_E_GONE, "%s: the last writer went without a farewell", in->name->address);
}

/* Makes a message ready: 0, -EAGAIN, or an error. */
static int next(struct tongi_fifo_in *in, bool may_read, const tong_bytes *direct)
{
    for (int fills = 0; !in->ready; fills++) {
        int r = in->over ? 0 : in->reading->parse(in, direct);
        in->ready = r > 0;
        in->exhausted = r == 0;
        if (r != 0)
            return r > 0 ? 0 : r;
        if (in->dead)
            tongi_fifo_reap(in, false);
        if (in->fate)
            return fate_fail(in);
        if (!may_read || fills == FILLS_MAX)
            return -EAGAIN;
        r = fill(in);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- slots ----------------------------------------------------------------------------------------------------- */

static int toobig(const struct tongi_fifo_in *in, size_t room)
{
    return TONG_FAIL(TONG_E_TOOBIG, "%s: the next message has %zu bytes and the room %zu", in->name->address,
                     in->message.len, room);
}

static void meta_fill(const struct tongi_fifo_in *in, tong_meta *meta)
{
    meta->peer = in->message.peer;
    meta->sequence = in->message.sequence;
    meta->lost = in->missed;
}

int64_t tongi_fifo_in_recv(struct tongi_fifo_in *in, tong_bytes *msgs, uint32_t n, tong_meta *meta)
{
    uint32_t done = 0;
    int r = in->trouble;

    in->trouble = 0;
    if (r < 0)
        return trouble_fail(in, r);
    for (; done < n; done++) {
        r = next(in, done == 0, done == 0 ? &msgs[0] : NULL);
        if (r >= 0 && in->message.len > msgs[done].len)
            r = done ? -EAGAIN : toobig(in, msgs[done].len);
        if (r < 0)
            break;
        if (in->message.data && in->message.len)
            memcpy(msgs[done].data, in->message.data, in->message.len);
        msgs[done].len = in->message.len;
        if (meta)
            meta_fill(in, meta);
        in->missed = 0;
        in->ready = in->exhausted = false;
    }
    if (done == 0) {
        /* Only who is told to try again has lent us his room. */
        int settled = r == -EAGAIN ? 0 : tongi_fifo_in_settle(in);
        return settled < 0 ? settled : r;
    }
    /* What is wrong behind these messages is told when they have been taken. */
    if (r < 0 && r != -EAGAIN && !in->over)
        in->trouble = r;
    if (in->over && !in->ready)
        in->over = false;
    return done;
}

int64_t tongi_fifo_in_next_size(struct tongi_fifo_in *in)
{
    int r = next(in, true, NULL);

    return r < 0 ? r : (int64_t)in->message.len;
}

int tongi_fifo_in_settle(struct tongi_fifo_in *in)
{
    return in->reading->settle ? in->reading->settle(in) : 0;
}

int tongi_fifo_in_step(struct tongi_fifo_in *in)
{
    int r = in->fd < 0 && !in->over ? connect_once(in) : 0;

    if (r < 0 || in->over)
        return r;
    r = in->trouble ? 0 : next(in, true, NULL);
    if (r < 0 && r != -EAGAIN && !in->over)
        in->trouble = r;
    /* What the dead have written before stands in the FIFO at most, so what is read now is all of it. */
    if (in->senders.count && !in->over) {
        tongi_fifo_reap(in, true);
        (void)(in->trouble ? 0 : next(in, true, NULL));
    }
    return 0;
}

int tongi_fifo_in_pollset(struct tongi_fifo_in *in, struct pollfd *set, int64_t *until_ns)
{
    if (in->fd >= 0) {
        set[0] = (struct pollfd){.fd = in->fd, .events = POLLIN};
        return 1;
    }
    if (in->tries.next_ns < *until_ns)
        *until_ns = in->tries.next_ns;
    return 0;
}

int tongi_fifo_in_fd(struct tongi_fifo_in *in)
{
    int fd = tongi_fifo_tries_fd(&in->tries, in->fd);

    return fd < 0 ? TONG_FAIL(fd, "%s: no descriptor for an event loop: %s", in->name->address, tong_error_text(fd))
                  : fd;
}

bool tongi_fifo_in_ready(const struct tongi_fifo_in *in)
{
    return in->ready || in->trouble || in->fate || (in->at < in->end && !in->exhausted);
}

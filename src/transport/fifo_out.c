/* SPDX-License-Identifier: MIT */
#include "transport/fifo_out.h"

#include <fcntl.h>

#include "base/error.h"
#include "sys/clock.h"
#include "sys/sys.h"

/* ---- finding a reader ------------------------------------------------------------------------------------------ */

static const char *reader_kind(int reads)
{
    static const char *const kinds[] = {
        [TONGI_FIFO_READS_FRAGMENTS] = "messages of many writers (writers=many)",
        [TONGI_FIFO_READS_FRAMES] = "messages of one writer (writers=one)",
        [TONGI_FIFO_READS_LINES] = "lines (framing=line)",
        [TONGI_FIFO_READS_RAW] = "bytes (framing=raw)",
    };

    return kinds[reads];
}

/* Does the reader take our bytes for what they are? -EAGAIN: it does not say yet, or is no reader of tong. */
static int reader_check(const struct tongi_fifo_out *out, int fd)
{
    int r = tongi_fifo_is_locked(fd, TONGI_FIFO_LOCKS + out->writing->reads);

    if (r != 0)
        return r < 0 ? r : 0;
    for (int reads = TONGI_FIFO_READS_FRAGMENTS; reads <= TONGI_FIFO_READS_RAW; reads++) {
        r = tongi_fifo_is_locked(fd, TONGI_FIFO_LOCKS + reads);
        if (r > 0)
            return TONG_FAIL(TONG_E_REFUSED, "%s: its reader reads %s, and this end was to write %s; open both alike",
                             out->name->address, reader_kind(reads), reader_kind((int)out->writing->reads));
        if (r < 0)
            return r;
    }
    return out->writing->strangers ? 0 : -EAGAIN;
}

static int gone_fail(const struct tongi_fifo_out *out)
{
    return TONG_FAIL(TONG_E_GONE, "%s: its reader is gone", out->name->address);
}

static int connect_once(struct tongi_fifo_out *out)
{
    if (out->had && !out->reconnect)
        return gone_fail(out);
    if (!tongi_fifo_tries_due(&out->tries))
        return -EAGAIN;
    int fd = tongi_fifo_open(out->name, O_WRONLY);
    if (fd < 0)
        return fd == -EAGAIN ? fd : TONG_TRACE(fd);
    int r = reader_check(out, fd);
    if (r >= 0)
        r = out->writing->begin(out, fd);
    if (r >= 0)
        r = tongi_fifo_tries_won(&out->tries, fd);
    if (r < 0) {
        out->writing->forget(out);
        tongi_sys_close(fd);
        if (r == -EAGAIN || r == TONG_E_REFUSED || r == -EBUSY)
            return r;
        return TONG_FAIL(r, "%s: it cannot be written: %s", out->name->address, tong_error_text(r));
    }
    out->fd = fd;
    out->had = true;
    out->peer = tongi_report_peer(out->report);
    tongi_report_event(out->report, TONG_JOINED, out->peer);
    /* The greeting, so that the reader knows of us. Whatever is in its way now is met again by the first message. */
    (void)out->writing->push(out);
    return 0;
}

static void disconnect(struct tongi_fifo_out *out, bool owner, enum tong_event_what what)
{
    if (out->fd < 0)
        return;
    if (owner) {
        tongi_fifo_tries_lost(&out->tries, out->fd);
        tongi_fifo_unlock(out->fd);
        tongi_report_event(out->report, what, out->peer);
    }
    out->writing->forget(out);
    out->fd = tongi_sys_close(out->fd);
    out->begun_bytes = 0;
    out->rest_at = out->rest_end = 0;
}

void tongi_fifo_out_init(struct tongi_fifo_out *out, const struct tongi_start *start,
                         const struct tongi_fifo_writing *writing, struct tongi_fifo_name *name)
{
    out->writing = writing;
    out->name = name;
    out->report = start->report;
    out->reconnect = start->opts.reconnect != TONG_NO;
    out->size_max = start->opts.size;
    out->fd = -1;
    tongi_fifo_tries_init(&out->tries, POLLOUT);
}

void tongi_fifo_out_fini(struct tongi_fifo_out *out, bool owner)
{
    if (!out->writing)
        return;
    disconnect(out, owner, TONG_LEFT);
    tongi_fifo_tries_fini(&out->tries);
    tongi_block_free(&out->rest);
    tongi_sys_free(out->scratch);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* The FIFO is full. As long as a child of the reader's process holds it open, that is all we see of a reader's end. */
static bool reader_went(const struct tongi_fifo_out *out)
{
    return !out->writing->strangers && tongi_fifo_is_locked(out->fd, TONGI_FIFO_LOCKS + out->writing->reads) == 0;
}

/* What writing came to: with the reader, what was unfinished is lost, and 0 says that another may be found. */
static int weigh(struct tongi_fifo_out *out, int error)
{
    if (error == -ENOMEM)
        return TONG_FAIL(error, "%s: the system has no memory to send with", out->name->address);
    if (error == TONG_E_TOOBIG || error == -EINVAL || (error == -EAGAIN && !reader_went(out)))
        return error;
    disconnect(out, true, TONG_CUT);
    return 0;
}

/* Without anything to be written, does the kernel say that nobody reads any more? */
static bool is_deserted(const struct tongi_fifo_out *out)
{
    struct pollfd polled = {.fd = out->fd};
    const struct timespec at_once = {0};

    return tongi_sys_ppoll(&polled, 1, &at_once, NULL) > 0 && polled.revents & POLLERR;
}

int tongi_fifo_out_step(struct tongi_fifo_out *out)
{
    if (out->fd >= 0 && is_deserted(out))
        disconnect(out, true, TONG_CUT);
    return out->fd < 0 && !out->finished ? connect_once(out) : 0;
}

int64_t tongi_fifo_out_send(struct tongi_fifo_out *out, const struct tongi_batch *batch)
{
    for (;;) {
        int r = out->fd < 0 ? connect_once(out) : 0;
        if (r < 0)
            return r;
        int64_t sent = out->rest_at < out->rest_end ? out->writing->push(out) : 0;
        if (sent >= 0)
            sent = out->writing->send(out, batch);
        if (sent >= 0)
            return sent;
        r = weigh(out, (int)sent);
        if (r < 0)
            return r;
    }
}

int tongi_fifo_out_settle(struct tongi_fifo_out *out)
{
    if (!out->begun_bytes)
        return 0;
    if (out->writing->keep(out) >= 0) {
        out->begun_bytes = 0;
        return 1;
    }
    /* Nothing may follow half a message, so its reader is left. */
    disconnect(out, true, TONG_CUT);
    return TONG_FAIL(-ENOMEM, "%s: no memory for the remainder of a message; it was broken off", out->name->address);
}

int tongi_fifo_out_flush(struct tongi_fifo_out *out)
{
    int r = out->fd < 0 ? 0 : out->writing->push(out);

    if (r < 0 && (r = weigh(out, r)) == 0)
        return gone_fail(out);
    return r;
}

int tongi_fifo_out_finish(struct tongi_fifo_out *out)
{
    bool owed = out->rest_at < out->rest_end || (out->link && out->link->rest_at < out->link->rest_end);
    int r = out->fd < 0 ? 0 : out->writing->push(out);

    if (r >= 0 && out->fd >= 0 && out->writing->bid)
        r = out->writing->bid(out);
    if (r < 0 && (r = weigh(out, r)) < 0)
        return r;
    /* Everything that was said to be sent had reached the FIFO, but for what was kept. */
    if (owed && out->fd < 0)
        return gone_fail(out);
    disconnect(out, true, TONG_LEFT);
    out->finished = true;
    return 0;
}

int tongi_fifo_out_pollset(struct tongi_fifo_out *out, struct pollfd *set, int64_t *until_ns)
{
    if (out->fd >= 0) {
        set[0] = (struct pollfd){.fd = out->fd, .events = POLLOUT};
        return 1;
    }
    if (out->tries.next_ns < *until_ns)
        *until_ns = out->tries.next_ns;
    return 0;
}

int tongi_fifo_out_fd(struct tongi_fifo_out *out)
{
    int fd = tongi_fifo_tries_fd(&out->tries, out->fd);

    return fd < 0 ? TONG_FAIL(fd, "%s: no descriptor for an event loop: %s", out->name->address, tong_error_text(fd))
                  : fd;
}

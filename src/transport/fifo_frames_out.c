/* SPDX-License-Identifier: MIT */
/*
 * Writing as the only writer: frames of any length, as many per write() as there are. The one lock makes this end the
 * only one, and it begins only where the reader says that nothing of a predecessor is left: neither half a frame that
 * it has read, nor bytes that it has not.
 */
#include <fcntl.h>

#include "base/error.h"
#include "base/limits.h"
#include "prim/frame.h"
#include "sys/sys.h"
#include "transport/fifo_out.h"

/*
 * The reader lets go of the vacancy before it reads the first byte. So under the writers' lock, where nobody else
 * writes: if the FIFO is empty and after that the vacancy is held, then nothing was written since it was taken.
 */
static int vacancy_check(int fd)
{
    int unread = 0;
    int r = tongi_sys_unread_bytes(fd, &unread);

    if (r < 0 || unread)
        return r < 0 ? r : -EAGAIN;
    r = tongi_fifo_is_locked(fd, TONGI_FIFO_LOCKS + TONGI_FIFO_VACANT);
    return r < 0 ? r : r ? 0 : -EAGAIN;
}

/* Occupied by somebody who lives, or on the way of becoming vacant? */
static int occupied(const struct tongi_fifo_out *out, int fd)
{
    int r = tongi_fifo_is_locked(fd, TONGI_FIFO_LOCKS + TONGI_FIFO_WRITER);

    if (r <= 0)
        return r < 0 ? r : -EAGAIN;
    return TONG_FAIL(-EBUSY, "%s: another writer has it; end that one first, or open all ends without writers=one",
                     out->name->address);
}

static int frames_begin(struct tongi_fifo_out *out, int fd)
{
    uint8_t hello[TONGI_HELLO_BYTES];
    int r = vacancy_check(fd);

    if (r == -EAGAIN)
        return occupied(out, fd);
    if (r >= 0)
        r = tongi_fifo_lock(fd, F_WRLCK, TONGI_FIFO_LOCKS + TONGI_FIFO_WRITER);
    if (r >= 0)
        r = vacancy_check(fd);
    if (r < 0)
        return r;
    out->link = tongi_link_new(-1, fd, TONGI_WIRE_PIPE);
    if (!out->link)
        return -ENOMEM;
    tongi_hello_encode(hello, &(struct tongi_hello){.role = TONG_PUSH, .size_max = out->size_max});
    return tongi_link_keep_bytes(out->link, hello, sizeof hello);
}

static int64_t frames_send(struct tongi_fifo_out *out, const struct tongi_batch *batch)
{
    struct tongi_written written;

    if (!out->scratch && !(out->scratch = tongi_sys_resize(NULL, TONGI_CHUNK_BYTES)))
        return -ENOMEM;
    int r = tongi_link_write(out->link, batch, out->begun_bytes, out->scratch, &written);
    if (r < 0)
        return r;
    if (written.messages)
        out->begun_bytes = 0;
    if (written.begun == 0)
        return written.messages ? (int64_t)written.messages : -EAGAIN;
    if (written.messages == 0) {
        out->begun = *batch;
        out->begun_bytes = written.begun;
        return -EAGAIN;
    }
    /* A message behind others that went in: kept, so that it counts with them. */
    return tongi_link_keep(out->link, batch, written.messages, written.begun) < 0 ? -EPIPE
                                                                                  : (int64_t)written.messages + 1;
}

static int frames_push(struct tongi_fifo_out *out)
{
    return out->link ? tongi_link_push(out->link) : 0;
}

static int frames_keep(struct tongi_fifo_out *out)
{
    return tongi_link_keep(out->link, &out->begun, 0, out->begun_bytes);
}

static int frames_bid(struct tongi_fifo_out *out)
{
    uint8_t end[TONGI_FRAME_BYTES];

    if (!out->link->farewell) {
        tongi_frame_encode(end, TONGI_FRAME_END, 0);
        if (tongi_link_keep_bytes(out->link, end, sizeof end) < 0)
            return -ENOMEM;
        out->link->farewell = true;
    }
    return tongi_link_push(out->link);
}

static void frames_forget(struct tongi_fifo_out *out)
{
    if (!out->link)
        return;
    out->link->out_fd = -1;
    tongi_link_free(out->link, false);
    out->link = NULL;
}

const struct tongi_fifo_writing tongi_fifo_frames_out = {
    .reads = TONGI_FIFO_READS_FRAMES,
    .begin = frames_begin,
    .send = frames_send,
    .push = frames_push,
    .keep = frames_keep,
    .bid = frames_bid,
    .forget = frames_forget,
};

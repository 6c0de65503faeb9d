/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUT_CHUNK = 64 * 1024 }; /* what a pipe gives at once */

static enum input_cut cut_choose(const struct tool_options *opt, enum input_cut otherwise)
{
    if (opt->lines)
        return INPUT_LINES;
    if (opt->null)
        return INPUT_NULS;
    return opt->block ? INPUT_BLOCKS : otherwise;
}

enum input_cut input_cut_for(uint32_t bits, enum input_cut otherwise)
{
    if (bits & TONG_CAP_LINES)
        return INPUT_LINES;
    return bits & TONG_CAP_BYTES ? INPUT_READS : otherwise;
}

void input_init(struct input *in, const struct tool *tool, int fd, enum input_cut otherwise, size_t size_max)
{
    struct stat status;

    *in = (struct input){.fd = fd, .cut = cut_choose(&tool->opt, otherwise), .size_max = size_max};
    in->block = tool->opt.block;
    in->waits = fstat(fd, &status) < 0 || !S_ISREG(status.st_mode);
}

void input_fini(struct input *in)
{
    free(in->data);
    *in = (struct input){.fd = -1};
}

/* Makes room behind the bytes that are not cut yet: at the front if there is some, otherwise twice as much. */
static int room_make(struct input *in)
{
    size_t kept = in->filled - in->start, room;
    char *data;

    if (in->start) {
        memmove(in->data, in->data + in->start, kept);
        in->scanned -= in->start;
        in->start = 0;
        in->filled = kept;
    }
    if (in->room - in->filled >= INPUT_CHUNK)
        return 0;
    room = in->room ? 2 * in->room : INPUT_CHUNK;
    data = realloc(in->data, room);
    if (!data)
        return -ENOMEM;
    in->data = data;
    in->room = room;
    return 0;
}

/* A signal between a check and a read would be missed; a descriptor that stays readable is not. */
static int readable_wait(const struct input *in)
{
    struct pollfd fds[2] = {{.fd = in->fd, .events = POLLIN}, {.fd = tool_stop_fd(), .events = POLLIN}};

    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return fds[1].revents ? -EINTR : 0;
}

int input_read(struct input *in)
{
    ssize_t n;
    int r = in->cut == INPUT_BLOCKS && in->block > in->size_max ? -EMSGSIZE : room_make(in);

    if (r < 0)
        return r;
    do {
        r = in->waits ? readable_wait(in) : 0;
        if (r < 0)
            return r;
        n = read(in->fd, in->data + in->filled, in->room - in->filled);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0)
        return -errno;
    in->filled += (size_t)n;
    in->ended = n == 0;
    /* A delimiter may be among the bytes, so only what was searched in vain counts; the whole has none. */
    if (in->cut == INPUT_WHOLE && in->filled > in->size_max)
        return -EMSGSIZE;
    return in->scanned - in->start > in->size_max ? -EMSGSIZE : 0;
}

/* Finds the next delimited message; what follows the last delimiter counts when the stream ended. */
static bool delimited_take(struct input *in, char delimiter, tong_view *ret_view)
{
    size_t rest = in->filled - in->scanned;
    char *end = rest ? memchr(in->data + in->scanned, delimiter, rest) : NULL;

    if (!end && !(in->ended && in->start < in->filled)) {
        in->scanned = in->filled;
        return false;
    }
    *ret_view = (tong_view){in->data + in->start, (size_t)((end ? end : in->data + in->filled) - in->data) - in->start};
    in->start += ret_view->len + (end ? 1 : 0);
    in->scanned = in->start;
    return true;
}

static bool block_take(struct input *in, tong_view *ret_view)
{
    size_t rest = in->filled - in->start;

    if (rest < in->block && !(in->ended && rest))
        return false;
    *ret_view = (tong_view){in->data + in->start, rest < in->block ? rest : in->block};
    in->start += ret_view->len;
    in->scanned = in->start;
    return true;
}

/* Whatever is there. */
static bool read_take(struct input *in, tong_view *ret_view)
{
    size_t rest = in->filled - in->start;

    *ret_view = (tong_view){in->data + in->start, rest < in->size_max ? rest : in->size_max};
    in->start += ret_view->len;
    in->scanned = in->start;
    return rest > 0;
}

/* One message, which may be empty. */
static bool whole_take(struct input *in, tong_view *ret_view)
{
    if (!in->ended || in->count)
        return false;
    *ret_view = (tong_view){in->data, in->filled};
    in->start = in->filled;
    return true;
}

static bool view_take(struct input *in, tong_view *ret_view)
{
    switch (in->cut) {
    case INPUT_WHOLE:
        return whole_take(in, ret_view);
    case INPUT_LINES:
        return delimited_take(in, '\n', ret_view);
    case INPUT_NULS:
        return delimited_take(in, '\0', ret_view);
    case INPUT_BLOCKS:
        return block_take(in, ret_view);
    case INPUT_READS:
        return read_take(in, ret_view);
    }
    return false;
}

uint32_t input_take(struct input *in, tong_view *ret_views, uint32_t n)
{
    uint32_t taken = 0;

    while (taken < n && view_take(in, &ret_views[taken])) {
        taken++;
        in->count++;
    }
    return taken;
}

bool input_done(const struct input *in)
{
    return in->ended && in->start == in->filled && (in->count || in->cut != INPUT_WHOLE);
}

int input_fail(const struct input *in, const struct tool *tool, const char *address, const char *name, int error)
{
    if (error != -EMSGSIZE)
        return tool_fail_file(tool, name, -error);
    if (in->cut == INPUT_WHOLE)
        tool_complain(tool,
                      _("%s: %s is longer than the largest message, %zu bytes; send it in pieces with --block, or open "
                        "both ends with a larger ?size="),
                      address, name, in->size_max);
    else
        tool_complain(tool,
                      _("%s: message %llu of %s is longer than the largest message, %zu bytes; open both ends with a "
                        "larger ?size="),
                      address, (unsigned long long)in->count + 1, name, in->size_max);
    return TOOL_LIMIT;
}

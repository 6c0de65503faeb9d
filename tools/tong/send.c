/* SPDX-License-Identifier: MIT */
/* tong send: what comes from standard input, files or the command line goes out as messages. */
#include "input.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEND_BATCH = 1024 };
/* How long the listener gets to say no. */
#define REFUSAL_NS INT64_C(100000000)

struct sending {
    const struct tool *tool;
    const char *address;
    tong_channel *ch;
    size_t size_max;
    enum input_cut cut; /* unless the options say otherwise */
    uint64_t messages, bytes;
    struct progress progress;
};

static bool sending_enough(const struct sending *s)
{
    return s->tool->opt.count && s->messages >= s->tool->opt.count;
}

static int views_send(struct sending *s, const tong_view *views, uint32_t n)
{
    int64_t sent;
    int r;

    for (uint32_t done = 0; done < n; done += (uint32_t)sent) {
        uint64_t bytes = 0;

        sent = tong_send_many(s->ch, views + done, n - done, tool_deadline(s->tool));
        if (sent < 0)
            return tool_fail(s->tool, sent);
        for (uint32_t i = done; i < done + sent; i++)
            bytes += views[i].len;
        s->messages += (uint64_t)sent;
        s->bytes += bytes;
        progress_step(&s->progress, bytes);
    }
    /* The next read may wait for long, and nobody else would move a remainder on. */
    r = tong_flush(s->ch, TONG_ACCEPTED, tool_deadline(s->tool));
    return r < 0 && r != TONG_E_NOCAP ? tool_fail(s->tool, r) : TOOL_DONE;
}

/* Sends the messages that are complete. */
static int taken_send(struct sending *s, struct input *in)
{
    tong_view views[SEND_BATCH];

    while (!sending_enough(s)) {
        uint64_t left = s->tool->opt.count - s->messages;
        uint32_t room = s->tool->opt.count && left < SEND_BATCH ? (uint32_t)left : SEND_BATCH;
        uint32_t n = input_take(in, views, room);
        int code;

        if (n == 0)
            break;
        code = views_send(s, views, n);
        if (code != TOOL_DONE)
            return code;
    }
    return TOOL_DONE;
}

static int stream_send(struct sending *s, int fd, const char *name)
{
    struct input in;
    int code = TOOL_DONE;

    input_init(&in, s->tool, fd, s->cut, s->size_max);
    while (code == TOOL_DONE && !input_done(&in) && !sending_enough(s)) {
        int r = input_read(&in);

        code = r < 0 ? input_fail(&in, s->tool, s->address, name, r) : taken_send(s, &in);
    }
    input_fini(&in);
    return code;
}

static int file_send(struct sending *s, const char *path)
{
    struct stat status;
    int fd, code;

    if (strcmp(path, "-") == 0)
        return stream_send(s, STDIN_FILENO, _("standard input"));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tool_fail_file(s->tool, path, errno);
    progress_begin(&s->progress, s->tool, path,
                   fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0);
    code = stream_send(s, fd, path);
    progress_end(&s->progress);
    close(fd);
    return code;
}

/*
 * A connector has its message in the kernel before the listener has looked at who it is. That takes a moment, after
 * which there is a refusal, or the listener has read the farewell and gone; one that is busy is not waited for.
 */
static int refusal_await(const struct sending *s)
{
    int64_t until_ns = tool_now_ns() + REFUSAL_NS;
    struct pollfd stop = {.fd = tool_stop_fd(), .events = POLLIN};
    bool over = false;
    tong_event event;

    while (!over && tool_now_ns() < until_ns && poll(&stop, 1, 1) == 0) {
        while (tong_events(s->ch, &event, 1) == 1)
            over = over || event.what == TONG_LEFT || event.what == TONG_CUT || event.what == TONG_DIED;
        if (tong_finish(s->ch, tong_now()) == TONG_E_REFUSED)
            return tool_fail(s->tool, TONG_E_REFUSED);
    }
    return TOOL_DONE;
}

static int all_send(struct sending *s, int n_paths, char **paths)
{
    const char *message = s->tool->opt.message;
    int code = tool_wait_peer(s->tool, s->ch, s->address), r;

    if (code == TOOL_DONE && message)
        code = views_send(s, &(tong_view){message, strlen(message)}, 1);
    else if (code == TOOL_DONE && n_paths == 0)
        code = file_send(s, "-");
    for (int i = 0; i < n_paths && code == TOOL_DONE && !sending_enough(s); i++)
        code = file_send(s, paths[i]);
    if (code != TOOL_DONE)
        return code;
    r = tong_finish(s->ch, tool_deadline(s->tool));
    /* All of it reached the channel's level. A receiver that has enough does not wait for the farewell. */
    if (r == TONG_E_GONE && !tool_stopped()) {
        tool_tell(s->tool, _("%s: the receiver left before it was told that this is all"), s->address);
        return TOOL_DONE;
    }
    return r < 0 ? tool_fail(s->tool, r) : refusal_await(s);
}

static void sending_report(const struct sending *s, int64_t begun_ns)
{
    double seconds = (double)(tool_now_ns() - begun_ns) / 1e9;

    tool_tell(s->tool, _("%s: sent %" PRIu64 " messages, %" PRIu64 " bytes, in %.3f s"), s->address, s->messages,
              s->bytes, seconds);
    if (s->tool->opt.json) {
        json_t *object = json_pack("{s:i, s:s, s:I, s:I, s:f}", "schema", 1, "address", s->address, "messages",
                                   (json_int_t)s->messages, "bytes", (json_int_t)s->bytes, "seconds", seconds);

        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        json_decref(object);
        putchar('\n');
    }
}

static int usage_check(const struct tool *tool, int n_paths)
{
    const struct tool_options *opt = &tool->opt;

    if (opt->lines + opt->null + (opt->block > 0) > 1)
        return tool_usage(tool, _("an input is cut in one way: --lines, --null or --block"));
    if (opt->message && (n_paths || opt->lines || opt->null || opt->block))
        return tool_usage(tool, _("--message is sent as it is, and instead of files"));
    return TOOL_DONE;
}

int verb_send(struct tool *tool, int argc, char **argv)
{
    struct sending s = {.tool = tool, .address = argv[0]};
    tong_caps caps = {.struct_size = sizeof caps};
    int64_t begun_ns = tool_now_ns();
    int r, code = usage_check(tool, argc - 1);

    if (code == TOOL_DONE)
        code = tool_catch_signals(tool);
    if (code == TOOL_DONE)
        code = tool_open(tool, &s.ch, s.address, TONG_PUSH);
    if (code != TOOL_DONE)
        return code;
    r = tong_get_caps(s.ch, &caps);
    s.size_max = caps.size_max;
    s.cut = input_cut_for(caps.bits, INPUT_WHOLE);
    code = r < 0 ? tool_fail(tool, r) : all_send(&s, argc - 1, argv + 1);
    sending_report(&s, begun_ns);
    tool_close(s.ch);
    return code;
}

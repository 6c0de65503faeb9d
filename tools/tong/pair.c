/* SPDX-License-Identifier: MIT */
/* tong pair: standard input goes out and what arrives goes to standard output, until both sides have finished. */
#include "input.h"
#include "strangers.h"
#include "take.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { PAIR_BATCH = 256 };

struct pairing {
    const struct tool *tool;
    const char *address;
    tong_channel *ch;
    struct input in;
    struct taking taking;
    tong_view views[PAIR_BATCH]; /* cut from the input and not sent yet: [first, first + waiting) */
    uint32_t first, waiting;
    bool unmoved;  /* the channel may hold a remainder that nobody else moves on */
    bool closed;   /* nothing more comes from the input */
    bool finished; /* the peer was told so */
    bool ended;    /* the peer told us so */
};

/* Sends what is cut and waits; -EAGAIN means that the channel has no room now. */
static int64_t waiting_send(struct pairing *p)
{
    while (p->waiting) {
        int64_t sent = tong_send_many(p->ch, p->views + p->first, p->waiting, tong_now());

        if (sent < 0)
            return sent;
        p->first += (uint32_t)sent;
        p->waiting -= (uint32_t)sent;
        p->unmoved = true;
    }
    return 0;
}

/* Sends what was read, and everything that the channel kept of it; -EAGAIN as above. */
static int64_t read_send(struct pairing *p)
{
    int64_t r = waiting_send(p);

    while (r == 0 && !p->closed && (p->waiting = input_take(&p->in, p->views, PAIR_BATCH)) > 0) {
        p->first = 0;
        r = waiting_send(p);
    }
    if (r == 0 && p->unmoved)
        r = tong_flush(p->ch, TONG_ACCEPTED, tong_now());
    if (r < 0 && r != TONG_E_NOCAP)
        return r;
    p->unmoved = false;
    return 0;
}

/* Writes what has arrived, without waiting for more. */
static int in_move(struct pairing *p)
{
    while (!p->ended) {
        int64_t n;
        int code = taking_step(&p->taking, tong_now(), &n);

        if (code != TOOL_DONE || n == -EAGAIN)
            return code;
        p->ended = n < 0;
        if (taking_enough(&p->taking))
            p->ended = p->closed = true;
    }
    return TOOL_DONE;
}

/* Who hung up may have said why, to whoever receives. */
static int out_fail(struct pairing *p, int64_t error)
{
    char detail[1024];
    int code;

    snprintf(detail, sizeof detail, "%s", tong_error_detail());
    code = error == TONG_E_GONE ? in_move(p) : TOOL_DONE;
    if (code != TOOL_DONE || tool_stopped())
        return code != TOOL_DONE ? code : tool_fail(p->tool, error);
    tool_complain(p->tool, "%s", detail);
    return (int)tool_exit_code(error);
}

/* Moves the way out as far as it goes without waiting. */
static int out_move(struct pairing *p)
{
    int64_t r = p->finished ? 0 : read_send(p);

    p->closed = p->closed || input_done(&p->in);
    if (r == 0 && p->closed && !p->finished) {
        r = tong_finish(p->ch, tong_now());
        p->finished = r >= 0;
    }
    return r < 0 && r != -EAGAIN ? out_fail(p, r) : TOOL_DONE;
}

/* poll with the time of --timeout. */
static int timed_poll(const struct tool *tool, struct pollfd *fds, nfds_t n)
{
    int64_t ns = tool->opt.timeout_ns;
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    int ready;

    do
        ready = ppoll(fds, n, ns < 0 ? NULL : &time, NULL);
    while (ready < 0 && errno == EINTR && !tool_stopped());
    return ready;
}

/* Waits until something can move, and reads the input if it is that. */
static int anything_wait(struct pairing *p)
{
    bool wants_out = p->waiting || p->unmoved || (p->closed && !p->finished);
    int in = tong_fd(p->ch, TONG_IN), out = tong_fd(p->ch, TONG_OUT), ready, r = 0;
    struct pollfd fds[] = {
        {.fd = tool_stop_fd(), .events = POLLIN},
        {.fd = p->ended ? -1 : in, .events = POLLIN},
        {.fd = wants_out ? out : -1, .events = POLLIN},
        {.fd = p->waiting || p->closed ? -1 : p->in.fd, .events = POLLIN},
    };

    if (in < 0 || out < 0)
        return tool_fail(p->tool, in < 0 ? in : out);
    ready = timed_poll(p->tool, fds, sizeof fds / sizeof fds[0]);
    if (ready < 0 || tool_stopped())
        return tool_fail_file(p->tool, "poll", errno);
    if (ready == 0)
        return tool_timed_out(p->tool, p->address, _("nothing moved"));
    if (fds[3].revents)
        r = input_read(&p->in);
    return r < 0 ? input_fail(&p->in, p->tool, p->address, _("standard input"), r) : TOOL_DONE;
}

static int pairing_run(struct pairing *p)
{
    int code;

    do {
        code = out_move(p);
        if (code == TOOL_DONE)
            code = in_move(p);
        if (code != TOOL_DONE || (p->finished && p->ended))
            return code;
        code = anything_wait(p);
    } while (code == TOOL_DONE);
    return code;
}

/* Waits for the first who may come in. */
static int first_take(const struct tool *tool, const char *address, tong_channel **ch)
{
    tong_deadline deadline = tool_deadline(tool), slice;
    struct strangers strangers = {.told = 0};
    int r;

    do {
        slice = strangers_slice(deadline);
        r = tool_pair_take(ch, slice);
        if (r < 0)
            strangers_tell(&strangers, tool, *ch, address);
    } while (r == -ETIMEDOUT && slice.ns != deadline.ns);
    return r;
}

static int pairing_open(const struct tool *tool, const char *address, tong_channel **ch)
{
    int r, code = tool_open(tool, ch, address, TONG_PAIR);

    if (code != TOOL_DONE)
        return code;
    if (tool->opt.listen) {
        tool_tell(tool, _("%s: listening"), address);
        r = first_take(tool, address, ch);
        if (r < 0)
            return r == -ETIMEDOUT || r == -EAGAIN ? tool_timed_out(tool, address, _("nobody came"))
                                                   : tool_fail(tool, r);
    }
    return tool_wait_peer(tool, *ch, address);
}

int verb_pair(struct tool *tool, int argc, char **argv)
{
    struct output out;
    struct pairing p = {.tool = tool, .address = argv[0], .taking = {.tool = tool, .out = &out}};
    tong_caps caps = {.struct_size = sizeof caps};
    int r, code = output_init(&out, tool, tool->opt.block ? OUTPUT_RAW : OUTPUT_LINES);

    (void)argc;
    if (code == TOOL_DONE)
        code = tool_catch_signals(tool);
    if (code == TOOL_DONE)
        code = pairing_open(tool, p.address, &p.ch);
    if (code == TOOL_DONE) {
        r = tong_get_caps(p.ch, &caps);
        p.taking.ch = p.ch;
        output_follow(&out, caps.bits);
        input_init(&p.in, tool, STDIN_FILENO, input_cut_for(caps.bits, INPUT_LINES), caps.size_max);
        code = r < 0 ? tool_fail(tool, r) : pairing_run(&p);
        input_fini(&p.in);
    }
    tool_close(p.ch);
    output_fini(&out);
    return code;
}

/* SPDX-License-Identifier: MIT */
/* tong recv: what arrives goes to standard output. */
#include "strangers.h"
#include "take.h"

#include <errno.h>
#include <inttypes.h>

/* One step, as long as --timeout lets it wait. */
static int one_take(struct taking *t, const char *address, struct strangers *strangers, int64_t *ret_n)
{
    tong_deadline deadline = tool_deadline(t->tool), slice;
    int code;

    do {
        slice = strangers_slice(deadline);
        code = taking_step(t, slice, ret_n);
        strangers_tell(strangers, t->tool, t->ch, address);
    } while (code == TOOL_DONE && *ret_n == -ETIMEDOUT && slice.ns != deadline.ns);
    return code;
}

static int all_take(struct taking *t, const char *address)
{
    struct strangers strangers = {.told = 0};

    while (!taking_enough(t)) {
        int64_t n;
        int code = one_take(t, address, &strangers, &n);

        if (code != TOOL_DONE || n == TONG_E_END)
            return code;
        if (n < 0)
            return tool_timed_out(t->tool, address, _("nothing arrived"));
    }
    return TOOL_DONE;
}

static int form_follow(const struct taking *t)
{
    tong_caps caps = {.struct_size = sizeof caps};
    int r = tong_get_caps(t->ch, &caps);

    if (r < 0)
        return tool_fail(t->tool, r);
    output_follow(t->out, caps.bits);
    return TOOL_DONE;
}

int verb_recv(struct tool *tool, int argc, char **argv)
{
    const char *address = argv[0];
    struct output out;
    struct taking t = {.tool = tool, .out = &out};
    int code = output_init(&out, tool, OUTPUT_RAW);

    (void)argc;
    if (code == TOOL_DONE)
        code = tool_catch_signals(tool);
    if (code == TOOL_DONE)
        code = tool_open(tool, &t.ch, address, TONG_PULL);
    if (code == TOOL_DONE)
        code = form_follow(&t);
    if (code == TOOL_DONE) {
        code = all_take(&t, address);
        tool_tell(tool, _("%s: received %" PRIu64 " messages, %" PRIu64 " bytes"), address, t.messages, t.bytes);
    }
    tool_close(t.ch);
    output_fini(&out);
    return code;
}

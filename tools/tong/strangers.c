/* SPDX-License-Identifier: MIT */
/* Those who came to a channel and were turned away: whoever listens learns of them while nothing else happens. */
#include "strangers.h"

#include <errno.h>

static const char *why(const tong_event *event)
{
    switch (event->error) {
    case -EACCES:
        return _("it is not one of those who are let in");
    case -EBUSY:
        return _("there is no room for another connection");
    default:
        return tong_error_text(event->error);
    }
}

static void stranger_tell(const struct tool *tool, const char *address, const tong_event *event)
{
    if (event->uid == UINT32_MAX)
        tool_complain(tool, _("%s: a newcomer was turned away: %s"), address, why(event));
    else
        tool_complain(tool, _("%s: user %u (process %u) was turned away: %s"), address, event->uid, event->pid,
                      why(event));
}

void strangers_tell(struct strangers *s, const struct tool *tool, tong_channel *ch, const char *address)
{
    tong_stats stats = {.struct_size = sizeof stats};
    tong_event event;

    /* Two numbers are cheaper than the events, which nobody but us takes. */
    if (tong_get_stats(ch, &stats) < 0 || stats.refused == s->told)
        return;
    s->told = stats.refused;
    while (tong_events(ch, &event, 1) == 1)
        if (event.what == TONG_REFUSED)
            stranger_tell(tool, address, &event);
}

tong_deadline strangers_slice(tong_deadline deadline)
{
    int64_t soon_ns = tool_now_ns() + STRANGERS_LOOK_NS;

    return deadline.ns < soon_ns ? deadline : (tong_deadline){soon_ns};
}

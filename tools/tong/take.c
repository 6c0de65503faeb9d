/* SPDX-License-Identifier: MIT */
#include "take.h"

#include <errno.h>

bool taking_enough(const struct taking *t)
{
    return t->tool->opt.count && t->messages >= t->tool->opt.count;
}

/* What was not written stays the channel's: after a full disk or a closed pipe nothing counts as taken that is lost. */
static int batch_write(struct taking *t, const tong_span *spans, const tong_meta *metas, uint32_t n)
{
    uint32_t written;
    int error = output_write(t->out, spans, metas, n, &written);
    int r = 0;

    t->messages += written;
    for (uint32_t i = 0; i < written; i++)
        t->bytes += spans[i].len;
    if (written)
        r = tong_release(t->ch, spans, written);
    if (error < 0)
        return tool_fail_file(t->tool, _("standard output"), -error);
    return r < 0 ? tool_fail(t->tool, r) : TOOL_DONE;
}

int taking_step(struct taking *t, tong_deadline deadline, int64_t *ret_n)
{
    tong_span spans[OUTPUT_BATCH];
    tong_meta metas[OUTPUT_BATCH];
    uint64_t left = t->tool->opt.count - t->messages;
    uint32_t room = t->tool->opt.count && left < OUTPUT_BATCH ? (uint32_t)left : OUTPUT_BATCH;
    bool wants_metas = output_wants_metas(t->out);
    int64_t n;

    for (uint32_t i = 0; wants_metas && i < room; i++)
        metas[i] = (tong_meta){.struct_size = sizeof metas[i]};
    n = tong_peek(t->ch, spans, wants_metas ? metas : NULL, room, deadline);
    if (n < 0 && n != TONG_E_END && n != -EAGAIN && n != -ETIMEDOUT)
        return tool_fail(t->tool, n);
    *ret_n = n;
    return n < 0 ? TOOL_DONE : batch_write(t, spans, metas, (uint32_t)n);
}

/* SPDX-License-Identifier: MIT */
#include "prim/line.h"

#include "base/limits.h"

size_t tongi_line_flaw(const tong_view *parts, uint32_t n)
{
    size_t before = 0;

    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *data = parts[i].data;
        const uint8_t *end = parts[i].len ? memchr(data, TONGI_LINE_END, parts[i].len) : NULL;
        if (end)
            return before + (size_t)(end - data);
        before += parts[i].len;
    }
    return SIZE_MAX;
}

uint32_t tongi_line_pack(const tong_view *msgs, uint32_t n, bool lines, uint8_t *to, size_t room, size_t *used)
{
    size_t at = *used;
    uint32_t packed = 0;

    for (; packed < n; packed++) {
        size_t len = msgs[packed].len;
        if (len > TONGI_GATHER_BYTES || room - at < len + lines)
            break;
        if (len)
            memcpy(to + at, msgs[packed].data, len);
        at += len;
        if (lines)
            to[at++] = TONGI_LINE_END;
    }
    *used = at;
    return packed;
}

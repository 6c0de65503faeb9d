/* SPDX-License-Identifier: MIT */
#include "base/allow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

#define PREFIX_LEN (sizeof "uid:" - 1)

static int entry_parse(const char *text, size_t len, bool *ret_is_group, uint32_t *ret_id)
{
    uint64_t id;

    if (len < PREFIX_LEN || (memcmp(text, "uid:", PREFIX_LEN) != 0 && memcmp(text, "gid:", PREFIX_LEN) != 0))
        return -EINVAL;
    int r = tongi_parse_count(text + PREFIX_LEN, len - PREFIX_LEN, &id);
    if (r < 0)
        return r;
    /* The largest number means "no user" to the system. */
    if (id >= UINT32_MAX)
        return -ERANGE;
    *ret_is_group = text[0] == 'g';
    *ret_id = (uint32_t)id;
    return 0;
}

int tongi_allow_parse(const char *text, size_t len, struct tongi_allow *ret_allow)
{
    struct tongi_allow allow = {.count = 0};

    for (;;) {
        const char *comma = memchr(text, ',', len);
        size_t one = comma ? (size_t)(comma - text) : len;
        bool is_group;
        uint32_t id;
        int r = entry_parse(text, one, &is_group, &id);

        if (r >= 0 && allow.count == TONGI_ALLOW_MAX)
            r = -ERANGE;
        if (r < 0)
            return r;
        allow.entries[allow.count].is_group = is_group;
        allow.entries[allow.count++].id = id;
        if (!comma)
            break;
        text += one + 1;
        len -= one + 1;
    }
    *ret_allow = allow;
    return 0;
}

void tongi_allow_format(const struct tongi_allow *allow, char *ret_text, size_t room)
{
    size_t used = 0;

    ret_text[0] = 0;
    for (uint32_t i = 0; i < allow->count && used < room; i++)
        used += (size_t)snprintf(ret_text + used, room - used, "%s%s:%u", i ? "," : "",
                                 allow->entries[i].is_group ? "gid" : "uid", allow->entries[i].id);
}

static bool has(const struct tongi_allow *allow, bool is_group, uint32_t id)
{
    for (uint32_t i = 0; i < allow->count; i++)
        if (allow->entries[i].is_group == is_group && allow->entries[i].id == id)
            return true;
    return false;
}

bool tongi_allow_has_user(const struct tongi_allow *allow, uint32_t uid)
{
    return has(allow, false, uid);
}

bool tongi_allow_has_group(const struct tongi_allow *allow, uint32_t gid)
{
    return has(allow, true, gid);
}

bool tongi_allow_names_groups(const struct tongi_allow *allow)
{
    for (uint32_t i = 0; i < allow->count; i++)
        if (allow->entries[i].is_group)
            return true;
    return false;
}

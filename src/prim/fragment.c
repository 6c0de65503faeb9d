/* SPDX-License-Identifier: MIT */
#include "prim/fragment.h"

#include <stdbool.h>
#include <string.h>

#include <tong/error.h>

#define AT(field) offsetof(struct tongi_fragment_layout, field)

static void put(uint8_t *bytes, uint32_t value, int n)
{
    for (int i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const uint8_t *bytes, int n)
{
    uint32_t value = 0;

    for (int i = 0; i < n; i++)
        value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

void tongi_fragment_encode(uint8_t *ret_bytes, const struct tongi_fragment *fragment)
{
    ret_bytes[AT(magic)] = TONGI_FRAGMENT_MAGIC;
    ret_bytes[AT(flags)] = (uint8_t)fragment->flags;
    put(ret_bytes + AT(len), fragment->len, 2);
    put(ret_bytes + AT(sender), fragment->sender, 4);
    put(ret_bytes + AT(sequence), fragment->sequence, 4);
    put(ret_bytes + AT(at), fragment->at, 4);
}

/* Data ends its message or is not empty; the others have neither body nor place. */
static bool is_sound(const struct tongi_fragment *fragment)
{
    switch (fragment->flags) {
    case 0:
        return fragment->len > 0 && fragment->len <= TONGI_FRAGMENT_MAX;
    case TONGI_FRAGMENT_LAST:
        return fragment->len <= TONGI_FRAGMENT_MAX && (fragment->len > 0 || fragment->at == 0);
    case TONGI_FRAGMENT_HELLO:
    case TONGI_FRAGMENT_END:
        return fragment->len == 0 && fragment->at == 0;
    default:
        return false;
    }
}

int tongi_fragment_decode(const uint8_t *bytes, struct tongi_fragment *ret_fragment)
{
    const struct tongi_fragment fragment = {
        .flags = bytes[AT(flags)],
        .len = get(bytes + AT(len), 2),
        .sender = get(bytes + AT(sender), 4),
        .sequence = get(bytes + AT(sequence), 4),
        .at = get(bytes + AT(at), 4),
    };

    if (bytes[AT(magic)] != TONGI_FRAGMENT_MAGIC || !is_sound(&fragment))
        return TONG_E_CORRUPT;
    *ret_fragment = fragment;
    return 0;
}

size_t tongi_fragment_seek(const uint8_t *bytes, size_t len)
{
    const uint8_t *found = len > 1 ? memchr(bytes + 1, TONGI_FRAGMENT_MAGIC, len - 1) : NULL;

    return found ? (size_t)(found - bytes) : len;
}

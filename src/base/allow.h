/* SPDX-License-Identifier: MIT */
/* Who is let in: the option allow=, as a list of users and groups. */
#ifndef TONGI_BASE_ALLOW_H
#define TONGI_BASE_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct tongi_allow {
    uint32_t count; /* 0: the option is not given */
    struct {
        bool is_group;
        uint32_t id;
    } entries[TONGI_ALLOW_MAX];
};

/* Room for a list as text, its closing 0 included. */
#define TONGI_ALLOW_TEXT_BYTES (TONGI_ALLOW_MAX * sizeof "gid:4294967295")

/*
 * Reads "uid:1000,gid:100". Names are not known here: looking one up may read files, ask the network and allocate.
 * -EINVAL: it is not such a list; -ERANGE: too long, or a number that no user has. *ret_allow is untouched then.
 */
int tongi_allow_parse(const char *text, size_t len, struct tongi_allow *ret_allow);
/* The same as text, of at most TONGI_ALLOW_TEXT_BYTES. */
void tongi_allow_format(const struct tongi_allow *allow, char *ret_text, size_t room);

bool tongi_allow_has_user(const struct tongi_allow *allow, uint32_t uid);
bool tongi_allow_has_group(const struct tongi_allow *allow, uint32_t gid);
/* Is any group in the list, so that asking for somebody's groups may matter? */
bool tongi_allow_names_groups(const struct tongi_allow *allow);

#endif

/* SPDX-License-Identifier: MIT */
/* Roles as words, and who talks to whom. */
#ifndef TONGI_PRIM_ROLE_H
#define TONGI_PRIM_ROLE_H

#include <stdbool.h>
#include <stdint.h>

/* May a peer in that role talk to us in ours? */
bool tongi_roles_match(uint32_t mine, uint32_t theirs);
/* "push"; "no role" for what is none. */
const char *tongi_role_name(uint32_t role);

#endif

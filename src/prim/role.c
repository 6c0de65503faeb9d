/* SPDX-License-Identifier: MIT */
#include "prim/role.h"

#include <tong/tong.h>

bool tongi_roles_match(uint32_t mine, uint32_t theirs)
{
    static const uint8_t partner[] = {
        [TONG_PUSH] = TONG_PULL, [TONG_PULL] = TONG_PUSH, [TONG_PUB] = TONG_SUB, [TONG_SUB] = TONG_PUB,
        [TONG_PAIR] = TONG_PAIR, [TONG_REQ] = TONG_REP,   [TONG_REP] = TONG_REQ,
    };

    return mine < sizeof partner && theirs && partner[mine] == theirs;
}

const char *tongi_role_name(uint32_t role)
{
    static const char *const names[] = {"no role", "push", "pull", "pub", "sub", "pair", "req", "rep"};

    return role < sizeof names / sizeof *names ? names[role] : "no role";
}

/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

void *fixture_block(void);

void *fixture_block(void)
{
    return malloc(1);
}

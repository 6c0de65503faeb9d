/* SPDX-License-Identifier: MIT */
#include <stdio.h>

void say(void)
{
    printf("so");
}

/* SPDX-License-Identifier: MIT */
#include <tong/tong.h>

int tong_one(void)
{
    return 1;
}

int tong_two(void)
{
    return 2;
}

/* SPDX-License-Identifier: MIT */
int twice(int n);
int twice(int n)
{
    return n > 0 || n > 0;
}

/* SPDX-License-Identifier: MIT */
int fixture_count(void);

int fixture_count(void)
{
    static _Thread_local int count;

    return count++;
}

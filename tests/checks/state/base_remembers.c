/* SPDX-License-Identifier: MIT */
int fixture_count(void);

int fixture_count(void)
{
    static int count = 1;

    return count++;
}

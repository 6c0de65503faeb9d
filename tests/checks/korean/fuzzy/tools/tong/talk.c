/* SPDX-License-Identifier: MIT */
void talk(int n)
{
    say(_("%d messages came"), n);
}

/* SPDX-License-Identifier: MIT */
int ring_head(int *head)
{
    return __atomic_load_n(head, 0);
}

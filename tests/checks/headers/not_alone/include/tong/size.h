/* SPDX-License-Identifier: MIT */
/* Lacks stddef.h. */
size_t tong_size(void);

/* SPDX-License-Identifier: MIT */
#define TONG_API

/* Counts. */
TONG_API int tong_count(int n);
/* Loses. */
TONG_API int tong_lost(void);

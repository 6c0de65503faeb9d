/* SPDX-License-Identifier: MIT */
#define TONG_API

/* Counts. */
TONG_API int tong_count(int n);
enum tong_word { TONG_FOUND = 1, /* here */ TONG_LOST };

/* SPDX-License-Identifier: MIT */

#define TONG_API

TONG_API int tong_silent(void);

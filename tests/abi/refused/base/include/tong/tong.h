/* SPDX-License-Identifier: MIT */
#ifndef TONG_TONG_H
#define TONG_TONG_H

#define TONG_API __attribute__((visibility("default")))

TONG_API int tong_one(void);

#endif

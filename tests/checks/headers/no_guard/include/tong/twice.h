/* SPDX-License-Identifier: MIT */
struct tong_twice {
    int n;
};

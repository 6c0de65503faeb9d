/* SPDX-License-Identifier: MIT */
struct ring {
    volatile int head;
};

/* SPDX-License-Identifier: MIT */
struct ring {
    _Atomic int head;
};

/* SPDX-License-Identifier: MIT */
#ifndef TONG_WORD_H
#define TONG_WORD_H
int tong_word(int class);
#endif

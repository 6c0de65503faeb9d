/* SPDX-License-Identifier: MIT */
/* TODO: all of it */

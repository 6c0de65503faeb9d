/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

/* SPDX-License-Identifier: MIT */
#include "transport/unix.h"

/* SPDX-License-Identifier: MIT */
#include "sys/sys.h"

/* SPDX-License-Identifier: MIT */
#include "transport/inproc.h"

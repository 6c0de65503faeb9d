/* SPDX-License-Identifier: MIT */
#include "channel/channel.h"

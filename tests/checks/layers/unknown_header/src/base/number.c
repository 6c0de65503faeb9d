/* SPDX-License-Identifier: MIT */
#include "nowhere.h"

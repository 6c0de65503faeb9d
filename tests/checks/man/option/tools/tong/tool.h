/* SPDX-License-Identifier: MIT */
enum tool_exit { TOOL_DONE = 0, TOOL_USAGE = 2, TOOL_SIGNAL = 128 };

#!/bin/sh
# SPDX-License-Identifier: MIT
# Each installed header compiles alone, in every language and with every compiler, and none is missing.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

put "$PWD/installed"
diff -r "$ROOT/include" installed/include
python3 -B "$ROOT/checks/headers.py" "$PWD/installed"

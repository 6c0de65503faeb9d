#!/bin/sh
# SPDX-License-Identifier: MIT
# tong works inside another project, by add_subdirectory() and FetchContent: the library is built and nothing else, and
# the project installs itself only.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

cmake -S "$(dirname "$0")/consumer" -B built -G Ninja -DLANGUAGE=C "-DSOURCE=$ROOT/examples/hello.c" "-DTONG=$ROOT" \
    "-DCMAKE_C_COMPILER=$CC" >log 2>&1 || fail "$(cat log)"
cmake --build built >log 2>&1 || fail "$(cat log)"
talks built/hello_tong
talks built/hello_tong_static

cmake --install built --prefix "$PWD/installed" >/dev/null
[ "$(find installed -type f)" = installed/bin/hello_tong ] || fail "installed: $(find installed -type f)"

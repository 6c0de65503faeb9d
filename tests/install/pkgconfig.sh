#!/bin/sh
# SPDX-License-Identifier: MIT
# pkg-config finds an installed tong: shared and static, from C17 and C++17, also where DESTDIR put it, also after the
# tree was moved.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

# The words that pkg-config gives are to be split.
# shellcheck disable=SC2046,SC2086
build_all() {
    $CC -std=c17 $strict "$ROOT/examples/hello.c" $(pkg-config --cflags --libs tong) -o hello
    needs hello
    talks ./hello
    c++ -std=c++17 $strict -x c++ "$ROOT/examples/hello.c" -x none $(pkg-config --cflags --libs tong) -o hello_cxx
    needs hello_cxx
    talks ./hello_cxx
    $CC -std=c17 $strict -static "$ROOT/examples/hello.c" $(pkg-config --static --cflags --libs tong) -o hello_static
    needs_not hello_static
    (unset LD_LIBRARY_PATH && talks ./hello_static)
}

put "$PWD/installed"
mv installed moved
export PKG_CONFIG_PATH="$PWD/moved/lib/pkgconfig" LD_LIBRARY_PATH="$PWD/moved/lib"
build_all
[ "$(pkg-config --modversion tong)" = "$(moved/bin/tong version | cut -d ' ' -f 2)" ] || fail "versions differ"
[ "$(readlink -f "$(pkg-config --variable=includedir tong)")" = "$PWD/moved/include" ] ||
    fail "the headers are not below the prefix"
pkg-config --print-requires --print-requires-private tong >requires
[ ! -s requires ] || fail "tong requires $(cat requires)"

export DESTDIR="$PWD/stage"
put /opt/tong
unset DESTDIR
[ -x stage/opt/tong/bin/tong ] || fail "DESTDIR was not heeded"
export PKG_CONFIG_PATH="$PWD/stage/opt/tong/lib/pkgconfig" LD_LIBRARY_PATH="$PWD/stage/opt/tong/lib"
build_all

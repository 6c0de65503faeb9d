#!/bin/sh
# SPDX-License-Identifier: MIT
# find_package finds an installed tong, from a C and from a C++ project: tong::tong and tong::tong_static.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

# configure LANGUAGE SOURCE WANTED: a consumer's build tree in the directory LANGUAGE.
configure() {
    cmake -S "$(dirname "$0")/consumer" -B "$1" -G Ninja "-DLANGUAGE=$1" "-DSOURCE=$2" "-DWANTED=$3" \
        "-DCMAKE_PREFIX_PATH=$PWD/moved" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON >"$1.log" 2>&1 || {
        cat "$1.log"
        return 1
    }
}

put "$PWD/installed"
mv installed moved
version=$(moved/bin/tong version | cut -d ' ' -f 2)
cp "$ROOT/examples/hello.c" hello.cpp

for language in C CXX; do
    [ $language = C ] && source="$ROOT/examples/hello.c" || source="$PWD/hello.cpp"
    configure $language "$source" "$version"
    cmake --build $language >/dev/null
    needs $language/hello_tong
    talks $language/hello_tong
    needs_not $language/hello_tong_static
    talks $language/hello_tong_static
done

# Before 1.0 the next minor version is another interface.
code 1 configure C "$ROOT/examples/hello.c" 0.99 >refused
said refused "tongConfig.cmake, version: $version"

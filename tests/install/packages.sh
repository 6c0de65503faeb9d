#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages are built, lintian finds no error in them, and from what they hold alone hello is built and run,
# by plain options and by find_package, shared and static, and the tool runs.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

"$ROOT/packaging/build_deb" packages >log 2>&1 || fail "$(cat log)"
for package in libtong0 libtong-dev tong; do
    dpkg-deb -x packages/${package}_[0-9]*.deb root
done
# The version is told once more in the changelog of the packages.
[ "$(dpkg-deb -f packages/tong_*.deb Version)" = "$("$TONG" version | cut -d ' ' -f 2)" ] || fail "versions differ"

libraries="$PWD/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)"
export LD_LIBRARY_PATH="$libraries"
root/usr/bin/tong version >/dev/null
gzip -t root/usr/share/man/man1/tong.1.gz root/usr/share/man/man3/tong_open.3.gz root/usr/share/man/man7/tong.7.gz
readelf --dynamic root/usr/bin/tong | grep -q 'RPATH\|RUNPATH' && fail "the tool of the package has a path of its own"

# Once installed, nothing that the compiler searches anyway is to be said again.
export PKG_CONFIG_LIBDIR="$libraries/pkgconfig"
pkg-config --cflags --libs tong >says
[ "$(tr -d ' ' <says)" = -ltong ] || fail "pkg-config says $(cat says)"

hello=root/usr/share/doc/libtong-dev/examples/hello.c
# shellcheck disable=SC2086
for way in "" -static; do
    $CC -std=c17 $strict $way $hello -I root/usr/include -L "$libraries" -ltong -o hello
    talks ./hello
done
cmake -S "$(dirname "$0")/consumer" -B consumer -G Ninja -DLANGUAGE=C "-DSOURCE=$PWD/$hello" -DWANTED=0.1 \
    "-DCMAKE_PREFIX_PATH=$PWD/root/usr" "-DCMAKE_C_COMPILER=$CC" >log 2>&1 || fail "$(cat log)"
cmake --build consumer >log 2>&1 || fail "$(cat log)"
talks consumer/hello_tong
talks consumer/hello_tong_static

#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed tree has what the list tree names; pages of the manual and translations come on top.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

put "$PWD/installed"
find installed ! -type d -printf '%P\n' | grep -v '^share/\(man\|locale\)/' | LC_ALL=C sort >got
diff "$(dirname "$0")/tree" got || fail "'<' is in the list, '>' is installed"

[ "$(readlink installed/lib/libtong.so)" = libtong.so.0 ] || fail "libtong.so does not point to libtong.so.0"
readelf --dynamic installed/lib/libtong.so | grep -q 'SONAME.*\[libtong\.so\.0\]' || fail "the SONAME is another"
# The tool finds the library beside itself, and needs nothing else to be set.
needs installed/bin/tong
(unset LD_LIBRARY_PATH && installed/bin/tong version >/dev/null)

# Nothing remembers where it was built.
if grep -rIn -e "$BUILD" -e "$ROOT" installed; then
    fail "installed files name the build tree"
fi
find installed -type f -perm /022 >writable
[ ! -s writable ] || fail "others may write: $(cat writable)"

#!/bin/sh
# SPDX-License-Identifier: MIT
# The commands that the README and the examples show do what is shown under them: a console block of the README, and the
# indented lines of an example's head comment, are run, and everything they write is compared.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

# What ./dev install does once it has built.
cmake --install "$BUILD" --prefix "$PWD/installed" >/dev/null
export PKG_CONFIG_PATH="$PWD/installed/lib/pkgconfig" LD_LIBRARY_PATH="$PWD/installed/lib"
export PATH="$PWD/commands:$PWD/installed/bin:$PATH"

# A reader's cc, but strict, and as this build of the library needs it.
mkdir commands
cat >commands/cc <<'SCRIPT'
#!/bin/sh
exec "$CC" -std=c17 -Wall -Wextra -Werror ${SANITIZE:+"-fsanitize=$SANITIZE"} "$@"
SCRIPT
chmod +x commands/cc

# What was being played when a command stopped the script.
played=nothing
trap '[ $? -eq 0 ] || { echo "in $played:"; tail -n +1 "$played"/* 2>/dev/null; } >&2' EXIT

# play NAME FILE: the lines of FILE after a "$ " are commands, one script; the others are what they write.
play() {
    played=$1
    mkdir "$played"
    sed -n 's/^\$ //p' "$2" >"$played/commands"
    sed '/^\$ /d' "$2" >"$played/wanted"
    [ -s "$played/commands" ] || fail "$played has no commands"
    # shellcheck source=/dev/null
    . "$PWD/$played/commands" >"$played/got" 2>&1
    wait
    diff "$played/wanted" "$played/got" || fail "$played: '<' is shown, '>' is what comes"
}

# The program that the README shows is the example, whose first line is the licence.
awk '/^```/ { inside = $0 == "```c"; next } inside' "$ROOT/README.md" >shown.c
sed 1d "$ROOT/examples/hello.c" >hello.c
same shown.c hello.c
cp "$ROOT"/examples/*.c .

awk '/^```/ { inside = $0 == "```console"; n += inside; next } inside { print >("block" n) }' "$ROOT/README.md"
blocks=0
while [ -e block$((blocks + 1)) ]; do
    blocks=$((blocks + 1))
    play "README-$blocks" block$blocks
done
[ $blocks -gt 0 ] || fail "the README has no console block"

for example in "$ROOT"/examples/*.c; do
    name=$(basename "$example" .c)
    sed -n 's/^ \*     //p' "$example" >"$name.lines"
    [ "$name" = hello ] || play "example-$name" "$name.lines"
done

# Words of ./dev that the pages name are words that it has.
"$ROOT/dev" help >words
grep -oh '\./dev [a-z][a-z]*' "$ROOT/README.md" "$ROOT/CONTRIBUTING.md" "$ROOT"/docs/*.md | sort -u >named
while read -r word; do
    said words "$word"
done <named

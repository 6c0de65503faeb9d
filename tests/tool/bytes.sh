#!/bin/sh
# SPDX-License-Identifier: MIT
# Any bytes go through unaltered: whole, in blocks, between NUL bytes, as files, as a text, and as nothing.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

# pass OPTIONS-OF-SEND OPTIONS-OF-RECV <input >output: split at spaces
pass() {
    # A background command gets its standard input only by another name.
    exec 3<&0
    # shellcheck disable=SC2086
    "$TONG" send $1 unix:x.sock <&3 3<&- &
    sender=$!
    # shellcheck disable=SC2086
    "$TONG" recv --end $2 unix:x.sock
    ended 0 $sender
}

head -c 1000000 /dev/urandom >sent
pass "" "" <sent >received
same sent received

# Blocks: the last one is shorter, and each is a message.
pass "--block 4k" "" <sent >received
same sent received
pass "--block 4k" "--json" <sent >received
[ "$(wc -l <received)" -eq 245 ] || fail "1000000 bytes are 245 blocks of 4k, not $(wc -l <received)"
tail -n 1 received >last
said last '"size":576'

# NUL bytes: names with newlines; a trailing NUL ends a message and begins none.
printf 'a\nb\0\0c\0' >sent
pass -0 -0 <sent >received
same sent received
pass -0 --json <sent >received
[ "$(wc -l <received)" -eq 3 ] || fail "three messages, not $(wc -l <received)"

# Nothing is one empty message when the whole is a message, and no message when it is cut.
pass "" --json </dev/null >received
[ "$(wc -l <received)" -eq 1 ] || fail "nothing is one empty message"
said received '"size":0'
pass --lines --json </dev/null >received
[ ! -s received ] || fail "nothing has no lines"
pass "--block 1" "--json" </dev/null >received
[ ! -s received ] || fail "nothing has no blocks"

# Files are a message each.
printf one >first
printf two >second
printf three >third
"$TONG" send unix:f.sock first - third <second &
sender=$!
"$TONG" recv --end --lines unix:f.sock >received
ended 0 $sender
printf 'one\ntwo\nthree\n' >wanted
same wanted received

"$TONG" send unix:m.sock -m 'a text' &
sender=$!
"$TONG" recv -n1 unix:m.sock >received
ended 0 $sender
printf 'a text' >wanted
same wanted received

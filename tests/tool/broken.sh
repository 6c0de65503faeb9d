#!/bin/sh
# SPDX-License-Identifier: MIT
# An output that breaks ends recv with 1 and a sentence; a peer that dies ends a pair with 4.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

# The sender never ends, so the pipe breaks for certain.
mkfifo endless
yes >endless &
yes=$!
"$TONG" send --lines unix:x.sock <endless &
sender=$!
{
    code 1 "$TONG" recv --lines unix:x.sock 2>err
    echo reported >reported
} | head -n 1 >received
until_true test -e reported
[ "$(cat received)" = y ] || fail "received: $(cat received)"
said err "tong: standard output: Broken pipe"
[ ! -e x.sock ] || fail "the socket stayed"
kill -TERM $sender 2>/dev/null || :
wait $sender $yes || :
rm endless

"$TONG" send unix:x.sock -m text &
sender=$!
code 1 "$TONG" recv -n1 unix:x.sock >/dev/full 2>err
said err "tong: standard output: No space left"
wait $sender || :

mkfifo left right
"$TONG" pair --listen unix:p.sock <left >from-right 2>err &
survivor=$!
"$TONG" pair unix:p.sock <right >from-left &
victim=$!
exec 3>left 4>right
echo hello >&3
until_true grep -qx hello from-left
kill -KILL $victim
wait $victim || :
ended 4 $survivor
said err "tong: unix:p.sock: "
exec 3>&- 4>&-
rm left right

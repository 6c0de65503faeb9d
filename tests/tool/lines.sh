#!/bin/sh
# SPDX-License-Identifier: MIT
# Lines go through whole and in order, whichever side starts first.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

seq 100000 >sent

"$TONG" recv --lines -n 100000 unix:x.sock >received &
receiver=$!
until_true test -S x.sock
"$TONG" send --lines unix:x.sock <sent
ended 0 $receiver
same sent received
[ ! -e x.sock ] || fail "the socket stayed"

"$TONG" send --lines unix:y.sock <sent &
sender=$!
"$TONG" recv --lines -n 100000 unix:y.sock >received
ended 0 $sender
same sent received

# The last line counts without its newline; empty lines are messages; carriage returns stay.
printf 'one\n\ntwo\r\nthree' >sent
printf 'one\n\ntwo\r\nthree\n' >wanted
"$TONG" send --lines unix:z.sock <sent &
sender=$!
"$TONG" recv --lines --end unix:z.sock >received
ended 0 $sender
same wanted received

# A line that is longer than what one read gives.
{
    head -c 300000 /dev/zero | tr '\0' x
    printf '\nshort\n'
} >sent
"$TONG" send --lines unix:l.sock sent &
sender=$!
"$TONG" recv --lines --end unix:l.sock >received
ended 0 $sender
same sent received

# Lines are sent when they are read, not when there are more of them; the writer waits for the reader here.
mkfifo slow
"$TONG" recv --lines -n 3 unix:s.sock >received &
receiver=$!
"$TONG" send --lines unix:s.sock <slow &
sender=$!
exec 3>slow
for n in 1 2 3; do
    echo "line $n" >&3
    until_true grep -qx "line $n" received
done
exec 3>&-
ended 0 $receiver
ended 0 $sender
rm slow

# --count stops the sender too.
seq 10 >sent
"$TONG" send --lines -n 4 unix:n.sock <sent &
sender=$!
"$TONG" recv --lines --end unix:n.sock >received
ended 0 $sender
seq 4 >wanted
same wanted received

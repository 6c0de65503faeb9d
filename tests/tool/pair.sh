#!/bin/sh
# SPDX-License-Identifier: MIT
# A pair carries both directions at once, and one may end before the other.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

seq 1 20000 >left
seq 30001 60000 >right

"$TONG" pair --listen unix:x.sock <left >from-right &
listener=$!
"$TONG" pair unix:x.sock <right >from-left
ended 0 $listener
same left from-left
same right from-right
[ ! -e x.sock ] || fail "the socket stayed"

# Half closed: the left side has nothing to say from the start, and hears what the right one says afterwards.
mkfifo input
"$TONG" pair --listen unix:x.sock </dev/null >from-right &
listener=$!
"$TONG" pair unix:x.sock <input >from-left &
other=$!
exec 3>input
for n in 1 2 3; do
    echo "answer $n" >&3
    until_true grep -qx "answer $n" from-right
done
exec 3>&-
ended 0 $listener
ended 0 $other
[ ! -s from-left ] || fail "nothing was said, but: $(cat from-left)"

# --count ends the talk although there may be more to say.
"$TONG" pair --listen -n 1 unix:x.sock <input >from-right &
listener=$!
exec 3>input
echo one | "$TONG" pair unix:x.sock >from-left 2>/dev/null || : # it may find the listener gone
ended 0 $listener
exec 3>&-
[ "$(cat from-right)" = one ] || fail "not one, but: $(cat from-right)"
rm input

# --block and --null carry any bytes.
head -c 700000 /dev/urandom >left
head -c 300000 /dev/urandom >right
"$TONG" pair --listen --block 10k unix:x.sock <left >from-right &
listener=$!
"$TONG" pair --block 1k unix:x.sock <right >from-left
ended 0 $listener
same left from-left
same right from-right

printf 'a\nb\0c\0' >left
"$TONG" pair --listen -0 unix:x.sock <left >from-right &
listener=$!
"$TONG" pair -0 unix:x.sock </dev/null >from-left
ended 0 $listener
same left from-left

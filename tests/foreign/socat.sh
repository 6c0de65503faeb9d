#!/bin/sh
# SPDX-License-Identifier: MIT
# socat at the other end of unix:, in each role and on either side.
set -eu
# shellcheck source-path=SCRIPTDIR source=../tool/common.shlib
. "$(dirname "$0")/../tool/common.shlib"

line='framing=line'
raw='framing=raw'
seq 1000 >sent

# The puller listens: one message per line, in order.
"$TONG" recv --lines -n 1000 "unix:x$$.sock?$line" >received &
receiver=$!
listening x$$.sock
socat -u - UNIX-CONNECT:x$$.sock <sent
ended 0 $receiver
same sent received
[ ! -e x$$.sock ] || fail "the socket stayed"

# Three of them at once, and the last that leaves is the end.
"$TONG" recv --end "unix:x$$.sock?$line" >received &
receiver=$!
listening x$$.sock
mkfifo hold
socat -u - UNIX-CONNECT:x$$.sock <hold &
holder=$!
exec 3>hold
echo held >&3
until_true grep -qx held received
for writer in 1 2 3; do
    seq -f "$writer %.0f" 5000 | socat -u - UNIX-CONNECT:x$$.sock
done
exec 3>&-
ended 0 $holder
ended 0 $receiver
grep -v held received | sort >sorted
for writer in 1 2 3; do seq -f "$writer %.0f" 5000; done | sort >wanted
same wanted sorted
rm hold

# The pusher connects to whoever listens, before or after it starts; lines of any bytes but their end, and long ones.
{
    printf 'one\n\n\r\n\001\377\000\n'
    head -c 300000 /dev/zero | tr '\0' x
    printf '\n'
    seq 10000
} >sent
"$TONG" send "unix:y$$.sock?$line" <sent &
sender=$!
socat -u UNIX-LISTEN:y$$.sock - >received
ended 0 $sender
same sent received

# The pusher listens, and the reader has closed its own direction, having nothing to say.
"$TONG" send --listen "unix:z$$.sock?$line" <sent &
sender=$!
listening z$$.sock
socat -t 60 UNIX-CONNECT:z$$.sock - </dev/null >received
ended 0 $sender
same sent received

# An echo says everything back, which nobody wants. It must not get stuck; how much it reads after that its own words
# find nobody any more is its own affair.
seq 200000 >sent
mkfifo echoed
"$TONG" send "unix:e$$.sock?$line" <sent &
sender=$!
socat UNIX-LISTEN:e$$.sock "SYSTEM:tee echoed" 2>/dev/null &
echo=$!
cat echoed >received
ended 0 $sender
wait $echo || :
head -c "$(wc -c <received)" sent >wanted
same wanted received
rm echoed

# A pair carries both directions, and each ends by itself.
seq 1 20000 >left
seq 30001 50000 >right
socat -t 60 UNIX-LISTEN:p$$.sock - <right >from-left &
other=$!
"$TONG" pair "unix:p$$.sock?$line" <left >from-right
ended 0 $other
same left from-left
same right from-right

# Raw bytes go through as they are, whoever listens.
head -c 3000000 /dev/urandom >sent
"$TONG" recv --end "unix:r$$.sock?$raw" >received &
receiver=$!
listening r$$.sock
socat -u - UNIX-CONNECT:r$$.sock <sent
ended 0 $receiver
same sent received
"$TONG" send "unix:r$$.sock?$raw" <sent &
sender=$!
socat -u UNIX-LISTEN:r$$.sock - >received
ended 0 $sender
same sent received

# A line over the limit costs its writer the connection and nobody else anything.
"$TONG" recv -n 4 "unix:l$$.sock?$line&size=10" >received &
receiver=$!
listening l$$.sock
mkfifo neighbour
socat -u - UNIX-CONNECT:l$$.sock <neighbour &
socat=$!
exec 3>neighbour
echo one >&3
until_true grep -qx one received
printf 'short\nmuch too long\nnever\n' | socat -u - UNIX-CONNECT:l$$.sock 2>/dev/null || :
until_true grep -qx short received
printf 'two\nthree\n' >&3
ended 0 $receiver
exec 3>&-
wait $socat || :
printf 'one\nshort\ntwo\nthree\n' >wanted
same wanted received

#!/bin/sh
# SPDX-License-Identifier: MIT
# nc (netcat-openbsd) at the other end of unix:.
set -eu
# shellcheck source-path=SCRIPTDIR source=../tool/common.shlib
. "$(dirname "$0")/../tool/common.shlib"

seq 1000 >sent

# It stays until the receiver has enough and closes.
"$TONG" recv --lines -n 1000 "unix:x$$.sock?framing=line" >received &
receiver=$!
listening x$$.sock
nc -U x$$.sock <sent
ended 0 $receiver
same sent received

# With -N it says that this is all, and that is an end.
"$TONG" recv --end "unix:x$$.sock?framing=line" >received &
receiver=$!
listening x$$.sock
nc -N -U x$$.sock <sent
ended 0 $receiver
same sent received

# What has no newline at its end is no line: it is not delivered, and the conversation was cut.
"$TONG" recv --end "unix:x$$.sock?framing=line" >received 2>complaint &
receiver=$!
listening x$$.sock
printf 'whole\nhalf' | nc -N -U x$$.sock
ended 4 $receiver
[ "$(cat received)" = whole ] || fail "not 'whole', but: $(cat received)"
said complaint "unix:x$$.sock: "

# A pair with nc listening, both ways. nc goes as soon as the other side has finished.
mkfifo lines answers
nc -l -U y$$.sock <answers >from-tong &
other=$!
exec 3>answers
"$TONG" pair "unix:y$$.sock?framing=line" <lines >from-nc &
pair=$!
exec 4>lines
cat sent >&4
until_true grep -qx 1000 from-tong
printf 'thank\nyou\n' >&3
until_true grep -qx you from-nc
exec 3>&- 4>&-
ended 0 $pair
ended 0 $other
same sent from-tong
printf 'thank\nyou\n' >wanted
same wanted from-nc
rm y$$.sock lines answers # nc leaves its socket behind

# One that reads and says nothing.
nc -l -U z$$.sock </dev/null >received &
other=$!
"$TONG" send "unix:z$$.sock?framing=line" <sent
ended 0 $other
same sent received
rm z$$.sock

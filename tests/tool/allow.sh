#!/bin/sh
# SPDX-License-Identifier: MIT
# Whoever is not let in is told why, and so is whoever listens.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

me=$(id -u)
other=$((me + 1))

# Not even the own user, if it is not in the list.
"$TONG" recv --lines "unix:x.sock?allow=uid:$other" >received 2>receiver.err &
receiver=$!
until_true test -S x.sock
code 4 "$TONG" send --message hello unix:x.sock 2>err
said err "tong: unix:x.sock: the conversation was refused: unix:x.sock: user $me (process "
said err "is not let in: allow=uid:$other"
until_true grep -q 'turned away' receiver.err
said receiver.err "tong: unix:x.sock?allow=uid:$other: user $me (process "
said receiver.err "was turned away: it is not one of those who are let in"
[ ! -s received ] || fail "it got in: $(cat received)"
kill -TERM $receiver
ended 143 $receiver

# A pair waits on, for somebody else.
"$TONG" pair --listen "unix:x.sock?allow=uid:$other" </dev/null >received 2>receiver.err &
receiver=$!
until_true test -S x.sock
code 4 "$TONG" pair unix:x.sock </dev/null >sent 2>err
said err "is not let in"
until_true grep -q 'turned away' receiver.err
kill -TERM $receiver
ended 143 $receiver

# With --quiet nothing is said; with the own user in the list, everything goes through.
"$TONG" recv -q -n 1 --lines "unix:x.sock?allow=uid:$other,uid:$me" >received 2>receiver.err &
receiver=$!
"$TONG" send --message hello "unix:x.sock?allow=uid:$me"
ended 0 $receiver
[ "$(cat received)" = hello ] || fail "not hello, but: $(cat received)"

# A listener that is somebody else.
"$TONG" recv unix:x.sock >received &
receiver=$!
until_true test -S x.sock
code 7 "$TONG" send --message hello "unix:x.sock?allow=uid:$other" 2>err
said err "tong: unix:x.sock: user $me (process $receiver) is not let in: allow=uid:$other"
kill -TERM $receiver
ended 143 $receiver

code 2 "$TONG" recv 'unix:x.sock?allow=root' 2>err
said err "uid:1000,gid:100"

# Another user, as far as this one can become one.
if [ "$me" -ne 0 ] || ! command -v setpriv >/dev/null; then
    echo "skipped: only root can send as another user"
    exit 0
fi
chmod 755 .
"$TONG" recv --lines 'unix:x.sock?mode=0666&allow=uid:0' >received 2>receiver.err &
receiver=$!
until_true test -S x.sock
code 4 setpriv --reuid=65534 --regid=65534 --clear-groups "$TONG" send --message hello unix:x.sock 2>err
said err "user 65534 (process "
until_true grep -q 'user 65534 (process .* was turned away' receiver.err
kill -TERM $receiver
ended 143 $receiver

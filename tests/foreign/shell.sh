#!/bin/sh
# SPDX-License-Identifier: MIT
# What tong itself does with lines and raw bytes: what it cuts, what it refuses, and with which words.
set -eu
# shellcheck source-path=SCRIPTDIR source=../tool/common.shlib
. "$(dirname "$0")/../tool/common.shlib"

# Lines are the default where messages are lines, and one message is one line at most.
"$TONG" recv -n 3 "unix:x$$.sock?framing=line" >received &
receiver=$!
printf 'one\ntwo\nthree' | "$TONG" send "unix:x$$.sock?framing=line"
ended 0 $receiver
printf 'one\ntwo\nthree\n' >wanted
same wanted received

socat -u UNIX-LISTEN:y$$.sock OPEN:received,creat,trunc &
reader=$!
code 2 "$TONG" send -m "$(printf 'two\nlines')" "unix:y$$.sock?framing=line" 2>complaint
wait $reader
said complaint "unix:y$$.sock: the message has a line feed at byte 3"
said complaint 'framing=length'
[ ! -s received ] || fail "something was sent: $(cat received)"

# --null and --json see the same messages.
"$TONG" recv -n 2 --json "unix:x$$.sock?framing=line" >received &
receiver=$!
listening x$$.sock
printf 'a b\r\n\n' | socat -u - UNIX-CONNECT:x$$.sock
ended 0 $receiver
grep -q '"size":4.*"data":"a b\\r"' received || fail "not so: $(cat received)"
grep -q '"size":0' received || fail "not so: $(cat received)"

# Who does not greet has no time to do so in.
code 2 "$TONG" recv "unix:x$$.sock?framing=line&handshake=1s" 2>complaint
said complaint "option 'handshake'"
code 2 "$TONG" recv 'inproc:x?framing=line' 2>complaint
said complaint "option 'framing'"
code 2 "$TONG" recv "unix:x$$.sock?framing=csv" 2>complaint
said complaint 'length|line|raw'

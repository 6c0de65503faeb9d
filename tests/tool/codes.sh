#!/bin/sh
# SPDX-License-Identifier: MIT
# Exit codes, and sentences that name the object and the remedy; on standard output only data.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

# usage TEXT ARGUMENTS...: refused with 2, with the text on standard error and nothing on standard output.
usage() {
    text=$1
    shift
    code 2 "$TONG" "$@" >out 2>err </dev/null
    [ ! -s out ] || fail "standard output has something: $(cat out)"
    said err "$text"
}

usage "say what to do"
usage "'fly' is not a verb" fly
usage "'fly' is not a verb" help fly
usage "ADDRESS" recv
usage "'more' is one operand too many" recv unix:x.sock more
usage "option --fly is unknown" recv --fly unix:x.sock
usage "option -F is unknown" recv -F unix:x.sock
usage "option -n lacks its argument" recv unix:x.sock -n
usage "--count takes a number from 1 on, not '0'" recv -n0 unix:x.sock
usage "--count takes a number from 1 on, not '-1'" recv -n-1 unix:x.sock
usage "--count takes a number from 1 on, not '99999999999999999999'" recv -n99999999999999999999 unix:x.sock
usage "--timeout takes a time such as 500ms, 2s or 1m, not '5'" recv -t5 unix:x.sock
usage "--timeout takes a time such as 500ms, 2s or 1m, not '9999999999999h'" recv -t9999999999999h unix:x.sock
usage "--block takes a size such as 512, 64k or 1M, not '64q'" send --block 64q unix:x.sock
usage "--lines, --null or --block" send --lines -0 unix:x.sock
usage "--lines, --null, --hex or --json" recv --hex --json unix:x.sock
usage "exclude each other" recv --listen --connect unix:x.sock
usage "instead of files" send -m text unix:x.sock file
usage "auto, always or never" recv --color=sometimes unix:x.sock
usage "no such scheme" recv nosuch:x
usage "no such scheme" send nosuch:x
usage "tong: unix:x.sock" recv 'unix:x.sock?nosuch=1'
usage "tong: " recv plain

# Timed out, 3: either side alone.
code 3 "$TONG" recv unix:x.sock -t 200ms >out 2>err
said err "tong: unix:x.sock: nothing arrived within 200ms"
[ ! -s out ] || fail "standard output has something"
[ ! -e x.sock ] || fail "the socket stayed"
code 3 "$TONG" recv unix:x.sock -t 0 2>err
said err "nothing arrived within 0s"
code 3 "$TONG" send unix:x.sock -t 100ms 2>err </dev/null
said err "tong: unix:x.sock: nobody came within 100ms"
code 3 "$TONG" pair unix:x.sock -t 100ms 2>err </dev/null
said err "nobody came within 100ms"
code 3 "$TONG" pair --listen unix:x.sock -t 100ms 2>err </dev/null
said err "nobody came within 100ms"
[ ! -e x.sock ] || fail "the socket stayed"

# --quiet leaves the code alone.
code 3 "$TONG" recv -q unix:x.sock -t 1ms 2>err
[ ! -s err ] || fail "quiet, but: $(cat err)"

# A limit, 7: a message over it is named with its place; what was complete before it has gone out.
"$TONG" recv --lines unix:big.sock >received &
receiver=$!
{
    echo before
    head -c 3000000 /dev/zero
} >sent
code 7 "$TONG" send --lines unix:big.sock sent 2>err
said err "tong: unix:big.sock: message 2 of sent is longer than the largest message"
until_true grep -qx before received
kill -TERM $receiver
ended 143 $receiver
"$TONG" recv unix:big.sock >received &
receiver=$!
code 7 "$TONG" send unix:big.sock sent 2>err
said err "--block"
kill -TERM $receiver
ended 143 $receiver

# Failed, 1: files that are not there, an output that is full.
"$TONG" recv unix:x.sock >received &
receiver=$!
code 1 "$TONG" send unix:x.sock nosuch 2>err
said err "tong: nosuch: No such file"
kill -TERM $receiver
ended 143 $receiver
code 1 "$TONG" help >/dev/full 2>err
said err "tong: standard output: No space left"

code 1 "$TONG" help >&- 2>err
said err "tong: standard output: Bad file descriptor"
"$TONG" recv unix:x.sock >received &
receiver=$!
code 1 "$TONG" send unix:x.sock <&- 2>err
said err "tong: standard input: Bad file descriptor"
kill -TERM $receiver
ended 143 $receiver

# Not permitted, 7.
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed
    chmod 500 closed
    code 7 "$TONG" recv unix:closed/x.sock 2>err
    said err "tong: unix:closed/x.sock: "
else
    echo "skipped: root may do everything, so nothing is refused to it here"
fi

# The pages.
for verb in send recv pair tour bench help version; do
    "$TONG" help $verb >by-verb
    "$TONG" $verb --help >by-option
    same by-verb by-option
    said by-verb "usage: tong $verb"
done
"$TONG" help >by-verb
"$TONG" --help >by-option
same by-verb by-option
"$TONG" version >by-verb
"$TONG" --version >by-option
same by-verb by-option
grep -qx 'tong [0-9]*\.[0-9]*\.[0-9]*' by-verb || fail "version: $(cat by-verb)"

#!/bin/sh
# SPDX-License-Identifier: MIT
# SIGTERM and SIGINT end every verb at once, wherever it waits, and leave nothing behind.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

# A script's background commands ignore SIGINT, and the tool leaves what it finds ignored.
run() {
    exec env --default-signal=INT "$TONG" "$@"
}

catches() {
    [ -e "/proc/$1/status" ] || return 1
    mask=$(sed -n 's/^SigCgt:\t*//p' "/proc/$1/status")
    [ $((0x$mask & 0x4000)) -ne 0 ]
}

for signal in TERM INT; do
    number=143
    [ $signal = TERM ] || number=130

    run recv unix:x.sock >received 2>err &
    pid=$!
    until_true test -S x.sock
    kill -$signal $pid
    ended $number $pid
    [ ! -e x.sock ] || fail "the socket stayed"
    [ ! -s err ] || fail "stopping is no failure, but: $(cat err)"

    run pair --listen unix:x.sock >received &
    pid=$!
    until_true test -S x.sock
    kill -$signal $pid
    ended $number $pid
    [ ! -e x.sock ] || fail "the socket stayed"

    # Nobody listens: it waits for a peer.
    run send unix:x.sock </dev/null &
    pid=$!
    until_true catches $pid
    kill -$signal $pid
    ended $number $pid

    # It waits for its input.
    mkfifo input
    run recv --lines unix:x.sock >received &
    receiver=$!
    run send --lines unix:x.sock <input &
    sender=$!
    exec 3>input
    echo one >&3
    until_true grep -qx one received
    kill -$signal $sender
    ended $number $sender
    kill -$signal $receiver
    ended $number $receiver
    exec 3>&-
    rm input
done

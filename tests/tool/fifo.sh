#!/bin/sh
# SPDX-License-Identifier: MIT
# A shell at the other end of a FIFO: redirections write what tong receives, cat reads what tong sends.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

mkfifo -m 600 in.fifo out.fifo

# Each redirection opens, writes and closes; the reader goes on.
"$TONG" recv --lines -n 3 -t 20s 'fifo:in.fifo?framing=line' >lines &
reader=$!
echo one >in.fifo
printf 'two\nthree\n' >in.fifo
wait $reader
printf 'one\ntwo\nthree\n' >due
cmp lines due

# It ends with the last writer, if asked.
"$TONG" recv --end --lines -t 20s 'fifo:in.fifo?framing=line' >lines &
reader=$!
seq 1000 >in.fifo
wait $reader
seq 1000 >due
cmp lines due

cat out.fifo >lines &
reader=$!
seq 1000 | "$TONG" send --lines -t 20s 'fifo:out.fifo?framing=line'
wait $reader
cmp lines due

# What others may write is refused with the remedy.
chmod 622 in.fifo
code 7 "$TONG" recv -t 1s fifo:in.fifo 2>err
said err "chmod 600"
rm in.fifo out.fifo

#!/bin/sh
# SPDX-License-Identifier: MIT
# System V queues on the command line, with programs at the other side that know nothing of tong, and ipcs.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

for program in sysv_read sysv_write; do
    "$CC" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror "$ROOT/tests/foreign/$program.c" -o $program
done
key=$(printf '0x5e%06x' $$)
name=tong-test-$$
trap 'ipcrm -Q $key 2>/dev/null || true' EXIT

# By key: theirs to ours, ours to theirs, and left alone by both.
./sysv_write "$key" 7 'from another program' 'and another'
ipcs -q | grep -q "^$key" || fail "ipcs does not show $key"
"$TONG" recv --json -n 2 "sysv:$key" >out
python3 - <<'PYTHON'
import json

rows = [json.loads(line) for line in open("out")]
assert [(row["kind"], row["data"]) for row in rows] == [(7, "from another program"), (7, "and another")], rows
PYTHON
printf 'one\ntwo\n' | "$TONG" send --lines "sysv:$key?mtype=5"
"$TONG" send "sysv:$key?mtype=3" -m urgent
./sysv_read "$key" -5 3 >out
printf '3 urgent\n5 one\n5 two\n' >wanted
same out wanted
ipcs -q | grep -q "^$key" || fail "tong removed $key"

# By name: gone with its last closer when it is empty, and kept when it is not.
"$TONG" send sysv:$name -m kept
[ "$(ipcs -q | grep -c '^0x74')" -ge 1 ] || fail "the queue was not kept"
"$TONG" recv sysv:$name -n 1 >out
printf kept >wanted
same out wanted
code 3 "$TONG" recv sysv:$name -t 200ms 2>err
said err "nothing arrived within 200ms"

# Limits.
head -c 20000 /dev/zero | tr '\0' x >large
code 7 "$TONG" send sysv:$name -m "$(cat large)" 2>err
said err "a message of 20000 bytes is over the limit of 8192"
said err "kernel.msgmax"
code 2 "$TONG" send "sysv:$name?mtype=0" -m x 2>err
said err "mtype"

# A signal ends a wait for ever.
"$TONG" recv -q sysv:$name &
until_true test -e "/dev/shm/tong-$(id -u).sysv/$name"
kill -TERM $!
ended 143 $!

#!/bin/sh
# SPDX-License-Identifier: MIT
# The tour carries a file through every mechanism, tells what it found to people and programs, and leaves nothing.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

mkdir place
export TMPDIR="$PWD/place"

"$TONG" tour >table 2>err
said table MECHANISM
said err "every byte checked"
for row in 'inproc: *pair' 'inproc: *pipeline' 'unix: *pair' 'unix: *pipeline' 'pipe: *pair' 'pipe: *pipeline' \
    'fifo: *pipeline' 'fifo: one *pipeline'; do
    grep -q "^$row .* ok *\$" table || fail "no row $row: $(cat table)"
done

"$TONG" tour --json -q >rows 2>err
[ ! -s err ] || fail "quiet, but: $(cat err)"
python3 - <<'PYTHON'
import json

rows = [json.loads(line) for line in open("rows")]
assert {(r["scheme"], r["conversation"]) for r in rows} >= {
    (s, c) for s in ("inproc", "unix", "pipe") for c in ("pair", "pipeline")}, rows
for row in rows:
    assert row["schema"] == 1 and row["result"] == "ok", row
    assert row["messages"] > 0 and row["bytes"] > 0 and row["bytes_per_s"] > 0, row
    assert 0 < row["rtt_p50_ns"] <= row["rtt_p99_ns"], row
assert len({row["fnv1a64"] for row in rows}) == 1, rows
PYTHON

# Inputs of every kind: nothing, one byte, one more than a message, a pipe.
: >empty
printf x >one
head -c 65537 /dev/urandom >odd
for file in empty one odd; do
    "$TONG" tour --input $file --json >rows
    [ "$(grep -c '"result":"ok"' rows)" -eq "$(wc -l <rows)" ] || fail "$file: $(cat rows)"
done
seq 1000 | "$TONG" tour --input /dev/stdin --json >rows
[ "$(grep -c '"result":"ok"' rows)" -eq "$(wc -l <rows)" ] || fail "a pipe: $(cat rows)"

code 1 "$TONG" tour --input nosuch 2>err
said err "tong: nosuch: No such file"
code 1 "$TONG" tour >/dev/full 2>err

[ -z "$(ls -A place)" ] || fail "left behind: $(ls -A place)"

#!/bin/sh
# SPDX-License-Identifier: MIT
# The benchmark tells all its figures to programs and people, and leaves no process and no file.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

mkdir place
export TMPDIR="$PWD/place"

"$TONG" bench --quick --json --size 64,4k --batch 1,16 --rounds 2 >rows 2>err
"$TONG" bench --quick --json --size 64 --batch 1 --rounds 1 --wait block unix:x.sock >blocking 2>>err
"$TONG" bench --idle --json >idle 2>>err
python3 - <<'PYTHON'
import json


def rows_of(path):
    rows = [json.loads(line) for line in open(path)]
    assert all(row["schema"] == 1 for row in rows), rows
    return rows


rows = rows_of("rows")
assert {(r["scheme"], r["conversation"], r["size"], r["batch"]) for r in rows} >= {
    (scheme, talk, size, batch)
    for scheme in ("unix", "pipe", "inproc")
    for size in (64, 4096)
    for talk, batch in (("pair", 1), ("pipeline", 1), ("pipeline", 16))
}, rows
for row in rows + rows_of("blocking"):
    assert row["msgs_per_s"] > 0 and row["bare_msgs_per_s"] > 0 and row["rate_vs_bare"] > 0, row
    assert abs(row["bytes_per_s"] - row["msgs_per_s"] * row["size"]) <= row["size"], row
    assert 0 <= row["far_rounds"] <= row["rounds"] and row["rate_spread"] >= 0, row
    assert row["probe_ns"] is None or row["probe_ns"] > 0, row
    assert set(row["misses"]) <= {"rtt_vs_bare", "rate_vs_bare"}, row
    trips = [row[f"rtt_{p}_ns"] for p in ("p50", "p90", "p99", "p999")]
    if row["conversation"] in ("pair", "pipelines"):
        assert 0 < trips[0] and trips == sorted(trips), row
        assert row["bare_rtt_p50_ns"] > 0 and row["rtt_vs_bare"] > 0 and row["rtt_spread"] >= 0, row
    else:
        assert trips == [None] * 4 and row["rtt_vs_bare"] is None, row
assert all(row["rounds"] == 2 and row["wait"] == "adaptive" for row in rows), rows
assert {row["wait"] for row in rows_of("blocking")} == {"block"}
for query, talk in (("socket=seqpacket", "pair"), ("socket=dgram", "pipelines")):
    assert any(row["address"].endswith("?" + query) and row["conversation"] == talk for row in rows), rows

idle = rows_of("idle")
assert {row["scheme"] for row in idle} >= {"unix", "pipe", "inproc"}, idle
for row in idle:
    assert row["idle_channels"] >= 400 and row["bytes_per_channel"] >= 0, row
    assert row["first_open_ns"] > 0 and row["last_open_ns"] > 0, row
    assert row["threads"] == 0 and row["wakeups"] == 0, row
PYTHON

"$TONG" bench --quick --rounds 1 --size 64 --batch 1 inproc:x >table 2>>err
grep -q '^SCHEME .*RATE/BARE' table || fail "no heading: $(cat table)"
[ "$(grep -c '^inproc *\(pair\|pipeline\) *64 *1 ' table)" -eq 2 ] || fail "rows are missing: $(cat table)"
"$TONG" bench --idle inproc:x >table 2>>err
said table " idle channels: "

code 2 "$TONG" bench --size 0 2>err
said err "tong bench: --size takes"
code 2 "$TONG" bench --batch 1,many 2>err
code 2 "$TONG" bench --rounds 100 2>err
code 2 "$TONG" bench --wait long 2>err
said err "--wait is adaptive, spin or block, not 'long'"
code 2 "$TONG" bench nosuch:x 2>err
said err "'nosuch:x'"
code 1 "$TONG" bench --quick --size 64 unix:nosuch/x.sock 2>err
said err "tong: unix:nosuch/x.sock: "

# A signal ends it at once, with its children and its files.
"$TONG" bench >/dev/null 2>err &
bench=$!
until_true sh -c 'ls place/tong-bench-*/bench >/dev/null 2>&1'
kill -TERM $bench
ended 143 $bench
until_true sh -c "! pgrep -f '^$TONG bench' >/dev/null"

[ -z "$(ls -A place)" ] || fail "left behind: $(ls -A place)"
[ ! -e x.sock ] || fail "the socket stayed"

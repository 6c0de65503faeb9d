#!/bin/sh
# SPDX-License-Identifier: MIT
# The forms in which messages are written: JSON that every reader takes, hexadecimal digits, and what send tells.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

printf 'plain\0"quoted" \\ \t\001\0\355\225\234\352\270\200\0\377\376x\0' >sent

"$TONG" send -0 unix:j.sock --json <sent >summary &
sender=$!
"$TONG" recv --json --end unix:j.sock >received
ended 0 $sender
python3 - <<'PYTHON'
import base64, json

messages = [json.loads(line) for line in open("received", encoding="utf8")]
wanted = open("sent", "rb").read().split(b"\0")[:-1]
assert [m["schema"] for m in messages] == [1] * 4, messages
assert [m["encoding"] for m in messages] == ["utf8", "utf8", "utf8", "base64"], messages
got = [base64.b64decode(m["data"]) if m["encoding"] == "base64" else m["data"].encode() for m in messages]
assert got == wanted, got
assert [m["size"] for m in messages] == [len(w) for w in wanted], messages
summary = json.load(open("summary"))
assert summary["messages"] == 4 and summary["bytes"] == sum(map(len, wanted)), summary
PYTHON

"$TONG" send -0 unix:h.sock <sent &
sender=$!
"$TONG" recv --hex --end unix:h.sock >received
ended 0 $sender
cat >wanted <<'HEX'
706c61696e
2271756f74656422205c200901
ed959ceab880
fffe78
HEX
same wanted received

# Every length of the last group of base64.
for text in '\377' '\377\376' '\377\376\375' '\377\376\375\374'; do
    # shellcheck disable=SC2059
    printf "$text" >sent
    "$TONG" send unix:b.sock sent &
    sender=$!
    "$TONG" recv --json -n1 unix:b.sock >received
    ended 0 $sender
    said received "\"data\":\"$(base64 <sent)\""
done

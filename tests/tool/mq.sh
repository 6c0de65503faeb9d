#!/bin/sh
# SPDX-License-Identifier: MIT
# POSIX queues on the command line, with programs at the other side that know nothing of tong.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

for program in mq_read mq_write; do
    "$CC" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror "$ROOT/tests/foreign/$program.c" -o $program
done
queue=tong-test-$$
trap 'python3 -c "import ctypes, sys; ctypes.CDLL(None).mq_unlink(sys.argv[1].encode())" /$queue' EXIT

# Priorities, there and back.
"$TONG" send mq:/$queue -m low
"$TONG" send mq:/$queue --priority 9 -m high
"$TONG" send mq:$queue --priority 5 -m middle
"$TONG" recv mq:/$queue -n 3 --json >out
python3 - <<'PYTHON'
import json

rows = [json.loads(line) for line in open("out")]
assert [row["data"] for row in rows] == ["high", "middle", "low"], rows
assert [row.get("kind", 0) for row in rows] == [9, 5, 0], rows
PYTHON

# Empty, so the last one removed it.
code 1 ./mq_read /$queue 1 2>err
said err "No such file"

printf 'one\ntwo\nthree\n' | "$TONG" send --lines --priority 4 mq:$queue
./mq_read /$queue 3 >out
printf '4 one\n4 two\n4 three\n' >wanted
same out wanted
./mq_write /$queue 7 'from another program' 'and another'
"$TONG" recv --lines -n 2 mq:/$queue >out
printf 'from another program\nand another\n' >wanted
same out wanted

# Deadlines and limits.
code 3 "$TONG" recv mq:/$queue -t 200ms >out 2>err
said err "nothing arrived within 200ms"
head -c 20000 /dev/zero >large
code 7 "$TONG" send mq:/$queue large 2>err
said err "8192 bytes"
code 7 "$TONG" send mq:/$queue -m "$(tr '\0' x <large)" 2>err
said err "a message of 20000 bytes is over the limit of 8192"
said err "sysctl -w fs.mqueue.msgsize_max="
"$TONG" send "mq:/$queue-large?size=20000&keep=never" large 2>err || said err "sysctl -w fs.mqueue.msgsize_max=20000"
code 2 "$TONG" send mq:/a/b -m x 2>err
said err "slash"
code 2 "$TONG" send inproc:x --priority 3 -m x 2>err
said err "mq: has"

# A receiver that waits uses no processor time.
python3 - <<PYTHON
import resource
import subprocess

run = subprocess.run(["$TONG", "recv", "-q", "mq:/$queue", "-t", "2s"])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
assert run.returncode == 3, run
assert used.ru_utime + used.ru_stime < 0.5, used
PYTHON

#!/bin/sh
# SPDX-License-Identifier: MIT
# In a Korean locale the tool talks Korean to people; data and exit codes are the same as everywhere.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

# A Korean locale, without one being installed: the name chooses the language, and the rest is that of C.UTF-8.
mkdir locales
ln -s /usr/lib/locale/C.utf8 locales/ko_KR.UTF-8
unset LC_ALL LC_MESSAGES LC_CTYPE LANGUAGE

korean() {
    LOCPATH="$PWD/locales" LANG=ko_KR.UTF-8 "$@"
}

# Every page of help is Korean, says the same commands and options, and ends in the same examples.
for verb in '' send recv pair tour bench help version; do
    LANG=C.UTF-8 "$TONG" help $verb >english
    korean "$TONG" help $verb >page
    said page 종료
    grep -o -- '--[a-z]*' english | sort -u >words
    while read -r word; do
        said page "$word"
    done <words
    grep '^  tong\|^  [a-z]* .*| tong' english >examples || continue
    while read -r example; do
        said page "$example"
    done <examples
done

# What went wrong is said in Korean; a sentence of the library stays as it is. The codes do not change.
code 2 korean "$TONG" recv 2>err
said err "tong recv: ADDRESS 인자가 빠졌다 ('tong help recv' 참조)"
code 2 korean "$TONG" recv -n0 unix:x.sock 2>err
said err "--count에는 1 이상의 수를 준다 (받은 값: '0')"
code 3 korean "$TONG" recv unix:x.sock -t 100ms 2>err
said err "tong: unix:x.sock: 100ms 안에 아무것도 도착하지 않았다"
code 2 korean "$TONG" recv plain 2>err
said err "an address is scheme:name"

# Numbers of any size find their place in a translated sentence, and the data has no language.
korean "$TONG" recv -v -n 2 --lines unix:x.sock >received 2>err &
receiver=$!
printf 'one\n하나\n' | korean "$TONG" send --lines --json unix:x.sock >summary
ended 0 $receiver
printf 'one\n하나\n' >wanted
same wanted received
said err 'unix:x.sock: 메시지 2개, 9바이트를 받았다'
said summary '"messages":2,"bytes":9'

# A table stands in columns, however wide its letters are, and its cells are the words of the manual.
mkdir place
export TMPDIR="$PWD/place"
head -c 100000 /dev/zero >input
korean "$TONG" tour -q --input input >table
korean "$TONG" tour -q --input input --json >rows
python3 - <<'PYTHON'
import json
import unicodedata

def cells(line):
    """The line as a terminal shows it: a wide letter takes two cells."""
    return "".join(c + "\0" * (unicodedata.east_asian_width(c) in "WF") for c in line)

head, *lines = [cells(line.rstrip("\n")) for line in open("table")]
at = head.index(cells("대화"))
assert cells("메커니즘") == head[:at].rstrip(" "), head
for line in lines:
    assert line[at - 1] == " " and line[at:].startswith(("pair", "pipeline", "pub", "req")), line
right = head.index(cells("메시지")) + len(cells("메시지"))
assert all(line[right - 1].isdigit() and line[right] == " " for line in lines), lines
for row in map(json.loads, open("rows")):
    assert row["schema"] == 1 and row["result"] == "ok", row
PYTHON
LANG=C.UTF-8 "$TONG" tour -q --input input >english
[ "$(wc -l <table)" -eq "$(wc -l <english)" ] || fail "the table has other rows in Korean"
said english MECHANISM

# Without a catalogue, or without a locale, it is English.
code 2 korean env TEXTDOMAINDIR="$PWD/nowhere" "$TONG" recv 2>err
said err 'tong recv: ADDRESS is missing'
code 2 env LANG=ko_KR.UTF-8 LOCPATH="$PWD/nowhere" "$TONG" recv 2>err
said err 'tong recv: ADDRESS is missing'

# An installed tree has the catalogue beside the tool, wherever it lies.
cmake --install "$BUILD" --prefix "$PWD/installed" >/dev/null
korean "$PWD/installed/bin/tong" help >installed.page
korean "$TONG" help >page
same page installed.page
[ -s installed/share/locale/ko/LC_MESSAGES/tong.mo ] || fail "no catalogue was installed"

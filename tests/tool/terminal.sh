#!/bin/sh
# SPDX-License-Identifier: MIT
# A terminal gets no command from a message, unless --raw asks for it; a file gets every byte.
set -eu
# shellcheck source-path=SCRIPTDIR source=common.shlib
. "$(dirname "$0")/common.shlib"

# on_terminal COMMAND: the command's output as a terminal gets it, in the file shown, without the terminal's newlines.
on_terminal() {
    LC_ALL=C.UTF-8 script -qec "$1" /dev/null </dev/null >typescript
    tr -d '\r' <typescript >shown
}

# ESC, a C1 control as UTF-8 and as a byte, DEL; then what may be shown.
printf '\033[2J|\302\233|\233|\177|\t\355\225\234\352\270\200\n' >sent
printf '\\x1b[2J|\\xc2\\x9b|\\x9b|\\x7f|\t\355\225\234\352\270\200\n' >wanted

"$TONG" send unix:x.sock <sent &
sender=$!
on_terminal "'$TONG' recv -n1 unix:x.sock"
ended 0 $sender
same wanted shown

"$TONG" send --lines unix:x.sock <sent &
sender=$!
on_terminal "'$TONG' recv --lines -n1 unix:x.sock"
ended 0 $sender
same wanted shown

"$TONG" send unix:x.sock <sent &
sender=$!
on_terminal "'$TONG' recv --raw -n1 unix:x.sock"
ended 0 $sender
same sent shown

printf 'a\302\233b' | "$TONG" send unix:x.sock &
sender=$!
on_terminal "'$TONG' recv --json -n1 unix:x.sock"
ended 0 $sender
said shown '"data":"a\u009Bb"'

# Where the terminal does not read UTF-8, nothing above 0x7f is shown.
printf '\355\225\234\n' | "$TONG" send unix:x.sock &
sender=$!
on_terminal "LC_ALL=C '$TONG' recv -n1 unix:x.sock"
ended 0 $sender
said shown '\xed\x95\x9c'

# Colours only where a terminal reads them, and not against NO_COLOR.
on_terminal "'$TONG' recv -t 0 unix:x.sock || :"
grep -q "$(printf '\033')" shown || fail "no colour on a terminal"
on_terminal "NO_COLOR=1 '$TONG' recv -t 0 unix:x.sock || :"
grep -q "$(printf '\033')" shown && fail "colour in spite of NO_COLOR"
on_terminal "TERM=dumb '$TONG' recv -t 0 unix:x.sock || :"
grep -q "$(printf '\033')" shown && fail "colour on a dumb terminal"
on_terminal "'$TONG' recv --color=never -t 0 unix:x.sock || :"
grep -q "$(printf '\033')" shown && fail "colour in spite of --color=never"
"$TONG" recv -t 0 unix:x.sock 2>shown || :
grep -q "$(printf '\033')" shown && fail "colour in a file"
exit 0

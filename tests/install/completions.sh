#!/bin/sh
# SPDX-License-Identifier: MIT
# bash, zsh and fish, with what is installed for them, offer just what the tool's own help lists, and what fits a place.
set -eu
# shellcheck source=common.shlib
. "$(dirname "$0")/common.shlib"

export LC_ALL=C.UTF-8 TERM=xterm HOME="$PWD"
put "$PWD/installed"
touch some.sock data.bin

# offers LINE WORD...: each shell offers these words at the end of the line, and no other. fish repeats the scheme,
# which the others leave alone; zsh comes back to the options where nothing else fits.
offers() {
    line=$1
    shift
    printf '%s\n' "$@" | grep . | sort >wanted || true
    for shell in bash zsh fish; do
        [ "${line%-}" != "$line" ] && options= || options='/^-/d;'
        "$(dirname "$0")/complete.$shell" "$PWD/installed" "$line" | sed "${options}s/^[a-z]*:\\(.\\)/\\1/" | sort >got
        diff wanted got || fail "$shell, '$line': '<' fits, '>' is offered"
    done
}

# What a page of help lists: the verbs, or the long options of a verb.
verbs=$("$TONG" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
long_options() {
    "$TONG" help "$1" | sed -n 's/^  \(-.,\|   \) \(--[a-z-]*\).*/\2/p'
}

# The words are to be split.
# shellcheck disable=SC2046,SC2086
{
    offers "tong " $verbs
    offers "tong s" send
    offers "tong --" --help --version
    for verb in $verbs; do
        [ -n "$(long_options $verb)" ] || fail "tong help $verb has no options"
        offers "tong $verb --" $(long_options $verb)
    done
    offers "tong help s" send
}
offers "tong nosuch --" ""

# Arguments of options: values, files, nothing.
offers "tong recv --color " auto always never
offers "tong bench --wait a" adaptive
offers "tong tour --input da" data.bin
offers "tong send -n " ""

# Operands: one address with a path in it, then files; what belongs to an option does not count.
offers "tong send u" unix:
offers "tong send unix:so" some.sock
offers "tong send -n 5 --lines u" unix:
offers "tong send -n 5 unix:some.sock da" data.bin
offers "tong recv unix:some.sock " ""
offers "tong bench unix:some.sock u" unix:

# A word too few or too many would be noticed.
if (offers "tong s" send recv) >log || (offers "tong recv --color " auto always) >log; then
    fail "wrong expectations passed"
fi

# They are scripts without a mistake that their own shells, or the judge of shell scripts, would find.
bash -n installed/share/bash-completion/completions/tong
zsh -n installed/share/zsh/site-functions/_tong
fish --no-execute installed/share/fish/vendor_completions.d/tong.fish
shellcheck --shell=bash installed/share/bash-completion/completions/tong

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# complete.bash PREFIX LINE: what bash offers at the end of the line, with what is installed below the prefix.

# compopt is for readline, which is not here.
compopt() { :; }
# shellcheck source=/dev/null
. /usr/share/bash-completion/bash_completion
# shellcheck source=/dev/null
. "$1/share/bash-completion/completions/tong"

# Readline makes words of their own of the characters in COMP_WORDBREAKS.
line=${2//:/ : }
read -ra COMP_WORDS <<<"${line//=/ = }"
[[ $2 != *' ' ]] || COMP_WORDS+=('')
COMP_LINE=$2
COMP_POINT=${#2}
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_tong
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"

#!/usr/bin/env -S zsh -f
# SPDX-License-Identifier: MIT
# complete.zsh PREFIX LINE: what zsh offers at the end of the line, with what is installed below the prefix. Its
# completion runs in the line editor only, so a second zsh gets a terminal, the line, and the Tab key.
zmodload zsh/zpty
directory=$(mktemp -d)
cat >$directory/setup <<SETUP
setopt extended_glob
fpath=($1/share/zsh/site-functions \$fpath)
autoload -Uz compinit && compinit -u
bindkey '^I' complete-word

# Every candidate goes through compadd; a call that only fills an array offers nothing.
compadd() {
    local -a words
    if (( ! \$argv[(I)-[a-zA-Z0-9]#[OAD]*] )); then
        builtin compadd -O words "\$@"
        print -rl -- \$words >>$directory/offered
    fi
    builtin compadd "\$@"
}

finish() { exit }
comppostfuncs=(finish)
SETUP
zpty inner zsh -f -i
zpty -w inner "source $directory/setup"
zpty -w -n inner "$2"$'\t'
while zpty -r inner; do :; done >/dev/null
[[ ! -e $directory/offered ]] || grep . $directory/offered
rm -r $directory

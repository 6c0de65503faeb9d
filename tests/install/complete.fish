#!/usr/bin/env -S fish --no-config
# SPDX-License-Identifier: MIT
# complete.fish PREFIX LINE: what fish offers at the end of the line, with what is installed below the prefix.
source $argv[1]/share/fish/vendor_completions.d/tong.fish
complete -C $argv[2] | string replace -r '\t.*' ''

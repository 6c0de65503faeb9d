# SPDX-License-Identifier: MIT
# scdoc puts a .P before and behind everything. One that stands at a heading does nothing, and manual checkers complain
# of it; one at the end of an indented block belongs behind the block. Behind a table, one line feed leaves no distance.
# And no word is divided, since many are names that are searched for: what scdoc says of that, .TH takes back.
/^\.sp 1$/ && last == ".TE" { $0 = ".sp 2" }
/^\.P$/ { held = 1; next }
/^\.RE$/ { print; last = $0; next }
/^\.S[HS] / || last ~ /^\.(S[HS]|TH) / { held = 0 }
held { print ".P"; held = 0 }
{ print; last = $0 }
/^\.TH / { print ".nh" }

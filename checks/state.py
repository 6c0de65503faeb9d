#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""state.py ROOT LAYER=LIBRARY...: the library has no global state but what checks/state.allow lists with a reason."""
import pathlib
import re
import subprocess
import sys

import sources

# A line of objdump: address, seven flags of which d means a section, section, size, name. Constants with addresses in
# them lie in .data.rel.ro, which is read-only when the program runs.
OBJECT = re.compile(r"^[0-9a-f]+ .{5}[^d]. (\S+)\s+[0-9a-f]+ (?:\.hidden )?(\S+)$", re.MULTILINE)
WRITABLE = re.compile(r"^\.(?:t?data(?!\.rel\.ro)|t?bss)|^\*COM\*")


def writable(library):
    run = subprocess.run(["objdump", "--syms", "--wide", library], check=True, capture_output=True, text=True)
    for section, name in OBJECT.findall(run.stdout):
        if WRITABLE.match(section):
            yield re.sub(r"\.\d+$", "", name)


def main(root, libraries):
    reasons = {(words[0], words[1]): words[2:] for words in sources.words(root / "checks/state.allow")}
    problems = [f"checks/state.allow: {' '.join(what)} has no reason" for what, why in reasons.items() if not why]
    found = {(layer, name) for layer, library in libraries for name in writable(library)}
    problems += [f"src/{layer}: {name} is global state" for layer, name in sorted(found - reasons.keys())]
    problems += [f"checks/state.allow: {layer} {name} does not exist" for layer, name in sorted(reasons.keys() - found)]
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]), [argument.split("=", 1) for argument in sys.argv[2:]])

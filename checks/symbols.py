#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""symbols.py ROOT LAYER=LIBRARY...: what each layer takes from outside, lowest layer first.

A layer may use what the layers define that src/LAYERS lets it include, what <tong> promises if it names that, and of
the C library what checks/symbols/LAYER.allow and compiler.allow list. A list that says * allows everything.
"""
import pathlib
import subprocess
import sys

import sources


def symbols(library, *options):
    """The symbols of one kind, each with a member of the library that has it."""
    run = subprocess.run(["nm", "--print-file-name", "--format=posix", *options, library], check=True,
                         capture_output=True, text=True)
    found = {}
    for line in run.stdout.splitlines():
        where, _, symbol = line.partition("]: ")
        found[symbol.split()[0]] = where.partition("[")[2]
    return found


def providers(root):
    """{layer: the layers it may take symbols from}; <tong> and single headers of a layer stand for their layer."""
    layers = {words[0].rstrip(":"): words[1:] for words in sources.words(root / "src/LAYERS")}
    return {layer: {word.partition("/")[0] for word in words} for layer, words in layers.items()}


def allowed(root, layer):
    lists = [root / "checks/symbols" / f"{name}.allow" for name in ("compiler", layer)]
    return {words[0] for path in lists if path.is_file() for words in sources.words(path)}


def main(root, libraries):
    may_use = providers(root)
    defined, problems = {}, []
    for layer, library in libraries:
        defined[layer] = symbols(library, "--defined-only", "--extern-only")
        known = set(defined[layer]) | allowed(root, layer)
        for other in defined:
            if other in may_use[layer]:
                known |= set(defined[other])
            if "<tong>" in may_use[layer]:
                known |= {name for name in defined[other] if name.startswith("tong_")}
        if "*" in known:
            continue
        for name, member in sorted(symbols(library, "--undefined-only").items()):
            if name not in known:
                problems.append(f"src/{layer}: {member} uses {name}, which is neither below it nor in its list")
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]), [argument.split("=", 1) for argument in sys.argv[2:]])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""atomics.py ROOT: in src/ only base/order.h speaks of atomics, so that no shared access misses the seam."""
import pathlib
import sys

import sources

VOCABULARY = pathlib.PurePath("src/base/order.h")
ATOMICS = r"\b(?:_Atomic|volatile|atomic_\w+|memory_order\w*|__atomic_\w+|__sync_\w+)\b|<stdatomic\.h>"


def main(root):
    problems = []
    for path in sources.files(root, ".c", ".h", ".def"):
        if path.parts[0] != "src" or path == VOCABULARY:
            continue
        for line, match in sources.matches(sources.code((root / path).read_text()), ATOMICS):
            problems.append(f"{path}:{line}: {match[0]} belongs into {VOCABULARY}")
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""documented.py ROOT: every public function has its comment, every option of an address a place in the pages."""
import pathlib
import sys

import sources


def public_functions(root):
    problems = []
    for path in sources.files(root / "include", ".h"):
        lines = (root / "include" / path).read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("TONG_API") and not lines[number - 1].rstrip().endswith("*/"):
                problems.append(f"include/{path}:{number + 1}: no comment before {line}")
    return problems


def options(root):
    table = root / "src/base/options.def"
    if not table.is_file():
        return []
    pages = "".join((root / page).read_text() for page in sources.files(root, ".md"))
    problems = []
    for line, match in sources.matches(sources.code(table.read_text()), r"^TONGI_OPTION\(\w+, (\w+),"):
        word = match[1].removesuffix("_ns")
        if f"{word}=" not in pages and f"`{word}`" not in pages:
            problems.append(f"src/base/options.def:{line}: the option {word} is in no page (`{word}` or {word}=)")
    return problems


def main(root):
    sources.finish(public_functions(root) + options(root))


main(pathlib.Path(sys.argv[1]))

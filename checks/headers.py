#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""headers.py ROOT: every public header compiles alone, twice in a row, as C11, C17 and C++17, with gcc and clang."""
import pathlib
import subprocess
import sys

import sources

COMPILERS = [
    *((compiler, "c", standard) for compiler in ("gcc", "clang") for standard in ("c11", "c17")),
    *((compiler, "c++", "c++17") for compiler in ("g++", "clang++")),
]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]


def main(root):
    problems = []
    headers = sources.files(root / "include", ".h")
    if not headers:
        problems.append("include: no header found")
    for header in headers:
        text = f"#include <{header}>\n#include <{header}>\nint main(void) {{ return 0; }}\n"
        for compiler, language, standard in COMPILERS:
            options = ["-x", language, f"-std={standard}", *WARNINGS, "-fsyntax-only", "-I", root / "include"]
            run = subprocess.run([compiler, *options, "-"], input=text, capture_output=True, text=True)
            if run.returncode:
                problems.append(f"{header}: {compiler} -std={standard}: {run.stderr.strip()}")
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man_pages.py ROOT DIRECTORY: the pages made in DIRECTORY show without a warning and are found by their names."""
import os
import pathlib
import re
import subprocess
import sys

import sources

# Each gets all pages at once and has nothing to say about any.
READERS = [
    ["mandoc", "-T", "lint", "-W", "warning"],
    ["groff", "-ww", "-t", "-man", "-Tutf8", "-Z"],
    ["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"],
]


def check_readers(pages):
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""}
    for reader in READERS:
        run = subprocess.run([*reader, *pages], capture_output=True, text=True, env=environment)
        said = run.stderr + (run.stdout if reader[0] == "mandoc" else "")
        yield from said.splitlines()
        if run.returncode and not said:
            yield f"{reader[0]} exits with {run.returncode}"


def check_names(pages):
    """What whatis finds: every page has a NAME line that lexgrog understands, and every link leads to one."""
    for page in pages:
        if not page.is_file():
            yield f"{page.name}: a link to nothing"
            continue
        run = subprocess.run(["lexgrog", page], capture_output=True, text=True)
        if f': "{page.name.rpartition(".")[0]} - ' not in run.stdout:
            yield f"{page.name}: its NAME does not name it: {run.stdout.strip()}"


def check_options(root, directory):
    page = directory / "man7/tong-address.7"
    if not page.is_file():
        return
    table = sources.code((root / "src/base/options.def").read_text())
    for _, match in sources.matches(table, r"^TONGI_OPTION\(\w+, (\w+),"):
        word = match[1].removesuffix("_ns")
        if not re.search(rf"^\\fB{word}\\fR=", page.read_text(), re.MULTILINE):
            yield f"tong-address.7: the option {word} is not in its table"


def main(root, directory):
    pages = sorted(directory.glob("man?/*"))
    problems = [*check_names(pages), *check_options(root, directory)]
    problems += check_readers([page for page in pages if page.is_file() and not page.is_symlink()])
    if not pages:
        problems.append(f"{directory}: no page was made")
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

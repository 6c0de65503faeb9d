#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tidy.py ROOT: the rules of docs/STYLE.md that a machine can keep."""
import pathlib
import re
import shutil
import subprocess
import sys

import sources

FILE_LINES_MAX = 600
FILE_LINES_WISHED = 400
FUNCTION_LINES_MAX = 70

C = (".c", ".h", ".def")
# Files that a person writes line by line: they tell their licence and keep within the width.
WRITTEN = C + (".py", ".sh", ".shlib", ".cmake")
WRITTEN_NAMES = ("CMakeLists.txt", "dev")
WIDTH = 120

EVERYWHERE = "the whole tree"
# (where, pattern, what to do instead)
BANNED_CALLS = [
    (EVERYWHERE, r"\b(?:strcpy|strcat|stpcpy|sprintf|vsprintf|gets)\s*\(", "it does not know how much room there is"),
    (EVERYWHERE, r"\bstrtok\s*\(", "it keeps state; use strcspn"),
    (EVERYWHERE, r"\balloca\s*\(", "the stack has no error to return"),
    (EVERYWHERE, r"\bsignal\s*\(", "use sigaction, whose meaning is fixed"),
    ("tests", r"\b(?:u|nano)?sleep\s*\(", "wait for what happens, not for a time"),
    ("src", r"\b(?:v?f?printf|puts|fputs|putchar|perror)\s*\(", "the library prints nothing"),
    ("src", r"(?<![.>])\b(?:exit|_exit|abort|assert)\s*\(", "the library does not end its process"),
]
# A checker cannot contain what it forbids, so the words are put together here.
BANNED_WORDS = r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b|(?<![\w.])/(?:home|ro" r"ot|Users|wo" r"rk)/"


def shape(path, text):
    lines = text.splitlines()
    if path.suffix not in WRITTEN and path.name not in WRITTEN_NAMES:
        return
    if not any("SPDX-License-Identifier: MIT" in line for line in lines[:2]):
        yield f"{path}:1: no line SPDX-License-Identifier: MIT"
    if not text.endswith("\n"):
        yield f"{path}: the last line does not end"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end"
        if len(line) > WIDTH and path.suffix != ".def":  # a table may be as wide as its rows
            yield f"{path}:{number}: {len(line)} columns, {WIDTH} are the width"


def banned(path, text):
    for line, match in sources.matches(text, BANNED_WORDS):
        yield f"{path}:{line}: the tree has no place for {match[0]}"
    if path.suffix not in C:
        return
    code = sources.code(text)
    for where, pattern, why in BANNED_CALLS:
        if where in (EVERYWHERE, path.parts[0]):
            for line, match in sources.matches(code, pattern):
                yield f"{path}:{line}: {match[0]}...): {why}"


def name_of(head):
    """The function that a signature's first line names; of TONG_TEST(name), name."""
    head = re.sub(r"__attribute__\(\(.*\)\)", "", head)
    word, argument = re.search(r"(\w+)\((\w*)", head).groups()
    return argument if word.isupper() else word


def functions(text):
    """(name, line, how many lines) of each function: clang-format puts only their braces into the first column."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = next(head for head in reversed(lines[:start]) if re.match(r"\w", head))
            yield name_of(head), start, number - start + 1
            start = None


def lengths(root, path, text, exceptions):
    if path.suffix not in C:
        return
    count = text.count("\n")
    if count > FILE_LINES_MAX:
        yield f"{path}: {count} lines, {FILE_LINES_MAX} are the limit"
    elif count > FILE_LINES_WISHED:
        print(f"(to think about: {path} has {count} lines)")
    for name, line, length in functions(sources.code(text)):
        limit = exceptions.pop((str(path), name), FUNCTION_LINES_MAX)
        if length > limit:
            yield f"{path}:{line}: {name} has {length} lines, {limit} are its limit"
        elif FUNCTION_LINES_MAX <= length < limit:
            yield f"checks/long.allow: {path} {name}: lower the limit to {length}, where it must stay"
        elif length < FUNCTION_LINES_MAX < limit:
            yield f"checks/long.allow: {path} {name} is no longer too long: remove the line"


def formatted(root):
    paths = sources.files(root, ".c", ".h")
    if not paths:
        return []
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *paths], cwd=root, capture_output=True, text=True)
    wrong = sorted({line.partition(":")[0] for line in run.stderr.splitlines() if "error:" in line})
    return [f"{path}: not in the project's format; ./dev format puts it so" for path in wrong]


def scripts(root):
    """Shell scripts, if the machine can judge them."""
    starts = (b"#!/bin/sh", b"#!/usr/bin/env bash")
    paths = [path for path in sources.files(root) if (root / path).read_bytes().startswith(starts)]
    if not paths or not shutil.which("shellcheck"):
        return []
    command = ["shellcheck", "--format=gcc", "--external-sources", "--source-path=SCRIPTDIR", *paths]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return run.stdout.splitlines()


def main(root):
    problems = formatted(root) + scripts(root)
    allowed = root / "checks/long.allow"
    exceptions = {(path, name): int(lines) for path, name, lines in sources.words(allowed)} if allowed.is_file() else {}
    for path in sources.files(root):
        try:
            text = (root / path).read_text()
        except UnicodeDecodeError:
            continue
        problems += [*shape(path, text), *banned(path, text), *lengths(root, path, text, exceptions)]
    problems += [f"checks/long.allow: {path} {name} does not exist" for path, name in exceptions]
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]))

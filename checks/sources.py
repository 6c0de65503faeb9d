# SPDX-License-Identifier: MIT
"""What the checkers share: which files there are, and what C code says when comments are left out."""
import pathlib
import re
import sys

# Not ours, made by the build, or wrong on purpose.
NOT_SOURCES = {".git", "build", ".cache", "__pycache__"}
FIXTURES = pathlib.PurePath("tests/checks")


def files(root, *suffixes):
    """The project's files with one of the suffixes (all without any), as paths relative to root, sorted."""
    found = []
    for path in pathlib.Path(root).rglob("*"):
        relative = path.relative_to(root)
        if NOT_SOURCES.intersection(relative.parts) or FIXTURES in relative.parents or not path.is_file():
            continue
        if not suffixes or path.suffix in suffixes:
            found.append(relative)
    return sorted(found)


TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code(text, strings=False):
    """C text with comments, and unless wanted the insides of strings, blanked out; lines keep their numbers."""

    def blank(match):
        token = match.group()
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token if strings else token[0] + token[-1]

    return TOKENS.sub(blank, text)


def matches(text, pattern):
    """The matches of a pattern, each with its line number."""
    for match in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match


def words(path):
    """The lines of a list file, split, without comments and empty lines."""
    for line in pathlib.Path(path).read_text().splitlines():
        line = line.partition("#")[0].split()
        if line:
            yield line


def finish(problems):
    """Prints the problems and ends the checker with its verdict."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)

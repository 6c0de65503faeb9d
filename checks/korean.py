#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""korean.py ROOT: the Korean README follows README.md, and the tool's sentences are all marked and all translated."""
import pathlib
import re
import subprocess
import sys
import tempfile

import sources

EXTRACT = pathlib.Path(__file__).resolve().parent.parent / "po/extract"

# ---- README.ko.md


def parts(text):
    """What has to be the same in both languages: (kind, [what]) ..."""
    blocks = re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    tables = re.findall(r"^\|.*(?:\n\|.*)*", prose, re.MULTILINE)
    yield "heading", re.findall(r"^#+(?= )", prose, re.MULTILINE)
    yield "code block", blocks
    yield "table", ["\n".join("|" * row.count("|") for row in table.splitlines()) for table in tables]
    yield "list item", re.findall(r"^- ", prose, re.MULTILINE)
    # In which order they stand is the grammar's business.
    yield "inline code", sorted(set(re.findall(r"`[^`\n]+`", prose)))
    yield "link", sorted(set(re.findall(r"\]\(([^)]+)\)", prose)) - {"README.md", "README.ko.md"})


def check_readme(root):
    english, korean = root / "README.md", root / "README.ko.md"
    if not korean.is_file():
        yield "README.ko.md: README.md has no Korean twin"
        return
    for (kind, wanted), (_, got) in zip(parts(english.read_text()), parts(korean.read_text())):
        if len(wanted) != len(got):
            yield f"README.ko.md: {kind}s: {len(got)}, README.md has {len(wanted)}"
        for number, pair in enumerate(zip(wanted, got), 1):
            if pair[0] != pair[1]:
                yield f"README.ko.md: {kind} {number} is not that of README.md:\n{pair[1]}\n  instead of\n{pair[0]}"
                break
    prose = re.sub(r"^```.*?^```$", "", korean.read_text(), flags=re.MULTILINE | re.DOTALL)
    for paragraph in re.split(r"\n{2,}", prose):
        words = re.findall(r"[A-Za-z]+", re.sub(r"`[^`]*`|\([^)]*\)", "", paragraph))
        if len(words) > 5 and not re.search(r"[가-힣]", paragraph):
            yield f"README.ko.md: not Korean: {paragraph.strip()[:60]}"


# ---- the tool's sentences


def check_marked(root):
    """A text of several words that nobody can translate. Examples, indented by two blanks, are the same everywhere."""
    for path in sources.files(root / "tools/tong", ".c"):
        text = sources.code((root / "tools/tong" / path).read_text(), strings=True)
        string = r'"(?:[^"\\]|\\.)*"'
        marked = rf"\bN?_\((?:\s*(?:{string}|PRI\w+))+\s*\)"
        unmarked = re.sub(marked, lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        for line, match in sources.matches(unmarked, string):
            said = re.sub(r"%[-#0 +]*[\d.*]*(?:hh|h|ll|l|z|j)?[a-zA-Z]", "", match[0][1:-1])
            if re.search(r"[A-Za-z']{2,}[ ,]+[A-Za-z']{2,}", said) and not said.startswith(("  ", "{")):
                yield f"tools/tong/{path}:{line}: not marked with _() for translation: {match[0]}"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def check_catalogue(template, catalogue, name):
    made = run("msgfmt", "--check-format", "--statistics", f"--output-file={catalogue.parent}/made.mo", catalogue)
    if made.returncode:
        yield f"{name}: {made.stderr.strip()}"
    elif "untranslated" in made.stderr or "fuzzy" in made.stderr:
        yield f"{name}: {made.stderr.strip()}; run po/update, then translate"
    lacking = run("msgcmp", catalogue, template)
    if lacking.returncode:
        yield f"{name}: it lacks sentences of the tool; run po/update, then translate\n{lacking.stderr.strip()}"
    stale = run("msgcmp", "--use-untranslated", template, catalogue)
    if stale.returncode:
        yield f"{name}: it has sentences that the tool does not say; run po/update\n{stale.stderr.strip()}"
    if "#~" in catalogue.read_text():
        yield f"{name}: it keeps old sentences (#~); remove them"


def check_catalogues(root):
    made = run(EXTRACT, root)
    if made.returncode:
        yield f"po/extract: {made.stderr.strip()}"
        return
    template = root / "po/tong.pot"
    if not template.is_file() or template.read_text() != made.stdout:
        yield "po/tong.pot: it is not what the sources say; run po/update"
    if not (root / "po/ko.po").is_file():
        yield "po/ko.po: there is no Korean catalogue"
    with tempfile.TemporaryDirectory() as directory:
        fresh, copy = pathlib.Path(directory) / "tong.pot", pathlib.Path(directory) / "copy.po"
        fresh.write_text(made.stdout)
        for catalogue in sorted((root / "po").glob("*.po")):
            copy.write_text(catalogue.read_text())
            yield from check_catalogue(fresh, copy, f"po/{catalogue.name}")


def main(root):
    problems = []
    if (root / "README.md").is_file():
        problems += check_readme(root)
    if (root / "tools/tong").is_dir():
        problems += [*check_marked(root), *check_catalogues(root)]
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]))

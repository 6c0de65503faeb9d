#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py ROOT: the manual (man/*.scd) has what the headers, the tool and the tables have, and nothing else.

That every exported function has a page is told by tests/abi/ledger.py, what the made pages look like by man_pages.py.
"""
import collections
import pathlib
import re
import sys

import sources

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "ERRORS", "RULES", "SEE ALSO"]
RULES = ["Waiting", "Ownership", "Threads", "Fork"]
# Macros of the headers that are no part of the interface's vocabulary.
NOT_CONSTANTS = {"TONG_API", "TONG_CHECKED", "TONG_ERROR_MAP", "TONG_ERROR_ENUM"}


class Page:
    """man/NAME.SECTION.scd"""

    def __init__(self, path, text):
        self.path = path
        self.name, self.section = path.stem.rsplit(".", 1)
        self.text = text
        self.parts = {head: part for head, part in re.findall(r"^# (.+)\n((?:(?!# ).*\n?)*)", text, re.MULTILINE)}
        self.names = self.parts.get("NAME", "").strip().partition(" - ")[0].split(", ")


def flat(declaration):
    """A declaration in one line and one spelling."""
    text = re.sub(r"\s+", " ", declaration).strip()
    return re.sub(r" ?([(){};,*]) ?", r"\1", text)


def declarations(text):
    """{name: declaration} of the functions and structs in C text without comments."""
    found = {}
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    for match in re.finditer(r"typedef struct (\w+) \{[^}]*\} \w+;", text):
        found[match[1]] = flat(match[0])
    for match in re.finditer(r"^[a-z][\w ]*?[ *](tong_\w+)\((?:[^;{]*)\);", text, re.MULTILINE):
        found[match[1]] = flat(match[0])
    return found


def check_declarations(headers, pages):
    public = declarations(re.sub(r"TONG_API |TONG_CHECKED ", "", headers))
    shown = collections.defaultdict(list)
    for page in pages:
        for name, declaration in declarations(sources.code(page.parts.get("SYNOPSIS", ""))).items():
            shown[name].append((page, declaration))
    for name in public:
        if name not in shown:
            yield f"man: {name} is in no SYNOPSIS"
    for name, places in shown.items():
        for page, declaration in places:
            if name not in public:
                yield f"{page.path}: {name} is not public"
            elif declaration != public[name]:
                yield f"{page.path}: {name} is declared otherwise in the header: {public[name]}"


def check_constants(headers, pages):
    constants = set(re.findall(r"^#define (TONG_\w+)[( ]", headers, re.MULTILINE)) - NOT_CONSTANTS
    for body in re.findall(r"\benum \w+ \{([^}]*)\}", headers):
        constants.update(re.findall(r"\b(TONG_[A-Z0-9_]*[A-Z0-9])\b(?=\s*[,=}]|\s*$)", body))
    words = set(re.findall(r"\bTONG_\w+", "".join(page.text for page in pages)))
    yield from (f"man: {name} is in no page" for name in sorted(constants - words - NOT_CONSTANTS))


def check_form(pages):
    for page in pages:
        wanted = SECTIONS if page.section == "3" else ["NAME", "SEE ALSO"]
        yield from (f"{page.path}: no section {head}" for head in wanted if head not in page.parts)
        if not page.text.splitlines()[1].startswith(f"{page.name}({page.section}) "):
            yield f"{page.path}: its title is not {page.name}({page.section})"
        if page.names[0] != page.name:
            yield f"{page.path}: {page.name} is not the first of its names"
        rules = page.parts.get("RULES", "") if page.section == "3" else None
        yield from (f"{page.path}: RULES say nothing about *{rule}*" for rule in RULES
                    if rules is not None and f"*{rule}*" not in rules)


def check_references(pages):
    known = {(name, page.section) for page in pages for name in page.names}
    for page in pages:
        for line, match in sources.matches(page.text, r"\*(tong[\w-]*)\*\(([1-9])\)"):
            if (match[1], match[2]) not in known:
                yield f"{page.path}:{line}: there is no {match[1]}({match[2]})"


def verb_options(root):
    """{verb: {option: how a page shows it}} from the tables of the tool; a verb without options is there, too."""
    verbs = {match[1]: {} for _, match in
             sources.matches((root / "tools/tong/verbs.def").read_text(), r"^TOOL_VERB\((\w+),")}
    table = sources.code((root / "tools/tong/options.def").read_text(), strings=True)
    row = r"^TOOL_OPTION\(\w+,\s*(0|'.'),\s*\"([\w-]+)\",\s*(NULL|\"[^\"]*\"),\s*\w+,\s*((?:IN\(\w+\)[\s|]*)+)"
    for _, match in sources.matches(table, row):
        letter, name, argument, places = match.groups()
        head = "" if letter == "0" else f"-{letter[1]}, "
        tail = "" if argument == "NULL" else f" {argument[1:-1]}"
        for verb in re.findall(r"IN\((\w+)\)", places):
            verbs[verb][name] = f"{head}--{name}{tail}"
    return verbs


def check_options(page, options):
    """Each stands on a line of its own: *-n*, *--count* _COUNT_"""
    wanted = {**options, "help": "-h, --help"}
    shown = {}
    for line in re.findall(r"^\*-.*(?=\n\t)", page.parts.get("OPTIONS", ""), re.MULTILINE):
        plain = re.sub(r"[*_]", "", line)
        shown[re.search(r"--([\w-]+)", plain)[1]] = plain
    for name, plain in wanted.items():
        if name not in shown:
            yield f"{page.path}: OPTIONS lack {plain}"
        elif shown[name] != plain:
            yield f"{page.path}: {shown[name]} is {plain}"
    yield from (f"{page.path}: there is no option --{name}" for name in shown.keys() - wanted.keys())


def check_verbs(root, pages):
    pages = {(page.name, page.section): page for page in pages}
    tool = pages[("tong", "1")]
    for verb, options in verb_options(root).items():
        page = pages.get((f"tong-{verb}", "1"))
        if not re.search(rf"^\*{verb}\*", tool.parts.get("VERBS", ""), re.MULTILINE):
            yield f"{tool.path}: VERBS lack *{verb}*"
        if options and not page:
            yield f"man: the verb {verb} has options, but no page tong-{verb}(1)"
        elif page:
            yield from check_options(page, options)


def check_exit_codes(root, pages):
    page = next(page for page in pages if (page.name, page.section) == ("tong", "1"))
    codes = dict(re.findall(r"(TOOL_\w+) = (\d+)", (root / "tools/tong/tool.h").read_text()))
    signal = int(codes.pop("TOOL_SIGNAL"))
    shown = {int(code) for code in re.findall(r"^\|  (\d+)$", page.parts.get("EXIT STATUS", ""), re.MULTILINE)}
    wanted = {int(code) for code in codes.values()}
    yield from (f"{page.path}: EXIT STATUS lacks {code}" for code in sorted(wanted - shown))
    yield from (f"{page.path}: no verb exits with {code}" for code in sorted(shown - wanted) if code < signal)


def check_mechanisms(root, pages):
    table = (root / "src/transport/transports.def").read_text()
    shipped = re.sub(r"^#if TONG_SEAMS\n.*?^#endif", "", sources.code(table), flags=re.MULTILINE | re.DOTALL)
    pages = {(page.name, page.section): page for page in pages}
    overview = pages.get(("tong", "7"))
    for scheme in re.findall(r"^TONG_TRANSPORT\((\w+)\)", shipped, re.MULTILINE):
        page = pages.get((f"tong-{scheme}", "7"))
        if overview and f"*tong-{scheme}*(7)" not in overview.parts.get("MECHANISMS", ""):
            yield f"{overview.path}: MECHANISMS lack tong-{scheme}(7)"
        if not page:
            yield f"man: the mechanism {scheme} has no page tong-{scheme}(7)"
            continue
        yield from (f"{page.path}: no line {needed}"
                    for needed in (f"@options {scheme}@", f"@capabilities {scheme}@", "# LIMITS")
                    if f"\n{needed}\n" not in page.text)


def main(root):
    pages = [Page(path.relative_to(root), path.read_text()) for path in sorted((root / "man").glob("*.scd"))]
    headers = "".join(sources.code((root / "include" / path).read_text()) for path in sources.files(root / "include"))
    problems = [*check_form(pages), *check_references(pages), *check_declarations(headers, pages),
                *check_constants(headers, pages)]
    if (root / "tools/tong").is_dir():
        problems += [*check_verbs(root, pages), *check_exit_codes(root, pages)]
    if (root / "src/transport").is_dir():
        problems += check_mechanisms(root, pages)
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]))

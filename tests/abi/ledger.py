#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ledger.py ROOT LIBRARY: one list of public functions in four places.

What the headers declare, what src/libtong.map names, what the shared library exports (with the node that the map has
it in), and what the pages of section 3 in man/ describe must be the same, both ways.
"""
import pathlib
import re
import subprocess
import sys

from interface import Interface


def read_map(path):
    """{symbol: node} of a version script."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    symbols = {}
    for node, body in re.findall(r"(\w[\w.]*)\s*\{(.*?)\}", text, re.DOTALL):
        exported = body.partition("local:")[0].replace("global:", "")
        symbols |= {word.strip(): node for word in exported.split(";") if word.strip()}
    return symbols


def read_library(path):
    """{symbol: node} of what a shared library defines for others."""
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", "--with-symbol-versions", path]
    symbols = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        word, kind = line.split()[:2]
        if kind != "A":  # the node itself
            name, _, node = word.partition("@")
            symbols[name] = node.lstrip("@")
    return symbols


def read_pages(directory):
    """{name: page} of what the pages of section 3 say under NAME: "tong_now, tong_forever - until when ..."."""
    names = {}
    for page in sorted(directory.glob("*.3.scd")):
        head = re.search(r"^# NAME\n+(.*?) - ", page.read_text(), re.MULTILINE | re.DOTALL)
        names |= {name.strip(): page.name for name in head[1].split(",")} if head else {page.name: page.name}
    return names


def compare(interface, listed, exported, pages):
    declared = interface.functions
    for name in sorted(listed):
        if "*" in name:
            yield f"src/libtong.map: {name}: symbols go by name, so that none gets out unnoticed"
        elif name not in declared:
            yield f"src/libtong.map: {name} is in no header"
        if "*" not in name and name not in exported:
            yield f"src/libtong.map: {name} is not exported by the library; is it defined?"
    for name in sorted(declared.keys() - listed.keys()):
        yield f"src/libtong.map: {name} is in a header, but not here"
    for name, node in sorted(exported.items()):
        if name not in listed:
            yield f"the library exports {name}, which src/libtong.map does not name"
        elif node != listed[name]:
            yield f"the library has {name} in the node '{node}', src/libtong.map in {listed[name]}"
    if pages is None:
        return
    for name in sorted(declared.keys() - pages.keys()):
        yield f"man: no page of section 3 has {name} under NAME"
    for name, page in sorted(pages.items()):
        if name not in declared and name not in interface.structs:
            yield f"man/{page}: {name} is in no header"


def main(root, library):
    interface = Interface(root)
    pages = read_pages(root / "man") if (root / "man").is_dir() else None
    problems = list(compare(interface, read_map(root / "src/libtong.map"), read_library(library), pages))
    if not interface.functions:
        problems.append("include: no function found")
    print("\n".join(problems) or f"{len(interface.functions)} functions")
    sys.exit(1 if problems else 0)


main(pathlib.Path(sys.argv[1]), sys.argv[2])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""layers.py ROOT: every include keeps to src/LAYERS, and no transport includes another's header."""
import pathlib
import sys

import sources

INCLUDE = r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"\n]+)[>"]'


def read_layers(root):
    """{layer: what it may include}, as src/LAYERS has it."""
    return {words[0].rstrip(":"): set(words[1:]) for words in sources.words(root / "src/LAYERS")}


def layer_of(path):
    """src/base/x.h belongs to base, tools/tong/x.h to tools."""
    return path.parts[1] if path.parts[0] == "src" and len(path.parts) > 2 else path.parts[0]


def find(root, includer, name):
    """The file that a quoted include means, relative to root: beside the includer, in src/, or in bench/."""
    for base in (includer.parent, pathlib.PurePath("src"), pathlib.PurePath("bench")):
        if (root / base / name).is_file():
            return pathlib.PurePath(base / name)
    return None


def scheme_of(path, schemes):
    """Which transport a file of the transport layer belongs to, or None: unix_stream.c belongs to unix."""
    return next((scheme for scheme in schemes if path.stem == scheme or path.stem.startswith(scheme + "_")), None)


def read_schemes(root):
    rows = root / "src/transport/transports.def"
    if not rows.is_file():
        return []
    return [match[1] for _, match in sources.matches(sources.code(rows.read_text()), r"^TONG_TRANSPORT\((\w+)\)")]


def judge(root, layers, schemes, includer, kind, name):
    """Why this include may not be, or None."""
    layer = layer_of(includer)
    allowed = layers[layer]
    if kind == "<":
        return None if not name.startswith("tong/") or "<tong>" in allowed else f"{layer} may not include <tong>"
    included = find(root, includer, name)
    if not included:
        return f'"{name}" is neither beside this file nor in src'
    other = layer_of(included)
    if other == layer:
        own, its = scheme_of(includer, schemes), scheme_of(included, schemes)
        if layer == "transport" and its and own != its and included.suffix == ".h":
            return f"{includer.name} may not include another transport's {included.name}"
    elif other not in allowed and f"{other}/{included.name}" not in allowed:
        return f"{layer} may not include {other}/{included.name}"
    return None


def main(root):
    layers = read_layers(root)
    schemes = read_schemes(root)
    problems = [f"src/LAYERS: src/{path.name} is no layer" for path in (root / "src").iterdir()
                if path.is_dir() and path.name not in layers]
    for path in sources.files(root, ".c", ".h", ".def"):
        if layer_of(path) not in layers:
            continue
        text = sources.code((root / path).read_text(), strings=True)
        for line, match in sources.matches(text, INCLUDE):
            why = judge(root, layers, schemes, path, match[1], match[2])
            if why:
                problems.append(f"{path}:{line}: {why}")
    sources.finish(problems)


main(pathlib.Path(sys.argv[1]))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""freeze.py [--check] ROOT: writes tests/abi/layout.c, which holds the headers' binary interface fast, or checks it.

A line that was released stays as it is for as long as the library is called libtong.so.0: a new enumerator, a new
function, or a new field at the end of a struct that begins with struct_size only add lines. Such a struct's SIZE is
the one number that may grow.
"""
import pathlib
import subprocess
import sys
import tempfile

from interface import Interface

HEAD = """\
/* SPDX-License-Identifier: MIT */
/* The binary interface of libtong.so.0 on x86-64, held fast. Made by freeze.py, which tells what may change. */
#include <stddef.h>

{includes}

#if defined __x86_64__ && defined __LP64__

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "the size of " #type)
#define SAME(thing, ...) __builtin_types_compatible_p(__typeof__(thing), __VA_ARGS__)
#define FIELD(type, field, offset, ...) \\
    _Static_assert(offsetof(type, field) == (offset) && SAME(((type *)0)->field, __VA_ARGS__), #type ", " #field)
#define VALUE(name, value) _Static_assert((name) == (value), #name)
#define FUNCTION(name, ...) _Static_assert(SAME(name, __VA_ARGS__), #name)

"""
FOOT = "\n#endif\n"


def measure(interface, root):
    """The lines about structs, whose numbers the compiler of the machine gives."""
    prints = []
    for struct, fields in interface.structs.items():
        prints.append(f'printf("\\nSIZE(struct {struct}, %zu);\\n", sizeof(struct {struct}));')
        prints += [f'printf("FIELD(struct {struct}, {field}, %zu, {kind});\\n", offsetof(struct {struct}, {field}));'
                   for field, kind in fields.items()]
    includes = "".join(f"#include <{header}>\n" for header in ("stddef.h", "stdio.h", *interface.headers))
    program = f"{includes}int main(void) {{ {' '.join(prints)} return 0; }}"
    with tempfile.TemporaryDirectory() as directory:
        command = ["gcc", "-x", "c", "-std=c17", "-I", root / "include", "-o", f"{directory}/measure", "-"]
        subprocess.run(command, input=program, text=True, check=True)
        return subprocess.run([f"{directory}/measure"], capture_output=True, text=True, check=True).stdout


def make(root):
    interface = Interface(root)
    text = HEAD.format(includes="\n".join(f"#include <{header}>" for header in interface.headers))
    text += "".join(f"VALUE({name}, {value});\n" for name, value in interface.values.items())
    text += measure(interface, root) + "\n"
    text += "".join(f"FUNCTION({name}, {kind});\n" for name, kind in sorted(interface.functions.items()))
    command = ["clang-format", f"--assume-filename={root}/tests/abi/layout.c"]
    return subprocess.run(command, input=text + FOOT, capture_output=True, text=True, check=True).stdout


def main(root, check):
    layout, text = root / "tests/abi/layout.c", make(root)
    if not check:
        layout.write_text(text)
    elif layout.read_text() != text:
        subprocess.run(["diff", layout, "-"], input=text, text=True, check=False)
        sys.exit("tests/abi/layout.c is not what the headers say: if only lines were added, run tests/abi/freeze.py .")


main(pathlib.Path(sys.argv[-1]), "--check" in sys.argv[1:])

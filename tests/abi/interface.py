# SPDX-License-Identifier: MIT
"""What the public headers of a tree say, as clang reads them: functions, structs and the values of enums."""
import json
import subprocess


class Interface:
    """functions {name: type}, structs {name: {field: type}}, values {enumerator: number}, in the order of the text."""

    def __init__(self, root):
        self.headers = sorted(path.relative_to(root / "include").as_posix() for path in (root / "include").rglob("*.h"))
        self.functions, self.structs, self.values = {}, {}, {}
        for node in self._tree(root)["inner"]:
            if node.get("name", "").startswith("tong_"):
                self._take(node)

    def _tree(self, root):
        text = "".join(f"#include <{header}>\n" for header in self.headers)
        command = ["clang", "-x", "c", "-std=c17", "-I", root / "include", "-fsyntax-only", "-Xclang", "-ast-dump=json",
                   "-"]
        return json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)

    def _take(self, node):
        inside = node.get("inner", [])
        if node["kind"] == "FunctionDecl":
            self.functions[node["name"]] = node["type"]["qualType"]
        elif node["kind"] == "RecordDecl" and node.get("completeDefinition"):
            fields = [field for field in inside if field["kind"] == "FieldDecl"]
            self.structs[node["name"]] = {field["name"]: field["type"]["qualType"] for field in fields}
        elif node["kind"] == "EnumDecl":
            number = -1
            for enumerator in inside:
                given = enumerator.get("inner", [{}])[0].get("value")
                number = number + 1 if given is None else int(given)
                self.values[enumerator["name"]] = number

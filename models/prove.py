#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""prove.py MODEL.pml...: checks each model wholly, then once with each of its faults, every one of which must be found.

A fault is a name FAULT_... in the model, which its definition turns on.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

STATES = re.compile(r"^\s*(\d+) states, stored", re.M)
ERRORS = re.compile(r"errors: (\d+)")
CHECKER = ["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"]


def search(model, *definitions):
    """The number of states and of errors."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["spin", *definitions, "-a", str(model)], cwd=place, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(CHECKER, cwd=place, check=True)
        out = subprocess.run(["./pan", "-m1000000"], cwd=place, check=True, capture_output=True, text=True).stdout
    if "search depth too small" in out:
        raise SystemExit(f"{model.name}: the search was cut short")
    return int(STATES.search(out)[1]), int(ERRORS.search(out)[1])


def prove(model):
    states, errors = search(model)
    good = errors == 0
    print(f"{model.name}: {states} states, {'holds' if good else 'DOES NOT HOLD'}", flush=True)
    for fault in sorted(set(re.findall(r"FAULT_\w+", model.read_text()))):
        states, errors = search(model, f"-D{fault}")
        good = good and errors > 0
        print(f"    {fault}: {'found' if errors else 'NOT FOUND'} after {states} states", flush=True)
    return good


def main(names):
    results = [prove(pathlib.Path(name).resolve()) for name in names]
    sys.exit(0 if results and all(results) else 1)


main(sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""in_empty_directory.py SCRIPT: runs a shell script as a test, in a directory of its own that is removed afterwards.

The script fails if it exits with other than 0, or leaves a process or a socket behind. TONG in its environment
names the tool, ROOT the source tree.
"""
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

PR_SET_CHILD_SUBREAPER = 36


def children():
    return [int(pid) for pid in pathlib.Path("/proc/thread-self/children").read_text().split()]


def kill_children():
    """Kills what the script left running, and tells what it was."""
    names = []
    while pids := children():
        for pid in pids:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                names.append(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return names


def main(script):
    # Orphans become children of this process, so that none is overlooked.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="tong-test.") as directory:
        status = subprocess.run(["sh", "-eu", script], cwd=directory, stdin=subprocess.DEVNULL).returncode
        left = [f"process {name}" for name in kill_children()]
        left += [f"socket {path.name}" for path in pathlib.Path(directory).rglob("*") if path.is_socket()]
    for what in left:
        print(f"left behind: {what}")
    return 1 if status or left else 0


sys.exit(main(sys.argv[1]))

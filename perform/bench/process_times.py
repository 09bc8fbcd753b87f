"""CPU time and context switches of a process and all its descendants, by Linux's /proc."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from perform.core.errors import PerformError

_PROC = Path("/proc")
_SWITCHES = ("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")


class ProcessTimes(NamedTuple):
    """One process since its start.

    module   : that it runs (`python -m MODULE`), or ""
    cpu_s    : CPU time of all its threads, seconds
    switches : context switches of all its threads
    """

    module: str
    cpu_s: float
    switches: int


def process_tree(pid: int) -> dict[int, ProcessTimes]:
    """Return a process and its descendants by process id; PerformError: not on Linux."""
    if sys.platform != "linux":
        raise PerformError("CPU times of other processes are only known on Linux")
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found, waiting = {}, [pid]
    while waiting:
        waiting += children.get(one := waiting.pop(), [])
        with contextlib.suppress(OSError):  # it has ended
            found[one] = _times(one)
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()  # after "pid (name)"
                yield int(folder.name), int(fields[1])


def _times(pid: int) -> ProcessTimes:
    words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    module = words[words.index("-m") + 1] if "-m" in words else ""
    cpu_ns = switches = 0
    for task in (_PROC / str(pid) / "task").iterdir():
        with contextlib.suppress(OSError):
            cpu_ns += int((task / "schedstat").read_text().split()[0])
            lines = (task / "status").read_text().splitlines()
            switches += sum(int(line.split()[1]) for line in lines if line.startswith(_SWITCHES))
    return ProcessTimes(module, cpu_ns / 1e9, switches)

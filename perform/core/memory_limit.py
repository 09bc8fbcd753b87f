"""A limit on the memory of a process, so that a bad file ends one process and not the whole system."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.platform == "linux":
    import resource  # here: nothing can be imported in a sandbox


def address_space() -> int:
    """Return the bytes of this process's address space; 0 where the system does not say."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


def limit_address_space(size: int) -> bool:
    """Let this process and its children have at most `size` bytes of addresses; more is a MemoryError.

    Return whether the system enforces it: only Linux does. A lower limit that is in force stays.
    """
    if sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        least = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_AS, (least, least))
        return True
    return False

"""The number of processor cores that this process may use. Standard library only."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return how many cores this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

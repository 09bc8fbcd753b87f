"""Real-time priority, where the system grants it. Standard library only."""

from __future__ import annotations

import os

AUDIO_PRIORITY = 60  #: the thread that mixes: below JACK's own (70), above everything else
RENDER_PRIORITY = 20  #: the thread that decodes


def real_time(priority: int) -> bool:
    """SCHED_FIFO for the calling thread; False where the system has none or refuses."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return False
    return True

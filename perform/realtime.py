"""Real-time priority, where the system grants it. Standard library only."""

from __future__ import annotations

import os

AUDIO_PRIORITY = 60  #: the thread that mixes: below JACK's own (70), above everything else
STAGE_PRIORITY = 30  #: the process in charge: it must be able to end what renders too much
RENDER_PRIORITY = 20  #: the thread that decodes


def real_time(priority: int) -> bool:
    """SCHED_FIFO for the calling thread; False where the system has none or refuses."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        # not for the processes and threads it starts: they ask for themselves
        policy = os.SCHED_FIFO | getattr(os, "SCHED_RESET_ON_FORK", 0)
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        return False
    return True

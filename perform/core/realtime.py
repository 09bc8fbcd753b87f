"""Real-time priority, where the system grants it, and its opposite. Standard library only."""

from __future__ import annotations

import contextlib
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
        with contextlib.suppress(OSError):  # refused, but no longer idle
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        return False
    return True


def idle() -> None:
    """Only what nobody else wants, for the calling thread, where the system knows such a thing."""
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def hurry(thread: int | None = None) -> None:
    """The end of `idle` for a thread of this process, by its native id, from another; for its main one."""
    thread = os.getpid() if thread is None else thread
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):  # where the thread has ended, too
            if os.sched_getscheduler(thread) == os.SCHED_IDLE:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))

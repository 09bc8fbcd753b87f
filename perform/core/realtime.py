"""Thread priorities: real time if the system grants it, and idle. Standard library only."""

from __future__ import annotations

import contextlib
import os

AUDIO_PRIORITY = 60  #: the mixer's thread: below JACK's (70), above everything else
STAGE_PRIORITY = 30  #: the stage process: it must be able to end a host process that takes too much time
CONTROL_PRIORITY = 25  #: the threads that take a MIDI message to its parameter: microseconds each
RENDER_PRIORITY = 20  #: the thread that decodes
INTERPRETER_PRIORITY = 10  #: a thread whose interpreter a real-time thread shares, and so may wait for


def request_real_time(priority: int) -> bool:
    """Give the calling thread SCHED_FIFO; False if the system has none or refuses."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        # processes and threads that this thread starts do not inherit the priority
        policy = os.SCHED_FIFO | getattr(os, "SCHED_RESET_ON_FORK", 0)
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        with contextlib.suppress(OSError):  # at least an idle thread becomes a normal one
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        return False
    return True


def lower_priority() -> None:
    """Give the calling thread only unused processor time, if the system can."""
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def raise_priority(thread: int | None = None) -> None:
    """Undo `lower_priority` for a thread of this process, by native id; None means the main thread."""
    thread = os.getpid() if thread is None else thread
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):  # the thread may have ended
            if os.sched_getscheduler(thread) == os.SCHED_IDLE:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))

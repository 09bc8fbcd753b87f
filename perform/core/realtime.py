"""Thread priorities: real time if the system grants it, and idle. Standard library only.

Linux has SCHED_FIFO with numbers. Windows has a few steps, the highest above every normal program. macOS
has a class of service for time-critical work. It cannot raise another thread, so none is lowered there.
"""

from __future__ import annotations

import contextlib
import os
import sys

if sys.platform != "linux":
    import ctypes

AUDIO_PRIORITY = 60  #: the mixer's thread: below JACK's (70), above everything else
STAGE_PRIORITY = 30  #: the stage process: it must be able to end a host process that takes too much time
CONTROL_PRIORITY = 25  #: the threads that take a MIDI message to its parameter: microseconds each
RENDER_PRIORITY = 20  #: the thread that decodes
INTERPRETER_PRIORITY = 10  #: a thread whose interpreter a real-time thread shares, and so may wait for

# Windows: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-setthreadpriority
_TIME_CRITICAL, _HIGHEST, _ABOVE_NORMAL, _NORMAL, _IDLE = 15, 2, 1, 0, -15
_SET_INFORMATION = 0x20  # the right that OpenThread asks for
# macOS: sys/qos.h
_USER_INTERACTIVE = 0x21


def request_real_time(priority: int) -> bool:
    """Give the calling thread a real-time priority; False if the system has none or refuses."""
    if sys.platform == "win32":
        step = _TIME_CRITICAL if priority >= AUDIO_PRIORITY else _HIGHEST
        return _set_windows_priority(_ABOVE_NORMAL if priority <= INTERPRETER_PRIORITY else step)
    if sys.platform == "darwin":
        return not ctypes.CDLL(None).pthread_set_qos_class_self_np(_USER_INTERACTIVE, 0)
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
    if sys.platform == "win32":
        _set_windows_priority(_IDLE)
    elif sys.platform != "darwin" and hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def raise_priority(thread: int | None = None) -> None:
    """Undo `lower_priority` for a thread of this process, by native id; None means the main thread."""
    if sys.platform == "win32":
        _set_windows_priority(_NORMAL, thread or _main_thread())
    elif sys.platform != "darwin" and hasattr(os, "SCHED_IDLE"):
        thread = os.getpid() if thread is None else thread
        with contextlib.suppress(OSError):  # the thread may have ended
            if os.sched_getscheduler(thread) == os.SCHED_IDLE:
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


if sys.platform == "win32":
    import threading

    def _main_thread() -> int:
        return threading.main_thread().native_id or 0

    def _set_windows_priority(step: int, thread: int | None = None) -> bool:
        """Set the priority of a thread, by its native id; None means the calling one."""
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentThread.restype = kernel.OpenThread.restype = ctypes.c_void_p
        kernel.SetThreadPriority.argtypes = [ctypes.c_void_p, ctypes.c_int]
        kernel.CloseHandle.argtypes = [ctypes.c_void_p]
        if thread is None:
            return bool(kernel.SetThreadPriority(kernel.GetCurrentThread(), step))
        handle = kernel.OpenThread(_SET_INFORMATION, False, thread)
        if not handle:  # the thread has ended
            return False
        try:
            return bool(kernel.SetThreadPriority(handle, step))
        finally:
            kernel.CloseHandle(handle)

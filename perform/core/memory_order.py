"""The order in which one process sees the stores of another in shared memory.

The model, in four rules:

1. A word is an aligned 8-byte value with one writer. It is loaded and stored whole.
2. `store_release` makes all earlier stores of its thread visible before the word.
3. `load_acquire` reads the word before all later loads and stores of its thread.
4. So a reader that sees a released word sees everything written before it. Plain stores promise no order.

x86-64 keeps stores in order and loads in order by itself. There a fence does nothing: it would take up to
7 % of the mixer's time. ARM does not keep them: there `fence` does it. So it does on Windows, where an ARM
processor may emulate x86-64 and order less. A fence releases, then acquires, a `threading.Lock` that belongs
to the calling thread alone, so it never waits.
Release then acquire matters: accesses cannot move down past the atomic release, later ones cannot move up
past the atomic acquire, and AArch64 keeps a release before an acquire that follows it. Acquire then release
would let both meet in the middle. CPython takes these locks with a POSIX semaphore (Linux), a pthread mutex
(macOS) or an SRW lock (Windows); each uses atomic acquire and release operations, also without contention.
The interpreter runs statements in order, and no compiler moves accesses across calls into a shared library.

This reasoning has been tested on x86-64 only.
Standard library and numpy only.
"""

from __future__ import annotations

import platform
import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.int64] | npt.NDArray[np.float64]  #: aligned words in shared memory


FENCES = sys.platform == "win32" or platform.machine() not in (
    "x86_64",
    "AMD64",
)  #: this processor needs them


class _OwnLock(threading.local):
    """A lock for each thread, held except inside `fence`."""

    def __init__(self) -> None:
        lock = threading.Lock()
        lock.acquire()
        self.release, self.acquire = lock.release, lock.acquire


_own = _OwnLock()


def fence() -> None:
    """[any] Keep the loads before this call before those that follow it, and so the stores."""
    if not FENCES:
        return
    try:
        _own.release()
    except RuntimeError:  # a signal handler or an exception interrupted an earlier fence
        _own.acquire(False)
        _own.release()
    _own.acquire(False)


def store_release(words: npt.NDArray[Any], index: int, value: float) -> None:
    """[any] Publish: a reader that loads this word with `load_acquire` sees all earlier stores."""
    if FENCES:
        fence()
    words[index] = value


def load_acquire(words: npt.NDArray[np.int64], index: int) -> int:
    """[any] Observe: from here on, all stores before the writer's release of this word are visible."""
    value = int(words[index])
    if FENCES:
        fence()
    return value


class SequenceLock:
    """Lets a reader detect that it read during a write of the one writer. Neither side waits.

    The word counts the beginnings and ends of writes, so it is odd during a write.
    """

    def __init__(self, words: Words, index: int) -> None:
        self._words, self._index = words, index

    def begin_write(self) -> None:
        """[writer] Begin stores that belong together: a reader must see all of them or none."""
        self._words[self._index] += 1
        fence()

    def end_write(self) -> None:
        """[writer] End the stores that began with `begin_write`."""
        store_release(self._words, self._index, self._words[self._index] + 1)

    def begin_read(self) -> int:
        """[reader] Return the count to give to `is_consistent` after reading."""
        count = int(self._words[self._index])
        fence()
        return count

    def is_consistent(self, count: int) -> bool:
        """[reader] Return whether no write has happened since `begin_read` returned `count`."""
        fence()
        return count % 2 == 0 and count == self._words[self._index]

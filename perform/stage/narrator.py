"""Writes log lines on a separate thread, so that a stalled terminal cannot stall the stage."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

BACKLOG = 200  #: lines that wait for a slow terminal; more are dropped
CLOSE_S = 1.0  #: the longest wait for the last lines


class Narrator:
    """[any] Calls `log` with each line, in order."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="narrator", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Queue a line; never waits."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # the terminal is closed
                self._log(line)

    def close(self) -> None:
        """Write the lines that are left, and stop."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(CLOSE_S)

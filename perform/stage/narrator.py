"""Lines for somebody to read, told by a thread that may wait: a stalled terminal must not stall the stage."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

BACKLOG = 200  #: lines kept for a reader that is slow; more are dropped
CLOSE_S = 1.0  #: the last lines may take so long


class Narrator:
    """[any] Calls `tell` with each line, in order, on a thread of its own."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lines: queue.Queue[str | None] = queue.Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="narrator", daemon=True)
        self._thread.start()

    def __call__(self, line: str) -> None:
        """Pass a line on; never waits."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                self._tell(line)

    def close(self) -> None:
        """Give the last lines a moment to get out."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(CLOSE_S)

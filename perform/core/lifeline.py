"""A child process's line to the stage: orders come in on stdin, reports go out on stdout, a JSON line each.

The end of stdin is the stage's death, however it died; what C libraries print goes to the log on
descriptor 2 and never onto a screen. Standard library only.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any

Message = dict[str, Any]


class Lifeline:
    """[any] Orders from the stage as a queue of dicts; None once the stage is gone.

    Descriptor 1 is moved away first, so that a stray print of some library cannot break a report. Made on
    the main thread: what a terminal signals to the whole group is ignored from here on.
    """

    def __init__(self) -> None:
        for name in ("SIGINT", "SIGHUP"):  # the terminal's: they are for the stage
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._one = threading.Lock()
        self.orders: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="lifeline", daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in sys.stdin:
                self.orders.put(json.loads(line))
        finally:
            self.orders.put(None)

    def report(self, kind: str, **fields: Any) -> None:
        """Tell the stage; never from the audio thread (a full pipe waits)."""
        try:
            with self._one:
                self._out.write(json.dumps({"report": kind} | fields) + "\n")
                self._out.flush()
        except OSError:
            self.orders.put(None)

    def next(self, timeout: float | None = None) -> Message | None:
        """The next order; None when the stage is gone. Raises queue.Empty after `timeout` seconds."""
        return self.orders.get(timeout=timeout)

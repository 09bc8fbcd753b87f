"""A child process's pipes to the stage: orders come in on stdin, reports go out on stdout.

One JSON line each (`core/messages.py`). The end of stdin means that the stage is gone, however it ended.
What C libraries print goes to the log on descriptor 2, never onto a screen.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading

from perform.core.messages import AnyOrder, AnyReport, BadMessage, decode_order, encode


class Lifeline:
    """[any] Orders from the stage as a queue; None once the stage is gone.

    It first moves descriptor 1 away, so that a library's stray print cannot break a report. Make it on the
    main thread: it also makes the process ignore signals that a terminal sends to the whole group.
    """

    def __init__(self) -> None:
        for name in ("SIGINT", "SIGHUP"):  # the terminal sends these; they are for the stage
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._writing = threading.Lock()
        self.orders: queue.SimpleQueue[AnyOrder | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="lifeline", daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in sys.stdin:
                try:
                    self.orders.put(decode_order(line))
                except BadMessage as error:
                    print(error, file=sys.stderr, flush=True)
        finally:
            self.orders.put(None)

    def report(self, report: AnyReport) -> None:
        """Send a report; never from the audio thread, because a full pipe blocks."""
        try:
            with self._writing:
                self._out.write(encode(report))
                self._out.flush()
        except OSError:
            self.orders.put(None)

    def next(self, timeout: float | None = None) -> AnyOrder | None:
        """The next order; None when the stage is gone. Raises queue.Empty after `timeout` seconds."""
        return self.orders.get(timeout=timeout)

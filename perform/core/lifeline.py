"""A child process's pipes to the stage: orders come in on stdin, reports go out on stdout.

One JSON line each (`core/messages/`). When the stage ends, for whatever reason, stdin closes.
Prints of C libraries go to the log on descriptor 2, never onto a screen.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading

from perform.core.messages.message_lines import AnyOrder, AnyReport, BadMessage, decode_order, encode
from perform.core.printable import printable


class Lifeline:
    """[any] The orders of the stage as a queue, with None after the last; and the way to report back.

    It moves descriptor 1 away, so that a library's print cannot break a report. Make it on the main thread:
    it also makes the process ignore the signals that a terminal sends to the whole group.
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
                    print(printable(str(error)), file=sys.stderr, flush=True)
        finally:
            self.orders.put(None)

    def report(self, report: AnyReport) -> None:
        """Send a report. Not from the audio thread: a full pipe blocks."""
        try:
            with self._writing:
                self._out.write(encode(report))
                self._out.flush()
        except OSError:
            self.orders.put(None)

    def next(self, timeout: float | None = None) -> AnyOrder | None:
        """Wait for the next order; None when the stage is gone. queue.Empty: none in `timeout` seconds."""
        return self.orders.get(timeout=timeout)

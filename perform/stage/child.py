"""The stage's end of a child process: orders down, reports up, and the news of its death."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Protocol

from perform.lifeline import Message


class Owner(Protocol):
    """Whoever started a child and wants to hear of it; each answers whether the child is its own."""

    def report(self, child: Child, message: Message) -> bool:
        """Take a report."""
        ...

    def died(self, child: Child) -> bool:
        """Take the news of its death."""
        ...


class Child:
    """One child process. Its reports come to `events` as (child, message), its death as (child, None).

    module : what it runs, `python -m module args...`; log: the file its descriptor 2 goes to
    """

    def __init__(
        self,
        events: queue.SimpleQueue[Any],
        log: Path,
        module: str,
        *args: str,
        environment: Message | None = None,
    ) -> None:
        self.module = module
        self._events = events
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=os.environ | {"OMP_NUM_THREADS": "1", "JACK_NO_START_SERVER": "1"} | (environment or {}),
            )
        assert self._process.stdin and self._process.stdout
        self._orders: IO[str] = self._process.stdin
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def _listen(self, reports: IO[str]) -> None:
        for line in reports:
            try:
                message = json.loads(line)
            except ValueError:  # a child killed in the middle of a line
                continue
            self._events.put((self, message))
        self._process.wait()
        self._events.put((self, None))

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative where a signal ended it."""
        return self._process.poll()

    def order(self, kind: str, **fields: Any) -> None:
        """Tell the child; a dead one does not listen."""
        with contextlib.suppress(OSError, ValueError):  # its death is on the way as an event
            self._orders.write(json.dumps({"order": kind} | fields) + "\n")
            self._orders.flush()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def close(self) -> None:
        """Close its lifeline, so that it ends by itself."""
        with contextlib.suppress(OSError):
            self._orders.close()

    def wait(self, seconds: float) -> None:
        """Wait for its end; one that takes longer is killed."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

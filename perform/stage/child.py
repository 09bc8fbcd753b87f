"""The stage's end of a child process: orders down, reports up, and the news of its death."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Protocol

from perform.core.lifeline import Message


class ChildOwner(Protocol):
    """Whoever started a child and wants to hear of it; each answers whether the child is its own."""

    def report(self, child: Child, message: Message) -> bool:
        """Take a report."""
        ...

    def died(self, child: Child) -> bool:
        """Take the news of its death."""
        ...

    def tick(self) -> None:
        """A few times each 100 ms: whatever has to be done by itself."""
        ...


class Child:
    """One child process. Its reports come to `events` as (child, message), its death as (child, None).

    module : what it runs, `python -m module args...`; log: the open file its descriptor 2 goes to
    """

    def __init__(self, events: queue.SimpleQueue[Any], log: IO[bytes], module: str, *args: str) -> None:
        self._events = events
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"OMP_NUM_THREADS": "1", "JACK_NO_START_SERVER": "1"},
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
            if isinstance(message, dict):
                self._events.put((self, message))
        self._process.wait()
        self._events.put((self, None))

    @property
    def pid(self) -> int:
        """Its process."""
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


class KeptChild:
    """A child that has to be there: started again whenever it dies, at once and then after longer pauses.

    spawn : starts one
    beat  : a number that changes as long as the child is well
    """

    PAUSES = (0.0, 0.3, 1.0, 3.0, 10.0)  #: seconds, after the first death, the second ...
    WELL_S = 30.0  #: a child that lived so long had no trouble starting

    def __init__(self, spawn: Callable[[], Child], beat: Callable[[], float]) -> None:
        self._spawn, self._beat = spawn, beat
        self.child: Child | None = None
        self._deaths = 0
        self._born = self._due = self._seen_at = 0.0
        self._seen = -1.0

    def tick(self, stall: float) -> bool:
        """Start it where it is due, kill it where its beat has stood still for `stall` seconds.

        True where one was started just now.
        """
        now = time.monotonic()
        if self.child is None:
            if now < self._due:
                return False
            self._born = self._seen_at = now
            self.child = self._spawn()
            return True
        if self._beat() != self._seen:
            self._seen, self._seen_at = self._beat(), now
        elif now - self._seen_at > stall:
            self._seen_at = now
            self.child.kill()
        return False

    def died(self, child: Child) -> bool:
        """Take the news of a death; False where it is another's."""
        if child is not self.child:
            return False
        now = time.monotonic()
        self._deaths = 0 if now - self._born > self.WELL_S else self._deaths
        self._due = now + self.PAUSES[min(self._deaths, len(self.PAUSES) - 1)]
        self._deaths += 1
        self.child = None
        return True

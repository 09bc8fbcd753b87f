"""A child process as the stage sees it: it takes orders, and sends reports until it dies."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, NamedTuple, Protocol

from perform.core.messages.message_lines import AnyOrder, AnyReport, BadMessage, decode_report, encode
from perform.core.no_window import NO_WINDOW
from perform.core.printable import printable

MOST_ORDERS = 1000  #: orders that wait for a child; it hangs if it reads none of so many


class ChildEvent(NamedTuple):
    """A report of a child; or, with None for the report, its death."""

    child: Child
    report: AnyReport | None


class ChildEvents(Protocol):
    """The queue that children put their events into."""

    def put(self, item: ChildEvent) -> None:
        """[any] Add an event."""
        ...


class ChildOwner(Protocol):
    """A part of the stage that starts children and looks after them."""

    def handle_report(self, child: Child, report: AnyReport) -> bool:
        """Handle a report; False where the child belongs to another owner."""
        ...

    def handle_death(self, child: Child) -> bool:
        """Handle the death of a child; False where the child belongs to another owner."""
        ...

    def tick(self) -> None:
        """[main, about every 15 ms] Start, watch and end children."""
        ...

    def end(self) -> None:
        """End its children, when the stage ends."""
        ...


class Child:
    """One child process, which runs `python -m module args...`.

    A thread writes its orders, so that a child that does not read them never stalls the stage.

    events : receives its reports, then its death
    log : open file that receives its standard error, and every line from it that is no report
    """

    def __init__(self, events: ChildEvents, log: IO[bytes], module: str, *args: str) -> None:
        self._events, self._log = events, log
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"OMP_NUM_THREADS": "1", "JACK_NO_START_SERVER": "1"},
            creationflags=NO_WINDOW,
        )
        assert self._process.stdin and self._process.stdout
        self._orders: queue.Queue[str | None] = queue.Queue(MOST_ORDERS)  # None: close its lifeline
        threading.Thread(target=self._write, args=(self._process.stdin,), daemon=True).start()
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def _write(self, orders: IO[str]) -> None:
        with contextlib.suppress(OSError, ValueError):  # the event of its death follows
            while line := self._orders.get():
                orders.write(line)
                orders.flush()
        with contextlib.suppress(OSError):
            orders.close()

    def _listen(self, reports: IO[str]) -> None:
        for line in reports:
            try:
                report = decode_report(line)
            except BadMessage as error:  # its last line is cut short where the child was killed
                with contextlib.suppress(OSError, ValueError):
                    self._log.write(f"{printable(str(error))}\n".encode())
                continue
            self._events.put(ChildEvent(self, report))
        self._process.wait()
        self._put(None)  # it ends the thread that writes
        self._events.put(ChildEvent(self, None))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative where a signal ended it."""
        return self._process.poll()

    def order(self, order: AnyOrder) -> None:
        """Send an order; never waits. A dead child does not receive it; one that reads none is killed."""
        with contextlib.suppress(ValueError):  # half a character: no child can read that
            self._put(encode(order))

    def _put(self, line: str | None) -> None:
        try:
            self._orders.put_nowait(line)
        except queue.Full:
            self.kill()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    def close(self) -> None:
        """Close its lifeline: it finishes its work and ends."""
        self._put(None)

    def wait(self, seconds: float) -> None:
        """Wait for its end, at most so many seconds; then kill it."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class KeptChild:
    """A child that must always run. After a death it is started again, at once and then after longer pauses.

    spawn : starts one. If it raises, the next try comes after such a pause, too
    beat  : a number that changes as long as the child works
    """

    PAUSES = (0.0, 0.3, 1.0, 3.0, 10.0)  #: seconds, after the first death, the second ...
    WELL_S = 30.0  #: a child that lived this long started without trouble
    START_S = 30.0  #: a child may take this long to its first beat, twice as long at each try

    def __init__(self, spawn: Callable[[], Child], beat: Callable[[], float]) -> None:
        self._spawn, self._beat = spawn, beat
        self.child: Child | None = None
        self._deaths = 0
        self._started = self._due = self._seen_at = 0.0
        self._seen, self._has_beaten = -1.0, False

    def tick(self, stall: float) -> bool:
        """Start it when it is due; kill it when its beat has not changed for `stall` seconds.

        A child that is still starting has START_S instead. Returns True if a child was started just now.
        Raises what `spawn` raises.
        """
        now = time.monotonic()
        if self.child is None:
            if now < self._due:
                return False
            self._started = now
            self._seen, self._has_beaten = self._beat(), False
            try:
                self.child = self._spawn()
            except BaseException:
                self._plan_next(now)
                raise
            self._seen_at = time.monotonic()
            return True
        if self._beat() != self._seen:
            self._seen, self._seen_at, self._has_beaten = self._beat(), now, True
            return False
        patience = stall if self._has_beaten else max(stall, self.START_S * 2.0 ** min(self._deaths, 4))
        if now - self._seen_at > patience:
            self._seen_at = now
            self.child.kill()
        return False

    def _plan_next(self, now: float) -> None:
        """When to start the next one."""
        self._due = now + self.PAUSES[min(self._deaths, len(self.PAUSES) - 1)]
        self._deaths += 1

    def handle_death(self, child: Child) -> bool:
        """Plan the next start; False where the dead child is another one."""
        if child is not self.child:
            return False
        now = time.monotonic()
        if now - self._started > self.WELL_S:
            self._deaths = 0
        self._plan_next(now)
        self.child = None
        return True

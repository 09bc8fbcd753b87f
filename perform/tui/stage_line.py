"""The screen's line to the stage: a thread that waits for answers so that the screen never does."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.stage.client import StageGone
from perform.stage.commands import Answer, AnyCommand
from perform.stage.status import Status

POLL = 0.22  #: seconds between two looks at the status


class StageLink(Protocol):
    """What the screen needs of `perform.stage.client.Client`."""

    @property
    def arena(self) -> Arena:
        """The shared memory."""

    @property
    def pid(self) -> int:
        """The stage's process."""

    def ask(self, command: AnyCommand) -> Answer:
        """Send a command, wait for its answer."""

    def status(self) -> Status:
        """All that is words about the stage."""


Done = Callable[[Answer], None]


class StageLine:
    """One daemon thread that speaks with the stage. The screen reads `status`, and drains `outcomes`.

    A daemon: a stage that never answers must not keep the screen from closing.
    """

    def __init__(self, stage: StageLink) -> None:
        self._stage = stage
        self._orders: queue.SimpleQueue[tuple[AnyCommand, Done] | None] = queue.SimpleQueue()
        self.outcomes: deque[tuple[Done, Answer] | PerformError] = deque()
        self.status: Status | None = None
        self.gone: StageGone | None = None
        self._waiting_since = 0.0
        self._thread = threading.Thread(target=self._serve, name="screen-line", daemon=True)

    def start(self) -> None:
        """[ui] Begin to look at the status."""
        self._thread.start()

    def ask(self, command: AnyCommand, done: Done = lambda _: None) -> None:
        """[ui] Send a command; `done` runs on the screen's own thread when the answer is there."""
        self._orders.put((command, done))

    def stop(self) -> None:
        """[ui] Hang up, once what is under way has been answered."""
        self._orders.put(None)
        self._thread.join(0.5)  # enough for a stage that lives; one that does not is not waited for

    def silence(self) -> float:
        """[ui] Seconds the stage has owed an answer for."""
        since = self._waiting_since
        return time.monotonic() - since if since else 0.0

    def _serve(self) -> None:
        told: tuple[Done, Answer] | None = None
        while self.gone is None:
            try:
                self._waiting_since = time.monotonic()
                self.status = self._stage.status()
                self._waiting_since = 0.0
                if told is not None:  # only now: whoever hears of it finds the status that goes with it
                    self.outcomes.append(told)
                    told = None
                order = self._orders.get(timeout=POLL)
                if order is None:
                    return
                command, done = order
                self._waiting_since = time.monotonic()
                told = (done, self._stage.ask(command))
            except queue.Empty:
                continue
            except StageGone as error:
                self.gone = error
            except PerformError as refusal:
                self.outcomes.append(refusal)
            except (OSError, EOFError) as error:
                self.gone = StageGone(
                    "the stage has ended", where=f"process {self._stage.pid}", hint=str(error)
                )

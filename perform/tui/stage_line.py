"""The screen's connection to the stage: a thread waits for the answers, so that the screen never does."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.stage.client import StageGone
from perform.stage.commands import Answer, AnyCommand
from perform.stage.status import Status

POLL = 0.22  #: seconds between two requests for the status
WAITING = 100  #: commands that wait for a stage that does not answer; later ones are refused


class StageLink(Protocol):
    """The part of `perform.stage.client.Client` that the screen uses."""

    @property
    def arena(self) -> Arena:
        """The shared memory."""

    @property
    def pid(self) -> int:
        """The stage's process."""

    def ask(self, command: AnyCommand) -> Answer:
        """Send a command and wait for its answer."""

    def status(self) -> Status:
        """The status of the stage."""


OnAnswer = Callable[[Answer], object]


class Refusal(NamedTuple):
    """The error of a command that was refused, and what the screen does then."""

    error: PerformError
    undo: Callable[[], object]


def _nothing() -> None:
    pass


class StageLine:
    """A thread that sends commands to the stage and asks for its status.

    status   : the last one; None before the first
    outcomes : answers, each with its callback, and refusals; the screen empties it
    gone     : the error, once the stage has ended

    It is a daemon thread, so that a stage that never answers cannot keep the screen open.
    """

    def __init__(self, stage: StageLink) -> None:
        self._stage = stage
        self._commands: queue.SimpleQueue[tuple[AnyCommand, OnAnswer, Callable[[], object]] | None] = (
            queue.SimpleQueue()
        )
        self.outcomes: deque[tuple[OnAnswer, Answer] | Refusal] = deque()
        self.status: Status | None = None
        self.gone: StageGone | None = None
        self._waiting_since = 0.0
        self._thread = threading.Thread(target=self._serve, name="screen-line", daemon=True)

    def start(self) -> None:
        """[ui] Start the thread."""
        self._thread.start()

    def ask(
        self,
        command: AnyCommand,
        done: OnAnswer = lambda _: None,
        undo: Callable[[], object] = _nothing,
    ) -> None:
        """[ui] Send a command. Later `done` runs with the answer, or `undo` after a refusal, here too."""
        if self._commands.qsize() >= WAITING:
            hint = "what you pressed just now is forgotten"
            self.outcomes.append(Refusal(PerformError("the stage does not answer", hint=hint), undo))
            return
        self._commands.put((command, done, undo))

    def stop(self) -> None:
        """[ui] Send the commands that wait, then disconnect; this takes at most half a second."""
        self._commands.put(None)
        self._thread.join(0.5)  # a stage that is alive answers within this time

    def silence(self) -> float:
        """[ui] Seconds since the oldest request without an answer; 0 for none."""
        since = self._waiting_since
        return time.monotonic() - since if since else 0.0

    def _serve(self) -> None:
        answered: tuple[OnAnswer, Answer] | None = None
        while self.gone is None:
            undo: Callable[[], object] = _nothing
            try:
                self._waiting_since = time.monotonic()
                self.status = self._stage.status()
                self._waiting_since = 0.0
                if answered is not None:  # only now, so that the status is as new as the answer
                    self.outcomes.append(answered)
                    answered = None
                queued = self._commands.get(timeout=POLL)
                if queued is None:
                    return
                command, done, undo = queued
                self._waiting_since = time.monotonic()
                answered = (done, self._stage.ask(command))
            except queue.Empty:
                continue
            except StageGone as error:
                self.gone = error
            except PerformError as error:
                self.outcomes.append(Refusal(error, undo))
            except (OSError, EOFError) as error:
                self.gone = StageGone(
                    "the stage has ended", where=f"process {self._stage.pid}", hint=str(error)
                )

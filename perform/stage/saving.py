"""Sets to disk, on a thread of its own: a large set or a slow disk keeps nobody waiting but who asked.

A set is a frozen value, so it can be edited on while it is being written.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from perform.core.errors import PerformError
from perform.library import sets
from perform.library.sets import Set
from perform.stage.commands import Answer, Reply
from perform.stage.setlist import SetList


class SaveJob(NamedTuple):
    """A set and where it goes; like: the file whose comments it has."""

    made: Set
    path: Path
    like: Path | None


class SetSaver:
    """Writes one set after the other. All but `_run` is the stage's own thread."""

    def __init__(self) -> None:
        self._asked: deque[tuple[SetList, str, Reply]] = deque()
        self._running: tuple[SetList, SaveJob, Reply] | None = None
        self._jobs: queue.SimpleQueue[SaveJob] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="saving", daemon=True).start()

    def save(self, setlist: SetList, name: str, reply: Reply) -> None:
        """Write a set, under another name where one is given; answers with the path, once it is there."""
        self._asked.append((setlist, name, reply))
        self._begin()

    def _begin(self) -> None:
        """The next one: where it goes is decided when the one before is written."""
        while self._asked and not self._running:
            setlist, name, reply = self._asked.popleft()
            try:
                made, path = setlist.to_write(name)
            except Exception as error:
                reply(_refusal(error, name))
                continue
            job = SaveJob(made, path, setlist.path)
            self._running = setlist, job, reply
            self._jobs.put(job)

    def tick(self, wait: float = 0.0) -> None:
        """A few times each 100 ms: answer for what has been written."""
        if not self._running:
            return
        with contextlib.suppress(queue.Empty):
            answer = self._done.get(wait > 0, wait)
            (setlist, job, reply), self._running = self._running, None
            if not answer.error:
                setlist.written(job.made, job.path)
            reply(answer)
            self._begin()

    def end(self, seconds: float) -> None:
        """Wait for what is under way."""
        until = time.monotonic() + seconds
        while self._running and time.monotonic() < until:
            self.tick(until - time.monotonic())

    def _run(self) -> None:
        """[disk]"""
        while True:
            self._done.put(_write(self._jobs.get()))


def _write(job: SaveJob) -> Answer:
    """[disk]"""
    try:
        sets.save_set(job.made, job.path, like=job.like)
    except Exception as error:
        return _refusal(error, str(job.path))
    return Answer(str(job.path))


def _refusal(error: Exception, where: str) -> Answer:
    """Whatever it was, who asked is told."""
    if isinstance(error, PerformError):
        return Answer(error=str(error), exit_code=error.exit_code)
    return Answer(error=f"{where}: cannot be saved: {error!r}", exit_code=1)

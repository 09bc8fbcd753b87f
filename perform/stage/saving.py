"""Writes sets on a separate thread, so that a large set or a slow disk never stalls the stage.

A set is an immutable value, so the player can go on editing while it is written.
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
from perform.core.files import write_atomically
from perform.library import allowed_files, sets
from perform.library.sets import Set
from perform.stage.commands import Answer, Reply
from perform.stage.setlist import SetList


class SaveJob(NamedTuple):
    """A set and the path that it is written to.

    like  : the file whose comments it keeps
    first : this stage has not written the file before: keep it as it is beside the new one
    """

    made: Set
    path: Path
    like: Path | None
    first: bool


class SetSaver:
    """Writes one set after the other. All methods but `_run` belong to the stage's main thread."""

    def __init__(self) -> None:
        self._written: set[Path] = set()
        self._queue: deque[tuple[SetList, str, Reply]] = deque()
        self._running: tuple[SetList, SaveJob, Reply] | None = None
        self._jobs: queue.SimpleQueue[SaveJob] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="set saver", daemon=True).start()

    def save(self, setlist: SetList, name: str, reply: Reply) -> None:
        """Write a set, under `name` where it is given; answers with the path once the file is written."""
        self._queue.append((setlist, name, reply))
        self._begin()

    def _begin(self) -> None:
        """Begin the next set. Its path is chosen only now, because the one before may have changed it."""
        while self._queue and not self._running:
            setlist, name, reply = self._queue.popleft()
            try:
                made, path = setlist.to_write(name)
            except Exception as error:
                reply(_refusal(error, name))
                continue
            job = SaveJob(made, path, setlist.path, path not in self._written)
            self._running = setlist, job, reply
            self._jobs.put(job)

    def tick(self, wait: float = 0.0) -> None:
        """[main, about every 15 ms] Answer where a set has been written."""
        if not self._running:
            return
        with contextlib.suppress(queue.Empty):
            answer = self._done.get(wait > 0, wait)
            (setlist, job, reply), self._running = self._running, None
            if not answer.error:
                self._written.add(job.path)
                setlist.note_saved(job.made, job.path)
            reply(answer)
            self._begin()

    def end(self, seconds: float) -> None:
        """Wait until all sets are written, at most so many seconds."""
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
        if job.first and job.path.exists():
            write_atomically(job.path.with_name(f"{job.path.name}.before"), job.path.read_bytes())
        sets.save_set(job.made, job.path, like=job.like)
        with contextlib.suppress(OSError):  # then the player is asked when the set is opened again
            allowed_files.allow(allowed_files.outside(job.made, job.path))  # the player has chosen them
    except Exception as error:
        return _refusal(error, str(job.path))
    return Answer(str(job.path))


def _refusal(error: Exception, where: str) -> Answer:
    if isinstance(error, PerformError):
        return Answer(error=str(error), exit_code=error.exit_code)
    return Answer(error=f"{where}: cannot be saved: {error!r}", exit_code=1)

"""What was played last, kept every few seconds: after a crash the same song comes back, as it stood.

Written by a thread of its own: a slow disk keeps nobody waiting.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path

import msgspec

from perform.core import params
from perform.core.files import write_atomically
from perform.core.params import Table
from perform.library import places
from perform.library.sets import Set, Song


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set in the middle of its playing.

    path   : the file of the set, or ""; changed: it holds what that file does not
    decks  : deck -> path of its model, as it stood; numbers: address -> value, where it is no default
    files, matrices : deck -> what its sources have, as a song writes it
    played : seconds of the song; clean: the player ended it
    """

    set: Set
    path: str
    changed: bool
    now: int
    played: float
    numbers: dict[str, float]
    decks: dict[str, str]
    asked: str  #: the set as the player named it
    files: dict[str, str] | None = None  #: None: as the song has them
    matrices: dict[str, str] | None = None
    outside: Song | None = None  #: the song that plays, where `now` is -1: it belongs to another set
    clean: bool = False

    def table(self) -> Table:
        """The numbers as a table; what this version does not know is left out."""
        table = params.defaults()
        for address, value in self.numbers.items():
            if address in params.SLOTS:
                params.set_value(table, address, value)
        return table


def read() -> Saved | None:
    """[disk] What was saved last; None where nothing was, or it cannot be read."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(_file().read_bytes(), type=Saved)
    return None


def _file() -> Path:
    return places.user("state") / "autosave.json"


class Autosave:
    """Writes the newest, whole or not at all; what comes while the disk is busy replaces what waits."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Saved | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="autosave", daemon=True)
        self._thread.start()

    def keep(self, saved: Saved) -> None:
        """[main] Hand over what is to be kept."""
        self._waiting.put(saved)

    def end(self, seconds: float) -> None:
        """[main] Wait for the last one to be on the disk."""
        self._waiting.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        """[disk]"""
        ended = False
        while not ended:
            saved: Saved | None = self._waiting.get()
            newest = saved
            while not self._waiting.empty() and newest is not None:
                later = self._waiting.get()
                saved, newest = (later or newest), later
            ended = newest is None
            if saved is not None:
                with contextlib.suppress(OSError):  # the next one is tried again
                    self._write(msgspec.json.encode(saved))

    def _write(self, data: bytes) -> None:
        write_atomically(_file(), data)

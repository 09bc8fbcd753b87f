"""The autosave: every few seconds the stage writes what plays, and after a crash it resumes there.

A separate thread writes it, so that a slow disk never stalls the stage.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from datetime import datetime
from pathlib import Path

import msgspec

from perform.core import json_bytes, params
from perform.core.errors import PerformError
from perform.core.files import write_atomically
from perform.core.params import Table
from perform.library import places
from perform.library.sets import Set
from perform.library.song import Song

BACKLOG = 4  #: states that wait for the disk


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set in the middle of a song.

    path   : the file of the set, or "";  changed : the set has edits that its file does not have
    now    : index of the song that plays, -1 for a song of another set, which is `outside`
    played : seconds that the song has played
    values : address -> value, where it is no default
    decks  : deck -> path of its model
    inserts : deck or "master" -> path of the effect module behind it; None: as the song says
    set_name : the set as the player named it
    files, matrices : deck -> its sound file or matrix, as a song names it; None: as the song says
    clean  : the player ended the stage, so there is nothing to resume
    """

    set: Set
    path: str
    changed: bool
    now: int
    played: float
    values: dict[str, float] = msgspec.field(name="numbers")
    decks: dict[str, str]
    set_name: str = msgspec.field(name="asked")
    files: dict[str, str] | None = None
    matrices: dict[str, str] | None = None
    inserts: dict[str, str] | None = None
    outside: Song | None = None
    clean: bool = False

    def table(self) -> Table:
        """The values as a parameter table, without the addresses that this version does not know."""
        table = params.defaults()
        for address, value in self.values.items():
            if address in params.SLOTS:
                params.set_value(table, address, value)
        return table


def read() -> Saved | None:
    """[disk] The last autosave; None where there is none.

    PerformError: it cannot be read. One that is damaged is kept under another name first.
    """
    path = _file()
    try:
        saved: Saved = json_bytes.decode(path.read_bytes(), Saved)
        return saved
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PerformError(f"the autosave cannot be read ({error.strerror})", where=str(path)) from error
    except msgspec.DecodeError as error:
        kept = path.with_name(f"autosave-damaged-{datetime.now():%Y-%m-%d_%H-%M-%S}.json")
        with contextlib.suppress(OSError):
            path = path.replace(kept)
        hint = "the set starts from its beginning"
        raise PerformError(f"the autosave is damaged ({error})", where=str(path), hint=hint) from error


def _file() -> Path:
    return places.user("state") / "autosave.json"


class Autosave:
    """Writes the newest state, whole or not at all. A newer state replaces one that waits for the disk."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Saved | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="autosave", daemon=True)
        self._thread.start()

    def keep(self, saved: Saved) -> None:
        """[main] Queue a state; never waits. While a disk stalls, newer states replace older ones."""
        while self._waiting.qsize() >= BACKLOG:
            with contextlib.suppress(queue.Empty):
                self._waiting.get_nowait()
        self._waiting.put(saved)

    def end(self, seconds: float) -> None:
        """[main] Wait until the last state is on the disk, at most so many seconds."""
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
                with contextlib.suppress(OSError, ValueError):  # the next state is tried again
                    self._write(json_bytes.encode(saved))

    def _write(self, data: bytes) -> None:
        write_atomically(_file(), data)

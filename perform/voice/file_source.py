"""The source "file": plays the latents of a sound file."""

from __future__ import annotations

from typing import TypedDict

from perform.core.params import SLOTS, Table
from perform.engine.file_latents import FileLatents
from perform.voice.sources import Latents

FILE_PARAMETERS = ("play", "stop", "loop", "start", "end")


class FileValues(TypedDict):
    """The deck's parameters `file/...`: start and end of the whole file, 0..1; starts and stops."""

    begin: float
    end: float
    loop: bool
    plays: float
    stops: float


class FileSlots:
    """The slots of a deck's parameters `file/...`."""

    def __init__(self, deck: int) -> None:
        self._slots = {name: SLOTS[f"deck/{deck}/file/{name}"] for name in FILE_PARAMETERS}

    def values(self, table: Table) -> FileValues:
        """Their values in a table."""
        now = {name: float(table[slot]) for name, slot in self._slots.items()}
        return FileValues(
            begin=now["start"], end=now["end"], loop=bool(now["loop"]), plays=now["play"], stops=now["stop"]
        )


class FileTransport:
    """[render] Whether a file plays: the actions `file/play` and `file/stop` count up; a new file plays."""

    def __init__(self) -> None:
        self._file: FileLatents | None = None
        self._plays, self._stops = 0.0, -1.0  # no stop seen yet: those before now do not count
        self.stopped = False

    def stop(self, stops: float) -> None:
        """Before each frame: stop if the player did."""
        self.stopped = self.stopped or self._stops not in (-1.0, stops)
        self._stops = stops

    def starts(self, file: FileLatents, plays: float) -> bool:
        """Return whether the next frame is the file's first one; the file has to be ready."""
        again, another = plays != self._plays, file is not self._file
        if again or (another and self._file is not None):
            self.stopped = False
        self._file, self._plays = file, plays
        return again or another


class FileSource:
    """[render] A playing position in a file: it loops between two points, or plays once."""

    def __init__(self) -> None:
        self._position = 0.0
        self._transport = FileTransport()
        self.turns = 0  #: counts starts and loops
        self.played: float | None = None  #: frame of the file that it gave last; None for silence
        self.speed = 0.0  #: frames of the file for that frame

    def next(
        self,
        file: FileLatents,
        speed: float,
        *,
        begin: float,
        end: float,
        loop: bool,
        plays: float,
        stops: float,
    ) -> Latents | None:
        """Return the next frame's latents; None after the end or a stop, or before the beginning is encoded.

        speed      : frames of the file per frame played
        begin, end : of the whole file, 0..1
        plays      : the action `file/play`; when it grows, playing starts again
        stops      : the action `file/stop`; when it grows, playing stops
        """
        self._transport.stop(stops)
        self.played, self.speed = None, speed
        first = begin * file.length
        last = max(end * file.length, first + 1.0)
        if file.ready <= max(min(first, file.length - 1.0), 0.0):
            return None
        if self._transport.starts(file, plays):
            self._position = first
            self.turns += 1
        if self._transport.stopped:
            return None
        if not first <= self._position < last:
            if not loop:
                return None
            self._position = first + (self._position - first) % (last - first)
            self.turns += 1
        z, self.played = file.at(self._position), self._position
        self._position += speed
        return z

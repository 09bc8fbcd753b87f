"""The source "file": plays the latents of a sound file."""

from __future__ import annotations

from typing import TypedDict

from perform.core.params import SLOTS, Table
from perform.engine.file_latents import FileLatents
from perform.voice.sources import Latents


class FileValues(TypedDict):
    """The deck's parameters `file/...`: start and end of the whole file, 0..1; `plays` counts starts."""

    begin: float
    end: float
    loop: bool
    plays: float


class FileSlots:
    """The slots of a deck's parameters `file/...`."""

    def __init__(self, deck: int) -> None:
        self._slots = {name: SLOTS[f"deck/{deck}/file/{name}"] for name in ("play", "loop", "start", "end")}

    def values(self, table: Table) -> FileValues:
        """Their values in a table."""
        now = {name: float(table[slot]) for name, slot in self._slots.items()}
        return FileValues(begin=now["start"], end=now["end"], loop=bool(now["loop"]), plays=now["play"])


class FileSource:
    """[render] A playing position in a file: it loops between two points, or plays once."""

    def __init__(self) -> None:
        self._position = 0.0
        self._file: FileLatents | None = None
        self.turns = 0  #: counts starts and loops
        self._plays = 0.0

    def next(
        self, file: FileLatents, speed: float, *, begin: float, end: float, loop: bool, plays: float
    ) -> Latents | None:
        """Return the next frame's latents; None after the end, or before the beginning is encoded.

        speed      : frames of the file per frame played
        begin, end : of the whole file, 0..1
        plays      : the action `file/play`; when it grows, playing starts again
        """
        first = begin * file.length
        last = max(end * file.length, first + 1.0)
        if file.ready <= max(min(first, file.length - 1.0), 0.0):
            return None
        if file is not self._file or plays != self._plays:
            self._position, self._file, self._plays = first, file, plays
            self.turns += 1
        if not first <= self._position < last:
            if not loop:
                return None
            self._position = first + (self._position - first) % (last - first)
            self.turns += 1
        z = file.at(self._position)
        self._position += speed
        return z

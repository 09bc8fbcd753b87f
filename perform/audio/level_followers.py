"""Level followers of the decks and the live input, for modulators: meters `follow/...`, 0..1."""

from __future__ import annotations

import numpy as np

from perform.audio.guard import Signal
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.modulation import RowArray
from perform.core.modulators import MODULATORS
from perform.core.params import DECKS, SLOTS, Table
from perform.core.ring_buffers import Audio

RANGE_DB = 60.0  #: this far below full scale, a follower is 0

_NAMES = (*(f"follow/deck/{d}" for d in range(1, DECKS + 1)), "follow/input")
_METERS = [METER_SLOTS[name] for name in _NAMES]
_RISE, _FALL = ([SLOTS[f"{name}/{key}"] for name in _NAMES] for key in ("rise", "fall"))
#: modulators whose values can depend on a follower
_SOURCES = {i for i, name in enumerate(MODULATORS) if name.startswith(("follow", "hold"))}


class LevelFollowers:
    """[audio] Measures RMS once a block, after the faders; it costs nothing while no row needs it.

    The power follows each block's mean square through a one-pole low-pass, with one time constant up and
    another one down.
    """

    def __init__(self, meters: Meters, rate: float) -> None:
        self._meters, self._rate = meters, rate
        self._rows: RowArray | None = None
        self._needed = False
        self._power, self._measured = np.zeros(len(_NAMES)), np.zeros(len(_NAMES))

    def use(self, packed: RowArray) -> None:
        """Measure only if one of these rows needs it."""
        if packed is not self._rows:
            self._rows = packed
            self._needed = not _SOURCES.isdisjoint(packed[1 : 1 + int(packed[0, 0]), 0].tolist())

    def deck(self, deck: int, audio: Signal) -> None:
        """Take a deck's block (n, 2); a deck without one is silent."""
        if self._needed:
            self._measured[deck - 1] = np.mean(np.square(audio))

    def input(self, audio: Audio) -> None:
        """Take a block (n, 2) of the live input, as encoders get it."""
        if self._needed:
            self._measured[-1] = np.mean(np.square(audio))

    def end_block(self, frames: int, table: Table) -> None:
        """Update the meters once all levels of a block are taken."""
        if not self._needed:
            return
        seconds = frames / self._rate
        constant = np.where(self._measured > self._power, table[_RISE], table[_FALL])
        self._power += (self._measured - self._power) * -np.expm1(-seconds / np.maximum(constant, 1e-6))
        self._measured[:] = 0.0
        db = 10.0 * np.log10(np.maximum(self._power, 10.0 ** (-RANGE_DB / 10.0)))
        self._meters[_METERS] = np.clip(1.0 + db / RANGE_DB, 0.0, 1.0)

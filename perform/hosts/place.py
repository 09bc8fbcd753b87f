"""A lane as its voice sees it: when its next frame sounds, what comes in, what other decks' sources give."""

from __future__ import annotations

import math

from perform.rings import Tape
from perform.shared import METER_SLOTS, Arena

A3 = 220.0  #: Hz; the pitch that modulates nothing
LOUD_DB = 60.0  #: dB below full scale at which the level modulates nothing

_PULLS, _PULLED, _GATE = (METER_SLOTS[name] for name in ("pulls", "pulled", "input/gate"))
_LEVEL, _PITCH = METER_SLOTS["input/level"], METER_SLOTS["input/pitch"]


class Place:
    """[render] One lane (0..LANES-1) of an arena."""

    def __init__(self, arena: Arena, lane: int) -> None:
        self.input: Tape = arena.input
        self._meters, self._ring = arena.meters, arena.rings[lane]
        self._offset = 0  # from a frame of the ring to one of the tape

    def sounds(self) -> int:
        """Frame of the tape at which the ring's next frame will sound, if nothing is late until then."""
        pulls = self._meters[_PULLS]
        offset = int(self._meters[_PULLED]) - self._ring.position
        if not pulls % 2 and pulls == self._meters[_PULLS]:  # else the mixer is just reading it
            self._offset = offset
        return self._offset + self._ring.written

    @property
    def gate_open(self) -> bool:
        """There is something to hear in the input."""
        return bool(self._meters[_GATE])

    @property
    def modulation(self) -> tuple[float, float]:
        """Of the input: its level, 0 at -60 dBFS and 1 at full scale, and its octaves above 220 Hz."""
        level = min(max(1.0 + self._meters[_LEVEL] / LOUD_DB, 0.0), 1.0)
        pitch = self._meters[_PITCH]
        return level, math.log2(pitch / A3) if pitch > 0 else 0.0

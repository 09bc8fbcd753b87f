"""The live input of a replayed take, read from the take's input track."""

from __future__ import annotations

import numpy as np

from perform.core.arena_layout import INPUT
from perform.core.ring_buffers import Audio
from perform.offline.logged_take import LoggedTake
from perform.recorder import take_index


class InputReplay:
    """[disk] Reads the input track. Silence if there is none, or if the take renders at another rate."""

    is_known = True  #: there is an input track at this rate

    def __init__(self, take: take_index.Take, logged: LoggedTake, rate: int) -> None:
        self.is_known = INPUT in take.tracks and rate == logged.rate
        self._blocks = take_index.read_sound(take, INPUT) if self.is_known else iter(())
        self._at, self._block = logged.begin, np.zeros((0, 2), np.float32)

    def read(self, at: int, frames: int) -> Audio:
        """Return sound (frames, 2) from a frame of the master's history; successive calls go forward."""
        out = np.zeros((frames, 2), np.float32)
        while self._at + len(self._block) < at + frames:
            begin = max(at, self._at)
            part = self._block[begin - self._at :]
            out[begin - at : begin - at + len(part)] = part
            self._at += len(self._block)
            self._block = next(self._blocks, np.zeros((0, 2), np.float32))
            if not len(self._block):
                return out
        begin = max(at, self._at)
        part = self._block[begin - self._at : at + frames - self._at]
        out[begin - at : begin - at + len(part)] = part
        return out

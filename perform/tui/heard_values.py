"""The modulated values of parameters, as hosts and mixer compute them, for the screen."""

from __future__ import annotations

import math

import numpy as np

from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS
from perform.core.modulation import CAN_BE_MODULATED, Modulation
from perform.core.modulators import moment
from perform.core.table_reader import TableReader

_RATE = METER_SLOTS["rate"]


class HeardValues:
    """[ui] Evaluates every row of modulation at the frame that the mixer plays now."""

    def __init__(self, arena: Arena) -> None:
        self._arena, self._reader = arena, TableReader(arena)
        self._modulation = Modulation(CAN_BE_MODULATED)

    def read(self) -> dict[int, float]:
        """Return slot -> value of the parameters that rows modulate."""
        reader, arena = self._reader, self._arena
        if not 0 < arena.meters[_RATE] < math.inf:  # no sound yet, or damaged meters
            return {}
        reader.update()
        self._modulation.use(reader.rows)
        slots = self._modulation.slots
        if not len(slots):
            return {}
        meters = np.nan_to_num(arena.meters, posinf=0.0, neginf=0.0)
        table = np.nan_to_num(reader.table, posinf=0.0, neginf=0.0)
        now = moment(arena.history.written, reader.beat_line, table, reader.phases, meters)
        return dict(zip(slots.tolist(), self._modulation.modulated(now).tolist(), strict=True))

"""The live input on its way to the decks: opened, trimmed, and laid on the tape they follow.

[audio] throughout. The take's track of the input is what came in, before all of this.
"""

from __future__ import annotations

import numpy as np

from perform import params
from perform.params import SLOTS, Table
from perform.rings import Audio
from perform.shared import METER_SLOTS, Arena

RAMP_S = 0.010  #: full scale to silence
FLOOR_DB = -120.0  #: what silence reads

_LEVEL, _PEAK, _GATE = (METER_SLOTS[f"input/{name}"] for name in ("level", "peak", "gate"))
_OPEN, _GAIN = SLOTS["input/open"], SLOTS["input/gain"]


class Input:
    """One input; closed until `input/open` says otherwise. rate : frames a second"""

    def __init__(self, arena: Arena, rate: float) -> None:
        self._tape = arena.input
        self._tape.begin(arena.tape.written)
        self._meters = arena.meters
        self._meters[_LEVEL] = self._meters[_PEAK] = FLOOR_DB
        self._gain, self._step = 0.0, 1.0 / (RAMP_S * rate)

    def __call__(self, came: Audio, table: Table) -> None:
        """A block (n, 2) as the device gave it; what becomes of it is on the tape."""
        aim = params.gain(table[_GAIN]) if table[_OPEN] else 0.0
        step = self._step * max(1.0, self._gain, aim)
        ramp = np.arange(1, len(came) + 1, dtype=np.float32) * step
        gain = self._gain + np.clip(aim - self._gain, -ramp, ramp)
        self._gain = float(gain[-1])
        self._meters[_GATE] = bool(table[_OPEN])
        self._tape.write(np.nan_to_num(came) * gain[:, None].astype(np.float32))

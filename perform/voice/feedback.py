"""Feedback: the sound of a deck that comes back to it, at once or through other decks, with a guard."""

from __future__ import annotations

import numpy as np

from perform.core.howl import SLOPE_DB_S, HowlGuard
from perform.engine.protocol import Vector

LOUDEST = 1.0  #: sound that comes back is clipped here (0 dBFS)
FULL_S = 0.5  #: a loop at this level for so long is lowered like a howl


class Feedback:
    """[render] The gain of sound that comes back: the player's, times the guard's.

    The guard is that of the live input (`perform.core.howl`). A loop that stays at full scale is lowered too,
    whatever it sounds like. Both gains stay down until `reset`.
    """

    def __init__(self, rate: float) -> None:
        self._guard, self._rate = HowlGuard(rate), rate
        self.reset()

    def reset(self) -> None:
        """Begin again, at full gain."""
        self._guard.reset()
        self._howls = self._guard.count
        self._gain = self._full_s = self._down_db = 0.0

    @property
    def lowered(self) -> bool:
        """Whether the guard has lowered the sound since the last reset."""
        return self._guard.count > self._howls or self._down_db < 0.0

    def __call__(self, x: Vector, amount: float) -> Vector:
        """Return the next frame, (channels, n), with the player's gain (0..1) and the guard's."""
        n = x.shape[1]
        self._guard(x.mean(axis=0, dtype=np.float64), amount)
        self._full_s = self._full_s + n / self._rate if np.abs(x).max() >= LOUDEST else 0.0
        if self._full_s > FULL_S:
            self._down_db -= SLOPE_DB_S * n / self._rate
        aim = amount * self._guard.gain * 10 ** (self._down_db / 20)
        line = self._gain + (aim - self._gain) * np.arange(1, n + 1) / n
        self._gain = aim
        y: Vector = (np.clip(x, -LOUDEST, LOUDEST) * line).astype(np.float32)
        return y

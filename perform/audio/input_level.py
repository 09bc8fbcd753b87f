"""Level of the live input: peak and power of each hop, and an RMS follower."""

from __future__ import annotations

import math

import numpy as np

from perform.audio.guard import Signal
from perform.audio.input_settings import HOP, InputSettings

FLOOR_DB = -120.0  #: level of silence


class HopLevels:
    """[audio] Peak and power of each hop (HOP frames) of a stream with blocks of any size.

    at : frames of the current hop so far
    """

    def __init__(self, channels: int) -> None:
        self.at, self._channels = 0, channels
        self._peak = self._power = 0.0  # of the current hop so far

    def skip(self, frames: int) -> None:
        """Pass over some frames without measuring them."""
        self.at, self._peak, self._power = (self.at + frames) % HOP, 0.0, 0.0

    def __call__(self, x: Signal) -> tuple[list[float], list[float]]:
        """(n, channels) -> peak and mean square of each hop that ended in this block."""
        starts = np.arange(-self.at, len(x), HOP)
        starts[0] = 0
        peaks = np.maximum.reduceat(np.abs(x).max(axis=1), starts).tolist()
        powers = np.add.reduceat(np.square(x).sum(axis=1), starts).tolist()
        peaks[0], powers[0] = max(peaks[0], self._peak), powers[0] + self._power
        self.at = (self.at + len(x)) % HOP
        self._peak, self._power = (peaks.pop(), powers.pop()) if self.at else (0.0, 0.0)
        return peaks, [power / (HOP * self._channels) for power in powers]


class LevelFollower:
    """[audio] RMS level with a fast rise and a slow fall; a low tone reads up to 1 dB too high."""

    def __init__(self, rate: float) -> None:
        self._hop_s, self._power = HOP / rate, 0.0

    def follow(self, power: float, settings: InputSettings) -> None:
        """Take the mean square of one hop."""
        constant = settings.rise_s if power > self._power else settings.fall_s
        self._power += (power - self._power) * -math.expm1(-self._hop_s / max(constant, self._hop_s))

    @property
    def db(self) -> float:
        """RMS, dBFS (a full-scale square wave is 0), at least FLOOR_DB."""
        return 10 * math.log10(max(self._power, 10 ** (FLOOR_DB / 10)))

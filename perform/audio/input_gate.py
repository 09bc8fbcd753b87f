"""Noise gate of the live input."""

from __future__ import annotations

import math

from perform.audio.input_settings import HOP, InputSettings, towards


class InputGate:
    """[audio] Mutes the input below a level; two thresholds and a hold time keep it from fluttering.

    open : the input is above the threshold
    gain : at the start and at the end of the current hop, 0..1
    """

    def __init__(self, rate: float) -> None:
        self._hop_s = HOP / rate
        self.open, self.gain = False, [0.0, 0.0]
        self._quiet_s = 0.0  # seconds since the last peak above the threshold

    def follow(self, peak: float, settings: InputSettings) -> None:
        """Take the peak of one hop, as a factor."""
        db = 20 * math.log10(peak) if peak > 0 else -math.inf
        above = db >= (min(settings.close_db, settings.open_db) if self.open else settings.open_db)
        self._quiet_s = 0.0 if above else self._quiet_s + self._hop_s
        self.open = above or (self.open and self._quiet_s < settings.hold_s)
        ramp_s = settings.attack_s if self.open else settings.release_s
        step = self._hop_s / max(ramp_s, self._hop_s)
        self.gain = [self.gain[1], towards(self.gain[1], float(self.open), step)]

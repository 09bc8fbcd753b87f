"""Compressor of the live input."""

from __future__ import annotations

import math

from perform.audio.input_settings import HOP, InputSettings


class Compressor:
    """[audio] Lowers what is above a level; a feed-forward peak compressor with a hard knee.

    Giannoulis, Massberg, Reiss, "Digital Dynamic Range Compressor Design" (JAES 2012), section 2.3: the
    detector with two time constants follows the reduction in dB.

    gain : at the start and at the end of the current hop, 0..1
    """

    def __init__(self, rate: float) -> None:
        self._hop_s = HOP / rate
        self._reduction = 0.0  # dB
        self.gain = [1.0, 1.0]

    def follow(self, peak: float, settings: InputSettings) -> None:
        """Take the peak of one hop, as a factor. Costs nothing while it is off and has recovered."""
        if settings.ratio == 1.0 and not self._reduction:
            self.gain = [self.gain[1], 1.0]
            return
        over = 20 * math.log10(peak) - settings.threshold_db if peak > 0 else 0.0
        aim = max(over, 0.0) * (1.0 - 1.0 / settings.ratio)
        time_s = settings.squeeze_s if aim > self._reduction else settings.recover_s
        self._reduction += (aim - self._reduction) * -math.expm1(-self._hop_s / time_s)
        if self._reduction < 1e-3:
            self._reduction = 0.0
        self.gain = [self.gain[1], 10.0 ** (-self._reduction / 20.0)]

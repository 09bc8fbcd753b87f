"""High-pass filter of the live input."""

from __future__ import annotations

import math

import numpy as np

from perform.audio.guard import MAX_BLOCK, Signal

RAMP_S = 0.010  #: seconds to switch the filter on or off


class HighPass:
    """Second-order high-pass, Butterworth (R. Bristow-Johnson, Audio EQ Cookbook, Q = 1 / sqrt 2).

    Direct form I. The feedback part y[n] = v[n] - a1 y[n-1] - a2 y[n-2] has two complex poles, p and its
    conjugate q. w[n] = y[n] - q y[n-1] satisfies w[n] = p w[n-1] + v[n], which has a closed form for a whole
    block: w[n] = p^n (p w[-1] + sum_k p^-k v[k]), and y[n] = Re w[n] + Im w[n] Re p / Im p. The state holds
    samples, not filter variables, so the corner may change between two blocks. On and off are a crossfade.
    """

    def __init__(self, rate: float, channels: int) -> None:
        self._rate, self._corner = rate, 0.0
        self._dry = 1.0  # 1 unfiltered .. 0 filtered
        self._steps: Signal = np.arange(1, MAX_BLOCK + 1)[:, None] / (RAMP_S * rate)
        self._x, self._y = np.zeros((2, channels)), np.zeros((2, channels))  # the last two samples in and out
        self._padded = np.zeros((MAX_BLOCK + 2, channels))
        self._powers = np.zeros((MAX_BLOCK, 1), np.complex128)
        self._w = np.zeros((MAX_BLOCK, channels), np.complex128)

    def _tune(self, corner_hz: float) -> None:
        self._corner = corner_hz
        angle = 2 * math.pi * min(corner_hz, 0.02 * self._rate) / self._rate  # p^-n stays in range
        alpha, cosine = math.sin(angle) / math.sqrt(2), math.cos(angle)
        self._b = (1 + cosine) / 2 / (1 + alpha)
        real, square = cosine / (1 + alpha), (1 - alpha) / (1 + alpha)
        self._pole = complex(real, math.sqrt(square - real * real))
        self._powers[:, 0] = np.power(self._pole, np.arange(MAX_BLOCK))

    def __call__(self, x: Signal, corner_hz: float) -> Signal:
        """[audio] (n, channels) -> (n, channels); corner_hz: 0 (off) to 1000."""
        n = len(x)
        padded = self._padded[: n + 2]
        padded[:2], padded[2:] = self._x, x
        filtered = x
        if corner_hz > 0 and corner_hz != self._corner:
            self._tune(corner_hz)
        if corner_hz > 0 or self._dry < 1.0:
            filtered = self._filter(np.diff(padded, 2, axis=0))
        y = filtered
        aim = float(corner_hz <= 0)
        if self._dry != aim:
            reach = self._steps[:n]
            dry = self._dry + np.clip(aim - self._dry, -reach, reach)  # (n, 1)
            self._dry = float(dry[-1, 0])
            y = filtered + dry * (x - filtered)
        self._x[:] = padded[n:]
        self._y[:] = filtered[-2:] if n > 1 else np.stack([self._y[1], filtered[0]])
        return y

    @property
    def is_silent(self) -> bool:
        """Whether its last samples in and out were silence."""
        return not self._x.any() and not self._y.any()

    def _filter(self, difference: Signal) -> Signal:
        p, powers, w = self._pole, self._powers[: len(difference)], self._w[: len(difference)]
        np.divide(difference, powers, out=w)
        w *= self._b
        w[0] += p * (self._y[1] - p.conjugate() * self._y[0])
        np.cumsum(w, axis=0, out=w)
        w *= powers
        y: Signal = w.real + w.imag * (p.real / p.imag)
        return y

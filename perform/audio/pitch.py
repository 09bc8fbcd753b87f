"""Pitch follower: YIN (de Cheveigne & Kawahara, 2002, J. Acoust. Soc. Am. 111, 1917-1930) by FFT.

The difference function d(t) = sum_j (x[j] - x[j+t])^2 is two running energies minus twice a correlation.
Every HOP_S it analyses the last WINDOW_S + 1 / LOW_HZ, so a value is 30 ms old, plus up to HOP_S. The
result does not depend on the sizes of the blocks. [audio]
"""

from __future__ import annotations

import math

import numpy as np

from perform.audio.guard import Signal

LOW_HZ, HIGH_HZ = 50.0, 2000.0  #: range of pitches
WINDOW_S = 0.040  #: length of sound that is compared with itself
HOP_S = 0.010  #: seconds between two analyses
THRESHOLD = 0.15  #: the pitch is the shortest period with a smaller aperiodic share of the power
QUIET = 1e-7  #: mean square (-70 dBFS) below which there is no pitch
NYQUIST = 10_000.0  #: Hz; the analysis needs twice this rate: the lowest whole fraction of `rate` above it


class Pitch:
    """[audio] Follows the pitch of a monophonic sound.

    hz         : the last confident pitch; 0 before the first
    confidence : periodic share of the sound's power now, 0..1; 0 in silence
    delay_s    : average age of a value
    """

    def __init__(self, rate: float) -> None:
        self._every = max(1, int(rate / (2 * NYQUIST)))  # frames averaged to one sample
        self._rate = rate / self._every
        self._hop = round(HOP_S * self._rate)
        self._window, self._longest = round(WINDOW_S * self._rate), math.ceil(self._rate / LOW_HZ) + 1
        self._shortest = int(self._rate / HIGH_HZ)
        size = self._window + self._longest
        self._size = 1 << (size - 1).bit_length()
        self._past = np.zeros(size)
        self._coming = np.zeros(self._hop * self._every)  # frames since the last analysis
        self._fill = 0
        self._periods = np.arange(1, self._longest + 1)
        self.hz = self.confidence = 0.0
        self.delay_s = (size / 2 + self._hop / 2) / self._rate

    def reset(self) -> None:
        """Start again as after silence, with no pitch yet."""
        self._past[:], self._fill = 0.0, 0
        self.hz = self.confidence = 0.0

    def __call__(self, x: Signal) -> None:
        """[audio] Take the next frames, (n,)."""
        at = 0
        while at < len(x):
            n = min(len(x) - at, len(self._coming) - self._fill)
            self._coming[self._fill : self._fill + n] = x[at : at + n]
            at, self._fill = at + n, self._fill + n
            if self._fill == len(self._coming):
                self._fill = 0
                self._past[: -self._hop] = self._past[self._hop :]
                self._coming.reshape(-1, self._every).mean(axis=1, out=self._past[-self._hop :])
                self._analyse()

    def _analyse(self) -> None:
        window, past = self._window, self._past
        energy = np.concatenate([[0.0], np.cumsum(np.square(past))])
        if energy[-1] < QUIET * len(past):
            self.confidence = 0.0
            return
        here = np.fft.rfft(past[:window], self._size)
        alike = np.fft.irfft(here.conj() * np.fft.rfft(past, self._size), self._size)[: self._longest + 1]
        lagged = energy[window : window + self._longest + 1] - energy[: self._longest + 1]
        d = np.maximum(lagged[0] + lagged - 2 * alike, 0.0)[1:]  # d(1) ... d(longest)
        total = np.cumsum(d)  # no difference so far means silence, and no period
        d = np.where(total > 1e-9 * energy[-1], d * self._periods / np.maximum(total, 1e-30), 1.0)
        period, rest = self._choose(d)
        self.confidence = float(min(max(1.0 - rest, 0.0), 1.0))
        if rest < THRESHOLD:
            self.hz = self._rate / period

    def _choose(self, d: Signal) -> tuple[float, float]:
        """Period in samples and its aperiodic share: the first dip below the threshold, else the deepest."""
        first = self._shortest - 1  # d[i] belongs to the period i + 1
        below = np.flatnonzero(d[first:-1] < THRESHOLD)
        at = first + (int(below[0]) if len(below) else int(np.argmin(d[first:-1])))
        while len(below) and at + 2 < len(d) and d[at + 1] < d[at]:
            at += 1
        left, middle, right = d[max(at - 1, 0)], d[at], d[at + 1]
        bend = left - 2 * middle + right
        shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
        return at + 1 + min(max(shift, -0.5), 0.5), float(middle)

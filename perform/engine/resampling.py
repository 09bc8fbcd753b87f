"""From a model's rate to the stage's: at the right pitch, and by a constant time late.

soxr has two engines. The one for fixed ratios works through blocks of its own, so its output comes in
bursts, up to 21 ms late from 44.1 to 48 kHz; the one for variable ratios holds 5.4 ms, always. It passes
20 kHz at -0.3 dB, and what it adds lies 110 dB below.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import soxr

Latents = npt.NDArray[np.floating]  #: (latents,), sigma


def resampler(model_rate: float, stage_rate: float, channels: int) -> soxr.ResampleStream:
    """[render] A stream of float32 (n, channels) from one rate to the other, at its beginning."""
    return soxr.ResampleStream(model_rate, stage_rate, channels, dtype="float32", quality="HQ", vr=True)


@functools.cache
def resampling_delay(model_rate: float, stage_rate: float) -> float:
    """Seconds of sound that a resampler holds back: a part of a deck's latency and of its delay."""
    if model_rate == stage_rate:
        return 0.0
    stream, second = resampler(model_rate, stage_rate, 1), round(model_rate)
    return second / model_rate - len(stream.resample_chunk(np.zeros(second, np.float32))) / stage_rate


class Pace:
    """[render] Latents from one model's frames to another's, each the mean of what was said in its time.

    The mean is over the longer of the two frames, around the middle of the new one: fewer frames are
    averages, more are straight lines between the old ones' middles, as many are the same. Constant memory.
    """

    def __init__(self, heard_s: float, said_s: float) -> None:
        """heard_s, said_s : length of a frame that comes in and of one that goes out, seconds."""
        self._heard_s, self._said_s, self._width = heard_s, said_s, max(heard_s, said_s)
        self._said = 0  # frames that went out
        self._frames: list[Latents] = []  # those still needed, the first of them frame `_first`
        self._first = 0

    def __call__(self, z: Latents) -> list[Latents]:
        """One more frame (latents,) -> the frames that are due now, none or some."""
        if self._heard_s == self._said_s:
            return [z]
        self._frames.append(z)
        due: list[Latents] = []
        while True:
            middle = (self._said + 0.5) * self._said_s
            begin, end = ((middle + side * self._width / 2) / self._heard_s for side in (-1, 1))
            if end > self._first + len(self._frames) + 1e-9:
                return due
            due.append(self._mean(begin, end))
            self._said += 1
            gone = max(0, min(int(begin), self._first + len(self._frames) - 1) - self._first)
            self._first, self._frames = self._first + gone, self._frames[gone:]

    def _mean(self, begin: float, end: float) -> Latents:
        """Over a stretch, in frames; before the first there was what it says."""
        places = self._first + np.arange(len(self._frames))
        shares = np.clip(np.minimum(places + 1, end) - np.maximum(places, begin), 0.0, None)
        if self._first == 0 and begin < 0:
            shares[0] -= begin
        mean: Latents = shares @ np.stack(self._frames) / (end - begin)
        return mean

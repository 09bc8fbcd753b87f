"""Varispeed: resamples a model's output at a ratio that may change, so that a deck plays at another pitch.

A windowed sinc interpolates between the samples (J. O. Smith, "Digital Audio Resampling"): a Kaiser window of
32 zero crossings, which passes 20 kHz at 48 kHz. Above the model's own pitch its cutoff falls with the pitch,
against aliasing. Within a frame the speed moves linearly, so a glide has no steps. soxr can do the same but
neither reports nor sets its position, which a replay from the middle of a stream needs.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.event_log import Tuning

Samples = npt.NDArray[np.float32]  #: (n, channels)
Positions = npt.NDArray[np.float64]  #: (frames,) in samples of the model
Speeds = npt.NDArray[np.float64]  #: (frames,) samples of the model for one frame of sound

LAG = 64  #: samples of the model that it looks ahead: 1.3 ms at 48 kHz, divided by the ratio
HISTORY = 1024  #: samples of the model that it may still need; soxr holds back up to 600 of them
_CROSSINGS = 32  # zero crossings of the sinc on each side
_PHASES = 512  # rows of a kernel's table for one sample; between two rows it interpolates linearly
_BETA = 9.0  # of the Kaiser window: stop band at -90 dB
_CUTOFFS = 4  # tables an octave of cutoff; between two tables it interpolates linearly


class Varispeed:
    """[render] Resamples one stream.

    speed  : samples of the model for one frame of sound at ratio 1: model rate / stage rate
    past   : (n, channels), the stream's last samples, as far as they are known
    played : samples of the model, since its last sample in `past`, that have sounded already: 0 or less
    time   : frames of sound since the stream began
    ratio  : at this moment
    """

    def __init__(self, speed: float, past: Samples, played: float, time: float, ratio: float) -> None:
        self._speed, self._at, self._time, self._ratio = speed, played, time, ratio
        self._past = np.zeros((HISTORY, past.shape[1]), np.float32)
        if len(past):
            self._past[-len(past) :] = past[-HISTORY:]
        self.tuning = Tuning(time, ratio, ratio)  #: of the last frame

    @classmethod
    def resumed(cls, speed: float, channels: int, tuning: Tuning) -> Varispeed:
        """Return one that has just played silence up to a recorded frame."""
        return cls(speed, np.zeros((0, channels), np.float32), -LAG, tuning.time, tuning.before)

    @property
    def sent(self) -> int:
        """Frames of sound since the stream began."""
        return math.ceil(self._time)

    def __call__(self, y: Samples, ratio: float) -> Samples:
        """The next samples (n, channels) -> about (n / speed / ratio, channels).

        Two channels may follow one; if one follows two, it counts as two equal ones.

        ratio : of the pitch, reached at the end of these samples
        """
        self.tuning = Tuning(self._time, self._ratio, ratio)
        x = joined(self._past, y)
        begin, end = self._at, max(self._at, len(y) - LAG)
        at, speeds = self._positions(end - begin, ratio)
        self._past, self._at = x[-HISTORY:].copy(), end - len(y)
        return _interpolate(x, HISTORY + begin + at, speeds)

    def _positions(self, length: float, ratio: float) -> tuple[Positions, Speeds]:
        """Positions of the next frames of sound in the next `length` samples, and the speed at each.

        The speed moves linearly with the position u, so time is the integral of 1 / speed, a logarithm of u.
        """
        first, last = self._speed * self._ratio, self._speed * ratio
        began, slope = self._time, (last - first) / length if length else 0.0
        if slope:
            self._time += math.log1p(slope * length / first) / slope
        else:
            self._time += length / first
        self._ratio = ratio
        times = np.arange(math.ceil(began), math.ceil(self._time)) - began
        past = np.expm1(slope * times) * (first / slope) if slope else first * times
        at: Positions = np.asarray(past, np.float64)
        return at, first + slope * at


def joined(before: Samples, after: Samples) -> Samples:
    """Join samples (n, channels) and (m, channels); one channel next to two is doubled."""
    channels = max(before.shape[1], after.shape[1])
    return np.concatenate([np.broadcast_to(x, (len(x), channels)) for x in (before, after)])


def _interpolate(x: Samples, at: Positions, speeds: Speeds) -> Samples:
    """`x` (n, channels) at the positions `at` (frames,) -> (frames, channels)."""
    depth = _CUTOFFS * np.log2(np.maximum(speeds, 1.0))
    level = depth.astype(np.intp)
    y = np.empty((len(at), x.shape[1]), np.float32)
    for n in range(level.min(initial=0), level.max(initial=0) + 1):
        here = level == n
        if not here.any():
            continue
        low = _convolve(x, at[here], _kernel(n))
        if n or depth[here].any():
            low += (_convolve(x, at[here], _kernel(n + 1)) - low) * (depth[here] - n)[:, None]
        y[here] = low
    return y


def _convolve(x: Samples, at: Positions, kernel: npt.NDArray[np.float32]) -> Samples:
    """`x` (n, channels) at the positions `at` (frames,), by a kernel (phases + 1, taps)."""
    taps = kernel.shape[1]
    whole = np.floor(at).astype(np.intp)
    phase = (at - whole) * _PHASES
    row = phase.astype(np.intp)
    part = (phase - row).astype(np.float32)
    before, after = kernel[row], kernel[row + 1]
    y = np.empty((len(at), x.shape[1]), np.float32)
    for channel in range(x.shape[1]):
        windows = np.lib.stride_tricks.sliding_window_view(x[:, channel], taps)[whole - taps // 2 + 1]
        low = np.einsum("ij,ij->i", windows, before)
        y[:, channel] = low + (np.einsum("ij,ij->i", windows, after) - low) * part
    return y


@functools.cache
def _kernel(level: int) -> npt.NDArray[np.float32]:
    """The interpolation kernel for a cutoff of 2^(-level / _CUTOFFS): (_PHASES + 1, taps)."""
    cutoff = 2.0 ** (-level / _CUTOFFS)
    half = min(LAG, math.ceil(_CROSSINGS / cutoff))
    phase = np.arange(_PHASES + 1)[:, None] / _PHASES
    t = phase - np.arange(1 - half, half + 1)  # from each sample to the position
    window = np.i0(_BETA * np.sqrt(np.maximum(1.0 - np.square(t / half), 0.0))) / np.i0(_BETA)
    return np.asarray(cutoff * np.sinc(cutoff * t) * window, np.float32)


def varispeed_delay(model_rate: float, ratio: float) -> float:
    """Return its delay at a ratio, seconds."""
    return LAG / (model_rate * ratio)


def warm_up(speed: float) -> None:
    """[disk] Make all kernels now: the first use of one would take milliseconds."""
    highest = speed * 2.0 ** (params.SPECS["deck/1/tune"].high / 12) * params.SPECS["master/reference"].high
    for level in range(math.ceil(_CUTOFFS * math.log2(max(highest / params.CONCERT_PITCH, 1.0))) + 2):
        _kernel(level)

"""Output protection: DC blocker, look-ahead limiter, hard ceiling, removal of NaN and infinity.

All take (n, 2) blocks with n <= MAX_BLOCK and keep their state from block to block. The output does not
depend on the sizes of the blocks, except for rounding. [audio] throughout.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from perform.core.ring_buffers import Audio

Signal = npt.NDArray[np.float64]  #: (n, 2) or (n, 1)
Samples = TypeVar("Samples", bound=npt.NDArray[np.floating])

MAX_BLOCK = 1024  #: longest block of one call; longer ones would take the powers below out of range
REST = 1e-24  #: a reduction this small changes no sample

_ZERO = np.zeros(1)


class DcBlocker:
    """First-order high-pass y[n] = x[n] - x[n-1] + r y[n-1], corner 5 Hz.

    Closed form for a whole block: y[n] = r^n (y[-1] r + sum_k r^-k d[k]) with d = x[n] - x[n-1];
    over MAX_BLOCK samples r^-n stays below 2 at rates of 44.1 kHz and up.
    """

    def __init__(self, rate: float, corner_hz: float = 5.0) -> None:
        r = float(np.exp(-2 * np.pi * corner_hz / rate))
        decay = np.power(r, np.arange(MAX_BLOCK, dtype=np.float64))
        self._decay: Signal = np.stack([decay, decay], axis=1)  # (n, 2) is faster than (n, 1)
        self._r, self._x, self._y = r, np.zeros(2), np.zeros(2)
        self._sum: Signal = np.zeros((MAX_BLOCK, 2))

    def __call__(self, x: Signal) -> Signal:
        """[audio] (n, 2) -> (n, 2)."""
        decay, total = self._decay[: len(x)], self._sum[: len(x)]
        np.subtract(x[0], self._x, out=total[0])
        np.subtract(x[1:], x[:-1], out=total[1:])
        np.divide(total, decay, out=total)
        np.add.accumulate(total, axis=0, out=total)
        total += self._r * self._y
        y: Signal = total * decay
        self._x, self._y = x[-1].copy(), y[-1].copy()
        return y


class Limiter:
    """Look-ahead peak limiter: one gain for both channels, 1.5 ms of delay, no sample above the ceiling.

    Each sample needs the reduction 1 - ceiling/|x|. A running maximum holds it over the look-ahead window, it
    is released exponentially, and a mean as long as the window smooths it. So the reduction is complete when
    the peak leaves the delay line.
    """

    def __init__(self, rate: float, ahead_s: float = 0.0015, release_s: float = 0.12) -> None:
        self.delay = max(2, round(ahead_s * rate))  #: frames
        width = self.delay
        self._line = np.zeros((width, 2))  # the delay line
        self._need = np.zeros(width)  # reduction each sample of the delay line needs
        self._held = np.zeros(width)  # reduction after release, the window of the mean
        self._last = 0.0  # state of the release
        frames = np.arange(1, MAX_BLOCK + 1)
        self._release: npt.NDArray[np.float64] = np.exp(-1.0 / (release_s * rate)) ** frames
        self.reduction = 0.0  #: largest reduction of the last block, 0..1
        self._rests = True  # it only delays, until a sample exceeds the ceiling

    def __call__(self, x: Signal, ceiling: float) -> Signal:
        """[audio] Limit (n, 2) to a ceiling (a factor) -> (n, 2), delayed by `delay` frames."""
        if self._rests and largest(x) <= ceiling:
            line = np.concatenate([self._line, x])
            self._line, self.reduction = line[len(x) :], 0.0
            return line[: len(x)]
        return self._limit(x, ceiling)

    def _limit(self, x: Signal, ceiling: float) -> Signal:
        n, width = len(x), self.delay
        peak = np.maximum(*np.abs(x).T)  # (n,)
        need = np.concatenate([self._need, 1.0 - ceiling / np.maximum(peak, ceiling)])
        ahead = _running_max(need, width + 1)  # (n,): largest need of the samples in the line
        release = self._release[:n]
        held = release * np.maximum(np.maximum.accumulate(ahead / release), self._last)
        window = np.concatenate([self._held, held])
        total = np.concatenate([_ZERO, np.add.accumulate(window)])
        mean = np.minimum(np.maximum((total[width + 1 :] - total[1 : n + 1]) / width, 0.0), 1.0)  # (n,)
        line = np.concatenate([self._line, x])
        y: Signal = line[:n] * (1.0 - mean)[:, None]
        self._line, self._need, self._held = line[n:], need[n:], window[n:]
        self._last = float(held[-1])
        self.reduction = float(mean.max())
        self._rests = self._last < REST and self._held.max() < REST and not self._need.any()
        return y


def _running_max(x: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Maximum of each `width` neighbours, by doubling: (n + width - 1,) -> (n,)."""
    reach = 1
    while reach * 2 <= width:
        x = np.maximum(x[:-reach], x[reach:])
        reach *= 2
    rest = width - reach
    longest: npt.NDArray[np.float64] = np.maximum(x[: len(x) - rest], x[rest:])
    return longest


def by_blocks(process: Callable[[Signal], Samples], x: Signal, block: int) -> Samples:
    """[audio] Process (n, 2) as blocks of at most so many frames, whose rounding the result has: (n, 2)."""
    if len(x) <= block:
        return process(x)
    parts = [process(x[at : at + block]) for at in range(0, len(x), block)]
    return cast(Samples, np.concatenate(parts))


def peak(x: Signal | Audio) -> npt.NDArray[np.floating]:
    """[audio] The largest magnitude of each channel: (n, 2) -> (2,)."""
    rows = np.abs(x.T, order="C")  # in memory, too: four times faster
    loudest: npt.NDArray[np.floating] = np.maximum.reduce(rows, axis=1)
    return loudest


def largest(x: Signal | Audio) -> float:
    """[audio] The largest magnitude of all samples; NaN if one is."""
    high, low = np.maximum.reduce(x, axis=None), np.minimum.reduce(x, axis=None)  # no wrappers of methods
    return float(max(high, -low))


def cap(x: Signal, ceiling: float) -> Audio:
    """[audio] Clip to the ceiling; NaN and infinity become 0. (n, 2) -> (n, 2) float32."""
    if not math.isfinite(x.sum()):
        x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    out = x.astype(np.float32)
    limit = _largest_below(ceiling)
    np.minimum(out, limit, out=out)
    np.maximum(out, -limit, out=out)
    return out


@functools.lru_cache(maxsize=16)
def _largest_below(ceiling: float) -> float:
    """The float32 below the ceiling: a sample that is rounded to float32 may exceed it by half a step."""
    return float(np.nextafter(np.float32(ceiling), np.float32(0)))

"""Loudness by EBU R 128 (ITU-R BS.1770-4): momentary, short-term and integrated, in LUFS. numpy only."""

from __future__ import annotations

import math
from array import array

import numpy as np
import numpy.typing as npt

STEP_S = 0.1  #: blocks of 400 ms overlap by 75 %, so the sound is measured in steps of this length
_BLOCK, _SHORT = 4, 30  #: steps of a block of 400 ms, of the short term of 3 s
_ABSOLUTE_LUFS, _RELATIVE_LU = -70.0, -10.0  #: gates
_OFFSET = -0.691  #: dB, of BS.1770: a sine of 997 Hz at 0 dBFS in one channel has -3.01 LUFS

Response = npt.NDArray[np.complex128]  #: (bins,)


class LoudnessMeter:
    """Measures a stereo sound step by step; its memory grows by eight bytes a step."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._step = max(1, round(rate * STEP_S))
        self._weights = _k_weighting(rate, 2 * self._step)
        self._rest: npt.NDArray[np.float32] = np.zeros((0, 2), np.float32)
        self._before: npt.NDArray[np.float32] = np.zeros((self._step, 2), np.float32)
        self._steps: list[float] = []  # powers of the last 3 s
        self._blocks = array("d")  # powers of all blocks above the absolute gate
        self._counted, self._integrated = -1, -math.inf

    def restart(self) -> None:
        """Measure the integrated loudness from now on."""
        self._blocks = array("d")
        self._steps.clear()

    def feed(self, sound: npt.NDArray[np.float32]) -> None:
        """Measure the next frames, (n, 2), full scale +-1."""
        sound = np.concatenate([self._rest, sound])
        while len(sound) >= self._step:
            self._measure(sound[: self._step])
            sound = sound[self._step :]
        self._rest = sound

    def _measure(self, step: npt.NDArray[np.float32]) -> None:
        """Weight a step; the filters have settled over the step before it."""
        both = np.concatenate([self._before, step])  # (2 step, 2)
        self._before = step.copy()
        spectrum = np.fft.rfft(both, axis=0) * self._weights[:, None]
        weighted = np.fft.irfft(spectrum, len(both), axis=0)[self._step :]
        power = float(np.square(weighted).mean(axis=0).sum())
        self._steps = [*self._steps[1 - _SHORT :], power if math.isfinite(power) else 0.0]
        if len(self._steps) >= _BLOCK and _lufs(block := self._mean(_BLOCK)) > _ABSOLUTE_LUFS:
            self._blocks.append(block)

    def _mean(self, steps: int) -> float:
        last = self._steps[-steps:]
        return sum(last) / steps if last else 0.0

    @property
    def momentary(self) -> float:
        """LUFS of the last 400 ms; -inf for silence."""
        return _lufs(self._mean(_BLOCK))

    @property
    def short_term(self) -> float:
        """LUFS of the last 3 s."""
        return _lufs(self._mean(_SHORT))

    @property
    def integrated(self) -> float:
        """Gated LUFS since the start; -inf while nothing was louder than the gate."""
        if self._counted != len(self._blocks):
            self._counted = len(self._blocks)
            blocks = np.frombuffer(self._blocks, np.float64) if self._counted else np.zeros(0)
            gate = _lufs(float(blocks.mean())) + _RELATIVE_LU if len(blocks) else 0.0
            loud = blocks[blocks > _power(gate)]
            self._integrated = _lufs(float(loud.mean())) if len(loud) else -math.inf
            del blocks, loud  # they hold the array's memory
        return self._integrated


def loudness_lufs(sound: npt.NDArray[np.floating], rate: int) -> float | None:
    """Return the integrated loudness of a sound (channels, n) as a deck plays it.

    A mono sound is in both channels; more than two channels are two. None: silent, or not finite.
    """
    if not np.isfinite(sound).all():
        return None
    stereo = np.empty((sound.shape[1], 2), np.float32)
    stereo[:] = sound[:2].T
    meter = LoudnessMeter(rate)
    meter.feed(stereo)
    return round(meter.integrated, 2) if math.isfinite(meter.integrated) else None


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power) if power > 1e-12 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _k_weighting(rate: int, length: int) -> Response:
    """Response of a head's high shelf and of the RLB high-pass of BS.1770, for any sample rate.

    The standard gives both filters at 48 kHz; these are the analogue filters behind them, as in libebur128.
    """
    z = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)  # one frame of delay
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle, norm = high**0.4996667741545416, 1 + k / q + k * k
    shelf = [high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k]
    response = _ratio(shelf, [norm, 2 * (k * k - 1), 1 - k / q + k * k], z)
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1 + k / q + k * k
    return response * _ratio([norm, -2 * norm, norm], [norm, 2 * (k * k - 1), 1 - k / q + k * k], z)


def _ratio(above: list[float], below: list[float], z: Response) -> Response:
    return np.asarray(np.polyval(above[::-1], z) / np.polyval(below[::-1], z))

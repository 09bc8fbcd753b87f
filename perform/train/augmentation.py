"""Data augmentation: random changes to a crop.

gain      -6 to +3 dB, never beyond full scale
phase     random all-pass filters. They keep the spectrum, and the model cannot memorise a waveform
pitch     up to three semitones up or down, by resampling (off by default: it also moves formants)
compress  up to 2:1 less range between quiet and loud passages (off by default)
mute      silence in one of twenty crops, so that silence in gives silence out (off by default)
normalize each crop's peak at full scale, but at most 30 dB louder, before gain and compress (off by default)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perform.train.corpus import Sound

MARGIN = 2048
"""Samples on each side of a crop that are also filtered; the response of an all-pass decays within them."""
SEMITONES = 3.0
STEP = 256
"""Transform lengths are multiples of this, because these are fast."""
RADIUS = (0.9, 0.99)
"""Range of the radius of an all-pass's pole; 0.99 decays by 178 dB within MARGIN."""
WINDOW_S, WINDOWS = 0.02, 6
LOUDER_DB = 30.0
"""Most gain of `normalize`: a crop that is almost silent stays quiet."""


def augment(
    read: Callable[[int], Sound],
    length: int,
    kinds: tuple[str, ...],
    sample_rate: int,
    random: np.random.Generator,
) -> Sound:
    """Return a crop (channels, length) with the random changes in `kinds`.

    read : returns the first n samples from the start of the crop, (channels, n)
    """
    wide = length + 2 * MARGIN
    taken = wide
    if "pitch" in kinds:
        taken = round(wide * 2 ** (random.uniform(-SEMITONES, SEMITONES) / 12) / STEP) * STEP
    turns = _all_passes(wide, sample_rate, random) if "phase" in kinds else None
    if taken == wide and turns is None:
        crop = read(length)
    else:
        spectrum = np.fft.rfft(read(taken))
        bins = np.zeros((len(spectrum), wide // 2 + 1), spectrum.dtype)
        shared = min(bins.shape[1], spectrum.shape[1])
        bins[:, :shared] = spectrum[:, :shared] * (wide / taken)
        if turns is not None:
            bins *= turns
        crop = np.fft.irfft(bins, wide)[:, MARGIN : MARGIN + length].astype(np.float32)
    if "normalize" in kinds:
        crop = crop / max(np.float32(10 ** (-LOUDER_DB / 20)), np.abs(crop).max())
    if "compress" in kinds:
        crop = _compressed(crop, random.uniform(0.5, 1.0), sample_rate)
    if "gain" in kinds:
        crop = crop * np.float32(10 ** (random.uniform(-6, 3) / 20))
    crop = crop / max(1.0, float(np.abs(crop).max()))
    if "mute" in kinds and random.random() < 0.05:
        crop = np.zeros_like(crop)
    return crop.astype(np.float32)


def _all_passes(size: int, sample_rate: int, random: np.random.Generator) -> NDArray[np.complex64]:
    """Return the response of one to three second-order all-pass filters at the bins of an rfft of `size`."""
    delay = np.exp(-2j * math.pi * np.arange(size // 2 + 1) / size)  # z^-1
    response = np.ones_like(delay)
    for _ in range(random.integers(1, 4)):
        top = min(8000.0, 0.4 * sample_rate)
        angle = 2 * math.pi * 20 * (top / 20) ** random.random() / sample_rate
        radius = random.uniform(*RADIUS)
        middle, last = -2 * radius * math.cos(angle), radius**2
        response *= (last + middle * delay + delay**2) / (1 + middle * delay + last * delay**2)
    turns: NDArray[np.complex64] = response.astype(np.complex64)
    return turns


def _compressed(crop: Sound, power: float, sample_rate: int) -> Sound:
    """Return the crop with its envelope, relative to its loudest moment, raised to `power`."""
    window = max(round(WINDOW_S * sample_rate), 1)
    blocks = -(-crop.shape[1] // window)
    padded = np.pad(crop, ((0, 0), (0, blocks * window - crop.shape[1])))
    level = np.sqrt(np.square(padded).mean(0).reshape(blocks, window).mean(1)) + 1e-4
    level = np.convolve(np.pad(level, WINDOWS, "edge"), np.hanning(2 * WINDOWS + 1), "valid")
    level /= np.hanning(2 * WINDOWS + 1).sum()
    gain = (level / level.max()) ** (power - 1)
    at = (np.arange(blocks) + 0.5) * window
    curve: NDArray[np.float32] = np.interp(np.arange(crop.shape[1]), at, gain).astype(np.float32)
    return crop * curve

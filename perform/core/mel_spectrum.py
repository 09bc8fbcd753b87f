"""Spectra of sounds: how far two are apart in mel bands, and what one sounds like. numpy only."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BANDS = 64  #: mel bands from LOWEST_HZ to HIGHEST_HZ or half the sample rate
LOWEST_HZ, HIGHEST_HZ = 30.0, 16000.0
FLOOR_DB = -80.0  #: of a band, below full scale: what is softer counts as silent
WINDOW, HOP = 2048, 512  #: samples
LOW_HZ = 250.0  #: below it a sound is low

Values = npt.NDArray[np.float64]


class SoundFacts(NamedTuple):
    """What a sound is like, each (B,).

    level   : dB below full scale
    height  : octaves above LOWEST_HZ of the middle of its spectrum
    noise   : dB of its spectral flatness: 0 for white noise, less for tones
    bass    : dB of its part below LOW_HZ
    """

    level: Values
    height: Values
    noise: Values
    bass: Values


def mean_power(sound: npt.NDArray[np.floating]) -> Values:
    """Return the mean power spectrum of sounds (B, n): (B, WINDOW / 2 + 1), 1 for a full-scale sine."""
    window = np.hanning(WINDOW + 1)[:-1]
    sound = np.pad(sound, ((0, 0), (WINDOW // 2, WINDOW // 2)), mode="reflect")
    cut = np.lib.stride_tricks.sliding_window_view(sound, WINDOW, axis=1)[:, ::HOP]  # (B, windows, WINDOW)
    power = np.square(np.abs(np.fft.rfft(cut * window, axis=-1))).mean(1)
    return np.asarray(power / (np.square(window).sum() * WINDOW / 2))


def mel_bands(rate: int) -> Values:
    """Return triangular bands for `mean_power`, (BANDS, WINDOW / 2 + 1)."""
    hertz = np.linspace(0, rate / 2, WINDOW // 2 + 1)
    first, last = (2595 * math.log10(1 + one / 700) for one in (LOWEST_HZ, min(HIGHEST_HZ, rate / 2)))
    edges = 700 * (10 ** (np.linspace(first, last, BANDS + 2) / 2595) - 1)
    low, middle, high = (edges[i : i + BANDS, None] for i in range(3))
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    return np.asarray(np.minimum(rising, falling).clip(0))


def in_bands(power: Values, bands: Values) -> Values:
    """Return spectra (B, bins) in mel bands, dB: (B, bands)."""
    return np.asarray(10 * np.log10(power @ bands.T + 10 ** (FLOOR_DB / 10)))


def apart(a: Values, b: Values) -> Values:
    """Return the RMS difference of spectra in bands, (B, bands) each: (B,) dB."""
    return np.asarray(np.sqrt(np.square(a - b).mean(-1)))


def facts(power: Values, rate: int) -> SoundFacts:
    """Return what sounds with these spectra (B, bins) are like."""
    hertz = np.linspace(0, rate / 2, power.shape[-1])
    heard = (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)
    power, octaves = power[:, heard] + 1e-12, np.log2(hertz[heard] / LOWEST_HZ)
    whole = power.sum(-1)
    return SoundFacts(
        level=10 * np.log10(whole),
        height=(power * octaves).sum(-1) / whole,
        noise=10 * (np.log10(power).mean(-1) - np.log10(power.mean(-1))),
        bass=10 * np.log10(power[:, hertz[heard] < LOW_HZ].sum(-1) / whole),
    )

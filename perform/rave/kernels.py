"""The fixed filters and tables of a model, designed with numpy in double precision.

The filter bank's prototype is a Kaiser-windowed sinc whose cutoff is found by a one-dimensional search (Lin &
Vaidyanathan, "A Kaiser window approach for the design of prototype filters of cosine modulated filterbanks",
IEEE SPL 5(6), 1998).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Exact = NDArray[np.float64]

TRANSITION = 0.8  #: of a band, between pass band and stop band of the filter bank's prototype
STOP_BAND = 140.0  #: dB, of the resampler
LIMIT = 4.0  #: largest magnitude of a normally distributed latent, in sigma


def kaiser_beta(attenuation: float) -> float:
    """Kaiser's window shape for a stop-band `attenuation` in dB."""
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return float(0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21))
    return 0.0


def kaiser_taps(attenuation: float, width: float) -> int:
    """Kaiser's estimate of the taps needed for `attenuation` dB over a transition `width` in radians."""
    return math.ceil((attenuation - 7.95) / (2.285 * width)) + 1


def bank_taps(bands: int, attenuation: float) -> int:
    """Taps of the prototype."""
    return kaiser_taps(attenuation, TRANSITION * math.pi / bands)


def prototype(bands: int, attenuation: float) -> Exact:
    """Low-pass prototype, (taps,), unit gain at 0 Hz.

    Its spectrum must be power-complementary about pi / (2 bands): its autocorrelation must be 0 at every
    multiple of 2 x bands except 0. A search finds the cutoff that comes closest. The transition is 0.8 of a
    band wide. That is little less than the widest at which only neighbouring bands overlap, so the filter is
    nearly as short as possible.
    """
    taps = bank_taps(bands, attenuation)
    time = np.arange(taps) - (taps - 1) / 2
    window = np.kaiser(taps, kaiser_beta(attenuation))

    def lowpass(cutoff: float) -> Exact:
        h: Exact = cutoff / np.pi * np.sinc(cutoff / np.pi * time) * window
        h /= h.sum()
        return h

    def leak(cutoff: float) -> float:
        h = lowpass(cutoff)
        correlation = np.correlate(h, h, "full")[taps - 1 :: 2 * bands]
        return float(np.abs(correlation[1:]).max() / correlation[0])

    low, high = 0.3 * math.pi / bands, 0.9 * math.pi / bands
    for _ in range(6):  # each round narrows the bracket twentyfold
        grid = np.linspace(low, high, 41)
        best = int(np.argmin([leak(float(cutoff)) for cutoff in grid]))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 40)])
    return lowpass((low + high) / 2)


def filter_bank(bands: int, attenuation: float) -> tuple[Array, Array]:
    """Kernels of analysis (bands, 1, taps) and synthesis (bands, bands, taps / bands), see pqmf.py."""
    h = prototype(bands, attenuation)
    taps = len(h)
    k, time = np.arange(bands)[:, None], np.arange(taps) - (taps - 1) / 2
    angle, phase = (2 * k + 1) * np.pi / (2 * bands) * time, (-1.0) ** k * np.pi / 4
    analysis = 2 * h * np.cos(angle + phase)  # (bands, taps)
    synthesis = 2 * h * np.cos(angle - phase)
    synthesis *= bands / (analysis * synthesis[:, ::-1]).sum()  # decimation takes `bands` away

    phases = math.ceil(taps / bands)
    synthesis = np.pad(synthesis, ((0, 0), (0, phases * bands - taps)))
    polyphase = synthesis.reshape(bands, phases, bands).transpose(2, 0, 1)  # (phase, band, time)
    first, second = analysis[:, None, ::-1], polyphase[:, :, ::-1]
    return first.astype(np.float32), second.astype(np.float32)


def odd_bands(bands: int) -> Array:
    """The signs that reverse odd bands, of every first and second sample, (bands, 2)."""
    turn = np.ones((bands, 2), np.float32)
    turn[1::2, 0] = -1
    return turn


def resampling(ratio: int) -> tuple[Array, Array]:
    """Kernels to 1 / `ratio` of the sample rate, (1, 1, taps), and up, (ratio, 1, taps / ratio, made odd)."""
    taps = kaiser_taps(STOP_BAND, math.pi / ratio) // 2 * 2 + 1
    time = np.arange(taps) - (taps - 1) / 2
    h = np.sinc(time / ratio) / ratio * np.kaiser(taps, kaiser_beta(STOP_BAND))
    phases = np.pad(h, (-taps % ratio, 0)).reshape(-1, ratio).T  # (ratio, taps / ratio)
    phases = np.pad(phases, ((0, 0), ((phases.shape[1] + 1) % 2, 0)))
    return h.astype(np.float32)[None, None], phases.astype(np.float32)[:, None]


def fourier(size: int) -> Array:
    """Hann-windowed cosines and sines, a full-scale one of which has magnitude 1: (2 x bins, 1, size)."""
    time = np.arange(size)
    angle = 2 * math.pi / size * np.outer(np.arange(size // 2 + 1), time)
    window = hann(size)
    waves = np.concatenate([np.cos(angle), np.sin(angle)]) * window * (2 / window.sum())
    kernel: Array = waves.astype(np.float32)[:, None]
    return kernel


def noise_filters(taps: int, frame: int) -> Array:
    """For each of `taps` amplitudes, the causal convolution of a frame with its impulse response.

    (frame, taps * frame): white noise to its parts, in time; see `blocks.NoiseSynth`
    """
    size = 2 * (taps - 1)
    response = np.fft.irfft(np.eye(taps, dtype=np.complex128))  # (taps, size), zero phase
    response = np.roll(response, size // 2, -1) * hann(size)  # centred
    response = np.pad(response, ((0, 0), (0, max(frame - size, 0))))[:, :frame]
    response = np.roll(response, -(size // 2), -1)  # and back
    time = np.arange(frame)
    lag = time[None, :] - time[:, None]  # (input, output)
    matrix = response[:, np.maximum(lag, 0)] * (lag >= 0)  # (taps, input, output)
    return matrix.transpose(1, 0, 2).reshape(frame, -1).astype(np.float32)


class Oscillator(NamedTuple):
    """Tables of a harmonic oscillator for a frame of `ratio` samples, see harmonics.py."""

    number: Array  # (count, 1)
    steady: Exact  # (ratio,) cycles of a steady 1 Hz
    rising: Exact  # (ratio,) cycles of a frequency that rises from 0 to 1 Hz in a frame
    near: Array  # (knots + 1, ratio): weight of each amplitude at each sample


def oscillator(sample_rate: int, ratio: int, count: int, knots: int) -> Oscillator:
    """The tables for `count` harmonics, with `knots` amplitudes a frame."""
    time = np.arange(1, ratio + 1, dtype=np.float64)
    place = time / ratio * knots - np.arange(knots + 1)[:, None]
    return Oscillator(
        np.arange(1, count + 1, dtype=np.float32)[:, None],
        time / sample_rate,
        time * (time + 1) / (2 * ratio * sample_rate),
        np.maximum(1 - np.abs(place), 0).astype(np.float32),
    )


def hann(size: int) -> Exact:
    """A periodic Hann window."""
    window: Exact = 0.5 - 0.5 * np.cos(np.arange(size) * (2 * np.pi / size))
    return window


def normal_edges(resolution: int) -> Array:
    """The edges of equally likely steps of a normal distribution, (resolution + 1,), in sigma."""
    inner = [NormalDist().inv_cdf(step / resolution) for step in range(1, resolution)]
    return np.array([-LIMIT, *np.clip(inner, -LIMIT, LIMIT), LIMIT], np.float32)

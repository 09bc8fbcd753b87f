"""Resampling sound from a model's rate to the stage's, with a constant delay.

soxr has two engines. The one for fixed ratios gives its output in bursts, with a delay of up to 21 ms from
44.1 to 48 kHz. The one for variable ratios, used here, has a constant delay of 5.4 ms. It passes 20 kHz at
-0.3 dB; its artefacts are 110 dB below the signal.
"""

from __future__ import annotations

import functools

import numpy as np
import soxr


def resampler(model_rate: float, stage_rate: float, channels: int) -> soxr.ResampleStream:
    """[render] Return a new resampler of float32 blocks, (n, channels)."""
    return soxr.ResampleStream(model_rate, stage_rate, channels, dtype="float32", quality="HQ", vr=True)


@functools.cache
def resampling_delay(model_rate: float, stage_rate: float) -> float:
    """Return the resampler's delay in seconds, a part of a deck's latency."""
    if model_rate == stage_rate:
        return 0.0
    stream, second = resampler(model_rate, stage_rate, 1), round(model_rate)
    return second / model_rate - len(stream.resample_chunk(np.zeros(second, np.float32))) / stage_rate


def resampling_both_ways(model_rate: float, stage_rate: float) -> tuple[float, float]:
    """Return how long the resamplers to the model's rate and back hold sound back, and how far they shift it.

    Both are in seconds. A resampler needs later input before it gives output, but its output is in time, but
    for the shift of about two samples.
    """
    pairs = ((stage_rate, model_rate), (model_rate, stage_rate))
    return sum(resampling_delay(*pair) for pair in pairs), sum(_shift(*pair) for pair in pairs)


@functools.cache
def _shift(source_rate: float, target_rate: float) -> float:
    """Measure a resampler's shift with a low sine."""
    if source_rate == target_rate:
        return 0.0
    hz = min(source_rate, target_rate) / 32
    sine = np.sin(2 * np.pi * hz * np.arange(round(2 * source_rate)) / source_rate)
    y = resampler(source_rate, target_rate, 1).resample_chunk(sine.astype(np.float32))
    at = np.arange(len(y) // 2, len(y) // 2 + round(8 * target_rate / hz)) / target_rate
    phase = np.angle(np.sum(y[len(y) // 2 :][: len(at)] * np.exp(-2j * np.pi * hz * at)))
    return float(-(phase + np.pi / 2) / (2 * np.pi * hz))

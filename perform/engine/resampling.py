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

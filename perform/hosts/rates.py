"""From a model's rate to the stage's: at the right pitch, and by a constant time late.

soxr has two engines. The one for fixed ratios works through blocks of its own, so its output comes in
bursts, up to 21 ms late from 44.1 to 48 kHz; the one for variable ratios holds 5.4 ms, always. It passes
20 kHz at -0.3 dB, and what it adds lies 110 dB below.
"""

from __future__ import annotations

import functools

import numpy as np
import soxr


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

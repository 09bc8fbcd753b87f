"""Sample rate and tuning of all corpora.

With steady latents a decoder repeats itself once per frame, so it can sustain exactly the multiples of the
frame rate. The corpora are in just intonation on the frame rate of the `live` config, 48000 / 512 = 93.75 Hz
(about F sharp 2). So a small model sounds clean after an hour of training, and the models are in tune with
each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 48000
ROOT = 93.75
"""The root in Hz; every partial is near a multiple of it."""

Samples = NDArray[np.float64]
Rng = np.random.Generator


def ramp(points: Samples, values: Samples, length: int) -> Samples:
    """Return raised-cosine glides between `values` at `points` (samples): (length,)."""
    index = np.clip(np.searchsorted(points, np.arange(length), side="right") - 1, 0, len(points) - 2)
    share = np.clip((np.arange(length) - points[index]) / (points[index + 1] - points[index]), 0, 1)
    return values[index] + (values[index + 1] - values[index]) * (0.5 - 0.5 * np.cos(np.pi * share))


def put(out: Samples, sound: Samples, at: float) -> None:
    """Add a sound at `at` seconds, and cut it at the end of `out`."""
    start = int(at * RATE)
    part = sound[: max(0, len(out) - start)]
    out[start : start + len(part)] += part

"""A tabla of recordings (recordings.py): patterns of strokes on both drums, at many tempos and tunings."""

from __future__ import annotations

import functools

import numpy as np
from recordings import check_recordings, recording
from tuning import RATE, Rng, Samples, put

SHA256 = "daa5e8c9d7bf175949c0e8e4103ec5c4e303881878e6b58fb3da16a6f937ebdf"
LOW = (*(f"tabla_ghe{i}" for i in range(1, 9)), "tabla_ke1", "tabla_ke2", "tabla_ke3")
"""Strokes on the low drum, the bayan; the last three do not ring."""
HIGH = (
    *("tabla_na", "tabla_na_o", "tabla_na_s", "tabla_tun1", "tabla_tun2", "tabla_tun3", "tabla_tas1"),
    *("tabla_tas2", "tabla_tas3", "tabla_re", "tabla_te1", "tabla_te2", "tabla_te_m", "tabla_te_ne"),
    "tabla_dhec",
)
"""Strokes on the high drum, the dayan; the last six do not ring."""


def tabla(seconds: float, rng: Rng) -> Samples:
    """Cycles of six to sixteen beats that repeat and vary, rolls, single strokes that ring, and silences."""
    _check()
    out, now = np.zeros(int(seconds * RATE) + 8 * RATE), 0.3
    while now < seconds - 1:
        low, high = int(rng.integers(0, 10)), int(rng.integers(-5, 8))
        beat = float(rng.choice([0.1, 0.15, 0.2, 0.3, 0.6])) * rng.uniform(0.85, 1.15)
        cycle = [_beat(rng) for _ in range(int(rng.choice([6, 7, 8, 10, 16])))]
        for _ in range(int(rng.integers(1, 3))):
            for strokes in cycle:
                for name in _beat(rng) if rng.random() < 0.1 else strokes:
                    tuned = recording(name, low if name in LOW else high)
                    damping = np.exp(-np.arange(len(tuned)) / (RATE * rng.uniform(0.3, 2.0)))
                    put(out, tuned * damping * rng.uniform(0.15, 0.9), now)
                now += beat
        now += rng.uniform(0.2, 1.5)
    return 0.7 * out[: int(seconds * RATE)]


def _beat(rng: Rng) -> tuple[str, ...]:
    """The strokes of a beat: on one drum, seldom on both, often none."""
    kind = rng.random()
    low, high = str(rng.choice(LOW)), str(rng.choice(HIGH))
    return (high,) if kind < 0.45 else (low,) if kind < 0.7 else (low, high) if kind < 0.78 else ()


@functools.cache
def _check() -> None:
    check_recordings((*LOW, *HIGH), SHA256)

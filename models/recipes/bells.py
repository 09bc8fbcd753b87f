"""Five bells of fixed inharmonic partials."""

from __future__ import annotations

import numpy as np
from tuning import RATE, ROOT, Rng, Samples, put

BELLS = (
    # multiples of ROOT: hum, prime, tierce, quint, nominal and what lies above
    (4, 8, 10, 12, 16, 21, 24, 33, 43, 54),
    (5, 10, 12, 15, 20, 26, 30, 41, 53, 68),
    (6, 12, 14, 18, 24, 31, 36, 49, 64, 81),
    (8, 16, 19, 24, 32, 42, 48, 65, 85, 107),
    (3, 6, 7, 9, 12, 16, 18, 25, 32, 40),
)
LEVELS = np.array([0.7, 1.0, 0.8, 0.45, 0.9, 0.5, 0.45, 0.3, 0.22, 0.15])
DECAYS = np.array([1.0, 0.75, 0.65, 0.5, 0.42, 0.3, 0.26, 0.18, 0.13, 0.1])


def strike(bell: int, level: float, brightness: float, decay: float, rng: Rng) -> Samples:
    """One stroke of a bell.

    level : peak, about 0..1;  brightness : 0 soft mallet .. 1 hard;  decay : seconds of the hum note
    """
    time = np.arange(int(RATE * min(3.5 * decay, 6.0))) / RATE
    out = np.zeros(len(time))
    for multiple, weight, part in zip(BELLS[bell], LEVELS, DECAYS, strict=True):
        beat = rng.uniform(0.2, 1.2)  # a cast bell's modes come in pairs a little apart
        phase = rng.uniform(0, 2 * np.pi, 2)
        tone = np.sin(2 * np.pi * (ROOT * multiple - beat / 2) * time + phase[0])
        tone += 0.6 * np.sin(2 * np.pi * (ROOT * multiple + beat / 2) * time + phase[1])
        out += weight * np.exp(-(1 - brightness) * multiple / 14) * tone * np.exp(-time * 3 / (decay * part))
    knock = rng.standard_normal(len(time)) * np.exp(-time / 0.006)
    knock[1:] -= (1 - brightness) * 0.9 * knock[:-1]
    out += 0.5 * brightness * knock
    out *= 1 - np.exp(-time / (0.0005 + 0.003 * (1 - brightness)))  # the mallet's give
    fade = min(2000, len(out))
    out[-fade:] *= np.linspace(1, 0, fade)
    out *= level / np.abs(out).max()
    return out


def bells(seconds: float, rng: Rng) -> Samples:
    """Five bells rung in phrases: slow tolling, rolls, flurries, damped strokes, silences."""
    out, now = np.zeros(int(seconds * RATE) + 8 * RATE), 0.5
    while now < seconds - 1:
        rate = float(np.exp(rng.uniform(np.log(1.0), np.log(9.0))))  # strokes a second
        brightness, damp = rng.uniform(0.1, 1.0), rng.random() < 0.25
        few = rng.choice(len(BELLS), rng.integers(1, 4), replace=False)
        end, loud = now + rng.uniform(2, 7), rng.uniform(0.25, 1.0)
        while now < min(end, seconds - 1):
            decay = rng.uniform(0.15, 0.4) if damp else rng.uniform(0.8, 3.0)
            hard = float(np.clip(brightness + rng.normal(0, 0.15), 0, 1))
            sound = strike(int(rng.choice(few)), loud * rng.uniform(0.4, 1.0), hard, decay, rng)
            put(out, sound, now)
            now += rng.gamma(4, 1 / (4 * rate))
        now += rng.uniform(0.2, 3.5)
    return out[: int(seconds * RATE)]

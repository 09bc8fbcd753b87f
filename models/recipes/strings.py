"""Plucked strings: a player's steel strings, open or muted, picked near the bridge or over the hole."""

from __future__ import annotations

import numpy as np
from tuning import RATE, ROOT, Rng, Samples, put

NOTES = (1, 2, 3, 4, 5, 6, 8, 10, 12)
"""Multiples of ROOT to which the strings are tuned; their partials are multiples of ROOT too."""
BODY = ((98.0, 0.06, 1.0), (205.0, 0.045, 0.7), (410.0, 0.025, 0.3))
"""Frequency (Hz), decay (seconds) and level of the body's modes, which every pluck excites."""


def pluck(note: int, level: float, place: float, brightness: float, ring: float, rng: Rng) -> Samples:
    """One pluck of a string, as the sum of its modes.

    The mode k of an ideal string plucked at `place` (share of its length) has the amplitude
    sin(k pi place) / k**2, its velocity one of sin(k pi place) / k; losses grow with the square of the
    frequency (Fletcher and Rossing, The Physics of Musical Instruments, sections 2.7 and 2.11).

    note : multiple of ROOT;  level : peak, about 0..1;  brightness : 0 flesh .. 1 plectrum
    ring : seconds in which the lowest modes fall by 60 dB
    """
    low = ROOT * note
    out = np.zeros(int(RATE * min(1.2 * ring, 5.0)) + 512)
    for k in range(1, int(min(64, 14000 / low)) + 1):
        hz = low * k
        loss = 6.9 / ring + 0.9 * (1.6 - brightness) * (hz / 1000) ** 2
        time = np.arange(min(len(out), int(RATE * 8 / loss) + 64)) / RATE
        weight = np.sin(np.pi * k * place) / k ** (1.7 - 0.8 * brightness)
        out[: len(time)] += weight * np.sin(2 * np.pi * hz * time) * np.exp(-loss * time)
    time = np.arange(int(0.3 * RATE))[: len(out)] / RATE
    for hz, seconds, share in BODY:
        knock = share * np.sin(2 * np.pi * hz * time) * np.exp(-time / seconds)
        out[: len(time)] += 0.12 * (1 - 0.5 * brightness) * knock
    pick = rng.standard_normal(len(time)) * np.exp(-time / 0.004)
    pick[1:] -= 0.85 * pick[:-1]
    out[: len(time)] += 0.25 * brightness * pick
    soft = int(RATE * (0.0004 + 0.003 * (1 - brightness)))
    out[:soft] *= np.linspace(0, 1, soft)
    out[-512:] *= np.linspace(1, 0, 512)
    out *= level / np.abs(out).max()
    return out


def strings(seconds: float, rng: Rng) -> Samples:
    """Phrases: single notes that ring, arpeggios, muted runs, tremolo, occasional chords, silences."""
    out, now = np.zeros(int(seconds * RATE) + 8 * RATE), 0.4
    while now < seconds - 1:
        kind = rng.choice(["single", "arpeggio", "muted", "tremolo", "chord"], p=[0.35, 0.25, 0.2, 0.1, 0.1])
        place, bright = rng.uniform(0.06, 0.45), rng.uniform(0.0, 1.0)
        loud, end = rng.uniform(0.3, 1.0), now + rng.uniform(1.5, 6)
        few = rng.choice(NOTES, rng.integers(2, 6), replace=False)
        count = 0
        while now < min(end, seconds - 1):
            note = int(few[count % len(few)] if kind == "arpeggio" else rng.choice(few))
            if kind == "tremolo":
                note = int(few[0])
            ring = {"muted": rng.uniform(0.1, 0.3), "tremolo": 0.5}.get(kind, rng.uniform(0.7, 4.0))
            hard = float(np.clip(bright + rng.normal(0, 0.12), 0, 1))
            for voice, one in enumerate(sorted(few[:3]) if kind == "chord" else [note]):
                sound = pluck(int(one), loud * rng.uniform(0.5, 1.0), place, hard, ring, rng)
                put(out, 0.7 * sound if kind == "chord" else sound, now + 0.012 * voice)
            now += {
                "single": rng.uniform(0.35, 1.6),
                "arpeggio": rng.uniform(0.14, 0.4),
                "muted": rng.uniform(0.1, 0.3),
                "tremolo": rng.uniform(0.07, 0.11),
                "chord": rng.uniform(0.8, 2.0),
            }[str(kind)]
            count += 1
        now += rng.uniform(0.2, 2.0)
    return out[: int(seconds * RATE)]

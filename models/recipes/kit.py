"""A drum kit of recordings (recordings.py): patterns at many tempos and single strokes, softly to hard.

Each phrase has its own kit: one recording of each piece, tuned up or down.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from recordings import check_recordings, recording
from tuning import RATE, Rng, Samples, put

SHA256 = "fd6d5c171358a44da4bff1787d366dd76ae21d594242021816734aa188a47e81"


class Piece(NamedTuple):
    """One piece of the kit."""

    soft: tuple[str, ...]
    """Recordings of soft strokes."""
    hard: tuple[str, ...]
    """Recordings of hard strokes."""
    level: float
    """Peak of the loudest stroke."""
    likely: tuple[float, float, float]
    """Probability of a stroke on each sixteenth: on the beat, half-way between two beats, elsewhere."""
    semitones: tuple[int, int]
    """Lowest and highest tuning."""


KICKS = ("bd_boom", "bd_fat", "bd_gas", "bd_haus", "bd_klub", "bd_pure", "bd_tek", "drum_heavy_kick")
SNARES = ("drum_snare_hard", "elec_hi_snare", "elec_mid_snare", "sn_dolf", "sn_dub", "sn_generic", "sn_zome")
SOFT_TOMS = ("drum_tom_hi_soft", "drum_tom_lo_soft", "drum_tom_mid_soft")
HARD_TOMS = ("drum_tom_hi_hard", "drum_tom_lo_hard", "drum_tom_mid_hard")
CLICKS = ("drum_cowbell", "elec_wood", "elec_tick", "perc_snap", "perc_snap2")
PIECES = (
    Piece(("drum_bass_soft", *KICKS), ("drum_bass_hard", *KICKS), 1.0, (0.7, 0.25, 0.1), (0, 7)),
    Piece(("drum_snare_soft", *SNARES), SNARES, 0.8, (0.35, 0.15, 0.1), (-4, 4)),
    Piece(SOFT_TOMS, HARD_TOMS, 0.8, (0.1, 0.15, 0.12), (-4, 5)),
    Piece(
        ("drum_cymbal_closed", "drum_cymbal_pedal"), ("drum_cymbal_closed",), 0.45, (0.8, 0.7, 0.35), (-3, 3)
    ),
    Piece(("drum_cymbal_open", "elec_cymbal"), ("drum_cymbal_open",), 0.45, (0.05, 0.3, 0.03), (-3, 3)),
    Piece(
        ("drum_cymbal_soft", "drum_splash_soft"),
        ("drum_cymbal_hard", "drum_splash_hard"),
        0.5,
        (0.08, 0.02, 0.02),
        (-3, 3),
    ),
    Piece(CLICKS, CLICKS, 0.45, (0.15, 0.2, 0.2), (-3, 5)),
)
"""Kick, snare, toms, closed hat, open hat, cymbals, clicks."""


def kit(seconds: float, rng: Rng) -> Samples:
    """Bars of patterns on one to four pieces, single strokes between them, and silences."""
    _check()
    out, now = np.zeros(int(seconds * RATE) + 8 * RATE), 0.3
    while now < seconds - 1:
        pieces = [PIECES[i] for i in rng.choice(len(PIECES), rng.integers(1, 5), replace=False)]
        tuning = [int(rng.integers(piece.semitones[0], piece.semitones[1] + 1)) for piece in pieces]
        choice = rng.random(len(pieces))
        if rng.random() < 0.4:
            for _ in range(int(rng.integers(3, 10))):
                i = int(rng.integers(len(pieces)))
                put(out, stroke(pieces[i], choice[i], tuning[i], rng.uniform(0.1, 1.0), rng), now)
                now += rng.uniform(0.12, 0.8)
        else:
            sixteenth, loud = 15 / rng.uniform(80, 170), rng.uniform(0.4, 1.0)
            swing = rng.uniform(0, 0.2) * (rng.random() < 0.4)
            for step in range(int(rng.choice([16, 32]))):
                kind = 0 if step % 4 == 0 else 1 if step % 2 == 0 else 2
                for i, piece in enumerate(pieces):
                    if rng.random() < piece.likely[kind]:
                        level = loud * (1.0, 0.75, 0.5)[kind] * rng.uniform(0.7, 1.0)
                        at = now + (step % 2) * swing * sixteenth
                        put(out, stroke(piece, choice[i], tuning[i], level, rng), at)
                now += sixteenth
        now += rng.uniform(0.2, 1.2)
    return 0.7 * out[: int(seconds * RATE)]


def stroke(piece: Piece, choice: float, semitones: int, level: float, rng: Rng) -> Samples:
    """One stroke with a peak of `level` times the piece's: choice, 0..1, is one of its recordings."""
    names = piece.hard if level > 0.55 else piece.soft
    sound = recording(names[int(choice * len(names))], semitones)
    damping = np.exp(-np.arange(len(sound)) / (RATE * rng.uniform(0.3, 3.0)))
    return sound * damping * (piece.level * level)


@functools.cache
def _check() -> None:
    check_recordings({name for piece in PIECES for name in (*piece.soft, *piece.hard)}, SHA256)

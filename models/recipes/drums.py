"""A drum kit: kick, snare, toms, hats, rim, clap, shaker; patterns at many tempos, and single strokes."""

from __future__ import annotations

import numpy as np
from tuning import RATE, ROOT, Rng, Samples, put


def band(length: int, low: float, high: float, rng: Rng) -> Samples:
    """Return noise between two frequencies in Hz, with soft edges and an RMS of about 1."""
    hz = np.fft.rfftfreq(length, 1 / RATE)
    shape = 1 / np.sqrt(1 + (low / np.maximum(hz, 1)) ** 6) / np.sqrt(1 + (hz / high) ** 6)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * shape, length)
    return noise / (noise.std() + 1e-9)


def skin(hz: float, bend: float, seconds: float) -> Samples:
    """Return the tone of a membrane, whose pitch falls from `bend` times its final pitch while it decays."""
    time = np.arange(int(RATE * 5 * seconds)) / RATE
    pitch = hz * (1 + (bend - 1) * np.exp(-time / 0.035))
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.exp(-time / seconds)


def noise(low: float, high: float, seconds: float, rng: Rng, attack: float = 0.0003) -> Samples:
    """Return a decaying burst of noise."""
    time = np.arange(int(RATE * 5 * seconds)) / RATE
    return band(len(time), low, high, rng) * np.exp(-time / seconds) * (1 - np.exp(-time / attack))


def together(*parts: tuple[float, Samples]) -> Samples:
    """Mix sounds with their levels; all begin at the same time."""
    out = np.zeros(max(len(sound) for _, sound in parts))
    for level, sound in parts:
        out[: len(sound)] += level * sound
    return out


def kick(hard: float, rng: Rng) -> Samples:
    """A kick drum; a harder stroke begins at a higher pitch.

    hard : force of the stroke, 0..1
    """
    body = skin(ROOT / 2, 3.0 + 3.0 * hard, rng.uniform(0.1, 0.22))
    return together((1.0, body), (0.12 * hard, noise(1500, 6000, 0.004, rng)))


def snare(hard: float, rng: Rng) -> Samples:
    """A snare drum: two modes of the head, and the wires."""
    wires = noise(900 + 900 * hard, 9000, rng.uniform(0.06, 0.13), rng)
    return together((0.7, skin(2 * ROOT, 1.5, 0.07)), (0.35, skin(3.5 * ROOT, 1.3, 0.04)), (0.3, wires))


def tom(hard: float, rng: Rng) -> Samples:
    """One of three toms."""
    hz = ROOT * float(rng.choice([1, 1.5, 2]))
    return together((1.0, skin(hz, 1.3 + 0.5 * hard, 0.17)), (0.08 * hard, noise(800, 5000, 0.008, rng)))


def hat(hard: float, rng: Rng) -> Samples:
    """A closed hi-hat."""
    return noise(6500, 15000, rng.uniform(0.018, 0.04), rng) * (0.5 + 0.5 * hard)


def open_hat(hard: float, rng: Rng) -> Samples:
    """An open hi-hat."""
    return noise(5500, 14000, rng.uniform(0.16, 0.3), rng) * (0.5 + 0.5 * hard)


def rim(hard: float, rng: Rng) -> Samples:
    """A rim click."""
    return together((1.0, skin(18 * ROOT, 1.0, 0.008)), (0.6, skin(6 * ROOT, 1.0, 0.012)))


def clap(hard: float, rng: Rng) -> Samples:
    """A clap: three hands almost at the same time, and the room."""
    out = np.zeros(int(0.5 * RATE))
    for at in (0.0, 0.011, 0.021):
        put(out, noise(900, 3500, 0.005, rng), at)
    put(out, noise(900, 3500, 0.06, rng), 0.03)
    return out


def shaker(hard: float, rng: Rng) -> Samples:
    """A shaker, with a soft attack."""
    return noise(4000, 11000, 0.03, rng, attack=0.012) * (0.4 + 0.6 * hard)


VOICES = (kick, snare, tom, hat, open_hat, rim, clap, shaker)
LEVELS = {kick: 1.0, snare: 0.9, tom: 0.9, hat: 0.35, open_hat: 0.35, rim: 0.5, clap: 0.6, shaker: 0.3}
LIKELY = {
    # probability of a stroke on each sixteenth: on the beat, half-way between two beats, elsewhere
    kick: (0.7, 0.25, 0.1),
    snare: (0.35, 0.15, 0.1),
    tom: (0.1, 0.15, 0.12),
    hat: (0.8, 0.7, 0.35),
    open_hat: (0.05, 0.3, 0.03),
    rim: (0.15, 0.2, 0.2),
    clap: (0.25, 0.05, 0.02),
    shaker: (0.6, 0.6, 0.6),
}


def stroke(voice: int, level: float, rng: Rng) -> Samples:
    """Return one stroke, with a peak of `level` times the voice's level in the mix."""
    play = VOICES[voice]
    sound = play(float(np.clip(level + rng.normal(0, 0.1), 0, 1)), rng)
    return sound * (LEVELS[play] * level / np.abs(sound).max())


def drums(seconds: float, rng: Rng) -> Samples:
    """Play bars of patterns on one to four voices of the kit, single strokes between them, and silences."""
    out, now = np.zeros(int(seconds * RATE) + 4 * RATE), 0.3
    while now < seconds - 1:
        few = rng.choice(len(VOICES), rng.integers(1, 5), replace=False)
        if rng.random() < 0.3:
            for _ in range(int(rng.integers(3, 10))):
                put(out, stroke(int(rng.choice(few)), rng.uniform(0.2, 1.0), rng), now)
                now += rng.uniform(0.12, 0.7)
        else:
            sixteenth, loud = 15 / rng.uniform(80, 170), rng.uniform(0.4, 1.0)
            swing = rng.uniform(0, 0.2) * (rng.random() < 0.4)
            for step in range(int(rng.choice([16, 32]))):
                kind = 0 if step % 4 == 0 else 1 if step % 2 == 0 else 2
                for voice in few:
                    if rng.random() < LIKELY[VOICES[voice]][kind]:
                        level = loud * (1.0, 0.75, 0.5)[kind] * rng.uniform(0.7, 1.0)
                        put(out, stroke(int(voice), level, rng), now + (step % 2) * swing * sixteenth)
                now += sixteenth
        now += rng.uniform(0.2, 1.2)
    return 0.7 * out[: int(seconds * RATE)]

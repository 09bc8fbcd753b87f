"""Weather: wind that howls round corners, rain, a brook, surf; noise of every colour, hardly ever a pitch."""

from __future__ import annotations

import numpy as np
from tuning import RATE, Rng, Samples, put, ramp

FFT, HOP = 2048, 512
HZ = np.fft.rfftfreq(FFT, 1 / RATE)


def wander(length: int, low: float, high: float, every: float, rng: Rng) -> Samples:
    """A value that glides between random ones, about one in `every` seconds: (length,) within low..high."""
    count = max(2, int(length / RATE / every) + 2)
    points = np.sort(rng.uniform(0, length, count))
    points[0], points[-1] = 0, length
    return ramp(points + np.arange(count), rng.uniform(low, high, count), length)


def coloured(colour: Samples, rng: Rng) -> Samples:
    """Noise whose spectrum changes; colour: amplitudes (frames, FFT / 2 + 1), a frame every HOP samples."""
    window = np.hanning(FFT + 1)[:-1]
    out = np.zeros(len(colour) * HOP + FFT)
    source = rng.standard_normal(len(out))
    for frame, amplitudes in enumerate(colour):
        at = frame * HOP
        out[at : at + FFT] += np.fft.irfft(np.fft.rfft(source[at : at + FFT] * window) * amplitudes)
    return out[FFT // 2 : FFT // 2 + len(colour) * HOP] / 2


def frames(values: Samples) -> Samples:
    """A value each HOP samples, as a column."""
    return values[::HOP, None]


def wind(length: int, rng: Rng) -> Samples:
    """Gusts: a dark rush, and one or two whistling bands that rise with its strength."""
    strength = wander(length, 0.05, 1.0, 1.2, rng)
    tilt = 1 / (1 + (HZ / 250) ** 1.3)
    colour = frames(strength) * tilt * 0.7
    for _ in range(int(rng.integers(1, 3))):
        centre = (
            rng.uniform(250, 900)
            * (0.7 + 1.1 * frames(strength))
            * frames(wander(length, 0.9, 1.1, 0.7, rng))
        )
        width = rng.uniform(0.04, 0.15) * centre
        colour = colour + frames(strength**2) / (1 + ((HZ - centre) / width) ** 2)
    return coloured(colour, rng)


def surf(length: int, rng: Rng) -> Samples:
    """Waves: each swells, breaks with a hiss and draws back."""
    time = np.arange(length) / RATE
    body, hiss, at = np.zeros(length), np.zeros(length), -2.0
    while at < length / RATE:
        rise, fall, level = rng.uniform(0.8, 2.0), rng.uniform(1.0, 2.5), rng.uniform(0.4, 1.0)
        past = time - at - rise
        body += level * np.where(past < 0, np.exp(past / (0.4 * rise)), np.exp(-past / fall))
        hiss += level * np.where(past < 0, np.exp(past / (0.12 * rise)), np.exp(-past / (0.5 * fall)))
        at += rise + fall * rng.uniform(0.8, 1.6)
    low, high = (
        1 / (1 + (HZ / 180) ** 1.1),
        1 / (1 + (2500 / np.maximum(HZ, 1)) ** 2) / (1 + (HZ / 9000) ** 2),
    )
    return coloured(frames(body) * low + 0.35 * frames(hiss) * high, rng)


def rain(length: int, rng: Rng) -> Samples:
    """Drops: thousands of ticks a second far away, some near, over a bright hush that swells and thins."""
    density = wander(length, 0.1, 1.0, 2.0, rng)
    colour = frames(density) * 0.25 / (1 + (1800 / np.maximum(HZ, 1)) ** 2) / (1 + (HZ / 8000) ** 2)
    out = coloured(colour, rng)[:length]
    for _ in range(int(60 * length / RATE * density.mean())):
        at = rng.uniform(0, length / RATE)
        hz, seconds = np.exp(rng.uniform(np.log(1500), np.log(9000))), rng.uniform(0.001, 0.004)
        time = np.arange(int(RATE * 6 * seconds)) / RATE
        level = rng.uniform(0.1, 1.0) ** 2 * density[min(int(at * RATE), length - 1)]
        put(out, 3 * level * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) * np.exp(-time / seconds), at)
    return out


def brook(length: int, rng: Rng) -> Samples:
    """Bubbles: each a tone at its size's pitch that rises and dies (van den Doel, Physically based models for
    liquid sounds, 2005).
    """
    flow = wander(length, 0.15, 1.0, 1.5, rng)
    out = coloured(frames(flow) * 0.1 / (1 + (HZ / 700) ** 1.2), rng)[:length]
    for _ in range(int(110 * length / RATE * flow.mean())):
        at = rng.uniform(0, length / RATE)
        hz = np.exp(rng.normal(np.log(1100), 0.45))
        damping = 0.043 * hz + 0.0014 * hz**1.5  # of a bubble of that pitch
        time = np.arange(int(RATE * min(0.12, 7 / damping))) / RATE
        rise = 1 + rng.uniform(0, 0.1) * damping * time
        tone = np.sin(2 * np.pi * np.cumsum(hz * rise) / RATE) * np.exp(-damping * time)
        put(out, rng.uniform(0.1, 1.0) ** 2 * 2.5 * flow[min(int(at * RATE), length - 1)] * tone, at)
    return out


def weather(seconds: float, rng: Rng) -> Samples:
    """Scenes of four to ten seconds of one or two kinds, which fade into one another or into silence."""
    out, now = np.zeros(int(seconds * RATE) + 14 * RATE), 0.2
    while now < seconds - 1:
        length = int(rng.uniform(4, 10) * RATE)
        scene = np.zeros(length)
        for kind in rng.choice(np.array([wind, surf, rain, brook]), rng.choice([1, 1, 2]), replace=False):
            made = kind(length, rng)[:length]
            scene[: len(made)] += made / (np.abs(made).max() + 1e-9) * rng.uniform(0.3, 1.0)
        fade = int(rng.uniform(0.3, 1.5) * RATE)
        scene[:fade] *= np.linspace(0, 1, fade) ** 2
        scene[-fade:] *= np.linspace(1, 0, fade) ** 2
        put(out, 0.7 * scene, now)
        now += length / RATE + rng.uniform(-1.0, 1.5)
    return out[: int(seconds * RATE)]

"""A small choir: glottal pulses through five vowels."""

from __future__ import annotations

import numpy as np
from tuning import RATE, ROOT, Rng, Samples, put, ramp

VOWELS = {
    # formant centres and bandwidths in Hz, levels in dB
    "a": ((700, 1150, 2800, 3500, 4950), (90, 100, 130, 150, 160), (0, -4, -18, -24, -38)),
    "e": ((450, 1850, 2800, 3600, 4950), (70, 100, 130, 150, 160), (0, -12, -16, -22, -40)),
    "i": ((300, 2200, 2900, 3500, 4950), (60, 90, 120, 140, 160), (0, -14, -18, -24, -42)),
    "o": ((430, 820, 2700, 3400, 4950), (70, 80, 120, 140, 160), (0, -9, -26, -32, -46)),
    "u": ((330, 700, 2700, 3400, 4950), (60, 70, 120, 140, 160), (0, -16, -34, -38, -52)),
}
FFT, HOP = 1024, 256


def vowel(name: str) -> Samples:
    """Magnitude response of the mouth for a vowel, (FFT / 2 + 1,)."""
    frequency = np.arange(FFT // 2 + 1) * RATE / FFT
    response = np.full(len(frequency), 1e-4)
    for centre, width, level in zip(*VOWELS[name], strict=True):
        response += 10 ** (level / 20) / np.sqrt(1 + ((frequency - centre) / width) ** 2)
    return response


def voice(multiple: int, length: int, rng: Rng) -> Samples:
    """The glottis of one singer on ROOT x multiple: every harmonic up to 12 kHz, with a slight vibrato."""
    time = np.arange(length) / RATE
    vibrato = 0.0025 * np.sin(2 * np.pi * rng.uniform(4.8, 6.0) * time + rng.uniform(0, 6))
    pitch = ROOT * multiple * (1 + vibrato + rng.normal(0, 0.0006))
    phase = np.cumsum(pitch) / RATE + rng.random()
    count = int(12000 / (ROOT * multiple))
    half = np.pi * phase
    bottom = np.sin(half)
    bottom = np.where(np.abs(bottom) < 1e-7, 1e-7, bottom)
    pulses: Samples = np.sin((2 * count + 1) * half) / bottom - 1  # the sum of `count` cosines, closed
    pulses /= np.sqrt(count)
    return pulses


def shaped(source: Samples, mouth: Samples) -> Samples:
    """`source` through a response that changes every HOP samples; mouth: (frames, FFT / 2 + 1)."""
    window = np.hanning(FFT + 1)[:-1]
    padded = np.concatenate([np.zeros(FFT), source, np.zeros(FFT)])
    out = np.zeros(len(padded))
    for frame, start in enumerate(range(0, len(padded) - FFT, HOP)):
        response = mouth[min(frame, len(mouth) - 1)]
        out[start : start + FFT] += np.fft.irfft(np.fft.rfft(padded[start : start + FFT] * window) * response)
    return out[FFT : FFT + len(source)] / 2


CHORDS = ((2, 3, 4), (2, 4, 5, 6), (3, 4, 5), (2, 3, 5), (3, 5, 6), (4, 5, 6, 8), (2,), (3,), (4,), (6, 8))


def phrase(seconds: float, rng: Rng) -> Samples:
    """One breath's singing: a chord whose voices come and go while the vowel changes."""
    length = int(seconds * RATE)
    names = list(VOWELS)
    count = int(rng.integers(2, 6))
    points = np.linspace(0, length, count)
    mouths = np.array([vowel(names[i]) for i in rng.integers(0, len(names), count)])
    frames = np.arange(length // HOP + 5) * HOP - FFT / 2
    blend = np.stack([np.interp(frames, points, row) for row in np.log(mouths).T], 1)
    tilt = 1 / (1 + (np.arange(FFT // 2 + 1) * RATE / FFT / rng.uniform(300, 900)) ** 1.0)
    source = np.zeros(length)
    for multiple in CHORDS[int(rng.integers(len(CHORDS)))]:
        swell = ramp(points, rng.uniform(0.2, 1.0, count), length)
        for _ in range(3):
            source += swell * voice(multiple, length, rng)
    breath = rng.standard_normal(length) * ramp(points, rng.uniform(0.01, 0.12, count), length)
    attack, release = rng.uniform(0.04, 0.5), rng.uniform(0.1, 0.8)
    edge = np.array([0, attack, max(attack + 0.05, seconds - release), seconds]) * RATE
    body = ramp(edge, np.array([0.0, 1.0, rng.uniform(0.4, 1.0), 0.0]), length)
    out = shaped((source + breath) * body, np.exp(blend) * tilt)
    out *= rng.uniform(0.25, 1.0) / np.abs(out).max()
    return out


def choir(seconds: float, rng: Rng) -> Samples:
    """Phrases on five vowels over fixed chord tones, short calls, drawn breaths, silences."""
    out, now = np.zeros(int(seconds * RATE) + 16 * RATE), 0.3
    while now < seconds - 1:
        if rng.random() < 0.4:  # a breath before the phrase
            length = int(rng.uniform(0.25, 0.6) * RATE)
            air = rng.standard_normal(length) * np.hanning(length) ** 1.5
            air = shaped(air, vowel("a")[None] ** 0.7)
            put(out, air / np.abs(air).max() * rng.uniform(0.05, 0.2), now)
            now += length / RATE
        sung = phrase(float(rng.choice([rng.uniform(0.4, 1.2), rng.uniform(2, 7)])), rng)
        put(out, sung, now)
        now += len(sung) / RATE + float(rng.choice([0.0, rng.uniform(0.1, 1.5)]))
    return out[: int(seconds * RATE)]

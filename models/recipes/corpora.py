"""Synthesise the corpora of the bundled models: python models/recipes/corpora.py bells OUT_DIR.

Both are tuned in just intonation on the frame rate of the `live` config, 48000 / 512 = 93.75 Hz
(about F sharp 2). A steady latent makes a decoder repeat itself once a frame, so exactly the
multiples of that frequency are tones it can hold: a small model trained for minutes sings them
cleanly, and the two models are in tune with each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48000
ROOT = 93.75
"""Hz; every partial is near a multiple of it."""

Samples = NDArray[np.float64]
Rng = np.random.Generator

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
            at = int(now * RATE)
            out[at : at + len(sound)] += sound
            now += rng.gamma(4, 1 / (4 * rate))
        now += rng.uniform(0.2, 3.5)
    return out[: int(seconds * RATE)]


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


def ramp(points: Samples, values: Samples, length: int) -> Samples:
    """Raised-cosine glides between `values` at `points` (samples): (length,)."""
    index = np.clip(np.searchsorted(points, np.arange(length), side="right") - 1, 0, len(points) - 2)
    share = np.clip((np.arange(length) - points[index]) / (points[index + 1] - points[index]), 0, 1)
    return values[index] + (values[index + 1] - values[index]) * (0.5 - 0.5 * np.cos(np.pi * share))


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
            at = int(now * RATE)
            out[at : at + length] += air / np.abs(air).max() * rng.uniform(0.05, 0.2)
            now += length / RATE
        sung = phrase(float(rng.choice([rng.uniform(0.4, 1.2), rng.uniform(2, 7)])), rng)
        at = int(now * RATE)
        out[at : at + len(sung)] += sung
        now += len(sung) / RATE + float(rng.choice([0.0, rng.uniform(0.1, 1.5)]))
    return out[: int(seconds * RATE)]


def main() -> None:
    """Write the corpus as one-minute FLAC files, or prepared for training."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", choices=["bells", "choir"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--prepared", action="store_true", help="as `perform train` reads it; needs numpy alone"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    make = {"bells": bells, "choir": choir}[options.corpus]

    def minutes() -> Iterator[tuple[str, Samples]]:
        for minute in range(options.minutes):
            rng = np.random.default_rng([options.seed, minute])
            samples = make(60.0, rng)
            samples = 0.8 * np.tanh(samples / 0.8)  # where strokes pile up, squeeze rather than clip
            samples += 10 ** (-90 / 20) * rng.standard_normal(len(samples))
            print(f"{options.corpus} {minute + 1}/{options.minutes} min", flush=True)
            yield f"{options.corpus}_{minute:02}", samples

    if options.prepared:
        from perform.train.corpus import quantise, write

        key = f"seed {options.seed}"
        sounds = ((name, key, quantise(samples[None]), {}) for name, samples in minutes())
        write(options.out, options.corpus, RATE, 1, sounds)
        return
    import soundfile

    for name, samples in minutes():
        soundfile.write(options.out / f"{name}.flac", samples, RATE, "PCM_24")


if __name__ == "__main__":
    main()

"""Recorded strokes of the Debian package `sonic-pi-samples`, all CC0: apt-get install sonic-pi-samples."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from tuning import RATE, Samples

FOLDER = Path("/usr/share/sonic-pi/samples")
FADE = RATE // 200


@functools.cache
def recording(name: str, semitones: int = 0) -> Samples:
    """A recording, mono, with a peak of 1, from its first sound on, tuned by some semitones: (n,) at RATE."""
    sound, rate = soundfile.read(FOLDER / f"{name}.flac", always_2d=True)
    sound = sound.mean(axis=1)
    sound = sound[int(np.argmax(np.abs(sound) > 0.01 * np.abs(sound).max())) :]
    ratio = rate * 2 ** (semitones / 12) / RATE
    sound = _resampled(sound, ratio)
    sound[-FADE:] *= np.linspace(1, 0, len(sound[-FADE:]))
    return sound / np.abs(sound).max()


def _resampled(x: Samples, ratio: float) -> Samples:
    """Every `ratio`-th sample, by a spectrum of another length."""
    length = round(len(x) / ratio)
    padded = np.pad(x, (0, RATE // 10))
    whole = round(len(padded) / ratio)
    bins = np.zeros(whole // 2 + 1, complex)
    spectrum = np.fft.rfft(padded)
    kept = min(len(bins), len(spectrum))
    bins[:kept] = spectrum[:kept]
    return np.asarray(np.fft.irfft(bins, whole)[:length] * whole / len(padded), np.float64)


def check_recordings(names: Iterable[str], sha256: str) -> None:
    """End with a message if the package is missing, or has other recordings."""
    found = hashlib.sha256()
    for name in sorted(names):
        path = FOLDER / f"{name}.flac"
        if not path.is_file():
            raise SystemExit(f"no {path}: apt-get install sonic-pi-samples")
        found.update(path.read_bytes())
    if found.hexdigest() != sha256:
        raise SystemExit(f"{FOLDER} has other recordings: their SHA-256 is {found.hexdigest()}, not {sha256}")

"""A folder of sounds as one long mono signal at the model's rate, cut into training and held-out parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from perform.errors import WrongUse

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
HELD_OUT = 0.1
"""Share of the corpus kept from training."""
PERIOD = 240.0
"""Seconds after which the next held-out stretch comes."""

Samples = NDArray[np.float32]
Skipped = Callable[[Path, str], None]


def find(folder: Path) -> list[Path]:
    """Every sound file in `folder` and below, in order of name; or the one file given."""
    if not folder.exists():
        raise WrongUse("no such corpus", where=str(folder))
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    files = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not files:
        raise WrongUse("no sound files", where=str(folder), hint=f"looked for {', '.join(SUFFIXES)}")
    return files


def read(path: Path, sample_rate: int) -> Samples:
    """One file, its channels averaged, at `sample_rate` Hz: (n,). WrongUse where it cannot be read."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise WrongUse(f"cannot be read as sound ({error})", where=str(path)) from None
    mono = samples.mean(1)
    if not len(mono):
        raise WrongUse("holds no samples", where=str(path))
    if not np.isfinite(mono).all():
        raise WrongUse("holds samples that are not numbers", where=str(path))
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate, quality="VHQ")
    return np.ascontiguousarray(mono, np.float32)


@dataclass(frozen=True)
class Corpus:
    """The signal (samples,), on disk, and where training may and may not look."""

    name: str
    signal: Samples
    sample_rate: int
    training: list[tuple[int, int]]
    """[start, end) stretches for training."""
    held_out: list[tuple[int, int]]
    """[start, end) stretches never trained on."""
    digest: str
    """Names the corpus: a resumed training must see the same one."""

    @classmethod
    def open(cls, folder: Path, sample_rate: int, cache: Path, skipped: Skipped | None = None) -> Corpus:
        """The sounds under `folder`, decoded once into the folder `cache` and mapped from there.

        skipped : told each file that could not be read, and why
        """
        files = find(folder)
        facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        digest = hashlib.sha256(repr((sample_rate, facts)).encode()).hexdigest()[:16]
        decoded = cache / f"{digest}.f32"
        if not decoded.exists():
            cache.mkdir(parents=True, exist_ok=True)
            _decode(files, sample_rate, decoded, skipped)
        signal = np.memmap(decoded, np.float32, "r")
        training, held_out = split(len(signal), sample_rate)
        return cls(folder.name, signal, sample_rate, training, held_out, digest)

    def crops(self, batch: int, length: int, generator: torch.Generator) -> Tensor:
        """Random stretches of training audio, (batch, 1, length), each at a gain of 0.5..1."""
        ranges = [(start, end - length) for start, end in self.training if end - start >= length]
        if not ranges:
            seconds = length / self.sample_rate
            raise WrongUse("the corpus is too short", hint=f"training stretches need {seconds:.1f} s each")
        room = torch.tensor([last - start + 1 for start, last in ranges]).cumsum(0)
        picks = (torch.rand(batch, generator=generator, dtype=torch.float64) * room[-1]).long()
        crops = []
        for pick in picks.tolist():
            index = int(torch.searchsorted(room, pick, right=True))
            start = ranges[index][1] + 1 - (int(room[index]) - pick)
            crops.append(torch.from_numpy(self.signal[start : start + length].copy()))
        gain = 0.5 + 0.5 * torch.rand(batch, 1, 1, generator=generator)
        return torch.stack(crops)[:, None] * gain

    def spread(self, spans: list[tuple[int, int]], count: int, length: int) -> Tensor:
        """Up to `count` crops evenly spread over `spans`: (count, 1, length)."""
        starts = [s for start, end in spans for s in range(start, end - length + 1, length)]
        if not starts:
            seconds = length / self.sample_rate
            raise WrongUse("the corpus is too short", hint=f"held-out stretches need {seconds:.1f} s each")
        chosen = np.linspace(0, len(starts) - 1, min(count, len(starts))).astype(int)
        crops = [torch.from_numpy(self.signal[starts[i] : starts[i] + length].copy()) for i in chosen]
        return torch.stack(crops)[:, None]


def split(samples: int, sample_rate: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Training and held-out stretches: the last tenth of every four minutes is held out."""
    periods = max(1, round(samples / (PERIOD * sample_rate)))
    edges = [samples * i // periods for i in range(periods + 1)]
    cuts = [end - int((end - start) * HELD_OUT) for start, end in pairwise(edges)]
    return list(zip(edges[:-1], cuts, strict=True)), list(zip(cuts, edges[1:], strict=True))


def _decode(files: list[Path], sample_rate: int, target: Path, skipped: Skipped | None) -> None:
    """Write every readable file's samples to `target`, whole or not at all."""
    part, reasons = target.with_suffix(".part"), []
    with part.open("wb") as out:
        for path in files:
            try:
                out.write(read(path, sample_rate).tobytes())
            except WrongUse as error:
                reasons.append(error)
                if skipped:
                    skipped(path, error.what)
        out.flush()
        os.fsync(out.fileno())
    if len(reasons) == len(files):
        part.unlink()
        raise WrongUse("no sound file could be read", where=str(files[0].parent), hint=reasons[0].what)
    part.replace(target)

"""A prepared corpus: every sound at the model's sample rate in one memory-mapped file, and an index.

    corpus.json     {"format", "name", "sample_rate", "channels", "samples", "sound", "pieces", "survey"}
    ...-corpus.i16  16-bit samples, (samples, channels), piece after piece

Needs numpy alone. preparation.py decodes sound files into one; a program that makes sound can call `write`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perform.core.errors import WrongUse
from perform.core.files import write_atomically

FORMAT = "perform-corpus-1"
INDEX, SOUND = "corpus.json", "corpus.i16"
HELD_OUT = 0.1
"""Share of the corpus kept from training."""
SEGMENT = (2.0, 30.0)
"""Seconds: a long piece is held out in segments, a 25th of the corpus but within these."""

Sound = NDArray[np.float32]  # (channels, n)
Samples = NDArray[np.int16]  # (n, channels)
Span = tuple[int, int]


@dataclass(frozen=True)
class CorpusPiece:
    """The sound of one file, or of one call of a program that makes sound."""

    name: str
    key: str
    """A hash that changes when the sound does."""
    start: int
    length: int
    """Samples, of each channel."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Facts for the survey."""


@dataclass(frozen=True)
class Corpus:
    """The signal, on disk, and the stretches for training and for measurements."""

    name: str
    signal: Samples
    sample_rate: int
    training: list[Span]
    """[start, end) stretches for training."""
    held_out: list[Span]
    """[start, end) stretches never trained on."""
    digest: str
    """Identifies the corpus: a resumed training must use the same one."""

    @classmethod
    def load(cls, folder: Path) -> Corpus:
        """Map a prepared corpus; WrongUse if it is none or not complete. [disk]"""
        index, pieces = read_index(folder)
        shape = (int(index["samples"]), int(index["channels"]))
        path = folder / index["sound"]
        if not shape[0] or not path.is_file() or path.stat().st_size != 2 * shape[0] * shape[1]:
            raise WrongUse("an incomplete prepared corpus", where=str(folder), hint="prepare it again")
        signal = np.memmap(path, "<i2", "r", shape=shape)
        training, held_out = split(pieces, index["sample_rate"])
        facts = (index["sample_rate"], shape, [(piece.name, piece.key) for piece in pieces])
        digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        return cls(index["name"], signal, index["sample_rate"], training, held_out, digest)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.signal) / self.sample_rate

    def read(self, start: int, length: int) -> Sound:
        """A stretch as (channels, length) in -1..1."""
        return self.signal[start : start + length].T.astype(np.float32) / np.float32(32768)

    def spread(self, spans: list[Span], count: int, length: int) -> Sound:
        """Up to `count` stretches evenly spread over `spans`: (count, channels, length).

        A shorter stretch is followed by silence.
        """
        whole = [s for start, end in spans for s in range(start, end - length + 1, length)]
        starts = [(start, length) for start in whole] or [(s, e - s) for s, e in spans]
        chosen = [starts[i] for i in np.linspace(0, len(starts) - 1, min(count, len(starts))).astype(int)]
        out = np.zeros((len(chosen), self.signal.shape[1], length), np.float32)
        for row, (start, there) in zip(out, chosen, strict=True):
            row[:, : min(there, length)] = self.read(start, min(there, length))
        return out


def is_prepared(folder: Path) -> bool:
    """Whether a folder is a prepared corpus."""
    return (folder / INDEX).is_file()


def read_index(folder: Path) -> tuple[dict[str, Any], list[CorpusPiece]]:
    """The index of a prepared corpus, and its pieces. [disk]"""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise ValueError(index["format"])
        pieces = [CorpusPiece(**piece) for piece in index["pieces"]]
    except OSError as error:
        raise WrongUse(f"no prepared corpus ({error.strerror})", where=str(folder)) from None
    except (ValueError, KeyError, TypeError) as error:
        what = f"not a prepared corpus, or one of another version ({error})"
        raise WrongUse(what, where=str(folder), hint="delete it, and prepare it again") from None
    return index, pieces


def write(
    folder: Path,
    name: str,
    sample_rate: int,
    channels: int,
    sounds: Iterable[tuple[str, str, Samples, dict[str, Any]]],
    survey: dict[str, Any] | None = None,
) -> None:
    """Prepare a corpus of (name, key, samples (n, channels), facts), whole or not at all. [disk]

    An earlier corpus in `folder` is replaced at the end. `survey` may grow while `sounds` are read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part, pieces, start = folder / f"{SOUND}.part", [], 0
    with part.open("wb") as out:
        for title, key, samples, facts in sounds:
            out.write(np.ascontiguousarray(samples, "<i2").tobytes())
            pieces.append(CorpusPiece(title, key, start, len(samples), facts))
            start += len(samples)
        out.flush()
        os.fsync(out.fileno())
    if not start:
        part.unlink()
        raise WrongUse("a corpus without sound", where=name)
    stamp = hashlib.sha256(repr([(piece.name, piece.key) for piece in pieces]).encode()).hexdigest()[:12]
    sound = f"{stamp}-{SOUND}"  # by content: an index always finds its own sound
    part.replace(folder / sound)
    index = {
        "format": FORMAT,
        "name": name,
        "sample_rate": sample_rate,
        "channels": channels,
        "samples": start,
        "sound": sound,
        "pieces": [asdict(piece) for piece in pieces],
        "survey": survey or {},
    }
    write_atomically(folder / INDEX, json.dumps(index, ensure_ascii=False, indent=1).encode())
    for old in folder.glob(f"*-{SOUND}"):
        if old.name != sound:
            old.unlink()


def quantise(sound: NDArray[Any]) -> Samples:
    """Sound (channels, n) in -1..1 as 16-bit samples (n, channels)."""
    samples: Samples = np.clip(np.rint(np.asarray(sound).T * 32767), -32768, 32767).astype("<i2")
    return samples


def split(pieces: list[CorpusPiece], sample_rate: int) -> tuple[list[Span], list[Span]]:
    """Training and held-out stretches, the same whenever the pieces are.

    Short pieces are held out whole, long ones in segments. A hash of their names selects them, so that a
    corpus that grows keeps most of its held-out stretches.
    """
    total = sum(piece.length for piece in pieces)
    segment = min(max(total // 25, round(SEGMENT[0] * sample_rate)), round(SEGMENT[1] * sample_rate))
    segment = max(min(segment, total // 4), 1)
    segments: list[tuple[str, Span]] = []
    for piece in pieces:
        count = max(1, piece.length // segment)
        edges = [piece.start + piece.length * i // count for i in range(count + 1)]
        for i in range(count):
            order = hashlib.sha256(f"{piece.name}:{piece.key}:{i}".encode()).hexdigest()
            segments.append((order, (edges[i], edges[i + 1])))
    held: set[Span] = set()
    for _, span in sorted(segments)[: len(segments) - 1]:  # at least one is left for training
        if sum(end - start for start, end in held) >= HELD_OUT * total:
            break
        held.add(span)
    rest = [span for _, span in segments if span not in held]
    return _joined(rest), _joined(sorted(held))


def _joined(spans: list[Span]) -> list[Span]:
    """The stretches, touching ones joined: a crop may run from one piece into the next."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined

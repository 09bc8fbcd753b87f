"""A prepared corpus: every sound at the model's sample rate in one memory-mapped file, and an index.

    corpus.json     {"format", "name", "sample_rate", "channels", "samples", "sound", "pieces", "survey"}
    ...-corpus.i16  16-bit samples, (samples, channels), piece after piece

It needs only numpy. preparation.py makes a corpus from sound files; a program that generates sound can call
`write`.
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
"""Share of the corpus that is held out from training."""
SEGMENT = (2.0, 30.0)
"""Least and most seconds of a held-out segment of a long piece; between them, a 25th of the corpus."""

Sound = NDArray[np.float32]  # (channels, n)
Samples = NDArray[np.int16]  # (n, channels)
Span = tuple[int, int]


@dataclass(frozen=True)
class CorpusPiece:
    """One file of a corpus, or one sound of a program that generates it."""

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
    """The signal, mapped from disk, and its training and held-out stretches."""

    name: str
    signal: Samples
    sample_rate: int
    training: list[Span]
    """[start, end) stretches for training."""
    held_out: list[Span]
    """[start, end) stretches never trained on."""
    digest: str
    """A hash of the corpus: a resumed training must use the same one."""

    @classmethod
    def load(cls, folder: Path) -> Corpus:
        """Map a prepared corpus; WrongUse if it is missing or incomplete. [disk]"""
        index, pieces = read_index(folder)
        shape = (int(index["samples"]), int(index["channels"]))
        path = folder / index["sound"]
        if not shape[0] or not path.is_file() or path.stat().st_size != 2 * shape[0] * shape[1]:
            raise WrongUse("the prepared corpus is incomplete", where=str(folder), hint="prepare it again")
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
        """Return a stretch as (channels, length) in -1..1."""
        return self.signal[start : start + length].T.astype(np.float32) / np.float32(32768)

    def spread(self, spans: list[Span], count: int, length: int) -> Sound:
        """Return up to `count` stretches, evenly spread over `spans`: (count, channels, length).

        A shorter stretch is filled up with silence.
        """
        whole = [s for start, end in spans for s in range(start, end - length + 1, length)]
        starts = [(start, length) for start in whole] or [(s, e - s) for s, e in spans]
        chosen = [starts[i] for i in np.linspace(0, len(starts) - 1, min(count, len(starts))).astype(int)]
        out = np.zeros((len(chosen), self.signal.shape[1], length), np.float32)
        for row, (start, there) in zip(out, chosen, strict=True):
            row[:, : min(there, length)] = self.read(start, min(there, length))
        return out


def is_prepared(folder: Path) -> bool:
    """Return whether a folder is a prepared corpus."""
    return (folder / INDEX).is_file()


def read_index(folder: Path) -> tuple[dict[str, Any], list[CorpusPiece]]:
    """Read the index of a prepared corpus, and its pieces. [disk]"""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise ValueError(index["format"])
        pieces = [CorpusPiece(**piece) for piece in index["pieces"]]
    except OSError as error:
        raise WrongUse(f"no prepared corpus ({error.strerror})", where=str(folder)) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
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
    """Write a corpus of sounds (name, key, samples (n, channels), facts) atomically. [disk]

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
        raise WrongUse("the corpus has no sound", where=name)
    stamp = hashlib.sha256(repr([(piece.name, piece.key) for piece in pieces]).encode()).hexdigest()[:12]
    sound = f"{stamp}-{SOUND}"  # the name depends on the content, so an index never finds another sound
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
    """Convert sound (channels, n) in -1..1 to 16-bit samples (n, channels)."""
    samples: Samples = np.clip(np.rint(np.asarray(sound).T * 32767), -32768, 32767).astype("<i2")
    return samples


def split(pieces: list[CorpusPiece], sample_rate: int) -> tuple[list[Span], list[Span]]:
    """Split pieces into training and held-out stretches; the same pieces always give the same stretches.

    Short pieces are held out whole, long ones in segments. A hash of their names selects them, so that a
    growing corpus keeps most of its held-out stretches.
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
    """Join adjacent stretches, because a crop may run from one piece into the next."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined

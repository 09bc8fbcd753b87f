"""Prepare a folder of sound files as a corpus: decode, resample, remove silence, summarise. [disk]

Only this module of the package needs soundfile and soxr. Training reads the result with corpus.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from perform.core.errors import WrongUse
from perform.core.files import write_atomically
from perform.core.paths import native
from perform.core.printable import printable
from perform.core.sound_formats import RATES, UNREADABLE
from perform.train import corpus
from perform.train.corpus import Corpus, Samples
from perform.train.corpus_files import find
from perform.train.corpus_survey import CorpusSurvey
from perform.train.ffmpeg_decoding import INSTALL, decoded, ffmpeg

QUIET_DB = -65.0
"""A block below this level, in dBFS, is silence."""
BLOCK_S = 0.01
"""Length of a block whose level is measured, seconds."""
HOLD_S = 0.5
"""Seconds of silence that are kept on each side of sound, for decays."""
FADE_S = 0.003
"""Length of the fades at the ends of a file, seconds, so that joined files do not click."""
READ_S = 10
CLIPPED = 0.999
RUN = 3
"""This many samples in a row at full scale count as clipped."""
Block = NDArray[np.float32]  # (n, channels)
LEFT_OUT = "left-out.txt"
"""File beside a prepared corpus that lists the files left out."""
VERSION = 1
"""Increase this when the same file would give different samples."""


def prepare(
    sources: Sequence[Path],
    target: Path,
    sample_rate: int,
    channels: int,
    threads: int = 1,
    on_file: Callable[[int, int], None] | None = None,
) -> CorpusSurvey:
    """Prepare the sound files in some folders as a corpus in `target`; unchanged files are not decoded again.

    sources : folders, or single files
    on_file : called with the number of files read so far, and of all files
    """
    found = find(sources)
    files, titles = list(found.sounds), found.sounds
    before = _earlier_corpus(target)
    survey = CorpusSurvey(others=found.others)
    keys = {path: _key(path, titles[path], sample_rate, channels) for path in files}
    if before and [keys[path] for path in files] == before[1]:
        survey = replace(before[0].survey(), others=found.others)
        _write_left_out(target / LEFT_OUT, survey)
        return survey

    def sounds() -> Iterator[tuple[str, str, Samples, dict[str, Any]]]:
        seen: dict[str | Path, str] = {}  # hash of the samples (for silence: the path) -> first title
        done = 0
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(files), 2 * threads):
                jobs = [(path, pool.submit(read, path)) for path in files[first : first + 2 * threads]]
                for path, job in jobs:
                    samples, facts = job.result()
                    content = facts.get("sound", "") if samples is not None and len(samples) else path
                    if (same := seen.setdefault(content, titles[path])) != titles[path]:
                        facts, samples = {**facts, "same_as": same}, None
                    facts["stamp"] = keys[path]
                    survey.add(titles[path], facts)
                    done += 1
                    if on_file:
                        on_file(done, len(files))
                    if samples is not None and len(samples):
                        yield titles[path], facts["sound"], samples, facts

    def read(path: Path) -> tuple[Samples | None, dict[str, Any]]:
        if before and (prepared := before[0].find(keys[path])):
            return prepared
        try:
            return decode(path, sample_rate, channels)
        except WrongUse as error:
            return None, {"why": error.what}
        except Exception as error:  # of a library: the other files are read
            return None, {"why": f"cannot be read as sound ({error!r})"}

    try:
        corpus.write(target, found.name, sample_rate, channels, sounds(), survey.to_dict())
    except WrongUse:
        why = next(iter(survey.skipped().values()), "all files are silent")
        raise WrongUse("there is no sound to train on", where=found.name, hint=why) from None
    _write_left_out(target / LEFT_OUT, survey)
    return survey


def _write_left_out(path: Path, survey: CorpusSurvey) -> None:
    """List every file that was left out, with the reason: the log names only the first ones."""
    skipped = survey.skipped()
    if skipped:
        text = "".join(f"{printable(name)}: {printable(why)}\n" for name, why in skipped.items())
        write_atomically(path, text.encode())
    else:
        path.unlink(missing_ok=True)


def decode(path: Path, sample_rate: int, channels: int) -> tuple[Samples, dict[str, Any]]:
    """Read one file without its silence, (n, channels) at `sample_rate`, and facts for the survey.

    A file with another number of channels is mixed to mono, and every channel gets the mix.
    WrongUse if it cannot be read.
    """
    rate, sound, clipped = _read(path, sample_rate, channels)
    if not len(sound):
        raise WrongUse("the file has no samples", where=str(path))
    if not np.isfinite(sound).all():
        raise WrongUse("the file has samples that are NaN or infinite", where=str(path))
    peak = float(np.abs(sound).max())
    sound /= np.float32(max(peak, 1.0))  # after resampling, or in float files, peaks may exceed full scale
    kept = trim(sound, sample_rate)
    samples = corpus.quantise(kept.T)
    return samples, {
        "seconds": len(sound) / sample_rate,
        "kept": len(kept) / sample_rate,
        "rate": rate,
        "peak": peak,
        "power": float(np.square(kept, dtype=np.float64).mean()) if len(kept) else 0.0,
        "clipped": clipped,
        "sound": hashlib.sha256(samples.tobytes()).hexdigest()[:16],
    }


def _read(path: Path, sample_rate: int, channels: int) -> tuple[int, Block, int]:
    """Return a file's rate, its sound (n, channels) at `sample_rate`, and how many samples are clipped.

    Where libsndfile cannot read the file, ffmpeg does.
    """
    why = ""
    if path.suffix.lower() not in UNREADABLE:
        try:
            with soundfile.SoundFile(native(path)) as file:
                read: Callable[[int], Block] = partial(file.read, dtype="float32", always_2d=True)
                return file.samplerate, *_resampled(path, file.samplerate, read, sample_rate, channels)
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            why = f"cannot be read as sound ({error}); "
    program = ffmpeg()
    if program is None:
        raise WrongUse(f"{why}ffmpeg may read it: {INSTALL}", where=str(path))
    try:
        with decoded(program, path) as sound:
            return sound.samplerate, *_resampled(path, sound.samplerate, sound.read, sample_rate, channels)
    except WrongUse as error:
        raise WrongUse(f"{why}{error.what}", where=str(path)) from None


def _resampled(
    path: Path, rate: int, read: Callable[[int], Block], sample_rate: int, channels: int
) -> tuple[Block, int]:
    """Return sound at `sample_rate`, (n, channels), and how many samples are clipped.

    read : returns the next samples of a file at `rate`, (n, any channels); none at its end
    """
    if rate not in RATES:
        raise WrongUse(f"its header says {rate} Hz", where=str(path))
    parts, clipped = [np.zeros((0, channels), np.float32)], 0
    stream = None
    if rate != sample_rate:
        stream = soxr.ResampleStream(rate, sample_rate, channels, "float32", "VHQ")
    while len(block := read(READ_S * rate)):
        clipped += _clipped(block)
        mixed = _with_channels(block, channels)
        parts.append(stream.resample_chunk(mixed) if stream else mixed)
    if stream:
        parts.append(stream.resample_chunk(np.zeros((0, channels), np.float32), last=True))
    return np.concatenate(parts), clipped


def trim(sound: Block, sample_rate: int) -> Block:
    """Cut silence from sound (n, channels), but keep HOLD_S of it on each side of sound; fade the ends."""
    block = max(round(BLOCK_S * sample_rate), 1)
    blocks = -(-len(sound) // block)
    each = (sound[at : at + block] for at in range(0, len(sound), block))
    power = np.array([np.square(part).sum() / (block * sound.shape[1]) for part in each])
    sounding = power > 10 ** (QUIET_DB / 10)
    hold = round(HOLD_S / BLOCK_S)
    near = np.convolve(sounding, np.ones(2 * hold + 1), "same" if blocks > 2 * hold else "full")
    near = near[(len(near) - blocks) // 2 :][:blocks] > 0.5
    kept = sound[np.repeat(near, block)[: len(sound)]].copy()
    fade = min(round(FADE_S * sample_rate), len(kept) // 2)
    if fade:
        ramp = np.linspace(0, 1, fade, dtype=np.float32)[:, None]
        kept[:fade] *= ramp
        kept[-fade:] *= ramp[::-1]
    return kept


def _with_channels(block: Block, channels: int) -> Block:
    """Convert a block with any number of channels to (n, channels)."""
    if block.shape[1] != channels:
        block = np.repeat(block.mean(1, keepdims=True), channels, 1)
    return np.ascontiguousarray(block, np.float32)


def _clipped(block: Block) -> int:
    """Count the samples of (n, channels) in runs at full scale."""
    full = np.abs(block) >= CLIPPED
    runs = full[: -RUN + 1].copy() if len(full) >= RUN else full[:0]
    for later in range(1, RUN):
        runs &= full[later : len(full) - RUN + 1 + later]
    return int(runs.sum())


def _key(path: Path, title: str, sample_rate: int, channels: int) -> str:
    """Return a hash of a file's name, size and time, and of the prepared format."""
    stat = path.stat()
    facts = (VERSION, title, stat.st_size, stat.st_mtime_ns, sample_rate, channels)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


class _EarlierCorpus:
    """An earlier corpus in the same folder."""

    def __init__(self, target: Path) -> None:
        index, pieces = corpus.read_index(target)
        self._signal = Corpus.load(target).signal
        self._facts = {
            facts["stamp"]: facts
            for facts in index["survey"]["files"].values()
            if not _can_be_read_now(facts)
        }
        self._pieces = {piece.facts["stamp"]: piece for piece in pieces}
        self._files = index["survey"]["files"]

    def survey(self) -> CorpusSurvey:
        """Return the survey of the earlier corpus."""
        return CorpusSurvey(dict(self._files))

    def find(self, key: str) -> tuple[Samples | None, dict[str, Any]] | None:
        """Return the samples and facts of a file that was prepared before, by its key; None if it was not."""
        facts = dict(self._facts.get(key, {}))
        if facts.pop("same_as", None) or not facts:
            return None
        if key not in self._pieces:
            return None, facts
        piece = self._pieces[key]
        return self._signal[piece.start : piece.start + piece.length], facts


def _earlier_corpus(target: Path) -> tuple[_EarlierCorpus, list[str]] | None:
    """Return the earlier corpus in `target` and the keys of its files; None if there is no complete one."""
    if not corpus.is_prepared(target):
        return None
    try:
        earlier = _EarlierCorpus(target)
    except (WrongUse, KeyError):
        return None
    files = earlier.survey().files.values()
    return earlier, ["" if _can_be_read_now(facts) else facts["stamp"] for facts in files]


def _can_be_read_now(facts: dict[str, Any]) -> bool:
    """Whether a file was left out because ffmpeg was missing, and ffmpeg is installed now."""
    return INSTALL in facts.get("why", "") and ffmpeg() is not None

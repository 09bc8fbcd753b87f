"""Reading sound files of any format, block by block. [disk]"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from perform.core.errors import PerformError, WrongUse
from perform.core.paths import native
from perform.core.ring_buffers import Audio
from perform.core.sound_formats import RATES, SUFFIXES, files_below, why_skipped

BLOCK = 1 << 14  #: frames per read


class SoundFile:
    """A sound file, open for reading.

    rate, channels : of the file
    frames         : number of frames, from the header
    """

    def __init__(self, path: Path) -> None:
        """Open a file. WrongUse: it cannot be read."""
        self.path = path
        try:
            self._file = soundfile.SoundFile(native(path))
        except Exception as error:  # libsndfile's, the system's, or of a header that makes no sense
            raise WrongUse(
                f"cannot be read as sound ({_reason(error)})",
                where=str(path),
                hint=f"convert it to {', '.join(SUFFIXES[:6])} or another common format",
            ) from None
        if self._file.samplerate not in RATES:
            what = f"its header says {self._file.samplerate} Hz"
            raise WrongUse(what, where=str(path), hint=f"perform reads {RATES[0]} to {RATES[-1]} Hz")
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self) -> Iterator[Audio]:
        """Yield all frames in blocks of (at most BLOCK, channels). PerformError: a read fails."""
        while True:
            try:
                block: Audio = self._file.read(BLOCK, dtype="float32", always_2d=True)
            except Exception as error:
                raise PerformError(f"reading failed ({_reason(error)})", where=str(self.path)) from None
            if not len(block):
                return
            yield block


def read_all(path: Path, limit: int) -> tuple[Audio, int]:
    """[disk] Read a whole file: (n, channels), and its rate. WrongUse: it has more than `limit` values."""
    with SoundFile(path) as sound:
        parts, count = [np.zeros((0, sound.channels), np.float32)], 0
        for block in sound.blocks():
            parts.append(block)
            count += block.size
            if count > limit:
                longest = limit / sound.channels / sound.rate
                raise WrongUse("too long", where=str(path), hint=f"use at most {longest:.0f} seconds")
        return np.concatenate(parts), sound.rate


def find(folder: Path, exclude: Path | None = None) -> list[Path]:
    """[disk] Return all sound files in and below a folder, sorted, except those in the folder `exclude`."""
    exclude = exclude and exclude.resolve()
    found = (path for path in files_below(folder) if not why_skipped(path))
    return sorted(path for path in found if exclude not in path.resolve().parents)


def sounds_of(path: Path) -> list[Path]:
    """[disk] Return a sound file, or the sound files of a folder. WrongUse: there are none."""
    found = [path] if path.is_file() else find(path)
    if not found:
        hint = "give a sound file, or a folder with WAV, FLAC or other sound files"
        raise WrongUse("no sounds", where=str(path), hint=hint)
    return found


def _reason(error: Exception) -> str:
    """Return the text of libsndfile's error, without path and full stop."""
    return str(error).rpartition(": ")[2].rstrip(".") or type(error).__name__

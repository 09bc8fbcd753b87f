"""Reading sound files of any format, block by block. [disk]"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import soundfile

from perform.core.errors import PerformError, WrongUse
from perform.core.paths import native
from perform.core.ring_buffers import Audio

#: suffixes of sound files in a folder; a file given by name may have any format that libsndfile reads
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
    *(".w64", ".rf64", ".bwf", ".oga", ".voc"),
)
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
        except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
            raise WrongUse(
                f"cannot be read as sound ({_reason(error)})",
                where=str(path),
                hint=f"convert it to {', '.join(SUFFIXES[:6])} or another common format",
            ) from None
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
            except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
                raise PerformError(f"reading failed ({_reason(error)})", where=str(self.path)) from None
            if not len(block):
                return
            yield block


def find(folder: Path, exclude: Path | None = None) -> list[Path]:
    """Return all sound files of a folder and its subfolders, sorted, except those in the folder `exclude`."""
    exclude = exclude and exclude.resolve()
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return sorted(p for p in found if p.is_file() and exclude not in p.resolve().parents)


def _reason(error: Exception) -> str:
    """Return the text of libsndfile's error, without path and full stop."""
    return str(error).rpartition(": ")[2].rstrip(".") or type(error).__name__

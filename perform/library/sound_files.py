"""Sound files of any kind, read block by block. [disk]"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import soundfile

from perform.core.errors import PerformError, WrongUse
from perform.core.ring_buffers import Audio

#: what is taken for sound in a folder; a file that is named may be anything libsndfile reads
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
    *(".w64", ".rf64", ".bwf", ".oga", ".voc"),
)
BLOCK = 1 << 14  #: frames that are read at once


class SoundFile:
    """A sound file, open for reading.

    rate, channels : of the file;  frames : as many as it says it has
    """

    def __init__(self, path: Path) -> None:
        """WrongUse where it cannot be read."""
        self.path = path
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
            raise WrongUse(
                f"cannot be read as sound ({_words(error)})",
                where=str(path),
                hint=f"{', '.join(SUFFIXES[:6])} and more are",
            ) from None
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self) -> Iterator[Audio]:
        """All of it, (at most BLOCK, channels) each; PerformError where it breaks off."""
        while True:
            try:
                block: Audio = self._file.read(BLOCK, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
                raise PerformError(f"breaks off ({_words(error)})", where=str(self.path)) from None
            if not len(block):
                return
            yield block


def find(folder: Path, besides: Path | None = None) -> list[Path]:
    """Every sound file in a folder and below, by name, but none in the folder `besides`."""
    besides = besides and besides.resolve()
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return sorted(p for p in found if p.is_file() and besides not in p.resolve().parents)


def _words(error: Exception) -> str:
    """libsndfile's own, without the path and the full stop."""
    return str(error).rpartition(": ")[2].rstrip(".") or type(error).__name__

"""Sound files of any kind, read block by block and written whole or not at all. [disk]"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import soundfile

from perform.errors import PerformError, WrongUse
from perform.recorder.export import check_new
from perform.recorder.wav import Writer
from perform.rings import Audio

#: what is taken for sound in a folder; a file that is named may be anything libsndfile reads
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
    *(".w64", ".rf64", ".bwf", ".oga", ".voc"),
)
WRITTEN = (".wav", ".flac")
BLOCK = 1 << 14  #: frames that are read at once


class Sound:
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

    def __enter__(self) -> Sound:
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


@contextlib.contextmanager
def writing(out: Path, rate: int) -> Iterator[Callable[[Audio], None]]:
    """A new stereo file in 24 bits, .wav or .flac, as a function that appends (n, 2).

    It has its name only once it is whole. WrongUse where one of that name is there.
    """
    check_new(out, WRITTEN)
    part = out.with_name(f".{out.name}.part")
    part.unlink(missing_ok=True)  # of one that was killed
    try:
        if out.suffix == ".wav":
            with contextlib.closing(Writer(part, rate)) as wav:
                yield wav.write
        else:
            with soundfile.SoundFile(part, "x", rate, 2, "PCM_24", format="FLAC") as flac:
                yield flac.write
        check_new(out, WRITTEN)
        part.replace(out)
    except soundfile.LibsndfileError as error:
        raise PerformError(f"cannot be written ({_words(error)})", where=str(out)) from None
    finally:
        part.unlink(missing_ok=True)


def find(folder: Path, besides: Path) -> list[Path]:
    """Every sound file in a folder and below, by name, but none in the folder `besides`."""
    besides = besides.resolve()
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return sorted(p for p in found if p.is_file() and besides not in p.resolve().parents)


def _words(error: Exception) -> str:
    """libsndfile's own, without the path and the full stop."""
    return str(error).rpartition(": ")[2].rstrip(".") or type(error).__name__

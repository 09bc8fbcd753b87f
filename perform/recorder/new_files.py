"""New files for the player: each gets its name when it is complete; after an error nothing is left. [disk]"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from perform.core.errors import PerformError, WrongUse
from perform.core.files import atomic_path
from perform.core.paths import native
from perform.core.ring_buffers import Audio
from perform.recorder import wav_repair
from perform.recorder.markers import Marks
from perform.recorder.wav_format import PCM24, WavFormat
from perform.recorder.wav_writer import WavWriter

SOUND = (".wav", ".flac")  #: suffixes that `new_sound_file` writes


def check_new(out: Path, kinds: tuple[str, ...]) -> None:
    """Raise WrongUse if a file exists, has no folder, or has none of these suffixes."""
    if out.suffix not in kinds:
        raise WrongUse(
            f"cannot write {out.suffix or 'that'!r}", where=str(out), hint=f"name it {', '.join(kinds)}"
        )
    if not out.parent.is_dir():
        raise WrongUse("no such folder", where=str(out.parent), hint="make it, or choose another folder")
    if out.exists():
        raise WrongUse("exists already", where=str(out), hint="choose another name: nothing is overwritten")


@contextmanager
def new_file(out: Path, kinds: tuple[str, ...]) -> Iterator[Path]:
    """Yield a temporary path to write to, which becomes `out` at the end; nothing is overwritten.

    WrongUse as `check_new`; PerformError: the disk fails.
    """
    check_new(out, kinds)
    part: Path | None = None
    try:
        with atomic_path(out) as part:
            yield part
            check_new(out, kinds)
    except (OSError, soundfile.LibsndfileError) as error:
        if isinstance(error, OSError) and error.filename not in (None, str(part)):
            raise  # the error is about another file
        text = getattr(error, "strerror", None) or str(error).rpartition(": ")[2].rstrip(".")
        hint = "free some space there, or choose another folder"
        raise PerformError(f"cannot be written ({text})", where=str(out), hint=hint) from error


@contextmanager
def new_sound_file(
    out: Path, rate: int, form: WavFormat = PCM24, marks: Marks = ()
) -> Iterator[Callable[[Audio], None]]:
    """Yield a function that appends (n, 2) to a new stereo file: .wav, or .flac of 24 bits without marks.

    WrongUse and PerformError as `new_file`.
    """
    with new_file(out, SOUND) as part:
        if out.suffix == ".flac":
            with soundfile.SoundFile(native(part), "x", rate, 2, "PCM_24", format="FLAC") as flac:
                yield flac.write
            return
        file = WavWriter(part, rate, form)
        try:
            yield file.write
        finally:
            file.close(marks=marks)
        if wav_repair.inspect(part).unfinished:
            raise OSError("no space for its markers")

"""New files for others: each has its name only once it is whole, else nothing of it is left. [disk]"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from perform.core.errors import PerformError, WrongUse
from perform.core.files import atomic_path
from perform.core.ring_buffers import Audio
from perform.recorder import wav_repair
from perform.recorder.markers import Marks
from perform.recorder.wav_format import PCM24, WavFormat
from perform.recorder.wav_writer import WavWriter

SOUND = (".wav", ".flac")  #: what `writing` writes


def check_new(out: Path, kinds: tuple[str, ...]) -> None:
    """WrongUse where a file is there, has no folder, or another suffix than these."""
    if out.suffix not in kinds:
        raise WrongUse(
            f"cannot write {out.suffix or 'that'!r}", where=str(out), hint=f"name it {', '.join(kinds)}"
        )
    if not out.parent.is_dir():
        raise WrongUse("no such folder", where=str(out.parent), hint="make it, or name a file elsewhere")
    if out.exists():
        raise WrongUse("is there already", where=str(out), hint="nothing is overwritten: name another file")


@contextmanager
def whole(out: Path, kinds: tuple[str, ...]) -> Iterator[Path]:
    """The path to write to in the place of `out`, which it becomes in the end; nothing is overwritten.

    WrongUse as `check_new`; PerformError where the disk fails.
    """
    check_new(out, kinds)
    part: Path | None = None
    try:
        with atomic_path(out) as part:
            yield part
            check_new(out, kinds)
    except (OSError, soundfile.LibsndfileError) as error:
        if isinstance(error, OSError) and error.filename not in (None, str(part)):
            raise  # of a file that is read
        words = getattr(error, "strerror", None) or str(error).rpartition(": ")[2].rstrip(".")
        hint = "make room there, or name a file elsewhere"
        raise PerformError(f"cannot be written ({words})", where=str(out), hint=hint) from error


@contextmanager
def writing(
    out: Path, rate: int, form: WavFormat = PCM24, marks: Marks = ()
) -> Iterator[Callable[[Audio], None]]:
    """A new stereo file as a function that appends (n, 2): .wav, or .flac in 24 bits and without the marks.

    WrongUse and PerformError as `whole`.
    """
    with whole(out, SOUND) as part:
        if out.suffix == ".flac":
            with soundfile.SoundFile(part, "x", rate, 2, "PCM_24", format="FLAC") as flac:
                yield flac.write
            return
        file = WavWriter(part, rate, form)
        try:
            yield file.write
        finally:
            file.close(marks=marks)
        if wav_repair.inspect(part).unfinished:
            raise OSError("no room for its markers")

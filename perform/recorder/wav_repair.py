"""Inspecting the WAV files of takes, and repairing those that were never closed."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from perform.core.errors import WrongUse
from perform.recorder import markers
from perform.recorder.wav_format import FORMATS, HEADER, WavFormat, header
from perform.recorder.wav_writer import OPEN_FLAGS, finish, lock


class FoundWav(NamedTuple):
    """The frames that the header of a take claims, and those that the file holds."""

    rate: int
    form: WavFormat
    claimed: int  #: frames in the header
    held: int  #: whole frames in the file
    tail: int  #: bytes of markers, claimed by the header or not
    missing: int  #: bytes that the header claims but the file lacks
    unfinished: bool  #: it was not closed, or holds more than the header claims


def repair(path: Path, marks: markers.Marks = (), frames: int | None = None) -> int:
    """[disk] Make the header of an unfinished take claim all whole frames of the file; return their number.

    marks  : to write behind the last frame
    frames : cut a longer file here
    WrongUse: the file is not a take. Check with `unfinished` first that no process is writing it.
    """
    fd = os.open(path, OPEN_FLAGS)
    try:
        found = _inspect_open(fd, path)
        end = found.held if frames is None else min(found.held, frames)
        if found.unfinished or end < found.held:
            finish(fd, found.rate, end, found.form, marks)
        return end
    finally:
        os.close(fd)


def unfinished(folder: Path) -> list[Path]:
    """[disk] Return the takes in a folder that were never closed and that no process is writing."""
    with suppress(OSError):
        return [path for path in sorted(folder.glob("*.wav")) if _is_unfinished(path)]
    return []


def _is_unfinished(path: Path) -> bool:
    with suppress(OSError, WrongUse):
        fd = os.open(path, OPEN_FLAGS)
        try:
            found = _inspect_open(fd, path)
            return found.unfinished and lock(fd)
        finally:
            os.close(fd)
    return False


def is_being_written(path: Path) -> bool:
    """[disk] Return whether a process is writing the file, as far as the system can tell."""
    with suppress(OSError):
        fd = os.open(path, OPEN_FLAGS)
        try:
            return not lock(fd)
        finally:
            os.close(fd)
    return False


def read_markers(path: Path) -> list[markers.Marker]:
    """[disk] Return the markers of a closed file; none if they cannot be read."""
    with suppress(OSError, WrongUse, ValueError):
        found = inspect(path)
        with path.open("rb") as file:
            file.seek(HEADER + found.form.frame_bytes * found.held)
            return markers.unpack(file.read(found.tail))
    return []


def inspect(path: Path) -> FoundWav:
    """[disk] Read the header of a take and measure the file; WrongUse if it is not a take."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return _inspect_open(fd, path)
    finally:
        os.close(fd)


def _inspect_open(fd: int, path: Path) -> FoundWav:
    os.lseek(fd, 0, os.SEEK_SET)
    head = os.read(fd, HEADER)
    if len(head) == HEADER:
        code, rate, bits = struct.unpack_from("<H2xI6xH", head, 56)
        riff, size = struct.unpack_from("<I", head, 4)[0], struct.unpack_from("<I", head, 76)[0]
        if head[:4] == b"RF64":
            riff, size = struct.unpack_from("<QQ", head, 20)
        form = WavFormat(code, bits)
        tail = riff - (HEADER - 8) - size
        if form in FORMATS.values() and rate < 1 << 24 and size < 1 << 62 and 0 <= tail <= markers.LIMIT:
            claimed = size // form.frame_bytes
            own_headers = [header(rate, claimed, form, tail, is_open=is_open) for is_open in (False, True)]
            if head in own_headers and (found := _measure(fd, rate, form, claimed, tail)):
                return found._replace(unfinished=found.unfinished or head == own_headers[1])
    raise WrongUse("not a take of perform", where=str(path))


def _measure(fd: int, rate: int, form: WavFormat, claimed: int, tail: int) -> FoundWav | None:
    """Distinguish unclaimed frames from markers; None if the claimed tail is neither."""
    end = HEADER + form.frame_bytes * claimed
    rest = os.fstat(fd).st_size - end
    os.lseek(fd, end, os.SEEK_SET)
    marked = rest >= 4 and markers.are_markers(os.read(fd, 12))
    if tail and rest >= 12 and not marked:
        return None
    if tail or rest < 0:
        held = claimed + min(rest, 0) // form.frame_bytes
        return FoundWav(rate, form, claimed, held, tail, max(0, tail - rest), unfinished=False)
    if marked:  # killed while writing its markers
        return FoundWav(rate, form, claimed, claimed, rest, 0, unfinished=True)
    more = rest // form.frame_bytes
    return FoundWav(rate, form, claimed, claimed + more, 0, 0, unfinished=more > 0)

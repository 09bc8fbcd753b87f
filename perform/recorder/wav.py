"""A WAV file that is whole after SIGKILL and power loss: stereo, RIFF that becomes RF64 at 4 GiB.

The layout never moves: 80 bytes of header, then frames of 6 bytes (24-bit PCM) or 8 (32-bit float), and
behind the last frame of a file that was closed its markers (`cues.py`).

    0   RIFF size WAVE          12   RF64 past 4 GiB
    12  JUNK, 28 bytes          36   ds64 past 4 GiB: the sizes in 64 bits
    48  fmt, 16 bytes           24   WAVE_FORMAT_PCM, which every reader opens, or WAVE_FORMAT_IEEE_FLOAT
    72  data size                8

`sync` brings the frames to the disk first and the header after them, so the header never claims what is
not there; what a crash leaves behind the header is whole frames, which `repair` claims later, or markers,
which it knows by their form. The header is one write within one sector: a reader sees the old one or the new
one.
This module knows files and frames; no tape, no process. On macOS `fsync` does not empty the drive's own
cache: after power loss the last moments may be missing there, after a crash nothing is.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.errors import WrongUse
from perform.core.ring_buffers import Audio
from perform.recorder import markers

CHANNELS = 2
HEADER = 80  #: bytes before the first frame
ROOM = 1 << 16  #: frames a new file must be able to take: 1.4 s at 48 kHz
IN_USE = 10.0  #: seconds since its last write in which a file is taken for live where there are no locks

_FULL = 0xFFFF_FFFF  # RIFF counts bytes in 32 bits
_MARK = b"perform take"  # in the JUNK, to know our own again
_OPEN_MARK = b"perform take, open"  # as long as it is not closed; RF64 has no JUNK: no count of samples there


class WavFormat(NamedTuple):
    """How a sample is written: the code of WAVE, bits a sample."""

    code: int
    bits: int

    @property
    def frame(self) -> int:
        """Bytes a frame."""
        return CHANNELS * self.bits // 8

    def encode(self, audio: Audio) -> bytes:
        """(n, 2) float32 -> bytes, interleaved. NaN becomes 0."""
        return encode(audio) if self.code == 1 else np.nan_to_num(audio).astype("<f4", order="C").tobytes()


PCM24, FLOAT32 = WavFormat(1, 24), WavFormat(3, 32)
FORMATS = {"pcm24": PCM24, "float32": FLOAT32}

_OPEN = os.O_RDWR | getattr(os, "O_BINARY", 0)
_flush = os.fdatasync if hasattr(os, "fdatasync") else os.fsync


def _write_at(fd: int, data: bytes | memoryview, at: int) -> int:
    if sys.platform != "win32":
        return os.pwrite(fd, data, at)
    os.lseek(fd, at, os.SEEK_SET)
    return os.write(fd, data)


def encode(audio: Audio) -> bytes:
    """(n, 2) float32 -> 24-bit little-endian, interleaved; 1.0 is 2**23, clipped to its largest step below.

    Rounds to the nearest step, ties to even; NaN becomes 0. Any multiple of 2**-23 comes back as it was.
    No dither: the error lies 144 dB below full scale, under the noise of every converter, while without it
    silence stays silence and a take can be compared with its source bit by bit.
    """
    scale = np.float32(1 << 23)
    steps = np.rint(np.clip(np.nan_to_num(audio), -1.0, 1.0 - 1.0 / scale) * scale)
    octets: npt.NDArray[np.uint8] = steps.astype("<i4", order="C").view(np.uint8)
    return octets.reshape(-1, 4)[:, :3].tobytes()


def header(rate: int, frames: int, form: WavFormat = PCM24, tail: int = 0, *, is_open: bool = False) -> bytes:
    """The first HEADER bytes of a file of `frames` frames at `rate` Hz, with `tail` bytes behind them."""
    size = form.frame * frames
    riff = HEADER - 8 + size + tail
    if riff < _FULL:
        mark = _OPEN_MARK if is_open else _MARK
        head = struct.pack("<4sI4s4sI28s", b"RIFF", riff, b"WAVE", b"JUNK", 28, mark)
    else:
        count = 0 if is_open else frames
        head = struct.pack("<4sI4s4sIQQQI", b"RF64", _FULL, b"WAVE", b"ds64", 28, riff, size, count, 0)
    numbers = (form.code, CHANNELS, rate, rate * form.frame, form.frame, form.bits)
    return head + struct.pack(
        "<4sIHHIIHH4sI", b"fmt ", 16, *numbers, b"data", size if riff < _FULL else _FULL
    )


class WavWriter:
    """[disk] One new file. Never overwrites: FileExistsError where the path is taken.

    frames : whole frames in the file
    safe   : frames that are on the disk and in the header, whatever happens next
    After an OSError of any method, `close` and go on elsewhere at frame `safe`.
    """

    def __init__(self, path: Path, rate: int, form: WavFormat = PCM24) -> None:
        self.path, self.rate, self.form = path, rate, form
        self.frames = self.safe = 0
        self._fd = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            _claim(self._fd)
            self.write(np.zeros((ROOM, CHANNELS), np.float32))  # a full or failing disk shows now
            os.ftruncate(self._fd, 0)
            self.frames = 0
            self._head(0)
            os.fsync(self._fd)
            self._links = os.fstat(self._fd).st_nlink
        except OSError:
            os.close(self._fd)
            with suppress(OSError):
                path.unlink()
            raise
        flush_folder(path.parent)

    def write(self, audio: Audio) -> None:
        """Append (n, 2)."""
        self.append(self.form.encode(audio))

    def append(self, data: bytes) -> None:
        """Append encoded frames. Where it fails, `frames` still counts every whole frame that went in."""
        rest, at = memoryview(data), HEADER + self.form.frame * self.frames
        try:
            while rest:
                done = _write_at(self._fd, rest, at)
                rest, at = rest[done:], at + done
        finally:
            self.frames = (at - HEADER) // self.form.frame

    def sync(self) -> None:
        """Make all frames safe: the data to the disk, then the header, then that to the disk."""
        if self.frames == self.safe:
            return
        try:
            if os.fstat(self._fd).st_nlink < self._links:
                raise OSError(ENOENT, "deleted while it was recorded", str(self.path))
            _flush(self._fd)
            self._head(self.frames)
            _flush(self._fd)
        except OSError:
            self.frames = self.safe  # a failed flush may have dropped any of it, and a second would not tell
            with suppress(OSError):
                self._head(self.safe)
            raise
        self.safe = self.frames

    def close(self, frames: int | None = None, marks: markers.Marks = ()) -> None:
        """Sync, end at frame `frames` (or the last that is safe), write the markers, close.

        Where the sync fails, the file ends at frame `safe` and the OSError is raised.
        """
        try:
            self.sync()
        finally:
            self.safe = self.safe if frames is None else min(frames, self.safe)
            with suppress(OSError):
                _finish(self._fd, self.rate, self.safe, self.form, marks)
            with suppress(OSError):
                os.close(self._fd)

    def _head(self, frames: int) -> None:
        _write_at(self._fd, header(self.rate, frames, self.form, is_open=True), 0)


def _finish(fd: int, rate: int, frames: int, form: WavFormat, marks: markers.Marks) -> None:
    """The file ends at `frames`, its markers behind them: the header claims those once they are safe."""
    end = HEADER + form.frame * frames
    os.ftruncate(fd, end)
    _write_at(fd, header(rate, frames, form, is_open=True), 0)
    os.fsync(fd)  # a header that claims more frames than there are would take the markers for them
    tail = markers.chunks(marks, frames)
    if tail:
        _write_at(fd, tail, end)
        os.fsync(fd)
    _write_at(fd, header(rate, frames, form, len(tail)), 0)
    os.fsync(fd)


class FoundWav(NamedTuple):
    """What a file of ours says and holds."""

    rate: int
    form: WavFormat
    claimed: int  #: frames in the header
    held: int  #: whole frames in the file
    tail: int  #: bytes of markers, claimed or not
    missing: int  #: bytes the header claims and the file lacks
    unfinished: bool  #: it was not closed, or holds more than the header claims


def repair(path: Path, marks: markers.Marks = (), frames: int | None = None) -> int:
    """[disk] Extend the header of an unfinished take to the whole frames the file holds; returns those.

    marks  : go behind the last frame; frames : the file ends there, where it is longer
    WrongUse where the file is none of ours. Ask `unfinished` first whether someone still writes it.
    """
    fd = os.open(path, _OPEN)
    try:
        found = look(fd, path)
        end = found.held if frames is None else min(found.held, frames)
        if found.unfinished or end < found.held:
            _finish(fd, found.rate, end, found.form, marks)
        return end
    finally:
        os.close(fd)


def unfinished(folder: Path) -> list[Path]:
    """[disk] The takes in a folder whose header is behind their data and which nobody writes any more."""
    with suppress(OSError):
        return [path for path in sorted(folder.glob("*.wav")) if _is_unfinished(path)]
    return []


def _is_unfinished(path: Path) -> bool:
    with suppress(OSError, WrongUse):
        fd = os.open(path, _OPEN)
        try:
            found = look(fd, path)
            return found.unfinished and _claim(fd)
        finally:
            os.close(fd)
    return False


def busy(path: Path) -> bool:
    """[disk] Whether someone is writing it, as far as the system can tell."""
    with suppress(OSError):
        fd = os.open(path, _OPEN)
        try:
            return not _claim(fd)
        finally:
            os.close(fd)
    return False


def marks(path: Path) -> list[markers.Marker]:
    """[disk] The markers of a file that was closed; none where they cannot be read."""
    with suppress(OSError, WrongUse, ValueError):
        found = inspect(path)
        with path.open("rb") as file:
            file.seek(HEADER + found.form.frame * found.held)
            return markers.read(file.read(found.tail))
    return []


def inspect(path: Path) -> FoundWav:
    """[disk] What a file of ours says and holds; WrongUse where it is none."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return look(fd, path)
    finally:
        os.close(fd)


def look(fd: int, path: Path) -> FoundWav:
    """The same of an open file."""
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
            claimed = size // form.frame
            ours = [header(rate, claimed, form, tail, is_open=is_open) for is_open in (False, True)]
            if head in ours and (found := _measure(fd, rate, form, claimed, tail)):
                return found._replace(unfinished=found.unfinished or head == ours[1])
    raise WrongUse("not a take of perform", where=str(path))


def _measure(fd: int, rate: int, form: WavFormat, claimed: int, tail: int) -> FoundWav | None:
    """Tell frames behind the header's claim from markers behind it; None where something else is claimed."""
    end = HEADER + form.frame * claimed
    rest = os.fstat(fd).st_size - end
    os.lseek(fd, end, os.SEEK_SET)
    marked = rest >= 4 and markers.begin(os.read(fd, 12))
    if tail and rest >= 12 and not marked:
        return None
    if tail or rest < 0:
        held = claimed + min(rest, 0) // form.frame
        return FoundWav(rate, form, claimed, held, tail, max(0, tail - rest), unfinished=False)
    if marked:  # killed while it wrote its markers
        return FoundWav(rate, form, claimed, claimed, rest, 0, unfinished=True)
    more = rest // form.frame
    return FoundWav(rate, form, claimed, claimed + more, 0, 0, unfinished=more > 0)


def _claim(fd: int) -> bool:
    """Whether the file is ours alone now. The lock ends with the process that holds it, however it ends."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:
            pass  # a network disk without locks: as on Windows
    return time.time() - os.fstat(fd).st_mtime > IN_USE


def flush_folder(folder: Path) -> None:
    """The file's name to the disk, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

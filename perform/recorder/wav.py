"""A WAV file that is whole after SIGKILL and power loss: 24-bit stereo PCM, RIFF that becomes RF64 at 4 GiB.

The layout never moves: 80 bytes of header, then frames of 6 bytes to the end of the file.

    0   RIFF size WAVE          12   RF64 past 4 GiB
    12  JUNK, 28 bytes          36   ds64 past 4 GiB: the sizes in 64 bits
    48  fmt, 16 bytes           24   WAVE_FORMAT_PCM, which every reader opens
    72  data size                8

`sync` brings the frames to the disk first and the header after them, so the header never claims what is
not there; what a crash leaves behind the header is whole frames, which `repair` claims later. The header is
one write within one sector: a reader sees the old one or the new one.
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

import numpy as np
import numpy.typing as npt

from perform.errors import WrongUse
from perform.shared import Audio

CHANNELS = 2
FRAME = 3 * CHANNELS  #: bytes a frame
HEADER = 80  #: bytes before the first frame
ROOM = 1 << 16  #: frames a new file must be able to take: 1.4 s at 48 kHz
IN_USE = 10.0  #: seconds since its last write in which a file is taken for live where there are no locks

_FULL = 0xFFFF_FFFF  # RIFF counts bytes in 32 bits
_MARK = b"perform take"  # in the JUNK, to know our own again

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


def header(rate: int, frames: int) -> bytes:
    """The first HEADER bytes of a file of `frames` frames at `rate` Hz."""
    size = FRAME * frames
    riff = HEADER - 8 + size
    if riff < _FULL:
        head = struct.pack("<4sI4s4sI28s", b"RIFF", riff, b"WAVE", b"JUNK", 28, _MARK)
    else:
        head = struct.pack("<4sI4s4sIQQQI", b"RF64", _FULL, b"WAVE", b"ds64", 28, riff, size, frames, 0)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, CHANNELS, rate, rate * FRAME, FRAME, 24)
    return head + form + struct.pack("<4sI", b"data", size if riff < _FULL else _FULL)


class Writer:
    """[disk] One new file. Never overwrites: FileExistsError where the path is taken.

    frames : whole frames in the file
    safe   : frames that are on the disk and in the header, whatever happens next
    After an OSError of any method, `close` and go on elsewhere at frame `safe`.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.path, self.rate = path, rate
        self.frames = self.safe = 0
        self._fd = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            _claim(self._fd)
            self.write(np.zeros((ROOM, CHANNELS), np.float32))  # a full or failing disk shows now
            os.ftruncate(self._fd, 0)
            self.frames = 0
            _write_at(self._fd, header(rate, 0), 0)
            os.fsync(self._fd)
            self._links = os.fstat(self._fd).st_nlink
        except OSError:
            os.close(self._fd)
            with suppress(OSError):
                path.unlink()
            raise
        _flush_folder(path.parent)

    def write(self, audio: Audio) -> None:
        """Append (n, 2). Where it fails, `frames` still counts every whole frame that went in."""
        rest, at = memoryview(encode(audio)), HEADER + FRAME * self.frames
        try:
            while rest:
                done = _write_at(self._fd, rest, at)
                rest, at = rest[done:], at + done
        finally:
            self.frames = (at - HEADER) // FRAME

    def sync(self) -> None:
        """Make all frames safe: the data to the disk, then the header, then that to the disk."""
        if self.frames == self.safe:
            return
        try:
            if os.fstat(self._fd).st_nlink < self._links:
                raise OSError(ENOENT, "deleted while it was recorded", str(self.path))
            _flush(self._fd)
            _write_at(self._fd, header(self.rate, self.frames), 0)
            _flush(self._fd)
        except OSError:
            self.frames = self.safe  # a failed flush may have dropped any of it, and a second would not tell
            with suppress(OSError):
                _write_at(self._fd, header(self.rate, self.safe), 0)
            raise
        self.safe = self.frames

    def close(self) -> None:
        """Sync and close. Where the sync fails, the file ends at frame `safe` and the OSError is raised."""
        try:
            self.sync()
        finally:
            with suppress(OSError):
                os.ftruncate(self._fd, HEADER + FRAME * self.safe)
            with suppress(OSError):
                os.close(self._fd)


def repair(path: Path) -> int:
    """[disk] Extend the header of an unfinished take to the whole frames the file holds; returns those.

    WrongUse where the file is none of ours. Ask `unfinished` first whether someone still writes it.
    """
    fd = os.open(path, _OPEN)
    try:
        rate, claimed, held = _look(fd, path)
        if held > claimed:
            os.ftruncate(fd, HEADER + FRAME * held)
            os.fsync(fd)
            _write_at(fd, header(rate, held), 0)
            os.fsync(fd)
        return held
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
            _, claimed, held = _look(fd, path)
            return held > claimed and _claim(fd)
        finally:
            os.close(fd)
    return False


def _look(fd: int, path: Path) -> tuple[int, int, int]:
    """-> rate, frames in the header, whole frames in the file."""
    os.lseek(fd, 0, os.SEEK_SET)
    head = os.read(fd, HEADER)
    if len(head) == HEADER:
        rate, size = struct.unpack_from("<I", head, 60)[0], struct.unpack_from("<I", head, 76)[0]
        if head[:4] == b"RF64":
            size = struct.unpack_from("<Q", head, 28)[0]
        claimed = size // FRAME
        if rate < 1 << 24 and claimed < 1 << 60 and head == header(rate, claimed):
            return rate, claimed, (os.fstat(fd).st_size - HEADER) // FRAME
    raise WrongUse("not a take of perform", where=str(path))


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


def _flush_folder(folder: Path) -> None:
    """The file's name to the disk, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

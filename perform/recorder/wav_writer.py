"""Writing a WAV file that survives SIGKILL and power loss.

`sync` flushes the frames to the disk first and the header second. So the header never claims frames that the
disk lacks. After a crash, unclaimed frames or markers may follow the claimed frames; `wav_repair.py`
distinguishes them and claims the frames. The header is one write within one sector, so a reader sees the old
header or the new one. On macOS `fsync` does not empty the drive's cache: power loss may cost the last
moments there, a crash costs nothing.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from errno import ENOENT
from pathlib import Path

import numpy as np

from perform.core.ring_buffers import Audio
from perform.recorder import markers
from perform.recorder.wav_format import CHANNELS, HEADER, PCM24, WavFormat, header

PROBE_FRAMES = 1 << 16  #: a new file must have room for these: 1.4 s at 48 kHz
IDLE_S = 10.0  #: without file locks, a file counts as being written for so long after its last write

OPEN_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0)

_flush = os.fdatasync if hasattr(os, "fdatasync") else os.fsync


def _write_at(fd: int, data: bytes | memoryview, at: int) -> int:
    if sys.platform != "win32":
        return os.pwrite(fd, data, at)
    os.lseek(fd, at, os.SEEK_SET)
    return os.write(fd, data)


class WavWriter:
    """[disk] One new WAV file. Never overwrites: FileExistsError if the path exists.

    frames : whole frames in the file
    safe   : frames on the disk and in the header
    After an OSError of any method, close the file and continue in another one at frame `safe`.
    """

    def __init__(self, path: Path, rate: int, form: WavFormat = PCM24) -> None:
        self.path, self.rate, self.form = path, rate, form
        self.frames = self.safe = 0
        self._fd = os.open(path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            lock(self._fd)
            self.write(np.zeros((PROBE_FRAMES, CHANNELS), np.float32))  # a full or failing disk fails here
            os.ftruncate(self._fd, 0)
            self.frames = 0
            self._write_header(0)
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
        """Append encoded frames. After an error, `frames` counts the whole frames that were written."""
        rest, at = memoryview(data), HEADER + self.form.frame_bytes * self.frames
        try:
            while rest:
                done = _write_at(self._fd, rest, at)
                rest, at = rest[done:], at + done
        finally:
            self.frames = (at - HEADER) // self.form.frame_bytes

    def sync(self) -> None:
        """Make all frames safe: flush the data, write the header, flush the header."""
        if self.frames == self.safe:
            return
        try:
            if os.fstat(self._fd).st_nlink < self._links:
                raise OSError(ENOENT, "deleted during recording", str(self.path))
            _flush(self._fd)
            self._write_header(self.frames)
            _flush(self._fd)
        except OSError:
            self.frames = self.safe  # a failed flush may lose frames; a second one would report success
            with suppress(OSError):
                self._write_header(self.safe)
            raise
        self.safe = self.frames

    def close(self, frames: int | None = None, marks: markers.Marks = ()) -> None:
        """Sync, end the file at `frames` (default: all safe frames), write the markers, close.

        If the sync fails, the file ends at frame `safe` and the OSError is raised.
        """
        try:
            self.sync()
        finally:
            self.safe = self.safe if frames is None else min(frames, self.safe)
            with suppress(OSError):
                finish(self._fd, self.rate, self.safe, self.form, marks)
            with suppress(OSError):
                os.close(self._fd)

    def _write_header(self, frames: int) -> None:
        _write_at(self._fd, header(self.rate, frames, self.form, is_open=True), 0)


def finish(fd: int, rate: int, frames: int, form: WavFormat, marks: markers.Marks) -> None:
    """End an open file at `frames` and write its markers; the header claims each only once it is safe."""
    end = HEADER + form.frame_bytes * frames
    os.ftruncate(fd, end)
    _write_at(fd, header(rate, frames, form, is_open=True), 0)
    os.fsync(fd)  # else the header could still claim more frames, and markers would be read as frames
    tail = markers.pack(marks, frames)
    if tail:
        _write_at(fd, tail, end)
        os.fsync(fd)
    _write_at(fd, header(rate, frames, form, len(tail)), 0)
    os.fsync(fd)


def lock(fd: int) -> bool:
    """Lock an open file; False if another process is writing it. The lock ends with this process."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:
            pass  # a network disk without locks: decide as on Windows
    return time.time() - os.fstat(fd).st_mtime > IDLE_S


def flush_folder(folder: Path) -> None:
    """Flush a folder, and with it the names of new files, to the disk; does nothing on Windows."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

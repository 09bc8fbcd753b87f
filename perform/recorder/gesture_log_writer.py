"""Writing a gesture log: whole chunks only, each flushed to the disk."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path

from perform.core import json_bytes
from perform.recorder.gesture_log import CHUNK, LONGEST, MAGIC, GestureHeader
from perform.recorder.wav_writer import flush_folder


class GestureLogWriter:
    """[disk] Writes one new log; FileExistsError if the path is taken."""

    def __init__(self, path: Path, header: GestureHeader) -> None:
        self.path = path
        self._waiting = bytearray()
        self._end = 0  # bytes of whole chunks
        self._file = path.open("xb", buffering=0)
        try:
            self._append(MAGIC + _chunk(json_bytes.encode(header)))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.close()
            with suppress(OSError):
                path.unlink()
            raise
        flush_folder(path.parent)

    def write(self, records: bytes) -> None:
        """Append records; they are safe after the next `sync`."""
        self._waiting += records

    def sync(self) -> None:
        """Flush everything to the disk."""
        if self._waiting:
            while self._waiting:
                self._append(_chunk(bytes(self._waiting[:LONGEST])))
                del self._waiting[:LONGEST]
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close; closes even if the sync raises OSError."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _append(self, data: bytes) -> None:
        """Write a whole chunk or nothing: a reader could not get past a partial one."""
        rest = memoryview(data)
        self._file.seek(self._end)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += len(data)


def _chunk(body: bytes) -> bytes:
    packed = zlib.compress(body, 1)
    return CHUNK.pack(len(packed), zlib.crc32(packed)) + packed

"""A file lock between processes. The system frees it when its process ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path


class FileLock:
    """An advisory lock on a file; it makes the file if there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self, patience_s: float = 0.0) -> bool:
        """Take the lock; False if another process still holds it after `patience_s` seconds.

        OSError: the disk cannot lock files, as some network disks, or the file cannot be made.
        """
        deadline = time.monotonic() + patience_s
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def _try(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if isinstance(error, (BlockingIOError, PermissionError)):  # Windows says: no permission
                return False
            raise
        self._file = file
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

"""One stage for each runtime folder: it holds a lock on a file of the folder."""

from __future__ import annotations

from pathlib import Path

from perform.core.file_lock import FileLock
from perform.core.private_folder import make_private


class Lock(FileLock):
    """The lock of a runtime folder's stage."""

    def __init__(self, runtime: Path) -> None:
        super().__init__(runtime / "lock")

    def take(self, patience_s: float = 0.0) -> bool:
        """See `FileLock`. PerformError: the folder is not the user's alone."""
        make_private(self._path.parent)
        return super().take(patience_s)


def held(runtime: Path) -> bool:
    """Whether a stage runs in this folder."""
    if not (runtime / "lock").exists():
        return False
    probe = Lock(runtime)
    free = probe.take()
    probe.release()
    return not free

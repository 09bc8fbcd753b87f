"""Atomic file writes: a reader, or a power failure, finds the old file or the new one, never half of either.

The new content goes to a hidden temporary file in the same folder, is forced to the disk, then renamed.
A killed writer leaves its temporary file behind; a write of the same name removes it an hour later.
Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ABANDONED_S = 3600.0  #: age at which the temporary file of a killed writer is removed
READ_TRIES, READ_PAUSE_S = 40, 0.025  #: on Windows: a second for another process to read the old file


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """[disk] Yield a temporary path to write to; when the block ends, that file replaces `path`.

    The file does not exist yet, and must exist and be closed when the block ends. If the block raises, `path`
    stays as it was and the temporary file is removed. OSError: the disk refuses.
    """
    part = path.with_name(f".{path.name}.{secrets.randbelow(10**12)}.part")
    _remove_abandoned(path)
    try:
        part.unlink(missing_ok=True)
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        move(part, path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> None:
    """[disk] Write a whole file in place of `path`; make its folder if there is none.

    private : only the user may read it. OSError: the disk refuses; the old file then stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with (
        atomic_path(path) as part,
        os.fdopen(os.open(part, flags, 0o600 if private else 0o666), "wb") as file,
    ):
        file.write(data)


def move(part: Path, path: Path) -> None:
    """Rename a file; on Windows wait while another process has the old one open, since it refuses that."""
    for _ in range(READ_TRIES):
        try:
            part.replace(path)
            return
        except PermissionError:
            if sys.platform != "win32":
                raise
        time.sleep(READ_PAUSE_S)
    part.replace(path)


def _remove_abandoned(path: Path) -> None:
    oldest = time.time() - ABANDONED_S
    head = f".{path.name}."
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if not entry.name.startswith(head) or not entry.name.endswith(".part"):
                continue
            if entry.name[len(head) : -len(".part")].isdigit() and entry.stat().st_mtime < oldest:
                Path(entry.path).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Force the new name itself to the disk, where the system can open a folder."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

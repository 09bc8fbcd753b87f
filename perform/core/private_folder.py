"""Folders that only their user may change: of the socket and the shared memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from perform.core.errors import PerformError


def make_private(folder: Path) -> None:
    """Make a folder unless it exists, and check it.

    PerformError: it belongs to another user, or others may write to it. Its name may be guessed, so another
    user could have made it first.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if why := why_not_private(folder):
        hint = "remove it, or name another folder with PERFORM_RUNTIME"
        raise PerformError(why, where=str(folder), hint=hint)


def why_not_private(folder: Path) -> str:
    """Return why other users could change the files of a folder; "" if they cannot, or on Windows.

    OSError: there is no such folder.
    """
    if sys.platform == "win32":
        return ""
    link, status = folder.lstat(), folder.stat()
    if {link.st_uid, status.st_uid} != {os.getuid()}:
        return "this folder belongs to another user"
    return "other users may write to this folder" if status.st_mode & 0o022 else ""

"""SHA-256 of model files, with a cache: a song finds its models under any file name. [disk]"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from perform.core.file_lock import FileLock
from perform.core.files import write_atomically
from perform.library import places
from perform.library.model_library import models

_PATIENCE_S = 1.0  #: for the lock of the cache, which is held for milliseconds


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(path: Path, sha256: str) -> None:
    """Store the hash of a file that a host has read."""
    entry: list[str | int] = [sha256, *_stamp(path)]
    if _read().get(str(path)) == entry:
        return
    lock = FileLock(_cache().with_suffix(".lock"))  # other processes remember, too
    with contextlib.suppress(OSError):  # a disk without locks
        lock.take(_PATIENCE_S)
    with contextlib.suppress(OSError):  # the cache can be made again
        write_atomically(_cache(), json.dumps(_read() | {str(path): entry}).encode())
    lock.release()


def scan() -> int:
    """[disk, slow] Hash the models of the library whose hash is not known; return how many those were.

    Each hash is stored at once, so a scan that was ended goes on where it stopped.
    """
    return len(_scanned())


def _scanned() -> dict[Path, str]:
    """Hash the models of the library whose hash is not known; return the new hashes."""
    found: dict[Path, str] = {}
    for path in models().values():
        if known(path):
            continue
        with contextlib.suppress(OSError):  # the file has gone, or may not be read
            found[path] = sha256(path)
            remember(path, found[path])
    return found


def known(path: Path) -> str:
    """Return a file's hash from the cache; "" if it is not there, or the file has changed since."""
    entry = _read().get(str(path))
    return str(entry[0]) if entry and entry[1:] == _stamp(path) else ""


def find_or_scan(sha256: str) -> Path | None:
    """[disk, slow] The same as `find`; if the hash is not known, hash the models of the library first."""
    if found := find(sha256):
        return found
    new = _scanned()
    return next((path for path, digest in new.items() if digest == sha256), None)


def find(sha256: str) -> Path | None:
    """Return a file with this hash: a model of the library, or any other that has been played."""
    entries = _read()
    for name in [*(str(path) for path in models().values()), *entries]:
        if name in entries and entries[name][0] == sha256 and entries[name][1:] == _stamp(Path(name)):
            return Path(name)
    return None


def _cache() -> Path:
    return places.cache() / "hashes.json"


def _stamp(path: Path) -> list[int]:
    """Size and time of change: the hash is known as long as they stay the same."""
    try:
        stat = path.stat()
    except OSError:
        return []
    return [stat.st_size, stat.st_mtime_ns]


def _read() -> dict[str, list[str | int]]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(_cache().read_text())
        if isinstance(found, dict) and all(isinstance(e, list) and len(e) == 3 for e in found.values()):
            return found
    return {}

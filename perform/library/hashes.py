"""Which file has which SHA-256, as far as a host has said: a song finds its models whatever their names."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from perform.core.files import write_atomically
from perform.library import places
from perform.library.cards import models


def remember(path: Path, sha256: str) -> None:
    """[disk] A host has read this file."""
    known = _read()
    entry: list[str | int] = [sha256, *_stamp(path)]
    if known.get(str(path)) == entry:
        return
    known[str(path)] = entry
    index = places.cache() / "hashes.json"
    with contextlib.suppress(OSError):  # it is only a memory of what can be read again
        write_atomically(index, json.dumps(known).encode())


def known(path: Path) -> str:
    """[disk] A file's hash, if somebody has read it as it is now; else ""."""
    entry = _read().get(str(path))
    return str(entry[0]) if entry and entry[1:] == _stamp(path) else ""


def find(sha256: str) -> Path | None:
    """[disk] The file of the library, or any that was played once, that has this hash."""
    entries = _read()
    for name in [*(str(path) for path in models().values()), *entries]:
        if name in entries and entries[name][0] == sha256 and entries[name][1:] == _stamp(Path(name)):
            return Path(name)
    return None


def _stamp(path: Path) -> list[int]:
    try:
        stat = path.stat()
    except OSError:
        return []
    return [stat.st_size, stat.st_mtime_ns]


def _read() -> dict[str, list[str | int]]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((places.cache() / "hashes.json").read_text())
        if isinstance(found, dict) and all(isinstance(e, list) and len(e) == 3 for e in found.values()):
            return found
    return {}

"""Paths as a player writes them, and as files and libraries need them.

On Linux a path is bytes. Python reads a byte that is not UTF-8 as a lone surrogate (PEP 383). A text for the
player, a TOML or a cue sheet cannot hold one, so there the byte is written as `�e9`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from perform.core.errors import WrongUse

_BYTE = re.compile("\N{REPLACEMENT CHARACTER}([89a-f][0-9a-f])")


def expanded(name: str) -> Path:
    """Return a path with its `~` replaced; WrongUse if no home folder is known for it."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise WrongUse("no home folder is known for ~", where=name, hint="write the whole path") from error


def to_text(path: str | Path) -> str:
    """Return a path as text that UTF-8 can hold: `caf�e9` for a file name whose last byte is E9."""
    return "".join(
        f"\N{REPLACEMENT CHARACTER}{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c
        for c in str(path)
    )


def from_text(text: str) -> str:
    """Return the path that `to_text` wrote."""
    return _BYTE.sub(lambda match: chr(0xDC00 + int(match[1], 16)), text)


def native(path: Path) -> str | bytes:
    """Return a path for a C library: the bytes of the file system, on Windows the text."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)

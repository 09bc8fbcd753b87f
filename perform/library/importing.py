"""Models from elsewhere: how they lie in the library, and which of a stranger's the player has agreed to.

A model that perform cannot rebuild is kept as it came, a TorchScript archive, inside a `.safetensors` file of
its own format: one tensor of bytes, and in the header a card like every model's and how it is played. Such a
file runs a stranger's code (scanned, behind walls), so its archive has to be confirmed once, by its hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from perform.core.errors import WrongUse
from perform.core.files import write_atomically
from perform.library import places
from perform.library.cards import MODULE_FORMAT, Card

_NAME = re.compile(r"[^\w.+-]+")


def wrap(archive: bytes, card: Card, options: Mapping[str, Any]) -> bytes:
    """A model file around a TorchScript archive.

    options : how it is played: {"method": "decode"}
    """
    metadata = {
        "format": MODULE_FORMAT,
        "card": msgspec.json.encode(card).decode(),
        "options": json.dumps(dict(options)),
    }
    return serialise({"archive": np.frombuffer(archive, np.uint8)}, metadata)


def unwrap(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The archive in a model file that `wrap` made, and its options; WrongUse where it is another. [disk]"""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != MODULE_FORMAT or list(file.keys()) != ["archive"]:
                raise WrongUse("not an imported module", where=str(path))
            archive = file.get_tensor("archive")
        options = json.loads(metadata.get("options", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise WrongUse(f"not a model file, or cut short ({error})", where=str(path)) from None
    if archive.dtype != np.uint8 or archive.ndim != 1 or not isinstance(options, dict):
        raise WrongUse("not an imported module", where=str(path), hint="import it again")
    return archive.tobytes(), options


def confirmed(archive: bytes) -> bool:
    """Whether the player has agreed to this TorchScript archive. [disk]"""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return hashlib.sha256(archive).hexdigest() in _agreed().read_text("utf-8").split()
    return False


def confirm(archive: bytes, name: str) -> None:
    """Remember that the player agrees to this TorchScript archive. [disk]"""
    path = _agreed()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        out.write(f"{hashlib.sha256(archive).hexdigest()} {name_of(name)}\n")
        out.flush()
        os.fsync(out.fileno())


def _agreed() -> Path:
    return places.user("models") / "confirmed.txt"


def name_of(text: str) -> str:
    """A name as a file in the library has it: letters, digits, `_`, `-`, `+` and points."""
    return _NAME.sub("_", text).strip("._")[:100] or "model"


def destination(name: str, replace: bool = False) -> Path:
    """Where a model called `name` goes in the player's library; WrongUse where one is there already."""
    path = places.user("models") / f"{name_of(name)}.safetensors"
    if path.exists() and not replace:
        raise WrongUse(
            f"there is a model {path.stem!r} already", where=str(path), hint="--name, or --replace"
        )
    return path


def keep(data: bytes, path: Path) -> None:
    """Write a model file, whole or not at all. [disk]"""
    write_atomically(path, data)

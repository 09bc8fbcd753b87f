"""Names and paths of models in the player's library."""

from __future__ import annotations

import re
from pathlib import Path

from perform.core.errors import WrongUse
from perform.library import places

_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")


def file_name(text: str) -> str:
    """Return a text as a file name of the library: letters, digits, `_`, `-`, `+` and `.`."""
    return _NOT_IN_NAMES.sub("_", text).strip("._")[:100] or "model"


def destination(name: str, replace: bool = False) -> Path:
    """Return the path of a new model in the player's library. WrongUse: it exists, and is not replaced."""
    path = places.user("models") / f"{file_name(name)}.safetensors"
    if path.exists() and not replace:
        hint = "choose another --name, or --replace it"
        raise WrongUse(f"there is already a model {path.stem!r}", where=str(path), hint=hint)
    return path

"""The model file of a third-party module: its TorchScript archive, a card, and how it is played.

perform keeps a module that it cannot rebuild. The `.safetensors` file has one tensor of bytes, the archive;
the header has a card, as in every model file, and options: {"method": "decode"}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from perform.core.errors import WrongUse
from perform.library.cards import MODULE_FORMAT, Card
from perform.rave.archive import Archive, parse, read


def wrap(archive: bytes, card: Card, options: Mapping[str, Any]) -> bytes:
    """Return the bytes of a model file around a TorchScript archive."""
    metadata = {
        "format": MODULE_FORMAT,
        "card": msgspec.json.encode(card).decode(),
        "options": json.dumps(dict(options)),
    }
    return save({"archive": np.frombuffer(archive, np.uint8)}, metadata)


def unwrap(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the archive in a model file, and its options. WrongUse: another kind of file. [disk]"""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != MODULE_FORMAT or list(file.keys()) != ["archive"]:
                raise WrongUse("not an imported module", where=str(path))
            archive = file.get_tensor("archive")
        options = json.loads(metadata.get("options", "{}"))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise WrongUse(f"not a model file, or cut short ({error})", where=str(path)) from None
    if archive.dtype != np.uint8 or archive.ndim != 1 or not isinstance(options, dict):
        raise WrongUse("not an imported module", where=str(path), hint="import it again")
    return archive.tobytes(), options


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip, as TorchScript archives are. [disk]"""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})", where=str(path)) from None


def read_archive(path: Path) -> Archive:
    """Read the TorchScript archive of an export, or of a model file around one. [disk]"""
    return read(path) if is_archive(path) else parse(unwrap(path)[0], path)

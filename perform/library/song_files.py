"""Finding the files that a song names: models, sound files, matrices. [disk]"""

from __future__ import annotations

from pathlib import Path

from perform.core.errors import PerformError, WrongUse
from perform.core.paths import to_text
from perform.library import hashes, places
from perform.library.model_library import find_model
from perform.library.song import ModelName


def model_file(model: ModelName, *, scan: bool = False) -> Path:
    """Return the file of a model, found by hash, else by name. WrongUse: it is not here.

    scan : hash the library's models if none is known to have this hash [slow]
    """
    named, refusal = None, None
    try:
        named = find_model(model.name)
    except PerformError as error:
        refusal = error
    if model.sha256 and not (named and hashes.known(named) == model.sha256):
        find = hashes.find_or_scan if scan else hashes.find
        named = find(model.sha256) or named
    if refusal and not named:
        hint = f"get it from {model.source}" if model.source else refusal.hint
        raise WrongUse(f"the model {model.name!r} is not here", hint=hint) from refusal
    assert named
    return named


def find_deck_file(name: str) -> Path:
    """Return the sound file or matrix of a path, or of a name in `sounds`. WrongUse: it is not here."""
    sounds = places.user("sounds")
    if path := places.existing(name) or places.existing(str(sounds / name)):
        return path
    raise WrongUse("no such file", where=name[:200], hint=f"give its path, or put it into {sounds}")


def deck_file_name(path: Path) -> str:
    """Return the name of a sound file or matrix for a song: the path, or the part of it within `sounds`."""
    sounds = places.user("sounds").resolve()
    return to_text(path.relative_to(sounds) if path.is_relative_to(sounds) else path)

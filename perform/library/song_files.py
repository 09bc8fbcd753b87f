"""Finding the models that a song names. [disk]"""

from __future__ import annotations

from pathlib import Path

from perform.core.errors import PerformError, WrongUse
from perform.library import hashes
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

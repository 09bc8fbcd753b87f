"""Paths as a player writes them."""

from __future__ import annotations

from pathlib import Path

from perform.core.errors import WrongUse


def expanded(name: str) -> Path:
    """Return a path with its `~` replaced; WrongUse if no home folder is known for it."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise WrongUse("no home folder is known for ~", where=name, hint="write the whole path") from error

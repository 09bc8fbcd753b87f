"""Licences that the player has agreed to, one a line in `licences.txt` beside the models. [disk]"""

from __future__ import annotations

from perform.core.files import write_atomically
from perform.library import places

_FILE = "licences.txt"


def is_agreed(licence: str) -> bool:
    """Return whether the player has agreed to a licence before."""
    return _line(licence) in _lines()


def agree(licence: str) -> None:
    """Remember that the player agrees to a licence."""
    if not is_agreed(licence):
        text = "".join(f"{line}\n" for line in [*_lines(), _line(licence)])
        write_atomically(places.user("models") / _FILE, text.encode())


def _line(licence: str) -> str:
    return " ".join(licence.split())


def _lines() -> list[str]:
    path = places.user("models") / _FILE
    return path.read_text("utf-8", "replace").splitlines() if path.exists() else []

"""Names of sound files and matrices in songs: a path, or a name in the player's folder `sounds`. [disk]

The samples of the bundled voices have names too, as `kit.ogg`.
"""

from __future__ import annotations

from pathlib import Path

from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.library import places
from perform.library.former_voices import farewell


def find_deck_file(name: str) -> Path:
    """Return the sound file or matrix of a path, or of a name in `sounds`. WrongUse: it is not here."""
    sounds = places.user("sounds")
    for named in (name, str(sounds / name)):
        if path := places.existing(named):
            return path
    sample = places.bundled("docs") / "sounds" / name
    if sample.name == name and sample.is_file():
        return sample.resolve()
    bye = farewell(name.removesuffix(".ogg")) if name.endswith(".ogg") else ""
    hint = f"give its path, or put it into {sounds}"
    raise WrongUse("no such file", where=name[:200], hint=f"{bye}; {hint}" if bye else hint)


def deck_file_name(path: Path) -> str:
    """Return the name of a sound file or matrix for a song: the path, or the part of it within `sounds`."""
    sounds = places.user("sounds").resolve()
    return to_text(path.relative_to(sounds) if path.is_relative_to(sounds) else path)

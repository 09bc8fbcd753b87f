"""The model library: the player's models and the bundled ones, by name. [disk]"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from perform.core.errors import WrongUse
from perform.core.files import move
from perform.core.paths import to_text
from perform.library import card_changes, places
from perform.library.former_voices import farewell

SUFFIXES = (".safetensors", ".ts")  #: of the files that a deck or an insert can load
_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")


def models() -> dict[str, Path]:
    """Return the file of every model by name; the player's models replace bundled ones of the same name."""
    found: dict[str, Path] = {}
    for folder in (places.bundled("models"), places.user("models")):
        found |= {to_text(path.stem): path for path in sorted(folder.glob("*.safetensors"))}
    return dict(sorted(found.items()))


def find_model(name: str) -> Path:
    """Return the file of a model, by path or name. WrongUse: there is none; it lists similar names."""
    if places.is_path(name):
        if path := places.existing(name):
            return path
        hint = "see `perform models list` for the models of the library"
        raise WrongUse("no such model file", where=name[:200], hint=hint)
    known, name = models(), to_text(name)
    if name not in known:
        if bye := farewell(name):
            raise WrongUse(f"no model is called {name!r}", hint=bye)
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"the models are {', '.join(known) or 'none'}"
        raise WrongUse(f"no model is called {name[:80]!r}", hint=hint)
    return known[name]


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


def remove(name: str) -> Path:
    """Move a model and the changes of its card to the folder `removed` beside it; return its new path.

    WrongUse: there is none, or it is a bundled one.
    """
    path = _own(name)
    folder = path.parent / "removed"
    folder.mkdir(exist_ok=True)
    number = 1
    while (target := folder / f"{path.stem}{f'_{number}' if number > 1 else ''}.safetensors").exists():
        number += 1
    return _move(path, target)


def rename(name: str, new_name: str) -> Path:
    """Give a model of the player another name; return its new path. WrongUse: the new name is taken."""
    return _move(_own(name), destination(new_name))


def _own(name: str) -> Path:
    path = find_model(name)
    if path.parent != places.user("models"):
        hint = "only models in your own library can be renamed or removed"
        raise WrongUse(f"{name[:80]!r} is not in your library", where=str(path), hint=hint)
    return path


def _move(path: Path, target: Path) -> Path:
    changes = card_changes.files(path)
    move(path, target)
    for file, new in zip(changes, card_changes.files(target), strict=True):
        if file.exists():
            move(file, new)
    return target

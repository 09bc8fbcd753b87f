"""The files that a set may use: in its folder, in perform's folders, and what the player allows.

A set may come from the internet. It reads no other file, and a learnt control writes to no other mapping.
What the player allows is kept in `sets/allowed-files.json`: by `--allow-files`, on the screen, or by saving a
set with files that they chose.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from perform.core import json_bytes
from perform.core.attributes import names_a_sound
from perform.core.errors import PerformError, WrongUse
from perform.core.files import write_atomically
from perform.core.paths import from_text
from perform.library import places

if TYPE_CHECKING:
    from perform.library.sets import Set


class FilesOutside(WrongUse):
    """A set uses files that the player has not allowed. files: their paths."""

    def __init__(self, files: tuple[Path, ...], where: Path) -> None:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        super().__init__(
            f"uses files outside of its folder: {files[0]}{more}",
            where=str(where),
            hint="if you trust it, add --allow-files once, or open it on the screen",
        )
        self.files = files


def check(made: Set, path: Path) -> None:
    """[disk] Raise FilesOutside if the set in the file `path` uses files that it may not use."""
    if files := outside(made, path):
        raise FilesOutside(files, path)


def outside(made: Set, path: Path) -> tuple[Path, ...]:
    """[disk] Return the existing files that the set in the file `path` names and may not use."""
    allowed, folder = set(_read()), path.resolve().parent
    named = dict.fromkeys(_named(made))
    return tuple(file for file in named if file not in allowed and not _is_inside(file, folder))


def allow(files: Iterable[Path]) -> None:
    """[disk] Let every set use these files from now on. OSError: it cannot be kept."""
    known = _read()
    new = [file for file in dict.fromkeys(files) if file not in known]
    if new:
        write_atomically(_file(), json_bytes.encode([str(file) for file in (*known, *new)]), private=True)


def _read() -> list[Path]:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return [Path(file) for file in json_bytes.decode(_file().read_bytes(), list[str])]
    return []


def _file() -> Path:
    return places.user("sets") / "allowed-files.json"


def _named(made: Set) -> Iterator[Path]:
    """The existing files behind the names in a set, with links followed."""
    sounds = places.user("sounds")
    for song in made.songs:
        words = [text for texts in song.texts.values() for text in texts if names_a_sound(text)]
        for name in (*song.files.values(), *song.matrices.values(), *words):
            yield from _existing(name) or _existing(str(sounds / name))
        for model in (*song.models.values(), *song.modules.values()):
            yield from _existing(model.name) if places.is_path(model.name) else ()
    for name in (made.mapping, *(song.mapping for song in made.songs)):
        yield from _existing(name) if name.endswith(".toml") else ()


def _existing(name: str) -> list[Path]:
    """The file of a name, unless it lies in perform's folders. On a network share, it is not looked for."""
    try:
        path = Path(os.path.abspath(os.path.expanduser(from_text(name))))  # noqa: PTH100, PTH111
    except OSError:  # the working folder is gone
        return []
    if path.drive.startswith("\\\\"):
        return [path]
    if any(path.is_relative_to(folder) for folder in _library()):
        return []  # the player's own links in it may lead anywhere
    found = places.existing(name)
    return [found] if found else []


def _library() -> list[Path]:
    folders = [places.bundled("models"), places.bundled("presets")]
    for find in (functools.partial(places.user, ""), places.cache, places.takes):
        with contextlib.suppress(PerformError):  # no home is known
            folders.append(find())
    return [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100


def _is_inside(file: Path, folder: Path) -> bool:
    """Whether a file lies in the folder of a set. In the home folder, and above it, only beside the set."""
    with contextlib.suppress(RuntimeError):
        if Path.home().resolve().is_relative_to(folder):
            return file.parent == folder
    roots = (folder, *(root.resolve() for root in _library()))
    return any(file.is_relative_to(root) for root in roots)

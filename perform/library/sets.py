"""Sets: lists of songs in TOML files. Reading, writing and finding them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

import msgspec
from tomlkit.exceptions import TOMLKitError

from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.library import allowed_files, model_library, places, toml_files
from perform.library.allowed_files import FilesOutside
from perform.library.song import Song, Tempo
from perform.library.song_check import check_song


class Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An ordered list of songs, and the controller mapping for it.

    mapping : name or path; "": the mapping made for the connected controller, else `generic`
    margin  : of just-in-time rendering; "": leave it as it is
    tempo   : of songs that name none; None: they keep the tempo that plays
    """

    name: str
    mapping: str = ""
    margin: Literal["", "tight", "normal", "safe"] = ""
    tempo: Tempo | None = None
    songs: list[Song] = []


def load_set(name: str) -> Set:
    """Read a set by path or name. WrongUse: there is none, or it is not valid."""
    return read_set(find_set(name))


def allow_files(name: str) -> None:
    """[disk] Let a set use all files that it names, now and later. WrongUse: there is no such set."""
    try:
        load_set(name)
    except FilesOutside as error:
        allowed_files.allow(error.files)


def read_set(path: Path) -> Set:
    """Read the set in a file. WrongUse: it is not valid, or uses files that the player has not allowed."""
    loaded = toml_files.read(path, Set)
    if not loaded.songs:
        raise WrongUse("a set without songs", where=str(path), hint="add a [[songs]] with a name and decks")
    for song in loaded.songs:
        try:
            check_song(song)
        except WrongUse as error:
            raise WrongUse(error.what, where=f"{path}: song {song.name!r}", hint=error.hint) from error
    allowed_files.check(loaded, path)
    return loaded


def save_set(made: Set, path: Path, *, like: Path | None = None) -> None:
    """[disk] Write a set atomically, with the comments and order of the file at `path`, else of `like`.

    WrongUse: the file at `path` is no longer TOML; it stays as it is. PerformError: the file cannot be
    written, or would be too large to be read again.
    """
    values = msgspec.to_builtins(made)
    exists = path.exists()
    try:
        text = (path if exists else like or path).read_bytes().decode("utf-8-sig")
        text = toml_files.rewritten(text, values, long="points")
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        if exists:
            hint = "correct it, or save under another name"
            raise WrongUse(f"no longer a set: {error}", where=str(path), hint=hint) from error
        text = toml_files.rewritten("", values, long="points")
    toml_files.write(path, text)


def available() -> dict[str, Path]:
    """[disk] Return every set by name; the player's sets replace bundled ones of the same name."""
    folders = (places.bundled("presets") / "sets", places.user("sets"))
    return {to_text(path.stem): path for folder in folders for path in sorted(folder.glob("*.toml"))}


def find_set(name: str) -> Path:
    """Return the file of a set by path or name. WrongUse: there is none."""
    if places.is_path(name):
        if path := places.existing(name):
            if path.suffix in model_library.SUFFIXES:
                hint = "in the instrument press `o` and type this path; `perform models import` keeps it"
                raise WrongUse("a model, not a set", where=to_text(path), hint=hint)
            return path
        raise WrongUse("no such set", where=name[:200], hint="name a .toml file, or `demo`")
    there, name = available(), to_text(name)
    if name not in there:
        near = difflib.get_close_matches(name, there, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"the sets are {', '.join(sorted(there))}"
        if name in model_library.models():
            hint = f"it is a model: in the instrument `o` loads it onto a deck; {hint}"
        raise WrongUse(f"no command or set is called {name[:80]!r}", hint=hint)
    return there[name]

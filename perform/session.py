"""Sets and songs: which models stand on which decks, and how every number begins. TOML <-> frozen values."""

from __future__ import annotations

import difflib
from pathlib import Path

import msgspec

from perform import params
from perform.errors import WrongUse
from perform.library import places, toml
from perform.params import DECKS, Table


class Song(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Models on decks and the numbers they begin with.

    decks  : deck number, as text, -> model name or path
    values : address -> value in plain units, or the name of a choice ("loop", "A")
    """

    name: str
    decks: dict[str, str] = {}
    values: dict[str, float | str] = {}


class Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ordered list of songs, and the controller mapping they are played with.

    mapping : name or path; "" for the one made for the controller that is connected, else `generic`
    """

    name: str
    songs: list[Song]
    mapping: str = ""


def load_set(name: str) -> Set:
    """A set by path, or by the name of a bundled one or one of the player's; WrongUse where it is wrong."""
    path = find_set(name)
    loaded = toml.read(path, Set)
    if not loaded.songs:
        raise WrongUse("a set without songs", where=str(path), hint="add a [[songs]] with a name and decks")
    for song in loaded.songs:
        try:
            check(song)
        except WrongUse as error:
            raise WrongUse(error.what, where=f"{path}: song {song.name!r}", hint=error.hint) from error
    return loaded


def find_set(name: str) -> Path:
    """The file of a set."""
    if places.is_path(name):
        if path := places.existing(name):
            return path
        raise WrongUse("no such set", where=name[:200], hint="name a .toml file, or `demo`")
    there = available()
    if name not in there:
        near = difflib.get_close_matches(name, there, n=3)
        hint = (
            f"did you mean {', '.join(near)}?" if near else f"there are the sets {', '.join(sorted(there))}"
        )
        raise WrongUse(f"no command or set is called {name[:80]!r}", hint=hint)
    return there[name]


def available() -> dict[str, Path]:
    """Sets by name: the bundled ones and the player's own, which go before bundled ones of the same name."""
    return {
        path.stem: path
        for base in (places.bundled("presets") / "sets", places.user("sets"))
        for path in base.glob("*.toml")
    }


def check(song: Song) -> None:
    """WrongUse where a song names a deck, an address or a choice that does not exist."""
    for deck in song.decks:
        if deck not in {str(d) for d in range(1, DECKS + 1)}:
            raise WrongUse(f"there is no deck {deck!r}", hint=f"decks are 1 to {DECKS}")
    apply(song, params.defaults())


def apply(song: Song, table: Table) -> None:
    """[control] Put a song's numbers into a table; what it does not name is left as it is."""
    for address, value in song.values.items():
        params.put(table, address, _number(address, value))


def _number(address: str, value: float | str) -> float:
    spec = params.SPEC_AT[params.slot(address)]
    if isinstance(value, str):
        if value not in spec.choices:
            hint = (
                f"it is one of {', '.join(spec.choices)}"
                if spec.choices
                else f"it is a number in {spec.unit}"
            )
            raise WrongUse(f"{address} cannot be {value!r}", hint=hint)
        return float(spec.choices.index(value))
    if spec.clamp(value) != value:
        raise WrongUse(
            f"{address} cannot be {value}", hint=f"it lies in {spec.low:g}..{spec.high:g} {spec.unit}"
        )
    return value

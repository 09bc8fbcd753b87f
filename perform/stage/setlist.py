"""A set, its file, the keys of its songs. Every edit makes another set; undo restores the one before."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena_layout import INSERTS
from perform.core.errors import WrongUse
from perform.core.params import DECKS, SPEC_AT, Table
from perform.core.paths import expanded, to_text
from perform.library import places
from perform.library.sets import Set
from perform.library.song import ModelName, Song, insert_place
from perform.library.toml_values import slot_values, toml_value

_next_key = itertools.count(1)


class SongOrder(NamedTuple):
    """The songs of a set in one order, and the key of each: two songs may have one name."""

    songs: list[Song]
    keys: list[int]


class PlayedSong(NamedTuple):
    """A song that plays or has played, with the models and files that it had last.

    key : identifies it in a set, see `SetList.keys`
    """

    key: int
    song: Song


def song_outside(song: Song) -> PlayedSong:
    """A song that is in no set any more, with a key that no set has."""
    return PlayedSong(next(_next_key), song)


class SetList:
    """A set, its file, and the version that was saved last.

    song : the song that plays;  now : its index, or -1 while a song of another set plays
    keys : of the songs, in their order; edits and moves keep them, for as long as the stage lives
    key  : of the song that plays
    """

    def __init__(
        self,
        made: Set,
        path: Path | None,
        *,
        now: int = 0,
        outside: PlayedSong | None = None,
        saved: bool = True,
    ) -> None:
        """Songs get new keys. outside: the song that plays, where it belongs to another set."""
        self.set, self.path = made, path
        self._saved = made if saved else None
        self.keys = [next(_next_key) for _ in made.songs]
        self.now: int
        self.song: Song
        self.key: int
        if outside:
            self.now, self.song, self.key = -1, outside.song, outside.key
        else:
            self.now, self.song, self.key = now, made.songs[now], self.keys[now]

    @property
    def playing(self) -> PlayedSong:
        """The song that plays."""
        return PlayedSong(self.key, self.song)

    @property
    def songs(self) -> list[Song]:
        """The songs in their order."""
        return self.set.songs

    @property
    def changed(self) -> bool:
        """Some edit is not saved."""
        return self.set != self._saved

    @property
    def order(self) -> SongOrder:
        """The songs and their keys, for `restore`."""
        return SongOrder(self.songs, self.keys)

    def index(self, key: int | None) -> int | None:
        """Index of a song by its key; None where the set has no such song."""
        return self.keys.index(key) if key in self.keys else None

    def play(self, index: int) -> None:
        """Note that the song at an index plays."""
        self.now, self.song, self.key = index, self.songs[index], self.keys[index]

    def at(self, number: int) -> int:
        """Index of song `number`; WrongUse where there is none."""
        if not 1 <= number <= len(self.songs):
            raise WrongUse(f"there is no song {number}", hint=f"the set has 1 to {len(self.songs)}")
        return number - 1

    def put(self, song: Song) -> None:
        """Replace the song that plays by another version of it."""
        if self.now < 0:
            raise WrongUse(
                "the song that plays belongs to another set", hint="go to a song of this set first"
            )
        self.song = song
        self._put([*self.songs[: self.now], song, *self.songs[self.now + 1 :]], self.keys)

    def add(self, song: Song) -> None:
        """Insert a song after the one that plays."""
        self._insert(self.now + 1, song)

    def copy(self, number: int, name: str) -> None:
        """Insert a copy of a song, as it is stored, right after it."""
        i = self.at(number)
        song = msgspec.structs.replace(self.songs[i], name=_checked_name(name))
        self._insert(i + 1, song)

    def add_empty(self, number: int, name: str) -> None:
        """Insert a song without models after song `number`; 0: after the one that plays."""
        self._insert(self.at(number) + 1 if number else self.now + 1, Song(_checked_name(name)))

    def replace(self, number: int, song: Song) -> None:
        """Replace song `number` by another version of it."""
        i = self.at(number)
        self._put([*self.songs[:i], song, *self.songs[i + 1 :]], self.keys)
        self.song = song if i == self.now else self.song

    def rename(self, number: int, name: str) -> None:
        """Give a song another name."""
        song = self.songs[self.at(number)]
        self.replace(number, msgspec.structs.replace(song, name=_checked_name(name)))

    def move(self, number: int, to: int) -> None:
        """Move a song to another place; the same song plays as before."""
        source, target = self.at(number), self.at(to)
        order = list(range(len(self.songs)))
        order.insert(target, order.pop(source))
        self._put([self.songs[i] for i in order], [self.keys[i] for i in order])

    def remove(self, number: int) -> None:
        """Remove a song that does not play."""
        i = self.at(number)
        if i == self.now:
            raise WrongUse("this song plays", hint="go to another one first")
        self._put([*self.songs[:i], *self.songs[i + 1 :]], [*self.keys[:i], *self.keys[i + 1 :]])

    def _insert(self, index: int, song: Song) -> None:
        songs, keys = list(self.songs), list(self.keys)
        songs.insert(index, song)
        keys.insert(index, next(_next_key))
        self._put(songs, keys)

    def _put(self, songs: list[Song], keys: list[int]) -> None:
        self.set, self.keys = msgspec.structs.replace(self.set, songs=songs), keys
        if self.now >= 0:
            self.now = keys.index(self.key)

    def restore(self, order: SongOrder) -> None:
        """Bring the songs before an edit back, or those after it; the same song plays as before."""
        if self.now >= 0 and self.key not in order.keys:
            raise WrongUse("this song plays", where=self.song.name, hint="go to another one first")
        self._put(order.songs, order.keys)
        self.song = self.song if self.now < 0 else order.songs[self.now]

    def song_with_values(
        self, name: str, table: Table, decks: dict[int, ModelName], inserts: dict[int, ModelName]
    ) -> Song:
        """The song that plays, with these models and the table's values; its settings and scenes stay.

        It stores values of decks in use that are no defaults, and every value that it has stored before.
        """
        defaults = params.defaults()
        in_use = storable(decks, inserts)
        stored = set(slot_values(self.song.values, self.song.texts))
        values = {
            params.ADDRESSES[i]: toml_value(i, float(table[i]))
            for i in range(len(table))
            if in_use[i] and (table[i] != defaults[i] or i in stored)
        }
        values.pop("tempo", None)
        return msgspec.structs.replace(
            self.song,
            name=name if name == self.song.name else _checked_name(name),
            decks={str(deck): model for deck, model in sorted(decks.items())},
            inserts={insert_place(insert): module for insert, module in sorted(inserts.items())},
            values=values,
            tempo=float(table[params.slot("tempo")]),
        )

    def to_write(self, name: str = "") -> tuple[Set, Path]:
        """The set to write, and its path; WrongUse where another set has this path.

        A bundled set, and a set under a new name, goes into the player's own folder.
        """
        source, made = self.path, self.set
        path = source
        if name:
            path = expanded(name).resolve() if places.is_path(name) else _own_path(name)
            made = msgspec.structs.replace(made, name=to_text(path.stem))
        elif path is None or path.is_relative_to(places.bundled("presets")):
            path = _own_path(path.stem if path else self.set.name)
        if path != source and path.exists():
            raise WrongUse("is there already", where=str(path), hint="save it under another name")
        return made, path

    def note_saved(self, made: Set, path: Path) -> None:
        """A set of `to_write` is on the disk; later edits are not."""
        self.path, self._saved = path, made
        self.set = msgspec.structs.replace(self.set, name=made.name)


def new_set(name: str) -> tuple[Set, Path]:
    """A set with one empty song, and its path; WrongUse where there is a set of that name."""
    path = _own_path(name)
    if path.exists():
        raise WrongUse("is there already", where=str(path), hint="give the new set another name")
    return Set(path.stem, songs=[Song("song 1")]), path


def storable(decks: Iterable[int], inserts: Iterable[int]) -> npt.NDArray[np.bool_]:
    """A mask of the slots that a song with models on these decks and inserts can store."""
    mask = np.zeros(len(SPEC_AT), dtype=bool)
    for deck in decks:
        mask[params.slots(deck)] = True
    shared = params.slots(DECKS).stop
    mask[shared:] = True
    for insert in range(INSERTS):
        mask[params.slots_of_insert(insert)] = insert in inserts
    mask[[params.never_stored(address) for address in params.ADDRESSES]] = False
    mask[[spec.action for spec in SPEC_AT]] = False
    return mask


def _own_path(name: str) -> Path:
    return places.user("sets") / f"{_checked_name(name)}.toml"


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or "/" in name or "\\" in name or not name.isprintable():
        raise WrongUse(f"{name!r} cannot be a name", hint="use letters, digits and spaces")
    return name

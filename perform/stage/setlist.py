"""The set that is played, as it is edited: every edit gives another whole set, and undo the one before."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import DECKS, SPEC_AT, Table
from perform.library import places, sets
from perform.library.sets import ModelName, Set, Song

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
    """A set, the file it came from, and what was last saved of it.

    song : the one that plays; now: its index, or -1 when it belongs to the set before
    keys : identify the songs, in their order, for as long as the stage lives: edits and moves keep them
    key  : the key of the song that plays
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
        """outside : the song that plays, where it belongs to another set; then `now` is -1."""
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
        """In their order."""
        return self.set.songs

    @property
    def changed(self) -> bool:
        """Something is not saved."""
        return self.set != self._saved

    @property
    def order(self) -> SongOrder:
        """The songs and their keys, for `restore`."""
        return SongOrder(self.songs, self.keys)

    def index(self, key: int | None) -> int | None:
        """Where a song is; None when it is not in the set."""
        return self.keys.index(key) if key in self.keys else None

    def play(self, index: int) -> None:
        """The song at an index plays now."""
        self.now, self.song, self.key = index, self.songs[index], self.keys[index]

    def at(self, number: int) -> int:
        """Index of song `number`; WrongUse where there is none."""
        if not 1 <= number <= len(self.songs):
            raise WrongUse(f"there is no song {number}", hint=f"the set has 1 to {len(self.songs)}")
        return number - 1

    def put(self, song: Song) -> None:
        """Another version of the song that plays."""
        if self.now < 0:
            raise WrongUse("the song that plays is of another set", hint="go to a song of this one first")
        self.song = song
        self._put([*self.songs[: self.now], song, *self.songs[self.now + 1 :]], self.keys)

    def add(self, song: Song) -> None:
        """A song after the one that plays."""
        self._insert(self.now + 1, song)

    def copy(self, number: int, name: str) -> None:
        """A copy of a song, as it is written, right after it."""
        i = self.at(number)
        song = msgspec.structs.replace(self.songs[i], name=_named(name))
        self._insert(i + 1, song)

    def rename(self, number: int, name: str) -> None:
        """Call a song something else."""
        i = self.at(number)
        songs = list(self.songs)
        songs[i] = msgspec.structs.replace(songs[i], name=_named(name))
        self._put(songs, self.keys)
        self.song = songs[self.now] if i == self.now else self.song

    def move(self, number: int, to: int) -> None:
        """Put a song at another place; what plays is the same song as before."""
        source, target = self.at(number), self.at(to)
        order = list(range(len(self.songs)))
        order.insert(target, order.pop(source))
        self._put([self.songs[i] for i in order], [self.keys[i] for i in order])

    def remove(self, number: int) -> None:
        """Take a song out."""
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
        """The songs as they were before an edit, or after it; the song that plays stays the same one."""
        if self.now >= 0 and self.key not in order.keys:
            raise WrongUse("this song plays", where=self.song.name, hint="go to another one first")
        self._put(order.songs, order.keys)
        self.song = self.song if self.now < 0 else order.songs[self.now]

    def as_it_stands(self, name: str, table: Table, decks: dict[int, ModelName]) -> Song:
        """The song that plays, with the models and numbers as they are; settings and scenes stay."""
        opening = params.defaults()
        in_use = np.zeros(len(table), dtype=bool)
        for deck in decks:
            in_use[params.slots(deck)] = True
        shared = params.slots(DECKS).stop
        in_use[shared:] = [not a.startswith(params.NEVER_STORED) for a in params.ADDRESSES[shared:]]
        kept = set(sets.numbers(self.song.values, self.song.words))  # what the song names it goes on naming
        values = {
            params.ADDRESSES[i]: sets.words(i, float(table[i]))
            for i in range(len(table))
            if in_use[i] and not SPEC_AT[i].action and (table[i] != opening[i] or i in kept)
        }
        values.pop("tempo", None)
        return msgspec.structs.replace(
            self.song,
            name=_named(name),
            decks={str(deck): model for deck, model in sorted(decks.items())},
            values=values,
            tempo=float(table[params.slot("tempo")]),
        )

    def to_write(self, name: str = "") -> tuple[Set, Path]:
        """What shall be written, and where; WrongUse where another set lies there.

        A bundled set, or one with a new name, goes among the player's own.
        """
        source, made = self.path, self.set
        path = source
        if name:
            path = Path(name).expanduser().resolve() if places.is_path(name) else _own(name)
            made = msgspec.structs.replace(made, name=path.stem)
        elif path is None or path.is_relative_to(places.bundled("presets")):
            path = _own(path.stem if path else self.set.name)
        if path != source and path.exists():
            raise WrongUse("is there already", where=str(path), hint="save it under another name")
        return made, path

    def written(self, made: Set, path: Path) -> None:
        """What `to_write` gave is on the disk; edits since are still to be saved."""
        self.path, self._saved = path, made
        self.set = msgspec.structs.replace(self.set, name=made.name)


def _own(name: str) -> Path:
    return places.user("sets") / f"{_named(name)}.toml"


def _named(name: str) -> str:
    name = name.strip()
    if not name or "/" in name or "\\" in name or not name.isprintable():
        raise WrongUse(f"{name!r} is no name", hint="letters, digits, spaces")
    return name

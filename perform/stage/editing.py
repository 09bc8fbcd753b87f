"""The songs of a set, edited while one of them plays: each edit gives other songs, and undo those before."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import Table
from perform.library import hashes, sets
from perform.library.cards import models
from perform.library.sets import ModelName, Song
from perform.stage import commands
from perform.stage.commands import Answer, AnyCommand
from perform.stage.deck import Deck
from perform.stage.deck_files import DeckFiles
from perform.stage.loops import Loops
from perform.stage.scenes import Scenes
from perform.stage.setlist import SetList, SongOrder
from perform.stage.songs import Songs
from perform.stage.undo import UndoHistory


class Editing:
    """What a player changes in the set: `songs.list` holds it from then on, and so does the autosave."""

    def __init__(
        self,
        table: Table,
        decks: Mapping[int, Deck],
        songs: Songs,
        scenes: Scenes,
        loops: Loops,
        materials: DeckFiles,
        history: UndoHistory,
        tell: Callable[[str], None],
    ) -> None:
        self._table, self._decks, self._songs = table, decks, songs
        self._scenes, self._loops, self._materials = scenes, loops, materials
        self._history, self._tell = history, tell

    def do(self, command: AnyCommand) -> Answer | None:
        """Carry out an edit; None where the command is none."""
        setlist, song = self._songs.list, self._songs.list.song
        before = setlist.order
        match command:
            case commands.KeepSong():
                setlist.put(self._as_it_stands(song.name))
                words = f"song {song.name} kept as it stands"
            case commands.AddSong(name, number):
                setlist.copy(number, name) if number else setlist.add(self._as_it_stands(name))
                words = f"song {name} added"
            case commands.RenameSong(number, name):
                setlist.rename(number, name)
                words = f"song {number} called {name}"
            case commands.MoveSong(number, to):
                setlist.move(number, to)
                words = f"song {number} moved to {to}"
            case commands.RemoveSong(number):
                words = f"song {setlist.songs[setlist.at(number)].name} removed"
                setlist.remove(number)
            case commands.StoreScene(number, name):
                setlist.put(self._scenes.store(song, number, name, self._songs.opening))
                words = f"scene {number} stored"
            case commands.ForgetScene(number):
                setlist.put(self._scenes.forget(song, number))
                words = f"scene {number} forgotten"
            case commands.SetWord(address, word):
                setlist.put(sets.with_word(song, address, word))
                words = f"{address} can be {word!r}"
            case commands.Exclude(address):
                params.slot(address)
                out = [a for a in song.exclude if a != address]
                out += [address] if address not in song.exclude else []
                setlist.put(msgspec.structs.replace(song, exclude=out))
                words = f"{address} {'left out of' if address in out else 'back in'} scenes"
            case _:
                return None
        self._edited(before, words)
        return Answer(words)

    def put_loops(self, words: str) -> None:
        """The loops as they are become the song's, where it is of this set; words: what was done to them."""
        setlist, gestures = self._songs.list, self._loops.gestures()
        if setlist.now >= 0 and gestures != setlist.song.loops:
            before = setlist.order
            setlist.put(msgspec.structs.replace(setlist.song, loops=gestures))
            self._edited(before, words)

    def _edited(self, before: SongOrder, words: str) -> None:
        """The set has other songs than before: say so; undo brings those."""
        setlist = self._songs.list
        after = setlist.order
        self._songs.edited()
        self._tell(words)
        self._history.did(
            words, lambda: self._restore(setlist, before), lambda: self._restore(setlist, after)
        )

    def _restore(self, edited: SetList, order: SongOrder) -> None:
        if edited is not self._songs.list:
            raise WrongUse(
                f"that was done in the set {edited.set.name}", hint="undo ends where another set was opened"
            )
        edited.restore(order)
        if edited.now >= 0:
            self._loops.follow(edited.song.loops, time.monotonic())
        self._songs.edited()

    def stands(self) -> Song:
        """The song that plays, with the models, files and matrices that the decks have by now."""
        decks: dict[str, str | ModelName] = {str(number): model for number, model in self._models().items()}
        return msgspec.structs.replace(self._materials.put_into(self._songs.list.song), decks=decks)

    def _as_it_stands(self, name: str) -> Song:
        return self._materials.put_into(self._songs.list.as_it_stands(name, self._table, self._models()))

    def _models(self) -> dict[int, ModelName]:
        """Deck -> the model that belongs on it, by name and hash; one that is missing stays the song's."""
        found = {}
        for number, deck in self._decks.items():
            listed = self._songs.list.song.models.get(number)
            if path := deck.assigned:
                sha256 = deck.words().sha256 or hashes.known(path)
                source = listed.source if listed and listed.sha256 == sha256 else ""
                found[number] = ModelName(_name(path), sha256, source)
            elif deck.error and listed:
                found[number] = listed
        return found


def _name(path: Path) -> str:
    """A model's name in the library, else its path."""
    return path.stem if models().get(path.stem) == path else str(path)

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
from perform.stage.command_table import C, CommandTable
from perform.stage.commands import (
    AddSong,
    Answer,
    Exclude,
    ForgetScene,
    KeepSong,
    MoveSong,
    RemoveSong,
    RenameSong,
    SetText,
    StoreScene,
)
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

    def register(self, table: CommandTable) -> None:
        """Register the edits: each answers with what it did, and can be undone."""

        def on(kind: type[C], edit: Callable[[C], str]) -> None:
            table.on(kind, lambda command: self._edit(edit, command))

        on(KeepSong, self._keep_song)
        on(AddSong, self._add_song)
        on(RenameSong, self._rename_song)
        on(MoveSong, self._move_song)
        on(RemoveSong, self._remove_song)
        on(StoreScene, self._store_scene)
        on(ForgetScene, self._forget_scene)
        on(Exclude, self._exclude)

    def _edit(self, edit: Callable[[C], str], command: C) -> Answer:
        before = self._songs.list.order
        text = edit(command)
        self._edited(before, text)
        return Answer(text)

    def _keep_song(self, command: KeepSong) -> str:
        name = self._songs.list.song.name
        self._songs.list.put(self._as_it_stands(name))
        return f"song {name} kept as it stands"

    def _add_song(self, command: AddSong) -> str:
        setlist, name = self._songs.list, command.name
        setlist.copy(command.song, name) if command.song else setlist.add(self._as_it_stands(name))
        return f"song {name} added"

    def _rename_song(self, command: RenameSong) -> str:
        self._songs.list.rename(command.song, command.name)
        return f"song {command.song} called {command.name}"

    def _move_song(self, command: MoveSong) -> str:
        self._songs.list.move(command.song, command.to)
        return f"song {command.song} moved to {command.to}"

    def _remove_song(self, command: RemoveSong) -> str:
        setlist = self._songs.list
        text = f"song {setlist.songs[setlist.at(command.song)].name} removed"
        setlist.remove(command.song)
        return text

    def _store_scene(self, command: StoreScene) -> str:
        setlist, scene = self._songs.list, command.scene
        setlist.put(self._scenes.store(setlist.song, scene, command.name, self._songs.opening))
        return f"scene {scene} stored"

    def _forget_scene(self, command: ForgetScene) -> str:
        setlist = self._songs.list
        setlist.put(self._scenes.forget(setlist.song, command.scene))
        return f"scene {command.scene} forgotten"

    def _exclude(self, command: Exclude) -> str:
        setlist, address = self._songs.list, command.address
        params.slot(address)
        before = setlist.song.exclude
        after = [a for a in before if a != address]
        after += [address] if address not in before else []
        setlist.put(msgspec.structs.replace(setlist.song, exclude=after))
        return f"{address} {'left out of' if address in after else 'back in'} scenes"

    def add_text(self, command: SetText) -> None:
        """Add a text of an attribute to the song's."""
        self._edit(self._add_text, command)

    def _add_text(self, command: SetText) -> str:
        setlist = self._songs.list
        setlist.put(sets.with_word(setlist.song, command.address, command.text))
        return f"{command.address} can be {command.text!r}"

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
                sha256 = deck.status().sha256 or hashes.known(path)
                source = listed.source if listed and listed.sha256 == sha256 else ""
                found[number] = ModelName(_name(path), sha256, source)
            elif deck.error and listed:
                found[number] = listed
        return found


def _name(path: Path) -> str:
    """A model's name in the library, else its path."""
    return path.stem if models().get(path.stem) == path else str(path)

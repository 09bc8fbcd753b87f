"""Commands that edit the set while it plays: songs, scenes and loops. The player can undo each.

A set is an immutable value: every edit makes another one. `Songs.list` and the autosave have it at once, the
set's file once the player saves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.library import hashes
from perform.library.model_library import models
from perform.library.song import ModelName, Song
from perform.library.song_check import add_text
from perform.stage.command_table import C, CommandTable
from perform.stage.commands import (
    AddSong,
    Answer,
    Exclude,
    ForgetLoop,
    ForgetScene,
    KeepSong,
    MoveSong,
    RemoveSong,
    RenameSong,
    SetText,
    StoreScene,
    ToggleLoop,
)
from perform.stage.set_parts import SetParts
from perform.stage.setlist import SetList, SongOrder


class Editing:
    """Edits the set that plays."""

    def __init__(self, parts: SetParts) -> None:
        self._rack, self._songs, self._files = parts.rack, parts.songs, parts.files
        self._scenes, self._loops, self._glides = parts.scenes, parts.loops, parts.glides
        self._history = parts.history

    def register(self, table: CommandTable) -> None:
        """Register the commands; each edit answers with what it did."""

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
        table.on(ToggleLoop, self._toggle_loop)
        table.on(ForgetLoop, self._forget_loop)

    def _edit(self, edit: Callable[[C], str], command: C) -> Answer:
        before = self._songs.list.order
        done = edit(command)
        self._finish(before, done)
        return Answer(done)

    def _finish(self, before: SongOrder, done: str) -> None:
        """The set was edited: log what was done, and let undo bring the songs as they were before."""
        setlist = self._songs.list
        after = setlist.order
        self._songs.follow_edit()
        self._rack.log(done)
        self._history.add(done, lambda: self._restore(setlist, before), lambda: self._restore(setlist, after))

    def _restore(self, edited: SetList, order: SongOrder) -> None:
        if edited is not self._songs.list:
            raise WrongUse(
                f"that was done in the set {edited.set.name}", hint="undo ends where another set was opened"
            )
        edited.restore(order)
        if edited.now >= 0:
            self._loops.follow(edited.song.loops, time.monotonic())
        self._songs.follow_edit()

    # -- songs

    def _keep_song(self, command: KeepSong) -> str:
        name = self._songs.list.song.name
        self._songs.list.put(self._song_with_values(name))
        return f"song {name} keeps the present models and values"

    def _add_song(self, command: AddSong) -> str:
        setlist, name = self._songs.list, command.name
        setlist.copy(command.song, name) if command.song else setlist.add(self._song_with_values(name))
        return f"song {name} added"

    def _rename_song(self, command: RenameSong) -> str:
        self._songs.list.rename(command.song, command.name)
        return f"song {command.song} renamed to {command.name}"

    def _move_song(self, command: MoveSong) -> str:
        self._songs.list.move(command.song, command.to)
        return f"song {command.song} moved to {command.to}"

    def _remove_song(self, command: RemoveSong) -> str:
        setlist = self._songs.list
        done = f"song {setlist.songs[setlist.at(command.song)].name} removed"
        setlist.remove(command.song)
        return done

    def add_text(self, command: SetText) -> None:
        """Add a text to the song's list for an attribute."""
        self._edit(self._add_text, command)

    def _add_text(self, command: SetText) -> str:
        setlist = self._songs.list
        setlist.put(add_text(setlist.song, command.address, command.text))
        return f"{command.address} can be {command.text!r}"

    # -- scenes and loops

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

    def _toggle_loop(self, command: ToggleLoop) -> Answer:
        state = self._loops.toggle(command.address, time.monotonic())
        self._glides.stop(self._loops.slots)
        self.store_loops(f"loop of {command.address} recorded")
        return Answer(state)

    def _forget_loop(self, command: ForgetLoop) -> None:
        self._loops.forget(command.address)
        self.store_loops(f"loop of {command.address} forgotten")

    def store_loops(self, done: str) -> None:
        """Store the loops in the song if they have changed; done: the line for log and undo.

        A song of another set cannot be edited: its loops play until it ends.
        """
        setlist, gestures = self._songs.list, self._loops.gestures()
        if setlist.now >= 0 and gestures != setlist.song.loops:
            before = setlist.order
            setlist.put(msgspec.structs.replace(setlist.song, loops=gestures))
            self._finish(before, done)

    # -- the song as the player has it now

    def song_with_models(self) -> Song:
        """The song that plays, with the models, files and matrices that the decks have now."""
        decks: dict[str, str | ModelName] = {str(number): model for number, model in self._models().items()}
        return msgspec.structs.replace(self._files.song_with_files(self._songs.list.song), decks=decks)

    def _song_with_values(self, name: str) -> Song:
        """The same with the present values, and under a name."""
        song = self._songs.list.song_with_values(name, self._rack.table, self._models())
        return self._files.song_with_files(song)

    def _models(self) -> dict[int, ModelName]:
        """Deck -> its model, by name and hash. A model that is missing stays as the song names it."""
        found = {}
        for number, deck in self._rack.decks.items():
            listed = self._songs.list.song.models.get(number)
            if path := deck.assigned:
                sha256 = deck.status().sha256 or hashes.known(path)
                source = listed.source if listed and listed.sha256 == sha256 else ""
                found[number] = ModelName(_model_name(path), sha256, source)
            elif deck.error and listed:
                found[number] = listed
        return found


def _model_name(path: Path) -> str:
    """A model's name in the library, else its path."""
    return path.stem if models().get(path.stem) == path else str(path)

"""Commands that edit the set while it plays: songs, scenes and loops. The player can undo each.

A set is an immutable value: every edit makes another one. `Songs.list` and the autosave have it at once, the
set's file once the player saves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from perform.core import params
from perform.core.errors import PerformError, WrongUse
from perform.core.paths import to_text
from perform.library import hashes
from perform.library.model_library import models
from perform.library.song import ModelName, Song, insert_place
from perform.library.song_check import add_text
from perform.library.song_files import model_file
from perform.library.toml_values import apply_song
from perform.stage.command_table import C, CommandTable
from perform.stage.commands import (
    AddSong,
    Answer,
    EditSong,
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
from perform.stage.model_place import ModelPlace
from perform.stage.set_parts import SetParts
from perform.stage.setlist import SetList, SongOrder, storable

ROUNDING = 1e-6  #: sets write values rounded to a millionth


class Editing:
    """Edits the set that plays."""

    def __init__(self, parts: SetParts) -> None:
        self._rack, self._songs, self._files = parts.rack, parts.songs, parts.files
        self._scenes, self._loops, self._glides = parts.scenes, parts.loops, parts.glides
        self._history, self._quantise = parts.history, parts.quantise

    def register(self, table: CommandTable) -> None:
        """Register the commands; each edit answers with what it did."""

        def on(kind: type[C], edit: Callable[[C], str]) -> None:
            table.on(kind, lambda command: self._edit(edit, command))

        on(KeepSong, self._keep_song)
        on(AddSong, self._add_song)
        on(RenameSong, self._rename_song)
        on(EditSong, self._edit_facts)
        on(MoveSong, self._move_song)
        on(RemoveSong, self._remove_song)
        on(StoreScene, self._store_scene)
        on(ForgetScene, self._forget_scene)
        on(Exclude, self._exclude)
        table.on(ToggleLoop, self._toggle_loop)
        table.on(ForgetLoop, self._forget_loop)

    def edit_song(self, change: Callable[[Song], Song], done: str, *, merges: str = "") -> Answer:
        """Edit the song that plays; done: the line for log and undo.

        merges : consecutive edits with this text are one step of undo
        """
        before = self._songs.list.order
        self._songs.list.put(change(self._songs.list.song))
        self._finish(before, done, merges)
        return Answer(done)

    def _edit(self, edit: Callable[[C], str], command: C) -> Answer:
        before = self._songs.list.order
        done = edit(command)
        self._finish(before, done)
        return Answer(done)

    def _finish(self, before: SongOrder, done: str, merges: str = "") -> None:
        """The set was edited: log what was done, and let undo bring the songs as they were before."""
        setlist = self._songs.list
        after = setlist.order
        self._songs.follow_edit()
        self._rack.log(done)
        self._history.add(
            done,
            lambda: self._restore(setlist, before),
            lambda: self._restore(setlist, after),
            merges=merges,
        )

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
        return _kept(name)

    def keep_for_saving(self) -> str:
        """Before the set is saved: keep what is on the decks, if it differs from the song's start.

        Returns what of it is saved, as a text; "" where there is nothing to say. Undo brings the song back as
        it was; saved right after that, the song stays so.
        """
        name = self._songs.list.song.name
        if self._songs.list.now < 0:
            return f"without {name}, which belongs to another set"
        if not self._differs_from_start():
            return ""
        command = KeepSong()
        if self._history.redo_text == _kept(name):
            return f"without the present settings of {name}"
        self._edit(self._keep_song, command)
        return f"{name} now starts with the present settings, u takes that back"

    def _differs_from_start(self) -> bool:
        """Whether models, files or values are others than those that the song that plays begins with.

        Values that have not moved since it began do not count, nor do those that its loops move.
        """
        song, decks, inserts = self._songs.list.song, self._models(), self._modules()
        if self._files.song_with_files(song) != song or decks.keys() != song.models.keys():
            return True
        if any(not _same_model(song.models[number], model) for number, model in decks.items()):
            return True
        if inserts.keys() != song.modules.keys():
            return True
        if any(not _same_model(song.modules[number], module) for number, module in inserts.items()):
            return True
        table, start = self._glides.arrived(), params.defaults()
        apply_song(song, start)
        moved = (abs(table - start) > ROUNDING) & (abs(table - self._songs.opening) > ROUNDING)
        moved[list(self._loops.slots)] = False
        if table[params.slot("clock/in")]:
            moved[params.slot("tempo")] = False  # the MIDI clock's
        return bool((moved & storable(decks, inserts)).any())

    def _add_song(self, command: AddSong) -> str:
        setlist, name = self._songs.list, command.name
        if command.empty:
            setlist.add_empty(command.song, name)
            return f"song {name} added"
        setlist.copy(command.song, name) if command.song else setlist.add(self._song_with_values(name))
        return f"song {name} added"

    def _edit_facts(self, command: EditSong) -> str:
        """Change what a song says about itself."""
        setlist = self._songs.list
        given = msgspec.structs.asdict(command)
        number = given.pop("song") or setlist.now + 1
        changes = {name: value for name, value in given.items() if value is not None}
        if changes.get("tempo") == 0:
            changes["tempo"] = None
        song = msgspec.structs.replace(setlist.songs[setlist.at(number)], **changes)
        try:
            msgspec.convert(msgspec.to_builtins(song), Song)
        except msgspec.ValidationError as error:
            raise WrongUse(f"song {song.name}: {error}", hint="`perform docs sets` has the ranges") from error
        setlist.replace(number, song)
        return f"song {song.name}: {', '.join(changes)} changed"

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
        song = self._scenes.store(setlist.song, scene, command.name, self._songs.opening)
        if command.glide is not None:
            song = self._scenes.with_glide(song, scene, command.glide, beats=command.beats)
        setlist.put(song)
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
        """Toggle a loop now, or with the next beat or bar; answers with its new state, or "waits"."""
        address, state = command.address, "waits"

        def toggle(now: float) -> None:
            nonlocal state
            state = self._loops.toggle(address, now)
            self._glides.stop(self._loops.slots)
            self.store_loops(f"loop of {address} recorded")

        self._loops.check(address)
        self._quantise.change(f"loop {address}", f"loop {address}", toggle)
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
        inserts: dict[str, str | ModelName] = {
            insert_place(number): module for number, module in self._modules().items()
        }
        song = self._files.song_with_files(self._songs.list.song)
        return msgspec.structs.replace(song, decks=decks, inserts=inserts)

    def _song_with_values(self, name: str) -> Song:
        """The same with the present values, and under a name."""
        values = self._glides.arrived()
        song = self._songs.list.song_with_values(name, values, self._models(), self._modules())
        return self._files.song_with_files(song)

    def _models(self) -> dict[int, ModelName]:
        """Deck -> its model, by name and hash. A model that is missing stays as the song names it."""
        return _named(self._rack.decks, self._songs.list.song.models)

    def _modules(self) -> dict[int, ModelName]:
        """Insert -> its module, likewise."""
        return _named(self._rack.inserts, self._songs.list.song.modules)


def _named(places: Mapping[int, ModelPlace], listed: Mapping[int, ModelName]) -> dict[int, ModelName]:
    """The names and hashes of the models of some places; the source, if the song lists the same one."""
    found = {}
    for number, place in places.items():
        model = listed.get(number)
        if path := place.assigned:
            sha256 = place.sha256 or hashes.known(path)
            source = model.source if model and model.sha256 == sha256 else ""
            found[number] = ModelName(_model_name(path), sha256, source)
        elif place.error and model:
            found[number] = model
    return found


def _kept(name: str) -> str:
    return f"song {name} keeps the present models and values"


def _same_model(listed: ModelName, present: ModelName) -> bool:
    """Whether a song lists this model, perhaps without its hash, or by its path."""
    if listed.sha256 and present.sha256:
        return listed.sha256 == present.sha256
    try:
        return model_file(listed) == model_file(present)
    except PerformError:  # neither is here: the deck has failed
        return listed.name == present.name


def _model_name(path: Path) -> str:
    """A model's name in the library, else its path."""
    name = to_text(path.stem)
    return name if models().get(name) == path else to_text(path)

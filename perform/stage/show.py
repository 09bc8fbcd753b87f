"""The set that plays: it begins, resumes after a crash, changes songs, is saved and ends.

It changes parameters in the table and models on the decks, and makes no sound.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import msgspec

from perform.core import params
from perform.core.errors import PerformError, WrongUse
from perform.core.params import SPEC_AT, Table
from perform.core.paths import to_text
from perform.library import places, sets
from perform.library.sets import Set
from perform.library.song import Song, insert_place
from perform.library.toml_values import slot_values
from perform.recorder.take_names import safe_name
from perform.stage.attribute_texts import AttributeTexts
from perform.stage.autosave import Autosave, Saved
from perform.stage.beat_keeper import BeatKeeper
from perform.stage.command_table import CommandTable
from perform.stage.commands import Answer, Arm, Go, NewSet, Open, RecallScene, Reply, Save, Undo
from perform.stage.controllers import Controllers
from perform.stage.deck_changes import DeckChanges
from perform.stage.deck_files import KINDS
from perform.stage.editing import Editing
from perform.stage.example_editing import ExampleEditing, example_status
from perform.stage.insert_changes import InsertChanges
from perform.stage.modulation_editing import ModulationEditing, modulation_status
from perform.stage.rack import Rack
from perform.stage.recording import Recording
from perform.stage.saving import SetSaver
from perform.stage.set_parts import SetParts
from perform.stage.setlist import PlayedSong, new_set, song_outside
from perform.stage.status import Status

AUTOSAVE_S = 2.0  #: between two autosaves
CLOSE_S = 5.0  #: the longest wait for a slow disk at the end


class Show:
    """One set as it is played.

    margin : how early hosts render, instead of what sets say; None: as sets say
    """

    def __init__(
        self, rack: Rack, recording: Recording, controllers: Controllers, margin: str | None
    ) -> None:
        self._rack, self._recording, self._controllers = rack, recording, controllers
        self._margin = margin
        parts = SetParts.on(rack)
        self._songs, self._scenes, self._loops = parts.songs, parts.scenes, parts.loops
        self._glides, self._files, self._history = parts.glides, parts.files, parts.history
        self._editing, self._deck_changes = Editing(parts), DeckChanges(parts)
        self._insert_changes = InsertChanges(parts)
        self._texts = AttributeTexts(parts, self._editing)
        self._modulation = ModulationEditing(self._editing)
        self._examples = ExampleEditing(rack, self._editing)
        self._autosave, self._saver = Autosave(), SetSaver()
        self._beats, self._quantise = BeatKeeper(rack.arena), parts.quantise
        self._set_name = ""  # as the player gave it
        self._autosaved_at = 0.0

    # -- from the first song to the end

    def open(self, set_name: str, made: Set, path: Path) -> None:
        """Begin a set; set_name: as the player gave it."""
        self._set_name = set_name
        self._songs.open(made, path)
        self._begin_song(self._songs.list.song)
        self._set_margin(made)
        self._history.rebase()

    def resume(self, saved: Saved) -> None:
        """Resume where a crashed stage stopped: the same song, models and values."""
        self._set_name = saved.set_name
        path = Path(saved.path) if saved.path else None
        outside = song_outside(saved.outside or Song("unnamed")) if saved.now < 0 else None
        self._songs.open(
            saved.set,
            path,
            now=max(saved.now, 0),
            outside=outside,
            table=saved.table(),
            saved=not saved.changed,
        )
        self._begin_song(self._songs.list.song)
        self._set_margin(None)
        self._resume_decks(saved)
        self._songs.set_position(saved.played)
        self._history.rebase()
        minutes, seconds = divmod(int(saved.played), 60)
        self._rack.log(f"resumed after a crash: {self._songs.list.song.name}, {minutes}:{seconds:02} in")

    def _resume_decks(self, saved: Saved) -> None:
        """Bring the models and files that the player had put on the decks."""
        for number, deck in self._rack.decks.items():
            model = saved.decks.get(str(number))
            try:
                if model and Path(model) != deck.model:
                    deck.load_file(Path(model))
                elif not model and deck.model:
                    deck.unload()
            except PerformError as error:
                deck.fail(str(error), Path(model) if model else None)
        if saved.inserts is not None:  # None in an autosave of an earlier version
            for number, insert in self._rack.inserts.items():
                module = saved.inserts.get(insert_place(number))
                insert.resume(Path(module) if module else None)
        for kind, names in zip(KINDS, (saved.files, saved.matrices), strict=True):
            if names is not None:  # None in an autosave of an earlier version
                for number in self._rack.decks:
                    self._files.restore(number, kind, names.get(str(number), ""))

    def _set_margin(self, made: Set | None) -> None:
        """Set how early hosts render, where the player or the set says it."""
        if margin := self._margin or (made.margin if made else ""):
            self._rack.table[params.slot("stage/margin")] = list(params.MARGINS).index(margin)

    def end(self) -> None:
        """Save unsaved changes as another set; if that fails, the next start resumes this session."""
        self._saver.end(CLOSE_S)
        setlist, clean = self._songs.list, True
        if setlist.changed:
            name = f"{safe_name(setlist.set.name)}-unsaved-{datetime.now():%Y-%m-%d_%H-%M-%S}"
            path = places.user("sets") / f"{name}.toml"
            try:
                sets.save_set(setlist.set, path, like=setlist.path)
                self._rack.log(f"unsaved changes are in {path}")
            except (PerformError, ValueError) as error:
                clean = False
                self._rack.log(f"unsaved changes could not be written: {error}; the next start resumes them")
        self._autosave.keep(self._state(clean=clean))
        self._autosave.end(CLOSE_S)

    def tick(self, *, settled: bool) -> None:
        """[main, about every 15 ms] Advance everything that moves; settled: no deck loads a model."""
        now = time.monotonic()
        moved = {*self._glides.slots, *self._loops.slots}  # also those that arrive during this tick
        if scene := self._scenes.tick(self._songs.list.song, self._songs.opening):
            try:
                self._recall_on_time(scene)
            except WrongUse as error:  # a pad of a controller: no client waits for an answer
                self._rack.log(str(error))
        self._recording.set_name = self._songs.list.set.name
        self._quantise.tick()
        self._files.tick()
        self._saver.tick()
        self._glides.tick(now)
        if self._loops.tick(now):
            self._editing.store_loops("loop recorded")
        before = self._rack.table.copy()
        if not self._songs.tick(settled=settled):
            self._quantise.drop("go")
        elif self._songs.armed.at_once or self._quantise.reached("go", "go"):
            self._play_next_song(before)
        moved |= self._beats.tick()
        moved |= {*self._glides.slots, *self._loops.slots, *self._scenes.moved}
        self._songs.examples.tick(moved)
        moved |= self._songs.examples.moved
        for place in self._rack.places:
            moved |= place.moved
            place.moved.clear()
        self._history.tick(now, moved)
        self._name_song_mapping()
        self._show_places()
        if now - self._autosaved_at > AUTOSAVE_S:
            self._autosaved_at = now
            self._autosave.keep(self._state())

    @property
    def mapping_name(self) -> str:
        """Name for the mapping of the song that plays: its own, or one for a new file."""
        song = self._songs.list.song
        return song.mapping or safe_name(f"{self._songs.list.set.name} {song.name}".strip())

    def _name_song_mapping(self) -> None:
        """A control was learnt for the song: the song names the mapping."""
        name = self._controllers.song_mapping
        if name and name != self._songs.list.song.mapping:
            self._editing.edit_song(
                lambda song: msgspec.structs.replace(song, mapping=name), f"{name} is the song's mapping"
            )

    def _show_places(self) -> None:
        """Tell the lamps of controllers which song plays, which is armed, and which scene was recalled."""
        arena, armed = self._rack.arena, self._songs.armed.index
        arena.set_meter("song", self._songs.list.now + 1)
        arena.set_meter("song/armed", 0 if armed is None else armed + 1)
        arena.set_meter("scene", self._scenes.current)

    # -- songs

    def _play_next_song(self, before: Table) -> None:
        """Switch every deck to the armed song; undo goes back. before: the table until then."""
        left = PlayedSong(self._songs.list.key, self._editing.song_with_models())
        change = self._songs.play_next()
        self._begin_song(change.began)
        if change.went_back:
            return
        opening, began = self._songs.opening, self._songs.list.playing
        self._history.add(
            f"song {began.song.name}",
            lambda: self._songs.armed.return_to(left, before),
            lambda: self._songs.armed.return_to(began, opening),
        )

    def _begin_song(self, song: Song) -> None:
        """Begin a song's files, loops and mapping, and mark it in the take."""
        self._history.rebase()
        self._files.load_song(song)
        self._beats.begin_song()
        self._quantise.clear()
        self._loops.replace(song.loops, time.monotonic())
        self._glides.stop(self._loops.slots)  # a loop moves its parameter from the first moment on
        self._scenes.current = 0
        self._controllers.use_layers(self._songs.list.set.mapping, song.mapping)
        self._recording.mark(song.name, "song")

    def _recall_on_time(self, number: int) -> None:
        """Recall a scene now, or with the next beat or bar."""
        self._scenes.check(self._songs.list.song, number)
        self._quantise.change("scene", f"scene {number}", lambda _: self._recall(number), early=True)

    def _recall(self, number: int) -> None:
        """Glide to a scene; undo brings the values that were there."""
        table, song = self._rack.table, self._songs.list.song
        before = table.copy()
        scene = self._scenes.recall(song, number, time.monotonic())
        self._history.rebase()
        slots = list(slot_values(scene.values, song.texts))
        self._songs.examples.keep(slots)

        def undo() -> None:
            self._glides.stop(slots)
            self._songs.examples.keep(slots)
            table[slots] = before[slots]

        def redo() -> None:
            self._songs.examples.keep(slots)
            self._scenes.recall(self._songs.list.song, number, time.monotonic())

        text = f"scene {number} {scene.name}".rstrip()
        self._rack.log(text)
        self._recording.mark(text, "scene")
        self._history.add(text, undo, redo)

    # -- commands

    def register(self, table: CommandTable) -> None:
        """Register the commands about the set."""
        armed, history = self._songs.armed, self._history
        table.on(Arm, lambda command: Answer(armed.arm(command.song)))
        table.on(Go, lambda command: armed.go(now=command.now))
        table.on(Open, self._open_another)
        table.on(NewSet, self._open_new)
        table.on(Undo, lambda command: Answer(history.redo() if command.redo else history.undo()))
        table.on(RecallScene, lambda command: self._recall_on_time(command.scene))
        table.on_later(Save, lambda command, reply: self.save(command.name, reply))
        self._editing.register(table)
        self._deck_changes.register(table)
        self._insert_changes.register(table)
        self._texts.register(table)
        self._modulation.register(table)
        self._examples.register(table)

    def _open_another(self, command: Open) -> None:
        path = sets.find_set(command.set)
        opened = sets.read_set(path)
        self._songs.open_another(opened, path)
        self._set_margin(opened)
        self._set_name = command.set

    def _open_new(self, command: NewSet) -> None:
        made, path = new_set(command.name)
        sets.save_set(made, path)
        self._open_another(Open(to_text(path)))
        self._set_name = made.name

    def save(self, name: str, reply: Reply) -> None:
        """Write the set, with what is on the decks; answers once it is on the disk."""
        note = self._editing.keep_for_saving()
        self._saver.save(
            self._songs.list, name, lambda answer: reply(msgspec.structs.replace(answer, note=note))
        )

    # -- what others ask

    def knob_range(self, address: str) -> tuple[float, float] | None:
        """The range of an attribute for a knob; None for a parameter that has a range itself."""
        return self._texts.knob_range(address)

    @property
    def wait(self) -> float:
        """Seconds until a quantised change is due; infinite if none waits."""
        return self._quantise.wait

    @property
    def is_moving(self) -> bool:
        """Whether a parameter glides or loops, a change waits for a beat, or the armed song is to play."""
        waits = self._quantise.pending or self._songs.armed.going
        return bool(waits or self._glides.slots or self._loops.slots)

    def _state(self, *, clean: bool = False) -> Saved:
        """The state for the autosave; clean: the player ended the stage."""
        setlist, table = self._songs.list, self._rack.table
        outside = msgspec.structs.replace(setlist.song, loops=self._loops.gestures())
        return Saved(
            set=setlist.set,
            path=str(setlist.path or ""),
            changed=setlist.changed,
            now=setlist.now,
            played=round(self._songs.position, 1),
            values={a: v for a, v in params.changed(table) if not SPEC_AT[params.SLOTS[a]].action},
            decks={str(n): str(deck.assigned) for n, deck in self._rack.decks.items() if deck.assigned},
            set_name=self._set_name,
            files=self._files.names("file"),
            matrices=self._files.names("matrix"),
            inserts={
                insert_place(n): str(insert.assigned)
                for n, insert in self._rack.inserts.items()
                if insert.assigned
            },
            outside=outside if setlist.now < 0 else None,
            clean=clean,
        )

    def complete(self, status: Status) -> Status:
        """Fill in the set's part of a status."""
        song = self._songs.list.song
        files, matrices = (self._files.names(kind, found_only=True) for kind in KINDS)
        decks = tuple(
            msgspec.structs.replace(deck, file=files.get(str(n), ""), matrix=matrices.get(str(n), ""))
            for n, deck in enumerate(status.decks, 1)
        )
        return msgspec.structs.replace(
            status,
            decks=decks,
            set=self._songs.list.set.name,
            songs=self._songs.status(),
            scenes=self._scenes.status(song),
            scene=self._scenes.current,
            loops=self._loops.status(),
            modulation=modulation_status(song),
            examples=example_status(song),
            excluded=tuple(song.exclude),
            undo=self._history.undo_text,
            redo=self._history.redo_text,
            pending=self._quantise.pending,
        )

"""What a player does to a set while it plays: songs, scenes, loops, undo; kept all the while.

It moves numbers in the table and models on the decks; it makes no sound and knows no process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from perform.core import params
from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.params import SPEC_AT, Table
from perform.library import places, sets
from perform.library.sets import Set, Song
from perform.recorder.take_names import safe_name
from perform.stage.autosave import Autosave, Saved
from perform.stage.command_table import CommandTable
from perform.stage.commands import (
    Answer,
    Arm,
    ForgetLoop,
    Go,
    Load,
    Open,
    RecallScene,
    Reply,
    Save,
    SetText,
    ToggleLoop,
    Undo,
    Unload,
    UseFile,
    UseMatrix,
)
from perform.stage.deck import Deck
from perform.stage.deck_files import KINDS, DeckFiles, Kind
from perform.stage.editing import Editing
from perform.stage.glides import ParameterGlides
from perform.stage.host_pool import HostPool
from perform.stage.loops import Loops
from perform.stage.saving import SetSaver
from perform.stage.scenes import Scenes
from perform.stage.setlist import PlayedSong, song_outside
from perform.stage.songs import Songs
from perform.stage.status import LoopStatus, Status
from perform.stage.undo import UndoHistory

KEEP_S = 2.0  #: between two autosaves
CLOSE_S = 5.0  #: the last autosave may take so long


class Show:
    """One set as it is played.

    mark : puts a marker: what begins, and whether that is a "song" or a "scene"
    margin : how early hosts render, instead of what sets say; None for that
    """

    def __init__(
        self,
        arena: Arena,
        decks: Mapping[int, Deck],
        hosts: HostPool,
        tell: Callable[[str], None],
        mark: Callable[[str, str], None],
        use_mapping: Callable[[str], None],
        margin: str | None,
    ) -> None:
        self._arena, self._decks, self._tell = arena, decks, tell
        self._mark, self._use_mapping, self._margin = mark, use_mapping, margin
        self._glides, self._loops = ParameterGlides(arena.table), Loops(arena.table)
        self._scenes, self._history = Scenes(arena.table, self._glides), UndoHistory(arena.table)
        self._materials = DeckFiles(decks, hosts, tell)
        self._songs = Songs(
            arena,
            decks,
            hosts,
            self._glides,
            self._materials,
            tell,
        )
        self._editing = Editing(
            arena.table,
            decks,
            self._songs,
            self._scenes,
            self._loops,
            self._materials,
            self._history,
            tell,
        )
        self._autosave, self._saving, self._asked = Autosave(), SetSaver(), ""
        self._kept_at = 0.0

    # -- from beginning to end

    def open(self, asked: str, made: Set, path: Path) -> None:
        """Begin a set, as the player named it."""
        self._asked = asked
        self._songs.open(made, path)
        self._song_began(self._songs.list.song)
        self._use_margin(made)
        self._history.rebase()

    def resume(self, saved: Saved) -> None:
        """Go on where a crash broke off: the same song, models and numbers."""
        self._asked = saved.asked
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
        self._song_began(self._songs.list.song)
        self._use_margin(None)
        for number, deck in self._decks.items():
            model = saved.decks.get(str(number))
            try:
                if model and Path(model) != deck.model:
                    deck.load_file(Path(model))
                elif not model and deck.model:
                    deck.unload()
            except PerformError as error:
                deck.fail(str(error), Path(model) if model else None)
        for kind, names in zip(KINDS, (saved.files, saved.matrices), strict=True):
            if names is not None:  # else it is of an earlier version
                for number in self._decks:
                    self._materials.restore(number, kind, names.get(str(number), ""))
        self._songs.resume(saved.played)
        self._history.rebase()
        minutes, seconds = divmod(int(saved.played), 60)
        self._tell(f"resumed after a crash: {self._songs.list.song.name}, {minutes}:{seconds:02} in")

    def _use_margin(self, made: Set | None) -> None:
        """How early hosts render, where the player or the set says it."""
        if word := self._margin or (made.margin if made else ""):
            self._arena.table[params.slot("stage/margin")] = list(params.MARGINS).index(word)

    def end(self) -> None:
        """Keep what was changed and not saved under a name of its own; where that fails, it is resumed."""
        self._saving.end(CLOSE_S)
        setlist, clean = self._songs.list, True
        if setlist.changed:
            name = f"{safe_name(setlist.set.name)}-unsaved-{datetime.now():%Y-%m-%d_%H-%M-%S}"
            kept = places.user("sets") / f"{name}.toml"
            try:
                sets.save_set(setlist.set, kept, like=setlist.path)
                self._tell(f"changes that were not saved are in {kept}")
            except (PerformError, ValueError) as error:
                clean = False
                self._tell(f"what was not saved could not be kept: {error}; the next start goes on with it")
        self._autosave.keep(self._saved(clean=clean))
        self._autosave.end(CLOSE_S)

    def tick(self, *, settled: bool) -> None:
        """A few times each 100 ms."""
        now = time.monotonic()
        moved = {*self._glides.slots, *self._loops.slots}  # before: what arrives now moves no more after
        if asked := self._scenes.tick(self._songs.list.song, self._songs.opening):
            self._recall(asked)
        self._materials.tick()
        self._saving.tick()
        self._glides.tick(now)
        if self._loops.tick(now):
            self._editing.put_loops("loop recorded")
        before = self._arena.table.copy()
        if self._songs.tick(settled=settled):
            self._play_next_song(before)
        moved |= {*self._glides.slots, *self._loops.slots, *self._scenes.moved}
        for deck in self._decks.values():
            moved |= deck.moved
            deck.moved.clear()
        self._history.tick(now, moved)
        if now - self._kept_at > KEEP_S:
            self._kept_at = now
            self._autosave.keep(self._saved())

    def _song_began(self, song: Song) -> None:
        self._history.rebase()
        self._materials.use(song)
        self._loops.use(song.loops, time.monotonic())
        self._glides.stop(self._loops.slots)  # what loops does not glide there from the song before
        self._scenes.current = 0
        self._use_mapping(song.mapping or self._songs.list.set.mapping)
        self._mark(song.name, "song")

    def _play_next_song(self, before: Table) -> None:
        """Switch every deck to the armed song; before: the table before that, for undo."""
        left = PlayedSong(self._songs.list.key, self._editing.stands())
        change = self._songs.play_next()
        self._song_began(change.began)
        if not change.went_back:
            self._song_done(left, before)

    def _song_done(self, before: PlayedSong, table: Table) -> None:
        """A song was gone to: undo goes back to the one before, as it stood."""
        began, after = self._songs.opening, PlayedSong(self._songs.list.key, self._songs.list.song)
        self._history.did(
            f"song {after.song.name}",
            lambda: self._songs.return_to(before, table),
            lambda: self._songs.return_to(after, began),
        )

    # -- commands

    def register(self, table: CommandTable) -> None:
        """Register the commands about the set; `Editing` registers its edits."""
        table.on(Load, lambda command: self._exchange(command.deck, lambda deck: deck.load(command.model)))
        table.on(Unload, lambda command: self._exchange(command.deck, lambda deck: deck.unload()))
        table.on(UseFile, lambda command: self._use(command.deck, "file", command.name))
        table.on(UseMatrix, lambda command: self._use(command.deck, "matrix", command.name))
        table.on(Arm, lambda command: Answer(self._songs.arm(command.song)))
        table.on(Go, lambda command: self._songs.go(now=command.now))
        table.on(Open, self._open_another)
        table.on(Undo, lambda command: Answer(self._history.redo() if command.redo else self._history.undo()))
        table.on(RecallScene, lambda command: self._recall(command.scene))
        table.on(ToggleLoop, self._toggle_loop)
        table.on(ForgetLoop, self._forget_loop)
        table.on(SetText, self._set_text)
        table.on_later(Save, lambda command, reply: self.save(command.name, reply))
        self._editing.register(table)

    def _open_another(self, command: Open) -> None:
        path = sets.find_set(command.set)
        opened = sets.read_set(path)
        self._songs.exchange(opened, path)
        self._use_margin(opened)
        self._asked = command.set

    def _toggle_loop(self, command: ToggleLoop) -> Answer:
        state = self._loops.toggle(command.address, time.monotonic())
        self._glides.stop(self._loops.slots)
        self._editing.put_loops(f"loop of {command.address} recorded")
        return Answer(state)

    def _forget_loop(self, command: ForgetLoop) -> None:
        self._loops.forget(command.address)
        self._editing.put_loops(f"loop of {command.address} forgotten")

    def _set_text(self, command: SetText) -> None:
        """Set an attribute to a text, which becomes one of the song's texts for it."""
        address, text = command.address, command.text
        self._check_word(address)
        if text not in self._songs.list.song.words.get(address, []):
            self._editing.add_text(command)
        texts = self._songs.list.song.words[address]
        self._arena.table[params.slot(address)] = texts.index(text)

    def save(self, name: str, reply: Reply) -> None:
        """Write the set; answers once it is on the disk."""
        self._saving.save(self._songs.list, name, reply)

    def reach(self, address: str) -> tuple[float, float] | None:
        """The range of an attribute's knob; None for what has one of its own."""
        match address.split("/"):
            case ["deck", deck, "attribute", number] if found := self._decks[int(deck)].attribute(
                int(number)
            ):
                spec = found.spec(self._songs.list.song.words.get(address, ()))
                return spec.low, spec.high
        return None

    def _check_word(self, address: str) -> None:
        """WrongUse where an address is no attribute of a deck's model that goes by words."""
        params.slot(address)
        match address.split("/"):
            case ["deck", deck, "attribute", number]:
                attribute = self._decks[int(deck)].attribute(int(number))
            case _:
                attribute = None
        if attribute is None:
            raise WrongUse(
                f"{address} is no attribute of what plays there", hint="its model says which it has"
            )
        if not attribute.is_text:
            raise WrongUse(f"{address} ({attribute.name}) is a number", hint="put it into the table")

    def _deck(self, deck: int) -> Deck:
        if deck not in self._decks:
            raise WrongUse(f"there is no deck {deck}", hint=f"decks are 1 to {params.DECKS}")
        return self._decks[deck]

    def _exchange(self, number: int, change: Callable[[Deck], None]) -> None:
        """Put another model on a deck, or none; undo brings what was there."""
        deck = self._deck(number)
        before, bank = deck.model, self._arena.table[params.attribute_slots(deck.deck)].copy()
        change(deck)
        after = deck.model

        def bring(path: Path | None, bank: params.AttributeValues) -> None:
            deck.load_file(path, attributes=bank) if path else deck.unload()

        if before != after:
            words = f"deck {deck.deck}: {after.stem if after else 'unloaded'}"
            self._history.did(
                words, lambda: bring(before, bank), lambda: bring(after, params.default_attributes())
            )

    def _use(self, deck: int, kind: Kind, name: str) -> None:
        """Another file or matrix for a deck, or none; undo brings what was there."""
        self._deck(deck)
        use, before = self._materials, self._materials.name(deck, kind)
        use.put(deck, kind, name)
        after = use.name(deck, kind)
        if before != after:
            words = f"deck {deck}: {kind} {Path(after).name or 'none'}"
            self._history.did(
                words, lambda: use.restore(deck, kind, before), lambda: use.restore(deck, kind, after)
            )

    def _recall(self, number: int) -> None:
        table = self._arena.table
        before = table.copy()
        song = self._songs.list.song
        scene = self._scenes.recall(song, number, time.monotonic())
        self._history.rebase()
        slots = list(sets.numbers(scene.values, song.words))

        def back() -> None:
            self._glides.stop(slots)
            table[slots] = before[slots]

        words = f"scene {number} {scene.name}".rstrip()
        self._tell(words)
        self._mark(words, "scene")
        self._history.did(words, back, lambda: self._recall_again(number))

    def _recall_again(self, number: int) -> None:
        self._scenes.recall(self._songs.list.song, number, time.monotonic())

    # -- words

    def _saved(self, *, clean: bool = False) -> Saved:
        setlist, table = self._songs.list, self._arena.table
        return Saved(
            set=setlist.set,
            path=str(setlist.path or ""),
            changed=setlist.changed,
            now=setlist.now,
            played=round(self._songs.position, 1),
            numbers={a: v for a, v in params.changed(table) if not SPEC_AT[params.SLOTS[a]].action},
            decks={str(n): str(deck.assigned) for n, deck in self._decks.items() if deck.assigned},
            asked=self._asked,
            files=self._materials.names("file"),
            matrices=self._materials.names("matrix"),
            outside=setlist.song if setlist.now < 0 else None,
            clean=clean,
        )

    def words(self, status: Status) -> Status:
        """A status, with what is known here."""
        song = self._songs.list.song
        files, matrices = (self._materials.names(kind, here=True) for kind in KINDS)
        decks = tuple(
            msgspec.structs.replace(deck, file=files.get(str(n), ""), matrix=matrices.get(str(n), ""))
            for n, deck in enumerate(status.decks, 1)
        )
        return msgspec.structs.replace(
            status,
            decks=decks,
            set=self._songs.list.set.name,
            songs=self._songs.status(),
            scenes=self._scenes.lines(song),
            scene=self._scenes.current,
            loops=tuple(LoopStatus(*line) for line in self._loops.lines()),
            excluded=tuple(song.exclude),
            undo=self._history.undo_words,
            redo=self._history.redo_words,
        )

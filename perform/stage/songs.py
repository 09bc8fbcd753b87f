"""NOW: the song that plays, and the switch to the armed one, which changes all decks at one block.

A model that both songs use on a deck plays on, and its values glide. A voice that leaves keeps the values
that it had, and fades in the time that the coming song gives it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from perform.core import params
from perform.core.params import Table
from perform.library.sets import Set
from perform.library.song import Song, insert_place
from perform.stage.armed_song import ArmedSong, LeftSong
from perform.stage.deck_files import DeckFiles
from perform.stage.examples import Examples
from perform.stage.glides import ParameterGlides
from perform.stage.model_loads import ModelLoads
from perform.stage.model_place import ModelPlace
from perform.stage.modulation_writer import ModulationWriter
from perform.stage.rack import Rack
from perform.stage.setlist import PlayedSong, SetList
from perform.stage.song_models import FoundModel, SongModels
from perform.stage.song_values import changing_slots, gliding_slots, opening_values
from perform.stage.status import SongsStatus, SongStatus

CUT_S = 0.01  #: fade of a cut: the mixer's shortest ramp
GLIDE_S = 0.5  #: the shortest glide of the values of a deck that plays on


class SongChange(NamedTuple):
    """The song that began, and whether undo or redo went back to it."""

    began: Song
    went_back: bool


class Songs:
    """The set, the song that plays, and the armed song.

    list    : the set, with all edits
    opening : the values that the song that plays began with
    examples : of the song that plays
    """

    def __init__(self, rack: Rack, glides: ParameterGlides, files: DeckFiles) -> None:
        self._rack, self._glides, self._models = rack, glides, SongModels()
        self._loads = ModelLoads()
        self.list = SetList(Set("", songs=[Song("")]), None)
        self._modulation = ModulationWriter(rack.arena)
        self.examples = Examples(rack.table, lambda deck: rack.decks[deck].latent_range)
        self.armed = ArmedSong(rack, files, self._models, self.list, self._modulation)
        self.opening: Table = params.defaults()
        self._began = time.monotonic()
        self._settled = False  # at the last tick
        #: the file of the model that the song names for it
        self._found: dict[ModelPlace, Path | None] = {}

    # -- opening a set

    def open(
        self,
        made: Set,
        path: Path | None,
        *,
        now: int = 0,
        outside: PlayedSong | None = None,
        table: Table | None = None,
        saved: bool = True,
    ) -> None:
        """Begin a set: its first song, song `now`, or a song that is outside the set.

        table : the values that it had when the stage ended; None: those that it begins with
        saved : False where the set has changes that its file does not have
        """
        self.list = SetList(made, path, now=now, outside=outside, saved=saved)
        song = self.list.song
        self.opening = opening_values(song, self._rack.table, made.tempo)
        self._rack.table[:] = self.opening if table is None else table
        self._modulation.write(song.modulation)
        self._modulation.begin_song()
        self.examples.use(song.examples)
        self._set_texts(song)
        for place, (model, error) in self._find_song().items():
            self._found[place] = model
            if model:
                place.load_file(model)
            else:
                place.fail(error)
        self._find_models()
        self._begin(song)
        self.armed.follow(self.list)

    def open_another(self, made: Set, path: Path) -> None:
        """Open another set: the song goes on playing, and the first song of the new set is NEXT.

        Where the new set has the very song that plays, this is its song, and the one after it is NEXT.
        """
        song = self.list.song
        if song in made.songs:
            self.list = SetList(made, path, now=made.songs.index(song))
        else:
            self.list = SetList(made, path, outside=self.list.playing)
        self._find_models()
        self.armed.follow(self.list)

    def _set_texts(self, song: Song) -> None:
        for number, deck in self._rack.decks.items():
            deck.set_texts(song.deck_texts(number))
        for number, insert in self._rack.inserts.items():
            insert.set_texts(song.insert_texts(number))

    def _find_song(self) -> dict[ModelPlace, FoundModel]:
        """The models that the song that plays names for the decks and inserts."""
        found = self._models.find(self.list.key, self.list.song)
        places: dict[ModelPlace, FoundModel] = {
            self._rack.decks[number]: model for number, model in found.decks.items()
        }
        return places | {self._rack.inserts[number]: module for number, module in found.inserts.items()}

    def _find_models(self) -> None:
        for key, song in zip(self.list.keys, self.list.songs, strict=True):
            self._models.find(key, song)

    def _find_again(self) -> None:
        """The library's hashes are known: load what the song that plays missed, and prepare NEXT again.

        A deck or an insert for which the player has chosen another model, or none, keeps that.
        """
        for place, (path, _) in self._find_song().items():
            if path and path != place.assigned == self._found.get(place):
                self._found[place] = path
                place.load_file(path)
        self._find_models()
        self.armed.find_again()

    def follow_edit(self) -> None:
        """The set was edited: the decks have the song's new texts, and the same song stays NEXT."""
        self._set_texts(self.list.song)
        self._modulation.write(self.list.song.modulation)
        self.examples.follow(self.list.song.examples)
        self.armed.follow_edit()

    # -- switching

    def tick(self, *, settled: bool) -> bool:
        """[main] Prepare the armed song; True when it is to play now. settled: no deck is loading."""
        self.armed.read_actions()
        self._modulation.tick()
        self._loads.observe(self._rack)
        if settled and not self._settled:  # the hashes of its models are known now: are they the song's?
            self._models.find(self.list.key, self.list.song)
        self._settled = settled
        if self._models.take_learnt():
            self._find_again()
        if settled or self.armed.going:
            self.armed.prepare()
        return self.armed.is_due

    def play_next(self) -> SongChange:
        """[main] Play the armed song, after `tick` returned True: every deck changes at one block."""
        self.armed.prepare()
        index, left = self.armed.index, self.armed.take()
        assert index is not None
        arena, decks, song = self._rack.arena, self._rack.decks, self.list.songs[index]
        leave = CUT_S if song.switch == "cut" else max(song.fade, CUT_S)
        enter = leave if song.switch == "crossfade" else CUT_S
        glide = 0.0 if song.switch == "cut" else max(song.fade, GLIDE_S)
        self.opening = opening_values(song, arena.table, self.list.set.tempo)
        began, values = left or LeftSong(song, self.opening)
        kept = [number for number, deck in decks.items() if deck.keeps_model]
        inserts = self._rack.inserts
        kept_inserts = [number for number, insert in inserts.items() if insert.keeps_module]
        self._found = {deck: deck.next.path for deck in decks.values()}
        self._found |= {insert: insert.armed.path for insert in inserts.values()}
        targets = {slot: float(values[slot]) for slot in gliding_slots(kept, kept_inserts)}
        changing = changing_slots(kept, kept_inserts)
        self._glides.stop()
        with arena.batch():
            arena.table[changing] = values[changing]
            self._modulation.play_next(began.modulation)
            for deck in decks.values():
                deck.play_next(enter, leave)
            for insert in inserts.values():
                insert.play_next()
        self._glides.begin(targets, glide, time.monotonic())
        self.examples.use(began.examples)
        self.list.play(index)
        self._begin(began)
        self.armed.follow(self.list)
        return SongChange(began, went_back=left is not None)

    def _begin(self, song: Song) -> None:
        self._began = time.monotonic()
        number = f"song {self.list.now + 1}" if self.list.now >= 0 else "a song of another set"
        self._rack.log(f"{number}: {song.name}")

    # -- time and status

    @property
    def position(self) -> float:
        """Seconds that the song has played."""
        return time.monotonic() - self._began

    def set_position(self, position: float) -> None:
        """The song was resumed after so many seconds."""
        self._began = time.monotonic() - position

    def status(self) -> SongsStatus:
        """The set's part of a `Status`."""
        index, (ready, wanted) = self.armed.index, self.armed.progress
        return SongsStatus(
            lines=tuple(self._line(*pair) for pair in zip(self.list.keys, self.list.songs, strict=True)),
            now=self.list.now + 1,
            name=self.list.song.name,
            since=self._began,
            next=0 if index is None else index + 1,
            chosen=self.armed.chosen,
            ready=ready,
            wanted=wanted,
            failed=self.armed.failed,
            wait=self.armed.wait,
            going=self.armed.going,
            changed=self.list.changed,
            path=str(self.list.path or ""),
        )

    def _line(self, key: int, song: Song) -> SongStatus:
        return SongStatus(
            name=song.name,
            models=(
                *(f"{deck} {model.name}" for deck, model in sorted(song.models.items())),
                *(f"insert {insert_place(n)} {module.name}" for n, module in sorted(song.modules.items())),
            ),
            notes=song.notes,
            missing=self._models.missing(key),
            length=song.length,
            switch=song.switch,
            fade=song.fade,
            tempo=song.tempo or 0.0,
            mapping=song.mapping,
            load=self._loads.predict(*self._models.paths(key)),
        )

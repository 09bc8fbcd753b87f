"""NEXT: the armed song. Its models load and render ahead while another song plays."""

from __future__ import annotations

import time
from typing import NamedTuple

from perform.core.errors import WrongUse
from perform.core.params import SLOTS, Table
from perform.library.song import Song
from perform.stage.deck_files import DeckFiles
from perform.stage.model_host import SHORTEST_WAIT_S
from perform.stage.modulation_writer import ModulationWriter
from perform.stage.rack import Rack
from perform.stage.setlist import PlayedSong, SetList
from perform.stage.song_models import SongModels
from perform.stage.song_values import opening_values

_ARM, _JUMP = (SLOTS[f"song/{name}"] for name in ("arm", "jump"))
_NEXT, _PREVIOUS, _GO = (SLOTS[f"song/{name}"] for name in ("next", "previous", "go"))


class LeftSong(NamedTuple):
    """A song as the player left it: with its models and files by then, and the table's values."""

    song: Song
    table: Table


class ArmedSong:
    """Which song is NEXT, and how far it is.

    going  : the player wants to switch to it as soon as it is ready
    chosen : the player has armed it; False: it follows the song that plays
    """

    def __init__(
        self,
        rack: Rack,
        files: DeckFiles,
        models: SongModels,
        setlist: SetList,
        modulation: ModulationWriter,
    ) -> None:
        self._rack, self._files, self._models, self._list = rack, files, models, setlist
        self._modulation = modulation
        self._key: int | None = None  # of the armed song
        self._prepared: Song | None = None  # the version of it that the decks prepare
        self._left: LeftSong | None = None  # what undo or redo returns to
        self.going = self._at_once = self.chosen = False
        self._counts = self._read_counts()

    @property
    def index(self) -> int | None:
        """Index of the armed song; None where there is none, or it was taken out of the set."""
        return self._list.index(self._key)

    @property
    def is_ready(self) -> bool:
        """The decks have nothing to wait for before it plays."""
        decks = all(deck.next.ready for deck in self._rack.decks.values())
        return self._is_prepared and decks and all(one.is_prepared for one in self._rack.inserts.values())

    @property
    def is_due(self) -> bool:
        """The song is to play now."""
        if not self.going or self.index is None:
            return False
        return self._at_once or self.is_ready

    @property
    def progress(self) -> tuple[int, int]:
        """How many decks of it are ready, and how many have a model."""
        if not self._is_prepared:
            song = self._song
            return 0, len(song.decks) if song else 0
        armed = [deck.next for deck in self._rack.decks.values() if deck.next.path]
        return sum(state.ready for state in armed), len(armed)

    @property
    def failed(self) -> int:
        """How many of its decks will be empty, because their models cannot be loaded."""
        return sum(deck.next.failed for deck in self._rack.decks.values())

    @property
    def _song(self) -> Song | None:
        index = self.index
        return None if index is None else self._list.songs[index]

    @property
    def _is_prepared(self) -> bool:
        """The decks prepare it already; they begin once no other model loads."""
        return self._song is self._prepared

    @property
    def at_once(self) -> bool:
        """It waits for no beat: the player was in a hurry, or undo goes back to it."""
        return self._at_once or self._left is not None

    @property
    def wait(self) -> float:
        """About how many seconds until its models are warm and its files encoded."""
        now, hosts = time.monotonic(), self._rack.hosts
        states = [deck.next for deck in self._rack.decks.values()]
        loading = {state.path: state.asked for state in states if state.loading}
        models = sum(max(hosts.load_s - (now - asked), SHORTEST_WAIT_S) for asked in loading.values())
        return models + max(state.encoding_s for state in states)

    # -- arming

    def follow(self, setlist: SetList) -> None:
        """Arm the song after the one that plays, of this set."""
        self._list = setlist
        self._arm(setlist.now + 1)

    def follow_edit(self) -> None:
        """The set was edited: the same song stays armed where it is still there."""
        if self.index is None:
            self._arm(self._list.now + 1)

    def arm(self, number: int) -> str:
        """Arm song `number`; returns the time until it is ready, as text."""
        self._arm(self._list.at(number), chosen=True)
        self.prepare()
        return "ready" if self.is_ready else f"ready in about {max(self.wait, 1.0):.0f} s"

    def step(self, by: int) -> None:
        """Arm the song `by` places after the one that the player armed, else after the one that plays.

        On the last song the next one does nothing, and says so; on the first song the one before.
        """
        index = self.index
        at = index if self.chosen and index is not None else self._list.now
        to = min(max(at + by, 0), len(self._list.songs) - 1)
        if (to - at) * by > 0:
            self._arm(to, chosen=True)
        else:
            self._rack.log(f"there is no song {'after' if by > 0 else 'before'} this one")

    def _arm(self, index: int, *, chosen: bool = False) -> None:
        self._key = self._list.keys[index] if 0 <= index < len(self._list.keys) else None
        self.going, self._at_once, self.chosen = False, False, chosen
        if self._left:  # its models were prepared as the player left them, not as the song begins
            self._left = self._prepared = None

    # -- going

    def go(self, *, now: bool = False) -> None:
        """Switch as soon as the song is ready; at once with `now`, or when asked a second time."""
        if self._key is None:
            self._rack.log("there is no next song")
            return
        self._at_once = now or self.going
        self.going = self.chosen = True

    def return_to(self, played: PlayedSong, table: Table) -> None:
        """Go back to a song that has played, with the models, files and values that it had."""
        index = self._list.index(played.key)
        if index is None:
            raise WrongUse(
                f"the song {played.song.name!r} is not in the set any more", hint="undo that first"
            )
        self._arm(index)
        self._left, self.going, self._prepared = LeftSong(played.song, table), True, None

    def take(self) -> LeftSong | None:
        """The stage switches to the song now. Returns how the player left it, where undo returns to it."""
        left = self._left
        self._left = self._prepared = None
        return left

    def read_actions(self) -> None:
        """Carry out the actions that keys and controllers wrote into the table: arm, jump, next, go."""
        table, counts = self._rack.table, self._read_counts()
        before, self._counts = self._counts, counts
        if steps := int(counts[0] - before[0]) - int(counts[1] - before[1]):
            self.step(steps)
        for slot in (_ARM, _JUMP):
            number = int(table[slot])
            if number:
                table[slot] = 0
            if 1 <= number <= len(self._list.songs):
                self._arm(number - 1, chosen=True)
                if slot == _JUMP:
                    self.go()
            elif number:
                self._rack.log(f"there is no song {number}; the set has 1 to {len(self._list.songs)}")
        for _ in range(int(counts[2] - before[2])):
            self.go()

    def _read_counts(self) -> list[float]:
        return [float(self._rack.table[slot]) for slot in (_NEXT, _PREVIOUS, _GO)]

    # -- preparing

    def find_again(self) -> None:
        """Find its models again, and prepare them."""
        self._prepared = None

    def prepare(self) -> None:
        """Let each deck prepare its model in its other lane; the voices read `Arena.next`."""
        song = self._song
        if song is self._prepared:
            return
        self._prepared = song
        for place in self._rack.places:
            place.prepare(None)
        if song is None or self._key is None:
            return
        coming, values = self._left or LeftSong(
            song, opening_values(song, self._rack.table, self._list.set.tempo)
        )
        self._rack.arena.next[:] = values
        self._modulation.prepare(coming.modulation)
        found = self._models.find(self._key, coming)
        for number, (path, error) in found.decks.items():
            file = self._files.number_for(coming, number)
            self._rack.decks[number].prepare(path, error, coming.deck_texts(number), file)
        for number, (path, error) in found.inserts.items():
            self._rack.inserts[number].prepare(path, error, coming.insert_texts(number))

"""NOW and NEXT: while a song plays, the next one's models load and render ahead; all change at one block.

What both songs have on a deck plays on, and its numbers glide. What leaves keeps the numbers it had and fades
in the time the coming song gives it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.params import DECKS, SLOTS, SPEC_AT, Table
from perform.library import hashes, sets
from perform.library.sets import Set, Song
from perform.stage.deck import Deck
from perform.stage.deck_files import DeckFiles, missing
from perform.stage.glides import ParameterGlides
from perform.stage.host_pool import HostPool
from perform.stage.model_host import SHORTEST_WAIT_S
from perform.stage.setlist import PlayedSong, SetList
from perform.stage.status import SongsStatus, SongStatus

CUT_S = 0.01  #: of a cut: the mixer's shortest ramp
GLIDE_S = 0.5  #: shortest way of the numbers of a deck that plays on

_ARM, _JUMP = (SLOTS[f"song/{name}"] for name in ("arm", "jump"))
_NEXT, _PREVIOUS, _GO = (SLOTS[f"song/{name}"] for name in ("next", "previous", "go"))


class SongChange(NamedTuple):
    """The song that began, and whether undo or redo went back to it."""

    began: Song
    went_back: bool


class Songs:
    """The set, the song that plays, and the armed song."""

    def __init__(
        self,
        arena: Arena,
        decks: Mapping[int, Deck],
        hosts: HostPool,
        glides: ParameterGlides,
        materials: DeckFiles,
        tell: Callable[[str], None],
    ) -> None:
        self._arena, self._decks, self._hosts, self._glides = arena, decks, hosts, glides
        self._materials, self._tell = materials, tell
        self.list = SetList(Set("", songs=[Song("")]), None)  #: the set, as it is edited
        self.opening: Table = params.defaults()  #: the numbers the song that plays began with
        self._since = time.monotonic()
        self._armed: int | None = None  # the key of the song that is NEXT
        self._prepared: Song | None = None  # the version of it whose models are being brought
        self._missing: dict[int, list[str]] = {}  # song's key -> models and files that are not here
        self._going = self._now = False  # asked to go; without waiting
        self._settled = False  # at the last tick
        self._back: tuple[Song, Table] | None = None  # what is gone back to, and its numbers
        self._counts = self._read_counts()

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
        """
        self.list = SetList(made, path, now=now, outside=outside, saved=saved)
        song = self.list.song
        self.opening = self._opening(song)
        self._arena.table[:] = self.opening if table is None else table
        for deck, (model, error) in self._resolve(self.list.key, song).items():
            self._decks[deck].set_texts(song.words_of(deck))
            if model:
                self._decks[deck].load_file(model)
            else:
                self._decks[deck].fail(error)
        self._resolve_all()
        self._begin(song)
        self._arm(self.list.now + 1)

    def exchange(self, made: Set, path: Path) -> None:
        """Another set instead: what plays plays on; its first song is NEXT."""
        self.list = SetList(made, path, outside=self.list.playing)
        self._resolve_all()
        self._arm(0)

    def _resolve_all(self) -> None:
        for key, song in zip(self.list.keys, self.list.songs, strict=True):
            self._resolve(key, song)

    def edited(self) -> None:
        """The list was edited: NEXT is the same song where it is still there, else the one that follows."""
        for number, deck in self._decks.items():
            deck.set_texts(self.list.song.words_of(number))
        if self._next is None:
            self._arm(self.list.now + 1)

    @property
    def _next(self) -> int | None:
        """Index of the song that is NEXT; None where there is none, or it was taken out of the list."""
        return self.list.index(self._armed)

    @property
    def _next_song(self) -> Song | None:
        index = self._next
        return None if index is None else self.list.songs[index]

    def _resolve(self, key: int, song: Song) -> dict[int, tuple[Path | None, str]]:
        """Deck -> the file of its model, or why there is none."""
        found: dict[int, tuple[Path | None, str]] = {}
        for deck, model in song.models.items():
            try:
                found[deck] = sets.model_file(model), ""
            except PerformError as error:
                found[deck] = None, str(error)
        self._missing[key] = [f"deck {deck}: {error}" for deck, (_, error) in found.items() if error]
        self._missing[key] += [
            f"deck {deck}: {song.models[deck].name!r} is another file here than the song was made with"
            for deck, (path, _) in found.items()
            if path and song.models[deck].sha256 and hashes.known(path) not in ("", song.models[deck].sha256)
        ]
        self._missing[key] += missing(song)
        return found

    def _opening(self, song: Song) -> Table:
        """How the table begins with a song: decks as it says, the rest stays where it is silent."""
        table = self._arena.table.copy()
        for deck in range(1, DECKS + 1):
            own = np.r_[params.slots(deck)]
            own = own[~_COUNTERS[own]]
            table[own] = _DEFAULTS[own]
        sets.apply(song, table)
        return table

    # -- arming

    def arm(self, number: int) -> str:
        """Make song `number` NEXT; how long it will take, in words."""
        self._arm(self.list.at(number))
        self._prepare()
        wait = self.wait
        return "ready" if wait <= 0 else f"ready in about {wait:.0f} s"

    def step(self, by: int) -> None:
        """The song after NEXT, or before it."""
        armed = self._next
        at = self.list.now if armed is None else armed
        self._arm(min(max(at + by, 0), len(self.list.songs) - 1))

    def _arm(self, index: int) -> None:
        self._armed = self.list.keys[index] if 0 <= index < len(self.list.keys) else None
        self._going = self._now = False
        if self._back:  # its models were prepared as undo left them, not as the song begins
            self._back = self._prepared = None

    def go(self, *, now: bool = False) -> None:
        """NEXT is NOW: as soon as it is warm; at once where that is asked, or asked a second time."""
        if self._armed is None:
            self._tell("there is no next song")
            return
        self._now = now or self._going
        self._going = True

    def return_to(self, played: PlayedSong, table: Table) -> None:
        """Back to a song that has played, with the models, files and values it had; once it is warm."""
        index = self.list.index(played.key)
        if index is None:
            raise WrongUse(
                f"the song {played.song.name!r} is not in the set any more", hint="undo that first"
            )
        self._arm(index)
        self._back, self._going, self._prepared = (played.song, table), True, None

    def _prepare(self) -> None:
        """Bring the armed song's models, in the decks' second lanes, by its own numbers."""
        key, song = self._armed, self._next_song
        if song is self._prepared:
            return
        self._prepared = song
        for deck in self._decks.values():
            deck.prepare(None)
        if key is None or song is None:
            return
        stood, numbers = self._back or (song, self._opening(song))
        self._arena.next[:] = numbers
        for number, (path, error) in self._resolve(key, stood).items():
            file = self._materials.file(stood, number)
            self._decks[number].prepare(path, error, song.words_of(number), file)

    @property
    def wait(self) -> float:
        """Seconds until all of NEXT is warm, about: its models, and what they play of files."""
        now, decks = time.monotonic(), self._decks.values()
        armed = [deck.next for deck in decks]
        loading = {state.path: state.asked for state in armed if state.loading}
        models = sum(max(self._hosts.load_s - (now - asked), SHORTEST_WAIT_S) for asked in loading.values())
        return models + max(state.encoding_s for state in armed)

    # -- going

    def tick(self, *, settled: bool) -> bool:
        """[main] Prepare the armed song; True when it is to play now. settled: no deck is loading."""
        self._obey_table()
        if settled and not self._settled:
            self._resolve(
                self.list.key, self.list.song
            )  # its models have been read: they may be others than it was made with
        self._settled = settled
        if settled or self._going:
            self._prepare()
        if not self._going or self._next is None:
            return False
        return self._now or all(deck.next.ready for deck in self._decks.values())

    def play_next(self) -> SongChange:
        """[main] Play the armed song, after `tick` said True."""
        index = self._next
        assert index is not None
        back, self._back = self._back, None
        self._switch(index, back)
        return SongChange(back[0] if back else self.list.song, went_back=back is not None)

    def _obey_table(self) -> None:
        """What MIDI asks: a program that arms or jumps, a foot that goes."""
        table, counts = self._arena.table, self._read_counts()
        before, self._counts = self._counts, counts
        if steps := int(counts[0] - before[0]) - int(counts[1] - before[1]):
            self.step(steps)
        for slot in (_ARM, _JUMP):
            number = int(table[slot])
            if number:
                table[slot] = 0
            if 1 <= number <= len(self.list.songs):
                self._arm(number - 1)
                if slot == _JUMP:
                    self.go()
        for _ in range(int(counts[2] - before[2])):
            self.go()

    def _read_counts(self) -> list[float]:
        return [float(self._arena.table[slot]) for slot in (_NEXT, _PREVIOUS, _GO)]

    def _switch(self, index: int, back: tuple[Song, Table] | None) -> None:
        """[stage] Every deck changes at one block; back: as it stood, where the song does not begin."""
        song, arena = self.list.songs[index], self._arena
        self._prepare()
        leave = CUT_S if song.switch == "cut" else max(song.fade, CUT_S)
        enter = leave if song.switch == "crossfade" else CUT_S
        opening = self._opening(song)
        stood, table = back or (song, opening)
        kept = [n for n, deck in self._decks.items() if deck.keeps_model]
        moving = [i for n in kept for i in range(*params.slots(n).indices(len(table))) if _glides(i)]
        targets = {i: float(table[i]) for i in moving}
        stay = np.zeros(len(table), dtype=bool)
        stay[moving] = True
        for n in kept:
            stay[SLOTS[f"deck/{n}/seed"]] = True  # another chance would start the voice over
        stay[_DOING] = True
        self._glides.stop()
        with arena.batch():
            arena.table[~stay] = table[~stay]
            for deck in self._decks.values():
                deck.play_next(enter, leave)
        self._glides.begin(
            targets, max(song.fade, GLIDE_S) if song.switch != "cut" else 0.0, time.monotonic()
        )
        self.opening, self._prepared = opening, None
        self.list.play(index)
        self._begin(stood)
        self._arm(index + 1)

    def _begin(self, song: Song) -> None:
        self._since = time.monotonic()
        number = f"song {self.list.now + 1}" if self.list.now >= 0 else "a song of another set"
        self._tell(f"{number}: {song.name}")

    # -- words

    @property
    def position(self) -> float:
        """Seconds the song has played."""
        return time.monotonic() - self._since

    def resume(self, position: float) -> None:
        """It has played so long already."""
        self._since = time.monotonic() - position

    def status(self) -> SongsStatus:
        """For a status."""
        wanted = [deck.next for deck in self._decks.values() if deck.next.path]
        index = self._next
        return SongsStatus(
            lines=tuple(self._line(*pair) for pair in zip(self.list.keys, self.list.songs, strict=True)),
            now=self.list.now + 1,
            since=self._since,
            next=0 if index is None else index + 1,
            ready=sum(state.ready for state in wanted),
            wanted=len(wanted),
            wait=self.wait,
            going=self._going,
            changed=self.list.changed,
            path=str(self.list.path or ""),
        )

    def _line(self, key: int, song: Song) -> SongStatus:
        return SongStatus(
            name=song.name,
            models=tuple(f"{deck} {model.name}" for deck, model in sorted(song.models.items())),
            notes=song.notes,
            missing=tuple(self._missing.get(key, ())),
        )


_DEFAULTS = params.defaults()
_COUNTERS = np.array([spec.action for spec in SPEC_AT])
_DOING = [i for i, a in enumerate(params.ADDRESSES) if a.startswith(params.NEVER_STORED) or SPEC_AT[i].action]


def _glides(slot: int) -> bool:
    return (
        not SPEC_AT[slot].choices
        and not SPEC_AT[slot].action
        and not params.ADDRESSES[slot].endswith("/seed")
    )

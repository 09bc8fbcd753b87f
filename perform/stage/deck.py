"""A deck as the stage sees it: what plays, what comes, what the next song wants, what to do when a host dies.

What comes loads and renders ahead unheard while what plays plays on; then both change at one block of the
mixer: the one fades, the other enters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, EMPTY, FAILED, LIVE, LOADING, NEXT, NOW, lanes_of
from perform.core.attributes import Attribute, Texts
from perform.core.errors import PerformError
from perform.core.messages import DeckAssignment
from perform.core.params import ATTRIBUTES, SLOTS, AttributeValues
from perform.library.cards import find_model
from perform.stage.deck_lane import DeckLane, LanePhase
from perform.stage.host_pool import HostPool, HostProcess
from perform.stage.status import DeckStatus

HAND_FADE_S = 0.1  #: between two models that a hand exchanges
UNLOAD_S = 0.03  #: of a model that is let go
HUNG_S = 1.0  #: a host that has rendered nothing for this long while its ring is dry hangs
REFUSED_S = 5.0  #: between two lines about one attribute that is refused
RESETS = 3  #: decoder resets (output not finite) before the host is replaced


@dataclass(slots=True)
class ComingModel:
    """What is to play: its host, and its lane once it has one."""

    host: HostProcess
    lane: DeckLane | None = None
    fade: float = HAND_FADE_S
    bank: AttributeValues | None = (
        None  # of its attributes, from its first frame on; None: as the table stands
    )


class Deck:
    """One of the eight. `tick` moves it on; nothing in it waits. tell: takes a line for the log."""

    def __init__(self, deck: int, arena: Arena, hosts: HostPool, tell: Callable[[str], None]) -> None:
        self.deck = deck
        self._arena, self._hosts, self._tell = arena, hosts, tell
        self._meters = arena.deck_meters(deck)
        self._start = SLOTS[f"deck/{deck}/file/start"]
        self._lanes = [DeckLane(arena, index, deck) for index in lanes_of(deck)]
        self._playing: DeckLane | None = None
        self._coming: ComingModel | None = None
        self._next: ComingModel | None = None
        self.next_path: Path | None = None  #: the armed song's model; None: the deck will be empty
        self._words: Texts = {}  # of its attributes
        self._next_words: Texts = {}
        self._file = self._next_file = 0  # of its source of that name
        self._refused: dict[int, float] = {}  # attribute -> when the log last heard of its refusal
        self.moved: set[int] = set()  #: slots it has written itself; whoever looks empties it
        self.next_asked = 0.0  #: when that was asked for, monotonic seconds
        self._next_error = ""  # why the armed song has none, though it wants one
        self.error = ""
        self._lost: Path | None = None  # the file of what was refused, where nothing plays
        self._progress = (0.0, 0.0)  # frames rendered, and when they last grew

    @property
    def settled(self) -> bool:
        """Nothing is under way: it is empty, it plays or it has failed."""
        return self._coming is None

    @property
    def model(self) -> Path | None:
        """The file of what plays or comes by hand."""
        host = self._host
        return host.model.path if host else None

    @property
    def assigned(self) -> Path | None:
        """The file of what plays or comes, or should and cannot: what a song keeps, or a crash."""
        return self.model or self._lost

    @property
    def wanted(self) -> set[Path]:
        """The models it plays, brings or prepares."""
        hosts = [lane.host for lane in self._lanes] + [c.host for c in (self._coming, self._next) if c]
        return {host.model.path for host in hosts if host}

    @property
    def _host(self) -> HostProcess | None:
        if self._coming:
            return self._coming.host
        return self._playing.host if self._playing else None

    # -- by hand

    def load(self, model: str) -> None:
        """Bring a model; what plays goes on until the new one is warm. WrongUse where it is no model.

        Another one begins with the attributes it has by itself, and so does one that had failed.
        """
        path = find_model(model)
        playing = self._playing and self._playing.host
        self.bring(path, bank=None if playing and playing.model.path == path else params.default_attributes())

    def bring(self, path: Path, *, bank: AttributeValues | None = None) -> None:
        """Bring the model of a file; bank: the attributes it begins with, else as the table stands."""
        self._hosts.forget_crashes(path)
        self._bring(path, HAND_FADE_S, bank)

    def _bring(self, path: Path, fade: float, bank: AttributeValues | None = None) -> None:
        host = self._hosts.get(path)
        self._abandon(self._coming)
        if self._playing:
            self._playing.hold(still=False)
        self._coming = ComingModel(host, fade=fade, bank=bank)
        self.error, self._lost = "", None
        if not self._playing:
            self._state(LOADING)

    def unload(self, fade: float = UNLOAD_S) -> None:
        """Fade out and let go."""
        self._abandon(self._coming)
        self._coming, self.error, self._lost = None, "", None
        if self._playing:
            self._playing.leave(fade)
        self._playing = None
        self._state(EMPTY)

    # -- attributes

    def say(self, words: Texts) -> None:
        """The words of the model's attributes, as the song that plays has them."""
        if words != self._words:
            self._words = words
            for lane in self._lanes:
                if lane.mode == NOW:
                    lane.say(words)

    def use(self, file: int) -> None:
        """What its source "file" plays, by its number among the stage's; 0 for nothing."""
        self._file = file
        for lane in self._lanes:
            if lane.mode == NOW:
                lane.use(file)

    def files(self) -> Iterator[tuple[Path, int, bool]]:
        """Which models here want which files, and whether only for the next song."""
        for lane in self._lanes:
            if lane.host:
                yield lane.host.model.path, lane.file, lane.mode == NEXT
        if self._coming:
            yield self._coming.host.model.path, self._file, False
        if self.next_path:
            yield self.next_path, self._next_file, True

    def attribute(self, number: int) -> Attribute | None:
        """An attribute of what plays or comes, the first being 1."""
        there = self._host.attributes if self._host else ()
        return there[number - 1] if 1 <= number <= len(there) else None

    def take_back(self, lane: int, place: int, number: float, kept: float, error: str) -> None:
        """An attribute that its model did not take: the number says again what it has."""
        mode = next(one.mode for one in self._lanes if one.index == lane)
        slot = params.attribute_slots(self.deck).start + place
        for table in {NOW: [self._arena.table], NEXT: [self._arena.next]}.get(mode, []):
            if place < ATTRIBUTES and table[slot] == number:
                table[slot] = kept
                self.moved.add(slot)
        now = time.monotonic()
        if now - self._refused.get(place, -REFUSED_S) >= REFUSED_S:
            self._refused[place] = now
            self._tell(f"deck {self.deck}: {error}")

    # -- the next song

    def prepare(self, path: Path | None, error: str = "", words: Texts | None = None, file: int = 0) -> None:
        """Have a model render ahead for the next song, loaded at idle priority; None: the deck empties.

        error : why it will be, where the song wants a model. It begins with the numbers of `Arena.next`
        words : of its attributes;  file : of its source of that name
        """
        self._abandon(self._next)
        self._next, self._next_words, self._next_file = None, words or {}, file
        self.next_path, self._next_error, self.next_asked = path, error, time.monotonic()

    @property
    def keeps(self) -> bool:
        """What plays goes on in the next song."""
        return bool(self._playing and self.settled and self.model == self.next_path)

    @property
    def next_ready(self) -> bool:
        """Nothing is to be waited for: model and file are there, it has rendered ahead or plays already."""
        if self.next_path is None:
            return True
        if self.keeps:
            return not self.next_hears_in
        return bool(self._next and ((self._next.lane and self._next.lane.full) or self._next.host.error))

    @property
    def next_loading(self) -> bool:
        """The next song's model is not warm yet."""
        return bool(self.next_path and not self.keeps and not (self._next and self._next.host.ready))

    @property
    def next_hears_in(self) -> float:
        """Seconds, about, until its file is encoded up to where it begins; 0 before its model is there."""
        coming = self._playing if self.keeps else self._next
        if not self.next_path or not coming or not coming.host or not coming.host.ready:
            return 0.0
        return coming.host.hears_in(self._next_file, float(self._arena.next[self._start]))

    def go(self, enter: float, leave: float) -> None:
        """The next song is now: called inside a batch. What is not ready comes as soon as it is."""
        self.say(self._next_words)
        file = self._next_file
        if self.keeps:
            self.use(file)
            self.prepare(None)
            return
        coming, path, error, self._next = self._next, self.next_path, self._next_error, None
        self.unload(leave)
        self.use(file)  # what leaves keeps its own
        if coming and coming.lane and coming.lane.full:
            self._enter(coming.lane, enter)
        elif path:
            self._abandon(coming)  # what it has rendered so far is not enough: it starts anew
            self._bring_back(path, enter)
        elif error:
            self.refuse(error)
        self.next_path = None

    # -- by itself

    def tick(self) -> None:
        """A few times each 100 ms: move on, look for a host that hangs."""
        for lane in self._lanes:
            lane.tick()
        if self._playing and self._playing.host:
            if self._playing.host.gone:
                self._crashed(self._playing.host)
            else:
                self._watch(self._playing, self._playing.host)
        if self._coming:
            self._advance(self._coming)
        elif self.next_path:
            self._warm(self.next_path)

    def _advance(self, coming: ComingModel) -> None:
        if coming.host.error:
            self._fail(coming)
        elif coming.lane is None:
            if coming.host.ready and (lane := self._free()):
                coming.lane = lane
                self._begin(coming)
                lane.fill(coming.host, NOW, self._words, self._file)
        elif coming.lane.full:
            with self._arena.batch():
                if self._playing:
                    self._playing.leave(coming.fade)
                self._enter(coming.lane, coming.fade)
            self._coming = None
        elif coming.lane.phase is not LanePhase.FILLING:
            coming.lane = None

    def _begin(self, coming: ComingModel) -> None:
        """The attributes of what comes into the table, and what plays keeps those it has."""
        slots, table = params.attribute_slots(self.deck), self._arena.table
        if coming.bank is not None and not np.array_equal(
            table[slots][:ATTRIBUTES], coming.bank[:ATTRIBUTES]
        ):
            with self._arena.batch():
                if self._playing:
                    self._playing.hold(still=True)
                table[slots][:ATTRIBUTES] = coming.bank[:ATTRIBUTES]
            self.moved |= {*range(*slots.indices(len(table)))}

    def _warm(self, path: Path) -> None:
        """The next song's model: load it, give it a lane when one is free, let it render ahead."""
        if self.keeps:
            self._abandon(self._next)
            self._next = None
        elif self._next is None:
            self._next = ComingModel(self._hosts.get(path, idle=True))
        elif self._next.host.crashed and not self._hosts.crashed_too_often(path):
            self._next = None  # a model that was refused is not tried again
        elif self._next.host.ready and self._next.lane is None and not self.next_hears_in:
            self._next.lane = next((lane for lane in self._lanes if lane.phase is LanePhase.FREE), None)
            if self._next.lane:
                self._next.lane.fill(self._next.host, NEXT, self._next_words, self._next_file)

    def _free(self) -> DeckLane | None:
        """A lane for what comes; the next song gives up the one it has."""
        if self._next and self._next.lane:
            self._abandon(self._next)
            self._next.lane = None
        return next((lane for lane in self._lanes if lane.phase is LanePhase.FREE), None)

    def _abandon(self, coming: ComingModel | None) -> None:
        if coming and coming.lane:
            coming.lane.leave(0.0)

    def _enter(self, lane: DeckLane, fade: float) -> None:
        """Its first frames are there: open the gate."""
        assert lane.host
        lane.enter(fade)
        self._playing = lane
        self._progress = (-1.0, time.monotonic())
        self._meters[DECK_METER["pid"]] = lane.host.child.pid
        self._state(LIVE)
        self._tell(f"deck {self.deck}: {lane.host.model.card.name} plays")

    def _fail(self, coming: ComingModel) -> None:
        """What comes will not come: stay with what plays, or try again where that was what played."""
        path, error = coming.host.model.path, coming.host.error
        self._abandon(coming)
        if self._playing:
            self._playing.hold(still=False)
        self._coming = None
        crashed = coming.host.crashed and not self._playing
        if crashed and not self._hosts.crashed_too_often(path):
            self._bring_back(path, HAND_FADE_S)
        else:
            self.refuse(error, path)

    def refuse(self, error: str, path: Path | None = None) -> None:
        """What was wanted here (a file, where it is one) cannot be had: what plays stays."""
        self.error = error
        self._tell(f"deck {self.deck}: {error}")
        if not self._playing:
            self._lost = path
            self._state(FAILED)

    def _bring_back(self, path: Path, fade: float) -> None:
        try:
            self._bring(path, fade)
        except PerformError as error:  # its file is gone
            self.refuse(str(error), path)

    def _crashed(self, host: HostProcess) -> None:
        """What played is gone: bring it back, unless that has happened too often."""
        path = host.model.path
        assert self._playing
        self._playing.leave(0.0)
        self._playing = None
        if self._coming:
            self._state(LOADING)
        elif self._hosts.crashed_too_often(path):
            self.refuse(f"{host.error}, three times in a minute; load it again to retry", path)
        else:
            self._tell(f"deck {self.deck}: {host.error}, bringing it back")
            self._bring_back(path, HAND_FADE_S)

    def _watch(self, lane: DeckLane, host: HostProcess) -> None:
        """End a host that hangs, or whose output is no sound; its death is dealt with when it comes."""
        now = time.monotonic()
        if lane.frames != self._progress[0] or not lane.dry:
            self._progress = (lane.frames, now)
        hung = now - self._progress[1] > HUNG_S
        if hung or lane.resets > RESETS:
            why = "it hangs" if hung else "its output is not finite"
            self._tell(f"deck {self.deck}: host ended ({why})")
            host.child.kill()
            self._progress = (lane.frames, now + HUNG_S)

    def _state(self, state: int) -> None:
        self._meters[DECK_METER["state"]] = state

    def assignment(self, matrix: str) -> DeckAssignment:
        """What it plays, for the host processes."""
        host = self._host
        if host is None:
            return DeckAssignment(matrix=matrix)
        return DeckAssignment(str(host.made), host.sha256, matrix)

    def words(self) -> DeckStatus:
        """What stands here, for a status."""
        host = self._host
        if host is None:
            return DeckStatus(error=self.error)
        card = host.model.card
        return DeckStatus(
            model=card.name,
            path=str(host.model.path),
            sha256=host.sha256,
            latents=card.latents,
            ratio=card.ratio,
            sample_rate=card.sample_rate,
            delay=card.delay / card.sample_rate,
            latent_low=tuple(card.latent_p05),
            latent_high=tuple(card.latent_p95),
            attributes=host.attributes,
            words={number: tuple(words) for number, words in self._words.items()},
            actions=host.actions,
            has_prior=host.has_prior,
            error=self.error,
        )

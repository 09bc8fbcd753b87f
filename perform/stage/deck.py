"""A deck: the model that plays, the model that will replace it, and recovery from a crashed host.

A new model loads and renders ahead, unheard, while the old one plays on. Then both change at one block of the
mixer: the old one fades out, the new one fades in. `armed_model` prepares the next song in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, EMPTY, FAILED, LIVE, LOADING, NEXT
from perform.core.attributes import Texts
from perform.core.errors import PerformError
from perform.core.messages.host_messages import DeckAssignment
from perform.core.params import ATTRIBUTES
from perform.library.cards import Card, corpus_range, knob_ranges
from perform.library.model_library import find_model
from perform.stage.armed_model import ArmedModel, ArmedState, PendingModel
from perform.stage.deck_lane import DeckLane, LanePhase
from perform.stage.host_pool import HostPool
from perform.stage.lane_pair import LanePair
from perform.stage.model_host import HostProcess
from perform.stage.model_place import ModelPlace
from perform.stage.status import DeckStatus
from perform.stage.voice_limit import VoiceLimit

LOAD_FADE_S = 0.1  #: fade between two models when a player loads one
UNLOAD_S = 0.03  #: fade-out of a model that is unloaded


def first_values(deck: int) -> dict[int, float]:
    """Slot -> value of the parameters with which another model begins on a deck: what belongs to the model.

    Its attributes have their defaults, bias 0 is at its home, it is as loud as its calibration makes it,
    and it walks through its corpus.
    """
    first, switches = params.attribute_slots(deck).start, ("home", "calibrated", "walk")
    attributes = enumerate(params.default_attributes()[:ATTRIBUTES], first)
    return {slot: float(value) for slot, value in attributes} | {
        params.slot(f"deck/{deck}/{name}"): 1.0 for name in switches
    }


class Deck(ModelPlace):
    """One of the eight decks. log: writes a line to the log."""

    def __init__(self, deck: int, arena: Arena, hosts: HostPool, log: Callable[[str], None]) -> None:
        super().__init__(f"deck {deck}", params.attribute_slots(deck), arena, hosts, log)
        self.deck = deck
        self._meters = arena.deck_meters(deck)
        self._source, self._home, self._encode = (
            params.slot(f"deck/{deck}/{name}") for name in ("source", "home", "encode")
        )
        self._at_home = False  # when the knobs' ranges were set
        self._lanes = LanePair(arena, deck)
        self._playing: DeckLane | None = None
        self._pending: PendingModel | None = None
        self._armed = ArmedModel(arena, hosts, self._lanes, deck)
        self._voices = VoiceLimit(deck, arena.table, self.moved, log)

    # -- what plays

    @property
    def settled(self) -> bool:
        """No model is loading: the deck is empty, plays, or has failed."""
        return self._pending is None

    @property
    def wanted(self) -> set[Path]:
        """The models that play, load or are prepared here."""
        pending = [one.host for one in (self._pending, self._armed.pending) if one]
        return {host.model.path for host in (*self._lanes.hosts, *pending)}

    @property
    def _host(self) -> HostProcess | None:
        if self._pending:
            return self._pending.host
        return self._playing.host if self._playing else None

    def assignment(self, matrix: str) -> DeckAssignment:
        """What this deck plays, for the host processes."""
        host = self._host
        return DeckAssignment(str(host.made), host.sha256, matrix) if host else DeckAssignment(matrix=matrix)

    def status(self) -> DeckStatus:
        """The deck's line of a `Status`."""
        host = self._host
        source = params.SOURCES[int(self._arena.table[self._source])]
        encode = bool(self._arena.table[self._encode])
        return (
            host.deck_status(self._lanes.texts, self.error, source, home=self.at_home, encode=encode)
            if host
            else DeckStatus(model=self._failed_path.stem if self._failed_path else "", error=self.error)
        )

    @property
    def at_home(self) -> bool:
        """Bias 0 is at the model's home."""
        return bool(self._arena.table[self._home])

    @property
    def latent_range(self) -> tuple[Sequence[float], Sequence[float]]:
        """5th and 95th percentile of each latent in its model's corpus, as biases; empty without a model."""
        card = self._host.model.card if self._host else None
        return corpus_range(card, home=self.at_home) if card else ((), ())

    # -- loading

    def load(self, model: str) -> None:
        """Load a model by name or path; WrongUse where there is none.

        Another model begins with `first_values`, and so does one that had failed.
        """
        path = find_model(model)
        playing = self._playing and self._playing.host
        same = playing and playing.model.path == path
        self.load_file(path, None if same else first_values(self.deck))

    def load_file(self, path: Path, values: Mapping[int, float] | None = None) -> None:
        """Load a model file; values: slot -> value it begins with, the others are as in the table."""
        self._hosts.forget_crashes(path)
        self._load(path, LOAD_FADE_S, values)

    def play_again(self, path: Path, fade: float) -> None:
        """Load the model that played here before, with the values in the table."""
        self._load_or_fail(path, fade)

    def unload(self, fade: float = UNLOAD_S) -> None:
        """Fade out and release the model."""
        self._cancel_pending()
        self.error, self._failed_path = "", None
        if self._playing:
            self._playing.leave(fade)
            self._arena.knobs.set_deck(self.deck, (), ())
        self._playing = None
        self._set_state(EMPTY)

    def _load(self, path: Path, fade: float, values: Mapping[int, float] | None = None) -> None:
        host = self._hosts.get(path)
        self._cancel_pending()
        if self._playing:
            self._playing.hold(still=False)
        self._pending = PendingModel(host, fade, values=values or {})
        self.error, self._failed_path = "", None
        if not self._playing:
            self._set_state(LOADING)

    def _cancel_pending(self) -> None:
        if self._pending:
            self._pending.release_lane()
        self._pending = None

    # -- attributes and the sound file

    def set_texts(self, texts: Texts) -> None:
        """Set the texts of the attributes to those of the song that plays."""
        self._lanes.set_texts(texts)

    def set_file(self, file: int) -> None:
        """Set the sound file of the source "file" by its number; 0 for none."""
        self._lanes.set_file(file)

    def wanted_files(self) -> Iterator[tuple[Path, int, bool]]:
        """Model, number of the file that it plays, and whether only the armed song needs it."""
        for lane in self._lanes:
            if lane.host:
                yield lane.host.model.path, lane.file, lane.mode == NEXT
        if self._pending:
            yield self._pending.host.model.path, self._lanes.file, False
        if self._armed.path:
            yield self._armed.path, self._armed.file, True

    # -- the armed song

    def prepare(self, path: Path | None, error: str = "", texts: Texts | None = None, file: int = 0) -> None:
        """Prepare the armed song's model, which begins with the values of `Arena.next`.

        path  : None: the deck will be empty;  error : why, where the song names a model
        texts : of its attributes;  file : number of its sound file
        """
        self._armed.prepare(path, error, texts or {}, file)

    @property
    def next(self) -> ArmedState:
        """How far the armed song's model is."""
        return self._armed.state(self._kept)

    @property
    def keeps_model(self) -> bool:
        """The model that plays goes on in the armed song."""
        return self._kept is not None

    @property
    def _kept(self) -> HostProcess | None:
        """The host of the model that goes on."""
        host = self._playing.host if self._playing and self.settled else None
        return host if host and host.model.path == self._armed.path else None

    def play_next(self, enter: float, leave: float) -> None:
        """[inside a batch] Play the armed song's model; one that is not ready plays as soon as it is."""
        armed = self._armed
        self.set_texts(armed.texts)
        if self.keeps_model:
            self.set_file(armed.file)
            if self._playing:
                self._playing.follow_table()
            self.prepare(None)
            return
        pending, path, error, file = armed.take(), armed.path, armed.error, armed.file
        self.unload(leave)
        self.set_file(file)  # the voice that fades out keeps its own file
        if pending and pending.lane and pending.lane.full:
            self._enter(pending.lane, enter)
        elif path:
            if pending:
                pending.release_lane()  # too little is rendered ahead: start again
            self._load_or_fail(path, enter)
        elif error:
            self.fail(error)
        armed.path = None

    # -- every tick

    def tick(self) -> None:
        """[main, about every 15 ms] Advance the lanes and the loading model; replace a crashed host."""
        self._lanes.tick()
        for lane in self._lanes:
            if lane.host:
                self._refused.restore(lane.mode, lane.host.take_refused(lane.index))
        if self._playing and self._playing.host:
            if self._playing.host.gone:
                self._recover(self._playing.host)
            else:
                self._watch.check(self._playing)
                self._voices.check(self._playing.host.model.card)
                self._playing.follow_table()
                if self._at_home != self.at_home:
                    self._set_knobs(self._playing.host.model.card)
        if self._pending:
            self._advance(self._pending)
        else:
            self._armed.tick(self._kept)

    def _advance(self, pending: PendingModel) -> None:
        if pending.host.error:
            self._fail_pending(pending)
        elif pending.lane is None:
            if pending.host.ready:
                self._armed.release_lane()  # the armed song waits until this model plays
                if lane := self._lanes.free:
                    pending.lane = lane
                    self._write_values(pending)
                    self._lanes.fill(lane, pending.host)
        elif pending.lane.full:
            with self._arena.batch():
                if self._playing:
                    self._playing.leave(pending.fade)
                self._enter(pending.lane, pending.fade)
            self._pending = None
        elif pending.lane.phase is not LanePhase.FILLING:
            pending.lane = None

    def _write_values(self, pending: PendingModel) -> None:
        """Write the values that the new model begins with; what plays keeps its present ones."""
        table, wanted = self._arena.table, pending.values
        if any(table[slot] != value for slot, value in wanted.items()):
            with self._arena.batch():
                if self._playing:
                    self._playing.hold(still=True)
                table[[*wanted]] = [*wanted.values()]
            self.moved |= {*wanted}

    def _enter(self, lane: DeckLane, fade: float) -> None:
        """Fade a lane in that has rendered ahead."""
        assert lane.host
        lane.enter(fade)
        self._set_knobs(lane.host.model.card)
        self._playing = lane
        self._watch.start()
        self._meters[DECK_METER["pid"]] = lane.host.child.pid
        self._set_state(LIVE)
        self._log(f"{self._place}: {lane.host.model.card.name} plays")

    def _set_knobs(self, card: Card) -> None:
        self._at_home = self.at_home
        self._arena.knobs.set_deck(self.deck, knob_ranges(card, home=self._at_home), card.latent_effect)

    def _set_state(self, state: int) -> None:
        self._meters[DECK_METER["state"]] = state

    # -- failures and recovery

    def fail(self, error: str, path: Path | None = None) -> None:
        """A model (of the file `path`, where it is known) cannot be loaded: what plays stays."""
        self.error = error
        self._log(f"{self._place}: {error}")
        if not self._playing:
            self._failed_path = path
            self._set_state(FAILED)

    def _fail_pending(self, pending: PendingModel) -> None:
        """Keep what plays; where nothing plays and the host crashed, load the model again."""
        path, host = pending.host.model.path, pending.host
        self._cancel_pending()
        if self._playing:
            self._playing.hold(still=False)
        elif host.crashed and not self._hosts.crashed_too_often(path):
            self._load_or_fail(path, pending.fade, pending.values)
            return
        self.fail(host.error, path)

    def _load_or_fail(self, path: Path, fade: float, values: Mapping[int, float] | None = None) -> None:
        try:
            self._load(path, fade, values)
        except PerformError as error:  # the file is gone
            self.fail(str(error), path)

    def _recover(self, host: HostProcess) -> None:
        """The host of what played has died: load its model again, unless it crashes too often."""
        path = host.model.path
        assert self._playing
        self._playing.leave(0.0)
        self._playing = None
        if self._pending:
            self._set_state(LOADING)
        elif self._hosts.crashed_too_often(path):
            self.fail(f"{host.error}, three times in a minute; load it again to retry", path)
        else:
            self._log(f"{self._place}: {host.error}, loading it again")
            self._load_or_fail(path, LOAD_FADE_S)

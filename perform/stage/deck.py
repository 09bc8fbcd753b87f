"""A deck as the stage sees it: the host that plays, the host that comes, and what happens when one dies.

load: a coming host loads and warms up, what plays plays on
ready -> LEAVING   the gate closes over the mixer's ramp
      -> DRAINING  the old host is killed; its death and a dry ring are waited for
      -> ENTERING  the new host was told to go; its first frames open the gate
      -> RESTING
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from perform.library.cards import Card, find_model, read_card, trim_db
from perform.lifeline import Message
from perform.shared import DECK_METER, EMPTY, FAILED, LIVE, LOADING, Arena
from perform.stage import commands
from perform.stage.child import Child

FADE_S = 0.04  #: the mixer's ramp and a block
DRAIN_S = 0.3  #: longest wait for a ring to run dry
HUNG_S = 1.0  #: a host that has rendered nothing for this long while its ring is dry hangs
LOAD_S = 30.0  #: a host that is not ready after so long hangs; a first compilation takes some seconds
CRASHES, CRASH_WINDOW_S = 3, 60.0  #: so many in so long disable a deck
RESETS = 3  #: decoder resets (output not finite) before the host is replaced


class Phase(Enum):
    """Where a deck is on its way from one host to the next."""

    RESTING = auto()
    LEAVING = auto()
    DRAINING = auto()
    ENTERING = auto()


class Model(NamedTuple):
    """What a host plays, or is to play."""

    path: Path
    card: Card
    sha256: str = ""  #: known once its host is ready


class DeckSlot:
    """One of the eight. `tick` moves it on; nothing in it waits.

    host  : gives a host process, warm if there is one
    tell  : takes a line for the log
    begin : the fields of the order that starts a host, less deck and model
    """

    def __init__(
        self,
        deck: int,
        arena: Arena,
        host: Callable[[], Child],
        tell: Callable[[str], None],
        begin: dict[str, object],
    ) -> None:
        self.deck = deck
        self._arena, self._meters, self._ring = arena, arena.deck_meters(deck), arena.rings[deck]
        self._host, self._tell, self._begin = host, tell, begin
        self._phase, self._since = Phase.RESTING, 0.0  # and when that began
        self._model: Model | None = None  # what plays, or played last
        self._playing: Child | None = None
        self._next: Model | None = None  # what the coming host loads
        self._coming: Child | None = None
        self._ready = False  # the coming host has its model warm
        self._asked = 0.0  # when it was asked to load
        self._error = ""
        self._crashes: list[float] = []
        self._progress = (0.0, 0.0)  # frames rendered, and when they last grew

    @property
    def settled(self) -> bool:
        """Nothing is under way: it is empty, it plays or it has failed."""
        return self._coming is None and self._phase is Phase.RESTING

    def load(self, model: str) -> None:
        """Bring a model; what plays goes on until the new one is warm. WrongUse where it is no model."""
        path = find_model(model)
        self._crashes.clear()
        self._bring(Model(path, read_card(path)))

    def unload(self) -> None:
        """Fade out and let go."""
        if self._coming:
            self._coming.kill()
        self._coming = self._next = None
        self._error = ""
        self._leave()

    def _bring(self, model: Model) -> None:
        if self._coming:
            self._coming.kill()
        self._next, self._error, self._ready, self._asked = model, "", False, time.monotonic()
        self._coming = self._host()
        self._coming.order("start", deck=self.deck, model=str(model.path), **self._begin)
        if not self._playing:
            self._state(LOADING)

    def _leave(self) -> None:
        self._gate(0)
        self._to(Phase.LEAVING)

    def report(self, child: Child, message: Message) -> bool:
        """Take a report, if it is from one of this deck's hosts."""
        if child is not self._coming:
            return child is self._playing
        if message["report"] == "ready" and self._next:
            self._ready = True
            self._next = self._next._replace(sha256=str(message["sha256"]))
        elif message["report"] == "failed":
            self._fail(str(message["error"]))
        return True

    def died(self, child: Child) -> bool:
        """Take the news of a death, if it is one of this deck's hosts."""
        if child is self._coming:
            self._coming = None
            reviving = self._playing is None and self._next is not None and self._next == self._model
            if reviving:
                self._crashed()
            else:
                self._fail(f"its host ended while loading (exit {child.exit_code})")
        elif child is self._playing:
            self._playing = None
            if self._phase not in (Phase.LEAVING, Phase.DRAINING):
                self._gate(0)
                self._to(Phase.RESTING)
                if not self._coming:
                    self._crashed()
            if self._coming:
                self._state(LOADING)
        else:
            return False
        return True

    def _fail(self, error: str) -> None:
        """The coming host will not come: stay with what plays, or go back to it."""
        if self._coming:
            self._coming.kill()
        self._coming = self._next = None
        self._tell(f"deck {self.deck}: {error}")
        if self._phase is Phase.LEAVING and self._playing:
            self._gate(1)
            self._to(Phase.RESTING)
        elif self._phase is Phase.DRAINING and self._model:
            self._bring(self._model)
        if not self._playing and not self._coming:
            self._state(FAILED)
        self._error = error

    def _crashed(self) -> None:
        """What played is gone: bring it back, unless that has happened too often."""
        now = time.monotonic()
        self._crashes = [t for t in self._crashes if now - t < CRASH_WINDOW_S] + [now]
        if len(self._crashes) >= CRASHES or self._model is None:
            self._fail(f"its host crashed {len(self._crashes)} times in a minute; load it again to retry")
            return
        self._tell(f"deck {self.deck}: the host died, bringing it back")
        self._bring(self._model)

    def tick(self) -> None:
        """A few times each 100 ms: move on, look for a host that hangs."""
        now = time.monotonic()
        if self._phase is Phase.LEAVING and now - self._since >= FADE_S:
            if self._playing:
                self._playing.kill()
            self._to(Phase.DRAINING)
        elif self._phase is Phase.DRAINING and self._playing is None:
            if self._ring.fill == 0 or now - self._since > DRAIN_S:
                self._to(Phase.RESTING)
                if not self._coming:
                    self._model = None
                    self._state(EMPTY)
        elif self._phase is Phase.ENTERING and self._ring.fill >= self._arena.meter("block"):
            self._enter()
        if self._coming and self._phase is Phase.RESTING and self._ready:
            if self._playing:
                self._leave()
            else:
                self._promote(self._coming)
        elif self._coming and not self._ready and now - self._asked > LOAD_S:
            self._coming.kill()
            self._asked = now
        if self._playing and self._phase in (Phase.RESTING, Phase.ENTERING):
            self._watch(self._playing, now)

    def _promote(self, child: Child) -> None:
        """The ring is this host's alone: let it begin."""
        assert self._next
        self._model, self._playing, self._coming, self._next = self._next, child, None, None
        self._meters[DECK_METER["trim"]] = trim_db(self._model.card)
        self._progress = (-1.0, time.monotonic())
        child.order("go")
        self._to(Phase.ENTERING)

    def _enter(self) -> None:
        """Its first frames are there: open the gate."""
        assert self._model
        self._to(Phase.RESTING)
        self._gate(1)
        self._state(LIVE)
        self._tell(f"deck {self.deck}: {self._model.card.name} plays")

    def _watch(self, child: Child, now: float) -> None:
        """End a host that hangs, or whose output is no sound; its death is dealt with when it comes."""
        frames = float(self._meters[DECK_METER["frames"]])
        if frames != self._progress[0] or self._ring.fill >= self._arena.meter("block"):
            self._progress = (frames, now)
        hung = now - self._progress[1] > HUNG_S
        if hung or self._meters[DECK_METER["resets"]] > RESETS:
            why = "it hangs" if hung else "its output is not finite"
            self._tell(f"deck {self.deck}: host ended ({why})")
            child.kill()
            self._progress = (frames, now)
            self._meters[DECK_METER["resets"]] = 0

    def _to(self, phase: Phase) -> None:
        self._phase, self._since = phase, time.monotonic()

    def _gate(self, value: int) -> None:
        self._meters[DECK_METER["gate"]] = value

    def _state(self, state: int) -> None:
        self._meters[DECK_METER["state"]] = state

    def words(self) -> commands.Deck:
        """What stands here, for a status."""
        model = self._model or self._next
        if model is None:
            return commands.Deck(error=self._error)
        card = model.card
        return commands.Deck(
            model=card.name,
            path=str(model.path),
            sha256=model.sha256,
            latents=card.latents,
            ratio=card.ratio,
            sample_rate=card.sample_rate,
            delay=card.delay / card.sample_rate,
            latent_low=tuple(card.latent_p05),
            latent_high=tuple(card.latent_p95),
            error=self._error,
        )

    def end(self) -> None:
        """Kill its hosts."""
        for child in (self._playing, self._coming):
            if child:
                child.kill()

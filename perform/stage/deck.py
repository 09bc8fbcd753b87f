"""A deck as the stage sees it: the host that plays, the host that comes, and what happens when one dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from perform.library.cards import Card, find_model, read_card, sha256, trim_db
from perform.shared import DECK_METER, EMPTY, FAILED, LIVE, LOADING, Arena
from perform.stage import commands
from perform.stage.child import Child

FADE_S = 0.04  #: the mixer's ramp and a block
DRAIN_S = 0.3  #: longest wait for a ring to run dry
HUNG_S = 1.0  #: a host that has rendered nothing for this long while its ring is dry hangs
CRASHES, CRASH_WINDOW_S = 3, 60.0  #: so many in so long disable a deck
RESETS = 3  #: decoder resets (output not finite) before the host is replaced


class DeckSlot:
    """One of the eight. `tick` moves it on; nothing in it waits.

    host  : gives a host process, warm if there is one
    tell  : takes a line for the log
    begin : the order that starts a host, less deck and model
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
        self._path, self._card, self._hash, self._error = Path(), None, "", ""
        self._next: tuple[Path, Card, str] | None = None  # what the coming host loads
        self._playing: Child | None = None
        self._coming: Child | None = None
        self._ready = False  # the coming host has its model warm
        self._entering = False  # the playing host was told to go, its first frames are not there yet
        self._leaving = 0.0  # when the playing host was asked to leave, or 0
        self._crashes: list[float] = []
        self._progress = (0.0, 0.0)  # frames, and when they last grew

    _card: Card | None

    @property
    def settled(self) -> bool:
        """Nothing is under way: it is empty, it plays or it has failed."""
        return self._coming is None and not self._leaving and not self._entering

    def load(self, model: str) -> None:
        """Bring a model; what plays goes on until the new one is warm. WrongUse where it is no model."""
        path = find_model(model)
        card = read_card(path)
        self._crashes.clear()
        self._bring(path, card, sha256(path))

    def _bring(self, path: Path, card: Card, digest: str) -> None:
        if self._coming:
            self._coming.kill()
        self._next, self._error, self._ready = (path, card, digest), "", False
        self._coming = self._host()
        self._coming.order("start", deck=self.deck, model=str(path), **self._begin)
        if not self._playing:
            self._state(LOADING)

    def unload(self) -> None:
        """Fade out and let go."""
        if self._coming:
            self._coming.kill()
        self._coming = self._next = None
        self._leave()

    def _leave(self) -> None:
        self._entering = False
        self._meters[DECK_METER["gate"]] = 0
        self._leaving = time.monotonic()

    def report(self, child: Child, message: dict[str, object]) -> bool:
        """Take a report, if it is from one of this deck's hosts."""
        if child is not self._coming:
            return child is self._playing
        if message["report"] == "ready":
            self._ready = True
            if self._playing:
                self._leave()
        elif message["report"] == "failed":
            self._fail(str(message["error"]))
        return True

    def died(self, child: Child) -> bool:
        """Take the news of a death, if it is one of this deck's hosts."""
        if child is self._coming:
            self._fail(f"the host ended while loading (exit {child.exit_code})")
        elif child is self._playing:
            self._playing, self._entering = None, False
            if self._coming:
                self._state(LOADING)
            elif not self._leaving:
                self._crashed()
        else:
            return False
        return True

    def _fail(self, error: str) -> None:
        if self._coming:
            self._coming.kill()
        self._coming = self._next = None
        self._error = error
        self._tell(f"deck {self.deck}: {error}")
        self._state(LIVE if self._playing else FAILED)

    def _crashed(self) -> None:
        now = time.monotonic()
        self._meters[DECK_METER["gate"]] = 0
        self._crashes = [t for t in self._crashes if now - t < CRASH_WINDOW_S] + [now]
        if len(self._crashes) >= CRASHES or self._card is None:
            self._fail(f"its host crashed {len(self._crashes)} times in a minute; load it again to retry")
            return
        self._tell(f"deck {self.deck}: the host died, bringing it back")
        self._bring(self._path, self._card, self._hash)

    def tick(self) -> None:
        """A few times each 100 ms: promote, drain, look for a host that hangs."""
        now = time.monotonic()
        if self._leaving and now - self._leaving >= FADE_S:
            if self._playing:
                self._playing.kill()
                self._playing = None
            if self._ring.fill == 0 or now - self._leaving > DRAIN_S:
                self._leaving = 0.0
                if not self._coming:
                    self._path, self._card, self._hash = Path(), None, ""
                    self._state(EMPTY)
        if self._coming and self._ready and not self._playing and not self._leaving:
            self._promote(self._coming)
        if self._playing and not self._leaving:
            self._watch(self._playing, now)

    def _promote(self, child: Child) -> None:
        assert self._next
        self._path, self._card, self._hash = self._next
        self._playing, self._coming, self._next = child, None, None
        self._meters[DECK_METER["trim"]] = trim_db(self._card)
        self._progress = (-1.0, time.monotonic())
        self._entering = True
        child.order("go")

    def _enter(self) -> None:
        """The new host's first frames are there: open the gate."""
        assert self._card
        self._entering = False
        self._meters[DECK_METER["gate"]] = 1
        self._state(LIVE)
        self._tell(f"deck {self.deck}: {self._card.name} plays")

    def _watch(self, child: Child, now: float) -> None:
        if self._entering and self._ring.fill >= self._arena.meter("block"):
            self._enter()
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

    def _state(self, state: int) -> None:
        self._meters[DECK_METER["state"]] = state

    def words(self) -> commands.Deck:
        """What stands here, for a status."""
        path, card, digest = (self._path, self._card, self._hash)
        if card is None and self._next:
            path, card, digest = self._next
        if card is None:
            return commands.Deck(error=self._error)
        return commands.Deck(
            model=card.name,
            path=str(path),
            sha256=digest,
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

"""Overload: a warning at 80 % load; at 95 % one deck is unloaded so that the others keep playing.

A deck's load is the render time of a frame (95th percentile of the last hundred) divided by its duration. The
deck that goes is the last one that is neither focused nor soloed. A deck that plays alone stays: broken sound
is better than none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, LIVE
from perform.core.params import SLOTS
from perform.stage.deck import Deck

WARN, TOO_MUCH = 0.80, 0.95
PATIENCE_S = 1.0  #: overload must last this long; the next deck goes no sooner than this afterwards
AGAIN_S = 30.0  #: seconds between two warnings for one deck
FADE_S = 0.3


class Overload:
    """Watches the load of all decks."""

    def __init__(self, arena: Arena, decks: Mapping[int, Deck], tell: Callable[[str], None]) -> None:
        self._arena, self._decks, self._tell = arena, decks, tell
        self._warned: dict[int, float] = {}
        self._since: float | None = None  # when it became too much

    def tick(self) -> None:
        """A few times each 100 ms."""
        now = time.monotonic()
        meters = {d: self._arena.deck_meters(d) for d in self._decks}
        loads = {d: float(m[DECK_METER["load"]]) for d, m in meters.items() if m[DECK_METER["state"]] == LIVE}
        for deck, load in loads.items():
            if load >= WARN and now - self._warned.get(deck, -AGAIN_S) >= AGAIN_S:
                self._warned[deck] = now
                self._tell(f"deck {deck} takes {100 * load:.0f} % of its time")
        if max(loads.values(), default=0.0) < TOO_MUCH or len(loads) < 2:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= PATIENCE_S:
            self._since = now + PATIENCE_S
            self._shed(loads)

    def _shed(self, loads: dict[int, float]) -> None:
        """The last deck that is neither focused nor soloed, else the one that takes most."""
        table = self._arena.table
        spared = {int(table[SLOTS["focus"]])} | {d for d in loads if table[SLOTS[f"deck/{d}/solo"]]}
        least = max(set(loads) - spared, default=max(loads, key=lambda d: loads[d]))
        worst, path = 100 * max(loads.values()), self._decks[least].model
        self._decks[least].unload(FADE_S)
        self._decks[least].fail(
            f"faded out: {worst:.0f} % of the time there is was used; load it again when less plays", path
        )

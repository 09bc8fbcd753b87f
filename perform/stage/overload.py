"""Overload: the stage warns at 80 % load; at 95 % it unloads one deck so that the others keep playing.

A deck's load is the render time of a frame (95th percentile of the last hundred) divided by its duration. The
deck to unload is the last one that is neither focused nor soloed. A deck that plays alone stays: broken sound
is better than none.
"""

from __future__ import annotations

import time

from perform.core.arena_layout import DECK_METER, LIVE
from perform.core.params import SLOTS
from perform.stage.rack import Rack

WARN, TOO_MUCH = 0.80, 0.95
PATIENCE_S = 1.0  #: overload must last this long; the next deck goes no sooner than this afterwards
AGAIN_S = 30.0  #: seconds between two warnings for one deck
FADE_S = 0.3


class Overload:
    """Watches the load of all decks."""

    def __init__(self, rack: Rack) -> None:
        self._arena, self._decks, self._log = rack.arena, rack.decks, rack.log
        self._warned: dict[int, float] = {}
        self._since: float | None = None  # when the overload began

    def tick(self) -> None:
        """[main, about every 15 ms] Warn about a high load; unload a deck after PATIENCE_S of overload."""
        now = time.monotonic()
        meters = {d: self._arena.deck_meters(d) for d in self._decks}
        loads = {d: float(m[DECK_METER["load"]]) for d, m in meters.items() if m[DECK_METER["state"]] == LIVE}
        for deck, load in loads.items():
            if load >= WARN and now - self._warned.get(deck, -AGAIN_S) >= AGAIN_S:
                self._warned[deck] = now
                self._log(f"deck {deck} uses {100 * load:.0f} % of its render time")
        if max(loads.values(), default=0.0) < TOO_MUCH or len(loads) < 2:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= PATIENCE_S:
            self._since = now + PATIENCE_S
            self._shed(loads)

    def _shed(self, loads: dict[int, float]) -> None:
        """Unload the last deck that is neither focused nor soloed, else the one with the highest load."""
        table = self._arena.table
        spared = {int(table[SLOTS["focus"]])} | {d for d in loads if table[SLOTS[f"deck/{d}/solo"]]}
        number = max(set(loads) - spared, default=max(loads, key=lambda d: loads[d]))
        worst, deck = 100 * max(loads.values()), self._decks[number]
        path = deck.model
        deck.unload(FADE_S)
        deck.fail(
            f"faded out: a deck used {worst:.0f} % of its render time; load it again when less plays", path
        )

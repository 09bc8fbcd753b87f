"""Overload: the stage warns at 80 % load; at 95 % it fades out one deck so that the others keep playing.
It returns by itself once there is room.

A deck's load is the render time of a frame (95th percentile of the last hundred) divided by its duration. The
deck to unload is the last one that is neither focused nor soloed. A deck that plays alone stays: broken sound
is better than none.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from perform.core.arena_layout import DECK_METER, LIVE
from perform.core.params import SLOTS
from perform.stage.rack import Rack
from perform.stage.shed_deck import CALM_S, LONGEST_CALM_S, ShedDeck

WARN, TOO_MUCH = 0.80, 0.95
PATIENCE_S = 1.0  #: overload must last this long; the next deck goes no sooner than this afterwards
AGAIN_S = 30.0  #: seconds between two warnings for one deck
FADE_S = 0.3
RELAPSE_S = 60.0  #: a deck unloaded again so soon after its return waits twice as long


class Return(NamedTuple):
    """The return of a deck: its model, the time, and how long the other decks had rendered in time."""

    path: Path
    at: float
    calm_s: float


class Overload:
    """Watches the load of all decks."""

    def __init__(self, rack: Rack) -> None:
        self._arena, self._decks, self._hosts, self._log = rack.arena, rack.decks, rack.hosts, rack.log
        self._warned: dict[int, float] = {}
        self._since: float | None = None  # when the overload began
        self._waiting: dict[int, ShedDeck] = {}  # in the order of their overloads
        self._returned: dict[int, Return] = {}  # the last return of each deck

    def tick(self) -> None:
        """[main, about every 15 ms] Warn about a high load; unload a deck, or let one return."""
        now = time.monotonic()
        meters = {d: self._arena.deck_meters(d) for d in self._decks}
        loads = {d: float(m[DECK_METER["load"]]) for d, m in meters.items() if m[DECK_METER["state"]] == LIVE}
        for deck, load in loads.items():
            if load >= WARN and now - self._warned.get(deck, -AGAIN_S) >= AGAIN_S:
                self._warned[deck] = now
                self._log(f"deck {deck} uses {100 * load:.0f} % of its render time")
        calm = max(loads.values(), default=0.0) < WARN
        if max(loads.values(), default=0.0) < TOO_MUCH or len(loads) < 2:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= PATIENCE_S:
            self._since = now + PATIENCE_S
            self._shed(loads)
        self._return_decks(calm=calm)

    def _shed(self, loads: dict[int, float]) -> None:
        """Unload the last deck that is neither focused nor soloed, else the one with the highest load."""
        table, now = self._arena.table, time.monotonic()
        spared = {int(table[SLOTS["focus"]])} | {d for d in loads if table[SLOTS[f"deck/{d}/solo"]]}
        number = max(set(loads) - spared, default=max(loads, key=lambda d: loads[d]))
        worst, deck = 100 * max(loads.values()), self._decks[number]
        path = deck.model
        deck.unload(FADE_S)
        deck.fail(
            f"faded out: a deck used {worst:.0f} % of its render time; it plays again once there is room",
            path,
        )
        if path:
            last = self._returned.get(number)
            again = last and last.path == path and now - last.at < RELAPSE_S
            calm_s = min(2 * last.calm_s, LONGEST_CALM_S) if last and again else CALM_S
            self._waiting[number] = ShedDeck(deck, self._hosts, path, calm_s)

    def _return_decks(self, *, calm: bool) -> None:
        """Let the decks that were unloaded return, one after the other."""
        for number, shed in list(self._waiting.items()):
            if not shed.waiting:
                del self._waiting[number]
            elif shed.tick(calm=calm):
                del self._waiting[number]
                self._returned[number] = Return(shed.path, time.monotonic(), shed.calm_s)
                self._log(f"deck {number}: there is room again: {shed.path.stem} returns")
            return

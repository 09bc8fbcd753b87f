"""When each deck made its last sound, and when its counts of faults grew."""

from __future__ import annotations

from perform.core.arena_layout import DECK_METER, LIVE, METER_SLOTS, Meters
from perform.core.params import DECKS

FAULTS = ("bad", "late", "resets")  #: the worst first
RECENT_S = 10.0  #: a fault counts as recent for so long
_SOUND = 1e-3  #: -60 dBFS
_FIRST = METER_SLOTS["deck/1/state"]
_COUNTS = [DECK_METER[name] for name in FAULTS]
_PEAKS = slice(DECK_METER["peak/l"], DECK_METER["peak/r"] + 1)


class DeckWatch:
    """[ui] Looks at the meters of all decks once a frame. Decks count from 1."""

    def __init__(self) -> None:
        self._counts: list[list[float]] = []
        self._grew = [[-RECENT_S] * len(FAULTS) for _ in range(DECKS)]
        self._sounded = [0.0] * DECKS
        self._now = 0.0

    def sample(self, now: float, meters: Meters) -> None:
        """Note what changed since the last frame."""
        decks = meters[_FIRST : _FIRST + DECKS * len(DECK_METER)].reshape(DECKS, -1)
        counts = decks[:, _COUNTS].tolist()
        if not self._counts:  # how long a deck was silent before is not known
            self._sounded = [now] * DECKS
        for deck, (new, old) in enumerate(zip(counts, self._counts, strict=False)):
            for fault in range(len(FAULTS)):
                if new[fault] > old[fault]:
                    self._grew[deck][fault] = now
        heard = (decks[:, _PEAKS].max(axis=1) > _SOUND) | (decks[:, DECK_METER["state"]] != LIVE)
        for deck, sounds in enumerate(heard.tolist()):
            if sounds:
                self._sounded[deck] = now
        self._counts, self._now = counts, now

    def recent(self, deck: int, fault: str) -> bool:
        """Whether a count of `FAULTS` grew a moment ago."""
        return self._now - self._grew[deck - 1][FAULTS.index(fault)] < RECENT_S

    def silence(self, deck: int) -> float:
        """Seconds for which a deck that is live has been silent after its fader."""
        return self._now - self._sounded[deck - 1]

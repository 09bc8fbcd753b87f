"""The last seconds of every deck's latents: what its source gave, and what sounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena_layout import DECK_METER, LIVE, METER_SLOTS, Meters
from perform.core.params import DECKS, LATENTS, SOURCES

RATE = 25  #: looks a second
LOOKS = 512  #: that are kept
SOURCE, RESULT = 0, 1
_HELD = 5  #: looks that one missed counts for; a screen that was away longer saw nothing

_FIRST = METER_SLOTS["deck/1/state"]
_STATE, _LATENTS = DECK_METER["state"], slice(DECK_METER["in/0"], DECK_METER["in/0"] + 2 * LATENTS)
_SOURCES = [params.slot(f"deck/{d}/source") for d in range(1, DECKS + 1)]
_HAND = SOURCES.index("hand")

Looks = npt.NDArray[np.float32]  #: (looks, 2, LATENTS), by SOURCE and RESULT; NaN where there was nothing


class LatentPast:
    """[ui] What is seen 25 times a second, whatever is on the screen: a few microseconds each time."""

    def __init__(self) -> None:
        self._looks = np.full((LOOKS, DECKS, 2, LATENTS), np.nan, np.float32)
        self.now = -1  #: number of the last look, by the clock

    def note(self, now: float, table: params.Table, meters: Meters) -> None:
        """Remember this moment. A deck that does not play gives nothing, nor does the source "hand"."""
        look = int(now * RATE)
        if look == self.now:
            return
        decks = meters[_FIRST : _FIRST + DECKS * len(DECK_METER)].reshape(DECKS, -1)
        seen = decks[:, _LATENTS].reshape(DECKS, 2, LATENTS).astype(np.float32)
        seen[decks[:, _STATE] != LIVE] = np.nan
        seen[table[_SOURCES] == _HAND, SOURCE] = np.nan
        missed = min(look - self.now - 1, LOOKS) if self.now >= 0 else 0
        for behind in range(missed, 0, -1):
            self._looks[(look - behind) % LOOKS] = seen if behind < _HELD else np.nan
        self._looks[look % LOOKS] = seen
        self.now = look

    def window(self, deck: int, first: int, looks: int) -> Looks:
        """So many looks (LOOKS at most) from number `first` on."""
        seen: Looks = self._looks[np.arange(first, first + looks) % LOOKS, deck - 1]
        return seen

"""The last 20 seconds of all decks' latents, of the source and as decoded, for the traces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena_layout import DECK_METER, LIVE, METER_SLOTS, Meters
from perform.core.params import DECKS, LATENTS, SOURCES

RATE = 25  #: samples per second
SAMPLES = 512  #: length of the history
SOURCE, RESULT = 0, 1
_HELD = 5  #: longest gap that the next sample fills; a longer gap stays NaN

_FIRST = METER_SLOTS["deck/1/state"]
_STATE, _LATENTS = DECK_METER["state"], slice(DECK_METER["in/0"], DECK_METER["in/0"] + 2 * LATENTS)
_SOURCES = [params.slot(f"deck/{d}/source") for d in range(1, DECKS + 1)]
_HAND = SOURCES.index("hand")

TraceSamples = npt.NDArray[np.float32]  #: (samples, SOURCE or RESULT, LATENTS); NaN: no value


class TraceHistory:
    """[ui] Samples the latents 25 times a second, whichever screen is open; that takes microseconds."""

    def __init__(self) -> None:
        self._samples = np.full((SAMPLES, DECKS, 2, LATENTS), np.nan, np.float32)
        self.now = -1  #: number of the last sample, by the clock

    def sample(self, now: float, table: params.Table, meters: Meters) -> None:
        """Store one sample; NaN for a deck that does not play, and for the source "hand"."""
        number = int(now * RATE)
        if number == self.now:
            return
        decks = meters[_FIRST : _FIRST + DECKS * len(DECK_METER)].reshape(DECKS, -1)
        seen = decks[:, _LATENTS].reshape(DECKS, 2, LATENTS).astype(np.float32)
        seen[decks[:, _STATE] != LIVE] = np.nan
        seen[table[_SOURCES] == _HAND, SOURCE] = np.nan
        missed = min(number - self.now - 1, SAMPLES) if self.now >= 0 else 0
        for behind in range(missed, 0, -1):
            self._samples[(number - behind) % SAMPLES] = seen if behind < _HELD else np.nan
        self._samples[number % SAMPLES] = seen
        self.now = number

    def window(self, deck: int, first: int, count: int) -> TraceSamples:
        """`count` samples from number `first` on; NaN for those that are no longer kept, or not yet there."""
        numbers = np.arange(first, first + count)
        window: TraceSamples = self._samples[numbers % SAMPLES, deck - 1]  # a copy
        window[(numbers <= self.now - SAMPLES) | (numbers > self.now)] = np.nan
        return window

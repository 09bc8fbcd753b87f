"""The cue: decks before their faders, for the player's headphones. The master never gets it.

[audio] throughout. Gains move with the mixer's ramps. Its own limiter delays the cue like the master's.
"""

from __future__ import annotations

import math

import numpy as np

from perform.audio.guard import Limiter, Signal, cap
from perform.audio.strip import Strip, ramp
from perform.core import params
from perform.core.params import DECKS, SLOTS, Table
from perform.core.ring_buffers import Audio

CEILING_DB = -1.0  #: no sample of the cue exceeds it, dBFS

_SWITCHES = np.array([SLOTS[f"deck/{d}/cue"] for d in range(1, DECKS + 1)])
_MIX, _LEVEL = SLOTS["cue/mix"], SLOTS["cue/level"]


class CueBus:
    """Sums the decks on cue, and mixes them with the master."""

    def __init__(self, rate: float) -> None:
        self._limiter, self._ceiling = Limiter(rate), params.gain(CEILING_DB)
        self._switches, self._wanted = np.zeros(DECKS), np.zeros(DECKS)  # gain of each deck, now and soon
        self._gains, self._targets = np.zeros(2), np.zeros(2)  # of the sum and of the master
        self._sum: Signal = np.zeros((0, 2))

    def begin(self, n: int, table: Table) -> None:
        """Begin a block of n frames with the values of the table."""
        self._sum = np.zeros((n, 2))
        self._wanted = table[_SWITCHES]
        angle, level = table[_MIX] * math.pi / 2, params.gain(table[_LEVEL])
        self._targets = level * np.array([math.cos(angle), math.sin(angle)])  # equal power

    def add(self, strip: Strip, x: Signal | Audio, step: Signal) -> None:
        """Add what a lane plays, x (n, 2) as read from its ring buffer; after `Strip.fade`."""
        gain = self._gain(strip.deck, step)
        if gain is not None:
            self._sum += x.astype(np.float64) * gain * strip.gate_gain * strip.trim

    def add_inserted(self, deck: int, y: Signal, step: Signal) -> None:
        """Add what the insert of a deck plays, (n, 2)."""
        gain = self._gain(deck, step)
        if gain is not None:
            self._sum += y * gain

    def _gain(self, deck: int, step: Signal) -> Signal | float | None:
        """The gain of a deck in this block; None: it is not on cue."""
        now, wanted = float(self._switches[deck - 1]), float(self._wanted[deck - 1])
        if now != wanted:
            return ramp(np.array([now]), np.array([wanted]), step)
        return now or None

    def end(self, master: Signal, opening: Signal | float, step: Signal) -> Audio:
        """End the block: the cue with the master before its limiter (n, 2), as they sound: (n, 2) float32.

        opening : gain of a start and of a panic
        """
        n = len(master)
        self._switches = ramp(self._switches, self._wanted, step)[-1].copy()
        gains: Signal = self._gains[None]
        if not np.array_equal(self._gains, self._targets):
            gains = ramp(self._gains, self._targets, step)
            self._gains = gains[-1].copy()
        y = self._sum * opening * gains[:, :1] + master * gains[:, 1:]
        return cap(self._limiter(y[:n], self._ceiling), self._ceiling)

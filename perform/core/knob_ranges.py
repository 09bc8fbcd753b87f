"""The range of the knob of each parameter, and the latents that can be heard, shared by all processes.

A knob of a latent covers the corpus of the deck's model and a bit more. The stage writes this when a model
begins to play; the control process and the screen read it. A range that a mapping gives comes before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.params import DECKS, LATENTS, SPEC_AT

AUDIBLE_DB = 0.5  #: a latent that moves the sound less than this over its range cannot be heard

Values = npt.NDArray[np.float64]

_RANGED = ("bias", "silence")  #: parameters of a latent that are latents themselves
_FULL = np.array([[spec.low for spec in SPEC_AT], [spec.high for spec in SPEC_AT]])


def is_audible(effect: float) -> bool:
    """Return whether a latent can be heard, by its effect in dB; NaN: not measured."""
    return not effect < AUDIBLE_DB


class KnobRanges:
    """Arrays in shared memory. Each has one writer, the stage.

    ends    : (2, len(ADDRESSES)) values at the low and the high end, in each parameter's unit
    effects : (DECKS, LATENTS) dB that each latent moves the sound; NaN: not measured; 0: no such latent
    changes : (1,) counts the changes
    """

    def __init__(self, ends: Values, effects: Values, changes: Values) -> None:
        self._ends, self._effects, self._changes = ends, effects, changes

    @classmethod
    def full(cls) -> KnobRanges:
        """New arrays outside of shared memory, with the full range of every parameter."""
        made = cls(np.zeros_like(_FULL), np.zeros((DECKS, LATENTS)), np.zeros(1))
        made.reset()
        return made

    def reset(self) -> None:
        """Give every parameter its full range."""
        self._ends[:] = _FULL
        self._effects[:] = math.nan

    @property
    def changes(self) -> float:
        """How often a deck has changed."""
        return float(self._changes[0])

    def of(self, slot: int) -> tuple[float, float]:
        """Return the values at the low and the high end of a parameter's knob."""
        return float(self._ends[0, slot]), float(self._ends[1, slot])

    def value(self, slot: int, position: float) -> float:
        """Return the value at a position (0..1) of a knob; the middle of a latent's knob is 0."""
        (low, high), spec = self.of(slot), SPEC_AT[slot]
        if (low, high) == (spec.low, spec.high) or low * high >= 0:
            return spec.value(position)
        way = 2.0 * min(max(position, 0.0), 1.0) - 1.0
        return spec.clamp(way * high if way > 0 else -way * low)

    def effect(self, deck: int, latent: int) -> float:
        """Return how far a latent of a deck (1..DECKS) moves the sound, dB; NaN: not measured."""
        return float(self._effects[deck - 1, latent])

    def audible(self, deck: int) -> list[int]:
        """Return the latents of a deck that can be heard, in their order."""
        return [latent for latent in range(LATENTS) if is_audible(self.effect(deck, latent))]

    def audible_slot(self, address: str) -> int:
        """Return the slot of `deck/D/z/N/...` where N counts only audible latents; -1 for none."""
        _, deck, _, number, name = address.split("/")
        audible = self.audible(int(deck))
        if int(number) >= len(audible):
            return -1
        return params.slot(f"deck/{deck}/z/{audible[int(number)]}/{name}")

    def set_deck(self, deck: int, ranges: Sequence[tuple[float, float]], effects: Sequence[float]) -> None:
        """[stage] Take over ranges and effects of a deck's model, one per latent; none: not measured."""
        ends, shown = self._ends, min(len(effects), LATENTS)
        for name in _RANGED:
            slots = params.slots(deck, name)
            wanted = _FULL[:, slots].copy()
            for latent, (low, high) in enumerate(ranges[:LATENTS]):
                wanted[:, latent] = max(low, wanted[0, latent]), min(high, wanted[1, latent])
            ends[:, slots] = wanted
        row = np.full(LATENTS, math.nan if not shown else 0.0)
        row[:shown] = effects[:shown]
        self._effects[deck - 1] = row
        self._changes[0] += 1

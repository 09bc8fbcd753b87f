"""The number of voices of a deck: only a pitched model can have more than one."""

from __future__ import annotations

from collections.abc import Callable

from perform.core import params
from perform.core.params import Table
from perform.library.cards import Card


class VoiceLimit:
    """[main] Sets a deck's `voices` back to 1 where its model has no pitch, and writes why to the log.

    moved : takes the slot that it has written
    """

    def __init__(self, deck: int, table: Table, moved: set[int], log: Callable[[str], None]) -> None:
        self._deck, self._table, self._moved, self._log = deck, table, moved, log
        self._slot = params.slot(f"deck/{deck}/voices")
        self._told = ""  # the model for which the log has the line: a knob sets the number many times

    def check(self, card: Card) -> None:
        """Check the model that plays."""
        if self._table[self._slot] > 1 and card.pitch is None:
            self._table[self._slot] = 1.0
            self._moved.add(self._slot)
            if self._told == card.name:
                return
            self._told = card.name
            self._log(
                f"deck {self._deck}: {card.name} has no latent of pitch, so it plays one voice; "
                "load a pitched model, such as cello, to play chords"
            )

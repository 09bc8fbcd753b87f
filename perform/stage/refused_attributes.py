"""Attribute values that a deck's model refused: the parameter table shows the accepted value again."""

from __future__ import annotations

import time
from collections.abc import Callable

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import NEXT, NOW
from perform.core.params import ATTRIBUTES

REPEAT_S = 5.0  #: between two log lines about one attribute


class RefusedAttributes:
    """The refusals of one deck. moved: the slots that the deck itself has written."""

    def __init__(self, deck: int, arena: Arena, moved: set[int], log: Callable[[str], None]) -> None:
        self._deck, self._arena, self._moved, self._log = deck, arena, moved, log
        self._logged: dict[int, float] = {}  # attribute index -> when the log last named it

    def restore(self, mode: int, index: int, refused: float, accepted: float, error: str) -> None:
        """Write the accepted value back; mode: the table (NOW or NEXT) that the voice reads."""
        slot = params.attribute_slots(self._deck).start + index
        for table in {NOW: [self._arena.table], NEXT: [self._arena.next]}.get(mode, []):
            if index < ATTRIBUTES and table[slot] == refused:
                table[slot] = accepted
                self._moved.add(slot)
        now = time.monotonic()
        if now - self._logged.get(index, -REPEAT_S) >= REPEAT_S:
            self._logged[index] = now
            self._log(f"deck {self._deck}: {error}")

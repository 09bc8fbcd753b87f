"""Attribute values that a module refused: the parameter table shows the accepted value again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from perform.core.arena import Arena
from perform.core.arena_layout import NEXT, NOW
from perform.core.messages.host_messages import AttributeRefused
from perform.core.params import ATTRIBUTES

REPEAT_S = 5.0  #: between two log lines about one attribute


class RefusedAttributes:
    """The refusals of one module.

    place : where it plays, for the log;  bank : slots of its attributes and actions
    moved : the slots that the stage itself has written
    """

    def __init__(
        self, place: str, bank: slice, arena: Arena, moved: set[int], log: Callable[[str], None]
    ) -> None:
        self._place, self._bank = place, bank
        self._arena, self._moved, self._log = arena, moved, log
        self._logged: dict[int, float] = {}  # attribute index -> when the log last named it

    def restore(self, mode: int, refusals: Iterable[AttributeRefused]) -> None:
        """Write the accepted values back; mode: the table (NOW or NEXT) that the voice reads."""
        tables = {NOW: [self._arena.table], NEXT: [self._arena.next]}.get(mode, [])
        for report in refusals:
            index, slot = report.index, self._bank.start + report.index
            for table in tables:
                if index < ATTRIBUTES and table[slot] == report.value:
                    table[slot] = report.kept
                    self._moved.add(slot)
            self._log_once(index, report.error)

    def _log_once(self, index: int, error: str) -> None:
        now = time.monotonic()
        if now - self._logged.get(index, -REPEAT_S) >= REPEAT_S:
            self._logged[index] = now
            self._log(f"{self._place}: {error}")

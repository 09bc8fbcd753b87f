"""Glides: parameters move to new values in a given time.

The player wins: a parameter that is moved while it glides stays where the player put it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perform.core.params import SPEC_AT, Table


@dataclass(slots=True)
class ParameterGlide:
    """The glide of one parameter.

    start, end : positions 0..1 of its spec;  target : its value at the end
    began      : monotonic seconds;  last : the value that was written last
    """

    start: float
    end: float
    target: float
    began: float
    seconds: float
    last: float


class ParameterGlides:
    """All parameters that glide now."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._glides: dict[int, ParameterGlide] = {}

    @property
    def slots(self) -> Iterable[int]:
        """The slots that glide."""
        return self._glides.keys()

    def arrived(self) -> Table:
        """A copy of the table in which every glide has ended."""
        table = self._table.copy()
        for slot, glide in self._glides.items():
            table[slot] = glide.target
        return table

    def begin(self, targets: Mapping[int, float], seconds: float, now: float) -> None:
        """Let slots glide to values in `seconds`; 0 writes them at once."""
        for slot, target in targets.items():
            self._glides.pop(slot, None)
            value = float(self._table[slot])
            if value == target:
                continue
            if seconds <= 0:
                self._table[slot] = target
                continue
            spec = SPEC_AT[slot]
            self._glides[slot] = ParameterGlide(
                spec.position(value), spec.position(target), target, now, seconds, value
            )

    def stop(self, slots: Iterable[int] | None = None) -> None:
        """End glides, of these slots or all; the parameters stay where they are."""
        for slot in list(self._glides) if slots is None else slots:
            self._glides.pop(slot, None)

    def tick(self, now: float) -> None:
        """[main, about every 15 ms] Write where every gliding parameter is now."""
        for slot, glide in list(self._glides.items()):
            if self._table[slot] != glide.last:
                del self._glides[slot]
                continue
            fraction = (now - glide.began) / glide.seconds
            if fraction >= 1.0:
                self._table[slot] = glide.target
                del self._glides[slot]
                continue
            glide.last = self._table[slot] = between(slot, glide.start, glide.end, fraction)


def between(slot: int, start: float, end: float, fraction: float) -> float:
    """The value at a fraction (0..1) of the way between two positions. Choices jump half-way."""
    spec = SPEC_AT[slot]
    if spec.jumps(spec.value(start), spec.value(end)):
        return spec.value(start if fraction < 0.5 else end)
    return spec.value(start + (end - start) * fraction)

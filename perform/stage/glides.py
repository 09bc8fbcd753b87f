"""Numbers on their way: from where they are to where they shall be, in a given time.

A hand wins: a number that somebody else moves while it glides is that somebody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perform.core.params import SPEC_AT, Table


@dataclass(slots=True)
class ParameterGlide:
    """One number: positions 0..1 of its spec, when it began (monotonic seconds), how long it takes."""

    start: float
    end: float
    target: float
    began: float
    seconds: float
    last: float  # what was written last


class ParameterGlides:
    """All that glides now. `tick` writes; nothing in it waits."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._glides: dict[int, ParameterGlide] = {}

    @property
    def slots(self) -> Iterable[int]:
        """What moves."""
        return self._glides.keys()

    def begin(self, targets: Mapping[int, float], seconds: float, now: float) -> None:
        """Let slots glide to values in `seconds`; at once where that is 0."""
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
        """Leave numbers where they are: these, or all."""
        for slot in list(self._glides) if slots is None else slots:
            self._glides.pop(slot, None)

    def tick(self, now: float) -> None:
        """A few times each 100 ms: move on."""
        for slot, glide in list(self._glides.items()):
            if self._table[slot] != glide.last:
                del self._glides[slot]
                continue
            way = (now - glide.began) / glide.seconds
            if way >= 1.0:
                self._table[slot] = glide.target
                del self._glides[slot]
                continue
            glide.last = self._table[slot] = between(slot, glide.start, glide.end, way)


def between(slot: int, start: float, end: float, way: float) -> float:
    """The value `way` (0..1) from one position to another; what can only jump does so half-way."""
    spec = SPEC_AT[slot]
    if spec.jumps(spec.value(start), spec.value(end)):
        return spec.value(start if way < 0.5 else end)
    return spec.value(start + (end - start) * way)

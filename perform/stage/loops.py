"""Gestures: what a hand does with one number is recorded, then played round and round.

A hand wins: whoever moves a number while it loops stops its loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from perform import params
from perform.errors import WrongUse
from perform.params import SPEC_AT, Table
from perform.session import Gesture

State = Literal["recording", "looping", "stopped"]
SHORTEST_S = 0.05
LONGEST_S = 600.0  #: a gesture that is recorded for so long loops by itself


@dataclass(slots=True)
class Running:
    """One gesture: when it began (monotonic seconds), and its points."""

    state: State
    began: float
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    last: float = 0.0  # what the table held last


class Loops:
    """All gestures of the song that plays."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._loops: dict[int, Running] = {}

    @property
    def slots(self) -> Iterable[int]:
        """What is moved by a loop now."""
        return [slot for slot, loop in self._loops.items() if loop.state == "looping"]

    def toggle(self, address: str, now: float) -> str:
        """Record; then loop; then stop; then loop again. Answers with the state it is in now."""
        slot = params.slot(address)
        if SPEC_AT[slot].action or address.startswith(params.DOING):
            raise WrongUse(f"{address} cannot be looped", hint="loop a number that sounds")
        loop = self._loops.get(slot)
        if loop is None:
            value = float(self._table[slot])
            loop = self._loops[slot] = Running("recording", now, 0.0, [0.0], [value], value)
        elif loop.state == "recording":
            self._close(loop, now)
        elif loop.state == "looping":
            loop.state = "stopped"
        else:
            self._start(slot, loop, now)
        return loop.state

    def forget(self, address: str) -> None:
        """Take a loop out."""
        if self._loops.pop(params.slot(address), None) is None:
            raise WrongUse(f"{address} has no loop", hint="record one first")

    def _close(self, loop: Running, now: float) -> None:
        loop.seconds = max(now - loop.began, SHORTEST_S)
        loop.state, loop.began = "looping", loop.began + loop.seconds

    def _start(self, slot: int, loop: Running, now: float) -> None:
        loop.state, loop.began, loop.last = "looping", now, float(self._table[slot])

    def use(self, gestures: Sequence[Gesture], now: float) -> None:
        """Another song's loops instead; they all play."""
        self._loops = {}
        for gesture in gestures:
            slot = params.slot(gesture.address)
            times, values = (list(part) for part in zip(*gesture.points, strict=True))
            loop = Running("looping", now, gesture.seconds, times, values, float(self._table[slot]))
            self._loops[slot] = loop

    def gestures(self) -> list[Gesture]:
        """As a song keeps them; what is being recorded is not among them yet."""
        return [
            Gesture(
                params.ADDRESSES[slot],
                round(loop.seconds, 4),
                [
                    (round(min(t, loop.seconds), 4), round(v, 6))
                    for t, v in zip(loop.times, loop.values, strict=True)
                ],
            )
            for slot, loop in self._loops.items()
            if loop.state != "recording"
        ]

    def lines(self) -> list[tuple[str, State, float]]:
        """Address, state and seconds of each, for a status."""
        return [(params.ADDRESSES[slot], loop.state, loop.seconds) for slot, loop in self._loops.items()]

    def tick(self, now: float) -> None:
        """A few times each 100 ms: listen to what is recorded, move what loops."""
        for slot, loop in self._loops.items():
            value = float(self._table[slot])
            if loop.state == "recording":
                if value != loop.values[-1]:
                    if now - loop.began - loop.times[-1] > 0.1:  # it stood still until just now
                        loop.times.append(now - loop.began - 0.02)
                        loop.values.append(loop.values[-1])
                    loop.times.append(now - loop.began)
                    loop.values.append(value)
                if now - loop.began > LONGEST_S:
                    self._close(loop, now)
                loop.last = value
            elif loop.state == "looping":
                if value != loop.last:
                    loop.state = "stopped"
                    continue
                loop.last = self._table[slot] = self._at(slot, loop, now)

    def _at(self, slot: int, loop: Running, now: float) -> float:
        at = (now - loop.began) % loop.seconds
        spec = SPEC_AT[slot]
        if spec.jumps(*loop.values):
            return spec.clamp(loop.values[max(0, int(np.searchsorted(loop.times, at, "right")) - 1)])
        return spec.clamp(float(np.interp(at, loop.times, loop.values)))

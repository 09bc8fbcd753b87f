"""Times of several things taken turn by turn, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WARM_UP = 10
TURN = 10  #: calls in a row before the other's turn: enough that each finds its weights where it left them


@dataclass(frozen=True)
class Times:
    """Milliseconds of a call."""

    median: float
    p95: float
    p999: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """From the seconds of each call."""
        median, p95, p999 = np.percentile(np.array(seconds) * 1000, [50, 95, 99.9])
        return cls(float(median), float(p95), float(p999))


Timed = Callable[[int], Sequence[float]]  #: so many calls in a row -> the seconds of each


def timed(call: Callable[[], object]) -> Timed:
    """A function of this process as something to be timed."""

    def run(calls: int) -> list[float]:
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        return times

    return run


def interleave(things: Sequence[Timed], calls: int, rest: int = 5) -> list[Times]:
    """[main] Times of the first thing over so many calls, and of the others in the same seconds.

    rest : the others have a turn for so many of the first; a median needs fewer calls than the slowest
    """
    seconds: list[list[float]] = [[] for _ in things]
    for thing in things:
        thing(WARM_UP)
    gc.collect()
    gc.disable()
    try:
        for turn in range(-(-calls // TURN)):
            for times, thing in zip(seconds, things if turn % rest == 0 else things[:1], strict=False):
                times.extend(thing(TURN))
    finally:
        gc.enable()
    return [Times.of(times) for times in seconds]

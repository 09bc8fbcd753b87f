"""Time several functions in turn, so that other programs on the machine slow all of them equally."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WARM_UP = 10
TURN = 10  #: calls in a row before another function's turn, so that its weights are in the cache


@dataclass(frozen=True)
class Times:
    """The time of a call, in milliseconds."""

    median: float
    p95: float
    p999: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """Return median and percentiles of the seconds of each call."""
        median, p95, p999 = np.percentile(np.array(seconds) * 1000, [50, 95, 99.9])
        return cls(float(median), float(p95), float(p999))


Timed = Callable[[int], Sequence[float]]  #: number of calls in a row -> the seconds of each


def timed(call: Callable[[], object]) -> Timed:
    """Make a function of this process `Timed`."""

    def run(calls: int) -> list[float]:
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        return times

    return run


def interleave(functions: Sequence[Timed], calls: int, rest: int = 5) -> list[Times]:
    """[main] Time `calls` calls of the first function, and calls of the others between them.

    rest : turns of the first function for each turn of the others; their median needs fewer calls
    """
    seconds: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function(WARM_UP)
    gc.collect()
    gc.disable()
    try:
        for turn in range(-(-calls // TURN)):
            due = functions if turn % rest == 0 else functions[:1]
            for times, function in zip(seconds, due, strict=False):
                times.extend(function(TURN))
    finally:
        gc.enable()
    return [Times.of(times) for times in seconds]

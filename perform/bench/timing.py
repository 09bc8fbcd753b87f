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


def interleave(ours: Timed, peer: Timed, calls: int, peer_turns: int = 5) -> tuple[Times, Times]:
    """[main] Times of ours over so many calls, and of a peer, in the same seconds.

    peer_turns : the peer has a turn for so many of ours; a median needs fewer calls than the slowest of them
    """
    seconds: list[float] = []
    others: list[float] = []
    for thing in (ours, peer):
        thing(WARM_UP)
    gc.collect()
    gc.disable()
    try:
        for turn in range(-(-calls // TURN)):
            if turn % peer_turns == 0:
                others += peer(TURN)
            seconds += ours(TURN)
    finally:
        gc.enable()
    return Times.of(seconds), Times.of(others)

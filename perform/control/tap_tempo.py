"""Tap tempo: the tempo and the beat from the times of taps."""

from __future__ import annotations

from perform.core import params

LONGEST_S = 60.0 / params.SPECS["tempo"].low  #: after a longer pause the taps begin again
SHORTEST_S = 60.0 / params.SPECS["tempo"].high
TAPS = 9  #: the last taps count: eight intervals
CHANGE = 1.6  #: an interval so many times longer or shorter than the others begins a new tempo


class TapTempo:
    """[control] Listens to taps.

    bpm  : 0 before the second tap
    beat : monotonic seconds of the last beat, with the error of a single tap averaged out
    """

    def __init__(self) -> None:
        self._taps: list[float] = []
        self.bpm = self.beat = 0.0

    def tap(self, now: float) -> bool:
        """Take a tap at a time in seconds; return whether there is a tempo."""
        taps = self._taps
        if taps:
            interval = now - taps[-1]
            if interval < SHORTEST_S:
                return False
            mean = (taps[-1] - taps[0]) / (len(taps) - 1) if len(taps) > 1 else interval
            if interval > LONGEST_S:
                taps.clear()
            elif not 1 / CHANGE < interval / mean < CHANGE:
                del taps[:-1]
        taps.append(now)
        del taps[:-TAPS]
        if len(taps) < 2:
            return False
        interval = (taps[-1] - taps[0]) / (len(taps) - 1)
        self.bpm = 60.0 / interval
        self.beat = sum(at + (len(taps) - 1 - i) * interval for i, at in enumerate(taps)) / len(taps)
        return True

"""Whether anything has changed that the stage's parts react to; if not, most of their ticks are left out."""

from __future__ import annotations

import time

from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS

STILL_S = 0.06  #: while nothing changes, the parts tick this often
MOVED_S = 0.5  #: they tick each time for this long after a change: fades end, files are read

_CLOCK = METER_SLOTS["clock/lock"]


class Stillness:
    """Compares the values that all processes share, and the measured tempo, with those of the last look."""

    def __init__(self, arena: Arena) -> None:
        self._values, self._meters = arena.values, arena.meters
        self._seen, self._clock = b"", 0.0
        self._moved_at = self._ticked_at = time.monotonic()

    def skips(self, *, busy: bool) -> bool:
        """Whether the parts need not tick now.

        busy : an event has come, or something moves by itself
        """
        now, fresh, clock = time.monotonic(), self._values.tobytes(), float(self._meters[_CLOCK])
        if busy or fresh != self._seen or clock != self._clock:
            self._seen, self._clock, self._moved_at = fresh, clock, now
        elif now - self._moved_at > MOVED_S and now - self._ticked_at < STILL_S:
            return True
        self._ticked_at = now
        return False

"""The load of the last minute, as a line of bars."""

from __future__ import annotations

_SECONDS = 60
_BARS = "▁▂▃▄▅▆▇█"
BARS = 6  #: each the worst of ten seconds


class LoadHistory:
    """[ui] Keeps the worst load of each second."""

    def __init__(self) -> None:
        self._worst: dict[int, float] = {}
        self._now = 0

    def sample(self, now: float, load: float) -> None:
        """Note the load of a frame; 1 is all of a block's time."""
        self._now = int(now)
        self._worst[self._now] = max(load, self._worst.get(self._now, 0.0))
        for second in [s for s in self._worst if s <= self._now - _SECONDS]:
            del self._worst[second]

    def text(self) -> str:
        """`▁▁▂▇▁▁`, the newest on the right; a full bar is a load of 100 %."""
        each = _SECONDS // BARS
        worst = [0.0] * BARS
        for second, load in self._worst.items():
            at = BARS - 1 - (self._now - second) // each
            if 0 <= at < BARS:
                worst[at] = max(worst[at], load)
        return "".join(_BARS[min(int(load * len(_BARS)), len(_BARS) - 1)] for load in worst)

"""Changes that wait for the next beat or bar, as the parameter `quantise` says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from perform.core.arena import Arena
from perform.core.arena_layout import LIVE, METER_SLOTS
from perform.core.frame_time import FrameTime
from perform.core.params import DECKS, SPEC_AT, slot

_QUANTISE, _BAR = slot("quantise"), slot("clock/bar")
_STATES = [METER_SLOTS[f"deck/{d}/state"] for d in range(1, DECKS + 1)]
_LATENCIES = [METER_SLOTS[f"deck/{d}/latency"] for d in range(1, DECKS + 1)]

Act = Callable[[float], object]  #: makes a change; gets the monotonic time for which it was due


def _nothing(_: float) -> None:
    """The change of `Quantise.reached`: its caller makes it."""


@dataclass(slots=True)
class PendingChange:
    """A change that waits.

    text  : as the screen shows it
    due   : the beat for which it waits
    early : made earlier by the decks' latency, so that it sounds on the beat
    """

    text: str
    due: float
    act: Act
    early: bool


class Quantise:
    """The changes that wait, by what they change. A second request for the same change makes it at once."""

    def __init__(self, arena: Arena) -> None:
        self._arena, self._time = arena, FrameTime(arena)
        self._pending: dict[str, PendingChange] = {}

    @property
    def pending(self) -> tuple[str, ...]:
        """What waits: "scene 3"."""
        return tuple(change.text for change in self._pending.values())

    def change(self, key: str, text: str, act: Act, *, early: bool = False) -> bool:
        """Make a change now if nothing is quantised or it waits already, else later; False if it waits.

        key : a later request with the same key and another text replaces the one that waits
        """
        waiting = self._pending.pop(key, None)
        if not self._step or (waiting and waiting.text == text):
            act(time.monotonic())
            return True
        self._pending[key] = PendingChange(text, self._next_due(early), act, early)
        return False

    def reached(self, key: str, text: str) -> bool:
        """Ask at each tick whether a change that is ready may happen; the first time begins the wait."""
        if key not in self._pending and self._step:
            self._pending[key] = PendingChange(text, self._next_due(early=False), _nothing, early=False)
        return self._is_due(self._pending[key]) if key in self._pending else True

    def drop(self, key: str) -> None:
        """Forget a change that waits."""
        self._pending.pop(key, None)

    def clear(self) -> None:
        """Forget all changes that wait: another song has begun."""
        self._pending.clear()

    def tick(self) -> None:
        """[main, about every 15 ms] Make the changes that are due. The caller of `reached` makes its own."""
        for key, change in list(self._pending.items()):
            if change.act is not _nothing and self._is_due(change):
                del self._pending[key]
                change.act(self._seconds_at(change))

    @property
    def wait(self) -> float:
        """Seconds until the next change is due; infinite if none waits."""
        now = time.monotonic()
        return min((self._seconds_at(change) - now for change in self._pending.values()), default=math.inf)

    @property
    def _step(self) -> float:
        """Beats from one moment for changes to the next; 0: any moment."""
        mode, bar = (SPEC_AT[i].clamp(float(self._arena.table[i])) for i in (_QUANTISE, _BAR))
        return (0.0, 1.0, bar)[int(mode)]

    def _is_due(self, change: PendingChange) -> bool:
        beat, step = self._beat(change.early), self._step
        if change.due - beat > step:  # the beats began again, or quantise is off now
            change.due = self._next_due(change.early)
        return not step or beat >= change.due

    def _beat(self, early: bool) -> float:
        """The beat that a change made now is heard at."""
        line = self._arena.beat_line
        lead = self._lead if early else 0.0
        return line.beat_at(self._time.frame_at(time.monotonic()) + lead * line.rate)

    def _next_due(self, early: bool) -> float:
        step = self._step or 1.0
        return (math.floor(self._beat(early) / step) + 1) * step

    def _seconds_at(self, change: PendingChange) -> float:
        line, now = self._arena.beat_line, time.monotonic()
        frames = line.frame_at(change.due) - self._time.frame_at(now)
        return now + frames / line.rate - (self._lead if change.early else 0.0)

    @property
    def _lead(self) -> float:
        """Seconds from a parameter to the sound of the slowest deck, without the device's block."""
        meters = self._arena.meters
        latencies = [meters[m] for s, m in zip(_STATES, _LATENCIES, strict=True) if meters[s] == LIVE]
        block = float(meters[METER_SLOTS["block"]] / meters[METER_SLOTS["rate"]])
        return max(float(max(latencies, default=0.0)) - block, 0.0)

"""The time of each frame: from frames of the master's history to monotonic seconds, and back."""

from __future__ import annotations

import time

from perform.core.arena import Arena
from perform.core.arena_layout import DEFAULT_RATE, METER_SLOTS

_BEGAN, _RATE, _DELAY, _BLOCK, _BURST = (
    METER_SLOTS[name] for name in ("began", "rate", "delay", "block", "burst")
)


class FrameTime:
    """[any] Converts with the mixer's own times. Without a mixer every time is the frame to be mixed next.

    A frame *sounds* after the mixer's delay and one burst of the device. The rest of the way to the
    loudspeaker is unknown; the parameter `clock/offset` is for that.
    """

    def __init__(self, arena: Arena) -> None:
        self._arena, self._meters, self._history = arena, arena.meters, arena.history

    def frame_at(self, seconds: float) -> float:
        """The frame that the mixer mixes at a time."""
        began = float(self._meters[_BEGAN])
        return (seconds - began) * self._rate if began else float(self._history.written)

    def beat_at(self, seconds: float) -> float:
        """The beat of the frame that the mixer mixes at a time."""
        return self._arena.beat_line.beat_at(self.frame_at(seconds))

    def sounding_at(self, seconds: float) -> float:
        """The frame that sounds at a time."""
        return self.frame_at(seconds) - self._late

    def sounds_at(self, frame: float) -> float:
        """The time at which a frame sounds."""
        began = float(self._meters[_BEGAN])
        return began + (frame + self._late) / self._rate if began else time.monotonic()

    @property
    def _rate(self) -> float:
        return float(self._meters[_RATE]) or DEFAULT_RATE

    @property
    def _late(self) -> float:
        """Frames from the mixing of a frame to its sound.

        `began` is an average over the blocks of one burst: hence half of the rest of it.
        """
        block = float(self._meters[_BLOCK])
        burst = max(float(self._meters[_BURST]), block)
        return float(self._meters[_DELAY]) + burst + (burst - block) / 2

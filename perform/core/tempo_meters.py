"""The tempo that the control process measured, for the stage: taps, or the ticks of a MIDI clock."""

from __future__ import annotations

from typing import NamedTuple

from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.memory_order import SequenceLock

#: what a measured tempo comes from, meter `clock/kind`: nothing, taps, a MIDI clock, a MIDI clock that was
#: started, so that its beat is known too
NO_TEMPO, TAPPED, CLOCK, PLACED_CLOCK = range(4)
_FIRST, _LAST = METER_SLOTS["clock/kind"], METER_SLOTS["clock/bpm"]


class MeasuredTempo(NamedTuple):
    """A tempo and one moment of it.

    kind    : see NO_TEMPO
    seconds : a monotonic time
    beat    : the beat at this time. Of TAPPED, some beat is at this time; of CLOCK, the beat is unknown
    """

    kind: int
    seconds: float
    beat: float
    bpm: float


class TempoMeters:
    """Passes measured tempos from one writer to any reader, whole."""

    def __init__(self, meters: Meters) -> None:
        self._lock = SequenceLock(meters, METER_SLOTS["clock/lock"])
        self._values = meters[_FIRST : _LAST + 1]

    def write(self, measured: MeasuredTempo) -> None:
        """[control] Publish a tempo."""
        self._lock.begin_write()
        self._values[:] = measured
        self._lock.end_write()

    def read(self) -> MeasuredTempo | None:
        """[any] The last tempo; None while it is being written."""
        count = self._lock.begin_read()
        kind, *rest = self._values.tolist()
        return MeasuredTempo(int(kind), *rest) if self._lock.is_consistent(count) else None

"""When the next frame of a lane will sound, in frames of the master's history."""

from __future__ import annotations

from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS

_PULLED = METER_SLOTS["pulled"]


class RingClock:
    """[render] The clock of one lane's ring buffer."""

    def __init__(self, arena: Arena, lane: int) -> None:
        self._ring, self._meters, self._reads = arena.rings[lane], arena.meters, arena.ring_reads
        self._offset = 0  # from a frame of the ring buffer to one of the master's history

    def next_sounds_at(self) -> int:
        """Frame of the master's history at which the ring's next frame will sound, if no block is late."""
        reads = self._reads.begin_read()
        offset = int(self._meters[_PULLED]) - self._ring.position
        if self._reads.is_consistent(reads):  # else the mixer is reading the ring right now
            self._offset = offset
        return self._offset + self._ring.written

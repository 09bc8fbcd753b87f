"""A lane as its voice sees it: when its next frame sounds, what comes in, what other decks' sources give."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perform.core.arena import LANE, METER_SLOTS, Arena, lanes_of
from perform.core.params import DECKS, SLOTS, SOURCES, Table
from perform.core.ring_buffers import HistoryBuffer
from perform.engine.file_latents import FileLatents
from perform.engine.resampling import resampling_delay
from perform.voice.assignments import Assignments

A3 = 220.0  #: Hz; the pitch that modulates nothing
LOUD_DB = 60.0  #: dB below full scale at which the level modulates nothing

_PULLED, _GATE = METER_SLOTS["pulled"], METER_SLOTS["input/gate"]
_LEVEL, _PITCH = METER_SLOTS["input/level"], METER_SLOTS["input/pitch"]


class LaneContext:
    """[render] One lane (0..LANES-1) of an arena; desk: what is known of the decks."""

    def __init__(self, arena: Arena, lane: int, desk: Assignments) -> None:
        self.input: HistoryBuffer = arena.input
        self.desk = desk
        self._lanes, self._trails, self._trail = arena.lanes, arena.trails, arena.trails[lane]
        self._row = arena.lanes[lane]
        self._rate = METER_SLOTS["rate"]
        self._trail.clear()
        self._meters, self._ring = arena.meters, arena.rings[lane]
        self._ring_reads = arena.ring_reads
        self._offset = 0  # from a frame of the ring to one of the tape

    def sounds(self) -> int:
        """Frame of the tape at which the ring's next frame will sound, if nothing is late until then."""
        reads = self._ring_reads.begin_read()
        offset = int(self._meters[_PULLED]) - self._ring.position
        if self._ring_reads.is_consistent(reads):  # else the mixer is just reading it
            self._offset = offset
        return self._offset + self._ring.written

    def leave(self, z: npt.NDArray[np.floating]) -> None:
        """What this lane's source gives for its next frame, for the decks that follow it."""
        self._trail.write(self.sounds(), z)

    def follow(self, leader: int, deck: int) -> npt.NDArray[np.float64] | None:
        """What the source of a deck gives, as latents of another; None where nothing plays there.

        It lies one frame of the leader behind, so that there is one on either side of it.
        """
        matrix = self.desk.matrix(leader, deck)
        playing = [
            n for n in lanes_of(leader) if self._lanes[n, LANE["live"]] and self._lanes[n, LANE["gate"]]
        ]
        if matrix is None or not playing:
            return None
        late = round(self.desk.frame_s(leader) * self._meters[self._rate])
        z = self._trails[playing[0]].read(self.sounds() - late)
        if z is None:
            return None
        latents = matrix.ear.latents
        return np.asarray(matrix.apply(np.pad(z, (0, max(0, latents - len(z))))[:latents]), np.float64)

    def heard(self, leader: int, frame_s: float) -> float:
        """Frames from the input to the middle of a frame that follows a deck; 0 where that does not listen.

        frame_s : of whoever follows
        """
        behind = max(self._lanes[n, LANE["behind"]] * self._lanes[n, LANE["gate"]] for n in lanes_of(leader))
        card = self.desk.card(leader)
        if not behind or card is None:
            return 0.0
        rate = float(self._meters[self._rate])
        said_s = card.decoder_s + resampling_delay(card.sample_rate, rate)
        late_s = (card.ratio / card.sample_rate + frame_s) / 2  # `follow`: one frame, from begin to begin
        return float(behind) + (late_s - said_s) * rate

    @property
    def has_file(self) -> bool:
        """There is something that its source "file" plays."""
        return bool(self._row[LANE["file"]])

    @property
    def recording(self) -> FileLatents | None:
        """That, as far as it has been read."""
        return self.desk.recordings.get(int(self._row[LANE["file"]]))

    @property
    def gate_open(self) -> bool:
        """There is something to hear in the input."""
        return bool(self._meters[_GATE])

    @property
    def modulation(self) -> tuple[float, float]:
        """Of the input: its level, 0 at -60 dBFS and 1 at full scale, and its octaves above 220 Hz."""
        level = min(max(1.0 + self._meters[_LEVEL] / LOUD_DB, 0.0), 1.0)
        pitch = self._meters[_PITCH]
        return level, math.log2(pitch / A3) if pitch > 0 else 0.0


def leads(table: Table, deck: int) -> int:
    """The deck that a deck of the source "deck" follows; 0 where it would end up following itself."""
    leader, seen = deck, {deck}
    for _ in range(DECKS):
        leader = int(table[SLOTS[f"deck/{leader}/from"]]) + 1
        if leader in seen:
            return 0
        seen.add(leader)
        if SOURCES[int(table[SLOTS[f"deck/{leader}/source"]])] != "deck":
            break
    return int(table[SLOTS[f"deck/{deck}/from"]]) + 1

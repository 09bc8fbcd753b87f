"""A voice's access to the arena: when its next frame will sound, the live input, other decks' latents."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.arena import Arena
from perform.core.arena_layout import LANE, METER_SLOTS, lanes_of
from perform.core.params import DECKS, SLOTS, SOURCES, Table, tuning_ratio
from perform.core.ring_buffers import HistoryBuffer, RingBuffer
from perform.engine.file_latents import FileLatents
from perform.engine.resampling import resampling_delay
from perform.engine.varispeed import varispeed_delay
from perform.voice.assignments import Assignments
from perform.voice.ring_clock import RingClock

A3 = 220.0  #: Hz; this pitch gives a modulation of 0
LEVEL_RANGE_DB = 60.0  #: this far below full scale, the level gives a modulation of 0

_GATE = METER_SLOTS["input/gate"]
_LEVEL, _PITCH, _RATE = (METER_SLOTS[name] for name in ("input/level", "input/pitch", "rate"))


class LaneContext:
    """[render] One lane (0..LANES-1) of an arena; assignments: models, matrices and files of the decks."""

    def __init__(self, arena: Arena, lane: int, assignments: Assignments) -> None:
        self.input: HistoryBuffer = arena.input
        self.assignments = assignments
        self._lanes, self._histories, self._history = (
            arena.lanes,
            arena.latent_histories,
            arena.latent_histories[lane],
        )
        self._row = arena.lanes[lane]
        self._history.clear()
        self._meters, self._ring, self._table = arena.meters, arena.rings[lane], arena.table
        self._rings = arena.rings
        self._ring_reads = arena.ring_reads
        #: frame of the master's history at which the ring's next frame will sound, see `RingClock`
        self.next_sounds_at = RingClock(arena, lane).next_sounds_at

    def publish(self, z: npt.NDArray[np.floating]) -> None:
        """Store the latents of this lane's source for its next frame; decks that follow it read them."""
        self._history.write(self.next_sounds_at(), z)

    @property
    def longest_frame_s(self) -> float:
        """Longest frame that the lane can take, seconds: its ring buffer must hold a burst and two frames."""
        burst = self._meters[METER_SLOTS["burst"]]
        return float((self._ring.capacity - burst) / self._meters[_RATE] / 2)

    def playing_lane(self, leader: int) -> int | None:
        """The lane of another deck that plays; None if none does."""
        playing = [
            n for n in lanes_of(leader) if self._lanes[n, LANE["live"]] and self._lanes[n, LANE["gate"]]
        ]
        return playing[0] if playing else None

    def lane_sound(self, lane: int) -> tuple[RingBuffer, float]:
        """Another lane's ring buffer, and the gain that brings its model to the common loudness."""
        return self._rings[lane], 10.0 ** (float(self._lanes[lane, LANE["trim"]]) / 20.0)

    def behind(self, lane: int) -> float:
        """Frames from the live input to another lane's sound; 0 if no input reaches it."""
        return float(self._lanes[lane, LANE["behind"]])

    def lag(self, lane: int, position: float) -> float | None:
        """Frames from another lane's frame at `position` to this lane's next one, as they sound.

        None while the mixer reads the ring buffers.
        """
        reads = self._ring_reads.begin_read()
        lag = self._ring.written - self._ring.position + self._rings[lane].position - position
        return lag if self._ring_reads.is_consistent(reads) else None

    @property
    def tolerance(self) -> float:
        """Frames by which a lag may vary before it counts as another: half a burst."""
        return float(self._meters[METER_SLOTS["burst"]]) / 2

    @property
    def rate(self) -> float:
        """Frames a second of the stage."""
        return float(self._meters[_RATE])

    def leader_latents(self, leader: int, deck: int, table: Table) -> npt.NDArray[np.float64] | None:
        """A leader's source latents, through the matrix to this deck; None if the leader plays nothing.

        They are one frame of the leader old, so that the frames before and after can be interpolated.
        """
        matrix, lane = self.assignments.matrix(leader, deck), self.playing_lane(leader)
        if matrix is None or lane is None:
            return None
        frame_s = self.assignments.frame_s(leader) / tuning_ratio(table, leader)
        frame = round(frame_s * self._meters[_RATE])
        z = self._histories[lane].read(self.next_sounds_at() - frame)
        if z is None:
            return None
        latents = matrix.encoder.latents
        return np.asarray(matrix.apply(np.pad(z, (0, max(0, latents - len(z))))[:latents]), np.float64)

    def leader_delay(self, leader: int, frame_s: float) -> float:
        """Frames from the live input to the middle of a follower's frame; 0 if the leader has no input.

        frame_s : length of the follower's frame, seconds
        """
        delay = max(self._lanes[n, LANE["behind"]] * self._lanes[n, LANE["gate"]] for n in lanes_of(leader))
        card = self.assignments.card(leader)
        if not delay or card is None:
            return 0.0
        rate, ratio = float(self._meters[_RATE]), tuning_ratio(self._table, leader)
        tuned = varispeed_delay(card.sample_rate, ratio)
        resampler_s = resampling_delay(card.sample_rate, rate) if ratio == 1.0 else tuned
        decoder_s = card.decoder_s / ratio + resampler_s
        # `leader_latents` is one frame late; this is from the middle of that frame to the middle of ours
        follow_s = (card.ratio / card.sample_rate / ratio + frame_s) / 2
        return float(delay) + (follow_s - decoder_s) * rate

    @property
    def has_file(self) -> bool:
        """Whether the lane has a file for its source "file"."""
        return bool(self._row[LANE["file"]])

    @property
    def file_latents(self) -> FileLatents | None:
        """The latents of the lane's file, as far as it is encoded."""
        return self.assignments.files.latents.get(int(self._row[LANE["file"]]))

    @property
    def file_sound(self) -> FileLatents | None:
        """The sound of the lane's file, as far as it is read; see `FileEncoding.sound`."""
        return self.assignments.files.sound(int(self._row[LANE["file"]]))

    @property
    def trim(self) -> float:
        """The mixer's gain that brings the lane's model to the common loudness."""
        return float(10.0 ** (self._row[LANE["trim"]] / 20.0))

    @property
    def gate_open(self) -> bool:
        """Whether the live input is louder than its gate."""
        return bool(self._meters[_GATE])

    @property
    def modulation(self) -> tuple[float, float]:
        """Level and pitch of the live input: 0 at -60 dBFS to 1 at full scale, and octaves above 220 Hz."""
        level = min(max(1.0 + self._meters[_LEVEL] / LEVEL_RANGE_DB, 0.0), 1.0)
        pitch = self._meters[_PITCH]
        return level, math.log2(pitch / A3) if pitch > 0 else 0.0


class HeardDeck(NamedTuple):
    """The deck whose sound a deck with the source "deck" gets."""

    deck: int  #: 0 for none
    feedback: float | None  #: gain of sound that comes back to its own deck; None if it is another deck's


NOBODY = HeardDeck(0, None)


def heard_deck(table: Table, deck: int) -> HeardDeck:
    """The deck whose sound a deck with the source "deck" gets; none if it is its own, without feedback."""
    leader, at, seen = int(table[SLOTS[f"deck/{deck}/from"]]) + 1, deck, set[int]()
    while at not in seen and SOURCES[int(table[SLOTS[f"deck/{at}/source"]])] == "deck":
        seen.add(at)
        at = int(table[SLOTS[f"deck/{at}/from"]]) + 1
    if at != deck:
        return HeardDeck(leader, None)
    feedback = float(table[SLOTS[f"deck/{deck}/feedback"]])
    return HeardDeck(leader, feedback) if feedback else NOBODY


def followed_deck(table: Table, deck: int) -> int:
    """The deck whose latents a deck with the source "deck" follows; 0 if it leads back to that deck."""
    leader, seen = deck, {deck}
    for _ in range(DECKS):
        leader = int(table[SLOTS[f"deck/{leader}/from"]]) + 1
        if leader in seen:
            return 0
        seen.add(leader)
        if SOURCES[int(table[SLOTS[f"deck/{leader}/source"]])] != "deck":
            break
    return int(table[SLOTS[f"deck/{deck}/from"]]) + 1

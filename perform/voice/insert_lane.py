"""The lane of an insert in its module's host: it renders a frame as soon as its input has arrived."""

from __future__ import annotations

from perform.core.arena import Arena
from perform.core.arena_layout import LANE, LANE_METER, LANES, bank_of
from perform.core.attributes import Texts
from perform.core.table_reader import TableReader
from perform.engine.protocol import PlayableModel
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import FrameWriter
from perform.voice.insert_voice import InsertVoice
from perform.voice.lane_modulation import LaneModulation
from perform.voice.ring_clock import RingClock


class InsertLane:
    """[render] An insert's voice, its lane of the arena, and the table it plays with."""

    def __init__(
        self,
        arena: Arena,
        reader: TableReader,
        index: int,
        model: PlayableModel,
        rate: float,
        texts: Texts,
        assignments: Assignments,
        *,
        logged: bool = True,
    ) -> None:
        """index: of the lane; logged: write the event log."""
        self._reader, self._index = reader, index
        self.ring, self.meters = arena.rings[index], arena.lane_meters(index)
        self.input = arena.inserted[index - LANES]
        bank = bank_of(index)
        self._modulation = LaneModulation(arena, bank, int(arena.lanes[index, LANE["mode"]]))
        self._clock = RingClock(arena, index)
        self.voice = InsertVoice(model, bank, self.input, rate, self._modulation.base)
        self.voice.settings.sounds = assignments.sounds
        self.voice.settings.set_texts(texts)
        self._longest = 2 * self.voice.frame_s * rate  # a resampled frame may be a little longer
        self._out = FrameWriter(arena, index, model, self.voice, rate) if logged else None
        self.meters[:] = 0.0
        self._start()

    def _start(self) -> None:
        self.voice.start(self.ring.written)
        self.meters[LANE_METER["begin"]] = self.voice.begin_at

    @property
    def has_room(self) -> bool:
        """Whether a frame fits into the ring buffer."""
        return self.ring.capacity - self.ring.fill > self._longest

    @property
    def is_due(self) -> bool:
        """Whether the next frame can be rendered now."""
        if self.voice.is_lost:
            self._start()
        return self.has_room and self.voice.complete()

    def render(self) -> None:
        """Render the next frame, after `is_due`, and write it with the lane's meters.

        After a panic the module begins again, with the newest input.
        """
        modulation = self._modulation
        modulation.read(self._reader, int(self._reader.lanes[self._index, LANE["mode"]]))
        table = modulation.evaluate(self._clock.next_sounds_at() if len(modulation.slots) else 0)
        if self.voice.apply(table):
            self._start()
            return
        audio = self.voice.render()
        if self._out:
            self._out.write(audio, table, modulation.slots, modulation.base)
        else:
            self.ring.write(audio)
        self.meters[LANE_METER["frames"]] += 1
        self.meters[LANE_METER["resets"]] = self.voice.resets

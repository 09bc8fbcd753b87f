"""One voice on a lane: reads the parameters, checks that the input is complete, writes the frames."""

from __future__ import annotations

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import HELD, LANE, LANE_METER, NEXT, NOW
from perform.core.attributes import Texts
from perform.core.params import Table
from perform.core.ring_buffers import Audio
from perform.core.table_reader import TableReader
from perform.engine.protocol import PlayableModel
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import FrameWriter
from perform.voice.lane_context import LaneContext
from perform.voice.lane_modulation import LaneModulation
from perform.voice.voice import Voice


class VoiceLane:
    """[render] A voice, its lane of the arena, and the table it plays with."""

    def __init__(
        self,
        arena: Arena,
        reader: TableReader,
        index: int,
        deck: int,
        model: PlayableModel,
        rate: float,
        texts: Texts,
        assignments: Assignments,
    ) -> None:
        self._reader, self._index = reader, index
        self.ring, self.meters = arena.rings[index], arena.lane_meters(index)
        self.deck_meters = arena.deck_meters(deck)
        self.is_new = True  # it has not written the deck's meters yet
        self.meters[:] = 0.0
        self._mode = int(arena.lanes[index, LANE["mode"]])
        self._modulation = LaneModulation(arena, params.slots(deck), self._mode)
        self._context = LaneContext(arena, index, assignments)
        self.voice = Voice(model, deck, rate, self._modulation.base, self._context)
        self.voice.settings.sounds = assignments.sounds
        self.voice.settings.set_texts(texts)
        self._out = FrameWriter(arena, index, model, self.voice, rate)

    def update(self) -> None:
        """Read, modulate and apply the song's values; a voice that fades out or waits keeps its own."""
        mode = int(self._reader.lanes[self._index, LANE["mode"]])
        self._modulation.read(self._reader, mode)
        modulated = len(self._modulation.slots)
        table = self._modulation.evaluate(self._context.next_sounds_at() if modulated else 0)
        if mode == NOW and self._mode == NEXT:
            self.voice.adopt(table)
        self._mode = mode
        self.voice.apply(table)

    @property
    def table(self) -> Table:
        """The values of the next frame, with modulation."""
        return self._modulation.table

    def input_complete(self, slack: float, tolerance: float) -> bool:
        """Whether the next frame's input has arrived; the arguments are those of `InputFollower.follow`."""
        encoder_input = self.voice.encoder_input
        if encoder_input is None:
            return True
        if not self.is_live:
            encoder_input.release()
            return True
        encoder_input.follow(self._context.next_sounds_at(), slack, tolerance)
        return encoder_input.complete()

    def write(self, audio: Audio) -> None:
        """Write the voice's next frame and the lane's meters."""
        modulation = self._modulation
        self._out.write(audio, modulation.table, modulation.slots, modulation.base)
        self.meters[LANE_METER["frames"]] += 1
        self.meters[LANE_METER["resets"]] = self.voice.resets
        self.meters[LANE_METER["behind"]] = self.voice.input_delay

    @property
    def is_live(self) -> bool:
        """Whether the mixer reads the lane, since the last update of the table."""
        return bool(self._reader.lanes[self._index, LANE["live"]])

    @property
    def is_shown(self) -> bool:
        """Whether the deck plays this voice (it does not fade out); then it writes the deck's meters."""
        return self._mode != HELD and self.is_live

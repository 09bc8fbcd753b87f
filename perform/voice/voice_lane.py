"""One voice on a lane: which parameters it reads, when its input is complete, where its frames go."""

from __future__ import annotations

from perform.core.arena import HELD, LANE, LANE_METER, NEXT, NOW, Arena, TableReader
from perform.core.attributes import Words
from perform.core.params import Table
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import FrameWriter
from perform.voice.lane_context import LaneContext
from perform.voice.voice import Voice


class VoiceLane:
    """[render] A voice, where it writes, and the numbers it goes by."""

    def __init__(
        self,
        arena: Arena,
        look: TableReader,
        index: int,
        deck: int,
        host: PlayableModel,
        rate: float,
        words: Words,
        desk: Assignments,
    ) -> None:
        self._look, self._index = look, index
        self.ring, self.meters = arena.rings[index], arena.lane_meters(index)
        self.deck_meters = arena.deck_meters(deck)
        self.fresh = True  # nothing of it has been shown
        self.meters[:] = 0.0
        self._mode = int(arena.lanes[index, LANE["mode"]])
        self.numbers: Table = (arena.next if self._mode == NEXT else arena.table).copy()
        self._place = LaneContext(arena, index, desk)
        self.voice = Voice(host, deck, rate, self.numbers, self._place)
        self.voice.settings.hear(words)
        self._out = FrameWriter(arena, index, deck, host, self.voice, rate)

    def look(self) -> Table:
        """Its numbers now: the table's, the coming song's, or for a voice that fades the last it had."""
        mode = int(self._look.lanes[self._index, LANE["mode"]])
        if mode == NOW:
            self.numbers[:] = self._look.table
            if self._mode == NEXT:
                self.voice.adopt(self.numbers)
        self._mode = mode
        self.voice.attend(self.numbers)
        return self.numbers

    def hears(self, slack: float, tolerance: float) -> bool:
        """All that the next frame needs has come in; see `EncoderInput.follow`, which these are for."""
        ear = self.voice.ear
        if ear is None:
            return True
        if not self.pulled:
            ear.let_go()
            return True
        ear.follow(self._place.sounds(), slack, tolerance)
        return ear.complete()

    def write(self, audio: Audio) -> None:
        """The voice's next frame."""
        self._out.write(audio, self.numbers)
        self.meters[LANE_METER["frames"]] += 1
        self.meters[LANE_METER["resets"]] = self.voice.resets
        self.meters[LANE_METER["behind"]] = self.voice.behind

    @property
    def pulled(self) -> bool:
        """The mixer pulls it, as far as this process has looked."""
        return bool(self._look.lanes[self._index, LANE["live"]])

    @property
    def shown(self) -> bool:
        """It is what its deck plays, so it writes the deck's meters."""
        return self._mode != HELD and self.pulled

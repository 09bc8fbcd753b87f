"""The lane of an insert, as the stage controls it: the mixer gives its module sound before it plays."""

from __future__ import annotations

from perform.core.arena import Arena
from perform.core.arena_layout import LANE, LANE_METER, NOW, insert_lane
from perform.core.attributes import Texts
from perform.core.insert_delay import check_insert_delay, insert_delay
from perform.core.params import margin
from perform.stage.deck_lane import DeckLane, LanePhase
from perform.stage.model_host import HostProcess


class FedLane(DeckLane):
    """One of the nine lanes of inserts; 0 is the master's, N deck N's.

    delay_s : seconds by which it delays the sound, while it is in use
    """

    def __init__(self, arena: Arena, insert: int) -> None:
        super().__init__(arena, insert_lane(insert), insert)
        self._input = arena.inserted[insert]
        self._first = 0  # place in the ring buffer at which its voice began
        self._burst = 0.0  # frames that the device took at once by then
        self.delay_s = 0.0

    def feed(self, host: HostProcess, texts: Texts) -> None:
        """[FREE] Start a voice, and give it sound. PerformError: too long frames, or no memory."""
        card, rate = host.model.card, self._arena.meter("rate")
        frame_s, burst = card.ratio / card.sample_rate, self._arena.meter("burst")
        render_s = 2 * (host.render_s or 0.0) + margin(self._arena.table)
        delay_s = insert_delay(frame_s, host.resampling_s, burst, rate, render_s)
        dry_s = card.delay / card.sample_rate + host.shift_s
        check_insert_delay(delay_s, frame_s, dry_s, rate, card.name)
        self._arena.reserve_insert(self.deck)
        self._row[LANE["delay"]], self._row[LANE["dry"]] = delay_s, dry_s
        self.delay_s, self._burst, self._first = delay_s + dry_s, burst, self._ring.written
        self.fill(host, NOW, texts, 0)
        self._row[LANE["gate"]], self._row[LANE["live"]] = 0, 1

    def _set_trim(self) -> None:
        """An effect is as loud as its input."""

    @property
    def full(self) -> bool:
        """The module has had sound for as long as its delay: the mixer can begin to play it."""
        if self.phase is not LanePhase.FILLING or not self.frames:
            return False
        begin = self._meters[LANE_METER["begin"]] + self._first
        return bool(self._input.written - begin >= self.delay_s * self._arena.meter("rate"))

    @property
    def late(self) -> float:
        """Blocks that the mixer played without the module, because it was late."""
        return float(self._meters[LANE_METER["late"]])

    @property
    def is_too_short(self) -> bool:
        """The device takes more at once than when the lane was started."""
        return self._arena.meter("burst") > self._burst

    def leave(self, fade: float) -> None:
        """[any phase but FREE] Close the gate over `fade` seconds; then the lane becomes free."""
        if self.phase is LanePhase.FILLING:
            self._row[LANE["live"]] = 0
        super().leave(fade)

"""One way from a host to the mixer, as the stage sees it. A deck has two: one fades, the other enters.

FREE     nobody writes, nobody reads
FILLING  a voice fills the ring up to its lead and waits
PLAYING  the mixer pulls it
LEAVING  the mixer pulls it while its gate closes; its voice keeps the numbers it had
DROPPING the mixer has let go; the host is asked to, and its ring is cleared then
"""

from __future__ import annotations

import time
from enum import Enum, auto

from perform.core.arena import Arena
from perform.core.arena_layout import HELD, LANE, LANE_METER, NOW
from perform.core.attributes import Texts
from perform.library.cards import trim_db
from perform.stage.host_pool import HostProcess

DROP_S = 2.0  #: a host that does not let go of a lane in so long hangs


class LanePhase(Enum):
    """Where a lane is on its way."""

    FREE = auto()
    FILLING = auto()
    PLAYING = auto()
    LEAVING = auto()
    DROPPING = auto()


class DeckLane:
    """One of the sixteen. `tick` moves it on; nothing in it waits."""

    def __init__(self, arena: Arena, index: int, deck: int) -> None:
        self.index, self.deck = index, deck
        self.phase = LanePhase.FREE
        self.host: HostProcess | None = None
        self._arena, self._row, self._ring = arena, arena.lanes[index], arena.rings[index]
        self._meters = arena.lane_meters(index)
        self._until = self._since = 0.0

    @property
    def frames(self) -> float:
        """Frames its voice has rendered."""
        return float(self._meters[LANE_METER["frames"]])

    @property
    def resets(self) -> float:
        """Times its decoder was reset for a non-finite output."""
        return float(self._meters[LANE_METER["resets"]])

    @property
    def dry(self) -> bool:
        """The next block finds too little in its ring."""
        return self._ring.fill < self._arena.meter("block")

    @property
    def full(self) -> bool:
        """Its voice has rendered ahead: the mixer may begin."""
        return self.phase is LanePhase.FILLING and self.frames > 0 and not self.dry

    def fill(self, host: HostProcess, mode: int, words: Texts, file: int) -> None:
        """[FREE] A new voice renders ahead: the numbers of `mode` (NOW or NEXT), these words, this file."""
        self.host = host
        self._row[LANE["mode"]], self._row[LANE["file"]] = mode, file
        self._row[LANE["trim"]] = trim_db(host.model.card)
        self._meters[:] = 0.0
        self._to(LanePhase.FILLING)
        host.play(self.index, self.deck, words)

    def set_texts(self, words: Texts) -> None:
        """Any phase: other words for its voice's attributes, where it has one."""
        if self.host and self.host.plays(self.index):
            self.host.set_texts(self.index, words)

    def set_file(self, file: int) -> None:
        """Any phase: another file for its voice's source of that name."""
        self._row[LANE["file"]] = file

    @property
    def file(self) -> int:
        """What its voice's source of that name plays; 0 for nothing."""
        return int(self._row[LANE["file"]])

    @property
    def mode(self) -> int:
        """Which numbers its voice goes by."""
        return int(self._row[LANE["mode"]])

    def hold(self, *, still: bool) -> None:
        """[PLAYING] Its voice keeps the numbers it has; or goes by the table again."""
        if self.phase is LanePhase.PLAYING:
            self._row[LANE["mode"]] = HELD if still else NOW

    def enter(self, fade: float) -> None:
        """[FILLING] The gate opens over `fade` seconds."""
        row = self._row
        row[LANE["live"]], row[LANE["gate"]], row[LANE["fade"]], row[LANE["mode"]] = 1, 1, fade, NOW
        self._to(LanePhase.PLAYING)

    def leave(self, fade: float) -> None:
        """Any phase but FREE: the gate closes over `fade` seconds, then the lane becomes free."""
        if self.phase is LanePhase.FILLING:
            self._drop()
        elif self.phase is LanePhase.PLAYING:
            row = self._row
            row[LANE["gate"]], row[LANE["fade"]], row[LANE["mode"]] = 0, fade, HELD
            self._to(LanePhase.LEAVING)
            self._until = self._since + max(fade, 0.01) + self._blocks(3)

    def tick(self) -> None:
        """A few times each 100 ms."""
        now = time.monotonic()
        self._row[LANE["behind"]] = round(self._meters[LANE_METER["behind"]])
        if self.phase is LanePhase.LEAVING and now >= self._until:
            self._row[LANE["live"]] = 0
            self._drop()
        elif self.phase is LanePhase.DROPPING and self.host:
            if not self.host.plays(self.index):
                if now - self._since > self._blocks(3):
                    self._ring.clear()
                    self.host = None
                    self._to(LanePhase.FREE)
            elif now - self._since > DROP_S:
                self.host.child.kill()

    def _drop(self) -> None:
        if self.host:
            self.host.drop(self.index)
        self._to(LanePhase.DROPPING)

    def _blocks(self, n: int) -> float:
        """Seconds in which the mixer has certainly looked."""
        return n * self._arena.meter("block") / self._arena.meter("rate")

    def _to(self, phase: LanePhase) -> None:
        self.phase, self._since = phase, time.monotonic()

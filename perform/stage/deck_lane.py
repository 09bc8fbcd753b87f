"""A lane: one voice's way from its host to the mixer, as the stage controls it.

FREE     no voice uses the lane
FILLING  a voice fills the ring buffer up to its lead and waits
PLAYING  the mixer plays the ring buffer
LEAVING  the mixer plays it while its gate closes; the voice keeps the values that it had
DROPPING the mixer no longer reads it; once the host has ended the voice, the ring buffer is cleared
"""

from __future__ import annotations

import time
from enum import Enum, auto

from perform.core.arena import Arena
from perform.core.arena_layout import HELD, LANE, LANE_METER, NEXT, NOW
from perform.core.attributes import Texts
from perform.core.params import SLOTS
from perform.library.cards import trim_db
from perform.stage.model_host import HostProcess

DROP_S = 2.0  #: a host that has not ended a voice after this long hangs
SHORTEST_FADE_S = 0.01  #: the mixer's shortest ramp


class LanePhase(Enum):
    """What a lane does now."""

    FREE = auto()
    FILLING = auto()
    PLAYING = auto()
    LEAVING = auto()
    DROPPING = auto()


class DeckLane:
    """One of the sixteen lanes. `tick` advances it; no method waits."""

    def __init__(self, arena: Arena, index: int, deck: int) -> None:
        self.index, self.deck = index, deck
        self.phase = LanePhase.FREE
        self.host: HostProcess | None = None
        self._arena, self._row, self._ring = arena, arena.lanes[index], arena.rings[index]
        self._meters = arena.lane_meters(index)
        self._until = self._since = 0.0

    @property
    def frames(self) -> float:
        """Frames that its voice has rendered."""
        return float(self._meters[LANE_METER["frames"]])

    @property
    def resets(self) -> float:
        """How often its decoder was reset because its output was not finite."""
        return float(self._meters[LANE_METER["resets"]])

    @property
    def dry(self) -> bool:
        """Its ring buffer holds less than the device takes at once."""
        return self._ring.fill < self._arena.meter("burst")

    @property
    def full(self) -> bool:
        """Its voice has rendered ahead: the mixer can begin to play it."""
        return self.phase is LanePhase.FILLING and self.frames > 0 and not self.dry

    def fill(self, host: HostProcess, mode: int, texts: Texts, file: int) -> None:
        """[FREE] Start a voice that renders ahead.

        mode  : which parameter table it reads, NOW or NEXT
        texts : of its attributes;  file : number of the sound file for the source "file"
        """
        self.host = host
        self._row[LANE["mode"]], self._row[LANE["file"]] = mode, file
        self._set_trim()
        self._meters[:] = 0.0
        self._enter_phase(LanePhase.FILLING)
        host.play(self.index, self.deck, texts)

    def _set_trim(self) -> None:
        """Follow `deck/N/calibrated`, in the values that its voice reads."""
        assert self.host
        table = self._arena.next if self.mode == NEXT else self._arena.table
        calibrated = bool(table[SLOTS[f"deck/{self.deck}/calibrated"]])
        trim = trim_db(self.host.model.card, calibrated=calibrated)
        if trim != self._row[LANE["trim"]]:
            self._row[LANE["trim"]] = trim

    def set_texts(self, texts: Texts) -> None:
        """[any phase] Replace the texts of its voice's attributes."""
        if self.host and self.host.plays(self.index):
            self.host.set_texts(self.index, texts)

    def set_file(self, file: int) -> None:
        """[any phase] Replace the sound file of its voice's source "file"; 0 for none."""
        self._row[LANE["file"]] = file

    @property
    def file(self) -> int:
        """Number of the sound file of its voice's source "file"; 0 for none."""
        return int(self._row[LANE["file"]])

    @property
    def mode(self) -> int:
        """Which values its voice uses: NOW, NEXT or HELD."""
        return int(self._row[LANE["mode"]])

    def hold(self, *, still: bool) -> None:
        """[PLAYING] Let its voice keep the values that it has, or read the table again."""
        if self.phase is LanePhase.PLAYING:
            self._row[LANE["mode"]] = HELD if still else NOW

    def follow_table(self) -> None:
        """[PLAYING] Take what the deck's values change about it outside its voice."""
        if self.mode == NOW:
            self._set_trim()

    def enter(self, fade: float) -> None:
        """[FILLING] Open the gate over `fade` seconds."""
        row = self._row
        row[LANE["live"]], row[LANE["gate"]], row[LANE["fade"]], row[LANE["mode"]] = 1, 1, fade, NOW
        self._set_trim()
        self._enter_phase(LanePhase.PLAYING)

    def leave(self, fade: float) -> None:
        """[any phase but FREE] Close the gate over `fade` seconds; then the lane becomes free."""
        if self.phase is LanePhase.FILLING:
            self._drop()
        elif self.phase is LanePhase.PLAYING:
            row = self._row
            row[LANE["gate"]], row[LANE["fade"]], row[LANE["mode"]] = 0, fade, HELD
            self._enter_phase(LanePhase.LEAVING)
            self._until = self._since + max(fade, SHORTEST_FADE_S) + self._bursts(3)

    def tick(self) -> None:
        """[main, about every 15 ms] Finish a fade-out; free the lane once its voice has ended."""
        if self.phase is LanePhase.FREE:
            return
        now = time.monotonic()
        self._row[LANE["behind"]] = round(self._meters[LANE_METER["behind"]])
        if self.phase is LanePhase.LEAVING and now >= self._until:
            self._row[LANE["live"]] = 0
            self._drop()
        elif self.phase is LanePhase.DROPPING and self.host:
            if not self.host.plays(self.index):
                if now - self._since > self._bursts(3):
                    self._ring.clear()
                    self.host = None
                    self._enter_phase(LanePhase.FREE)
            elif now - self._since > DROP_S:
                self.host.child.kill()

    def _drop(self) -> None:
        if self.host:
            self.host.drop(self.index)
        self._enter_phase(LanePhase.DROPPING)

    def _bursts(self, n: int) -> float:
        """Seconds of `n` bursts of blocks: after three, the mixer has seen every change."""
        return n * self._arena.meter("burst") / self._arena.meter("rate")

    def _enter_phase(self, phase: LanePhase) -> None:
        self.phase, self._since = phase, time.monotonic()

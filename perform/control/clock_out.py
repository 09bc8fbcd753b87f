"""The MIDI clock that perform sends: which messages are due, from the beat line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from perform.control.midi_clock import CONTINUE, POSITION, SIXTEENTH, START, STOP, TICK, TICKS
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS
from perform.core.frame_time import FrameTime
from perform.core.params import SPEC_AT

_START, _STOP, _CONTINUE = (params.slot(f"clock/{name}") for name in ("start", "stop", "continue"))
_OFFSET, _FOLLOWS = params.slot("clock/out/offset"), params.slot("clock/in")
_PLAYS, _LATE = METER_SLOTS["clock/plays"], METER_SLOTS["clock/late"]

CATCH_UP = TICKS  #: most ticks that are sent at once after a stall; the position stays right
SETTLE_S = 0.1  #: the stage moves the beat line so soon after `clock/start`, or after a leading clock goes on
LATE_FALL = 0.99  #: share of the worst lateness that stays at each tick
_LAST_POSITION = 1 << 14  #: song positions are 14 bits

Send = Callable[[Sequence[int]], object]


class ClockOut:
    """[clock out] Sends ticks all the time, and start, stop and continue with song positions.

    A device that plays begins again with each song. A tick is sent when its beat sounds.
    """

    def __init__(self, arena: Arena, send: Send) -> None:
        self._arena, self._send, self._time = arena, send, FrameTime(arena)
        self._next: int | None = None  # number of the next tick
        self._before: tuple[int, int] | None = None  # a tick, and the message that is sent before it
        self._counts = self._read_counts()
        self._asked = 0  # START or CONTINUE, while it waits for the beat line to move
        self._asked_at = -math.inf
        self._line = arena.beat_line
        self._plays = False

    def step(self, now: float) -> float:
        """Send what is due at a time; return the time of the next tick."""
        self._act(now)
        at = self._position(now)
        if self._is_elsewhere(at):
            self._jump(at)
        assert self._next is not None
        while at >= self._next:
            self._tick(now)
        return self._seconds_at(self._next)

    def _act(self, now: float) -> None:
        """Carry out the actions start, stop and continue."""
        counts = self._read_counts()
        start, stop, go_on = (a != b for a, b in zip(counts, self._counts, strict=True))
        self._counts = counts
        line = self._arena.beat_line
        if stop:
            self._stop()
        if start or (go_on and not self._plays):
            self._asked, self._asked_at = START if start else CONTINUE, now
        settles = self._asked == START or self._arena.table[_FOLLOWS] > 0
        if self._asked and (line != self._line or not settles or now - self._asked_at > SETTLE_S):
            self._go(now)
        self._line = line

    def _go(self, now: float) -> None:
        """Start, or continue where the beat is; also where a MIDI clock leads and began elsewhere."""
        asked, self._asked, at = self._asked, 0, self._position(now)
        self._play(True)
        if asked == START and at < TICKS:
            self._begin()
            return
        if asked == START or self._is_elsewhere(at):
            self._next = math.ceil(at)
        self._continue(math.ceil(at))

    def _is_elsewhere(self, at: float) -> bool:
        """Whether the beat line moved, so that another tick is next."""
        return self._next is None or not self._next - 2 <= at <= self._next + CATCH_UP

    def _jump(self, at: float) -> None:
        """The beat line moved: the next tick is another one."""
        back = self._next is not None and at < self._next
        self._next = math.ceil(at)
        if not self._plays:
            return
        if back and at < TICKS:  # a song begins
            self._begin()
        else:
            self._send([STOP])
            self._continue(self._next)

    def _begin(self) -> None:
        self._next, self._before = 0, (0, START)

    def _continue(self, tick: int) -> None:
        """Continue at the next song position, which is a sixteenth."""
        position = max(0, -(-tick // SIXTEENTH))
        if position >= _LAST_POSITION:
            position %= _LAST_POSITION
        self._send([POSITION, position & 0x7F, position >> 7])
        self._before = (max(0, -(-tick // SIXTEENTH)) * SIXTEENTH, CONTINUE)

    def _stop(self) -> None:
        if self._plays:
            self._send([STOP])
        self._asked, self._before = 0, None
        self._play(False)

    def _play(self, plays: bool) -> None:
        self._plays = plays
        self._arena.meters[_PLAYS] = plays

    def _tick(self, now: float) -> None:
        assert self._next is not None
        if self._before and self._next >= self._before[0]:
            self._send([self._before[1]])
            self._before = None
        self._send([TICK])
        meters = self._arena.meters
        late = max(now - self._seconds_at(self._next), 0.0)
        meters[_LATE] = max(late, LATE_FALL * meters[_LATE])
        self._next += 1

    def _position(self, now: float) -> float:
        """The tick that sounds at a time, with its fraction."""
        return TICKS * self._arena.beat_line.beat_at(self._time.sounding_at(now - self._offset))

    def _seconds_at(self, tick: int) -> float:
        return self._time.sounds_at(self._arena.beat_line.frame_at(tick / TICKS)) + self._offset

    def _read_counts(self) -> tuple[float, float, float]:
        start, stop, go_on = (float(self._arena.table[slot]) for slot in (_START, _STOP, _CONTINUE))
        return start, stop, go_on

    @property
    def _offset(self) -> float:
        return SPEC_AT[_OFFSET].clamp(float(self._arena.table[_OFFSET])) / 1000.0

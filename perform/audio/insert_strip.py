"""An insert in the mixer: it gives the sound of a deck or the master to an effect module and takes it back.

The module runs in a host process and answers `delay` seconds later. The mixer delays the sound without the
module as much, so that both are in time. While the module is late or gone, this sound plays alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.audio.guard import MAX_BLOCK, Signal
from perform.audio.strip import OVERLOAD, RAMP_S, TAIL_S, Fader, ramp
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, LANE_METER, insert_lane


class InsertStrip:
    """[audio] One insert: 0 is the master's, N deck N's.

    fader : of its deck, which comes after the module
    wet   : amount of the module's sound that it moves to, 0..1
    """

    def __init__(self, insert: int, arena: Arena, rate: float) -> None:
        self.lane, self._rate = insert_lane(insert), rate
        self.ring, self._input = arena.rings[self.lane], arena.inserted[insert]
        self._meters = arena.lane_meters(self.lane)
        self.live = False  # the mixer gives it sound
        self.idle = True  # the sound passes as if there were no insert
        self.open = 0.0  # gate: 0 the sound as it is, 1 through the insert
        self.wet = 1.0
        self.fader = Fader()
        self.last_read = (0, 0)  # first frame of the last read in the ring, and its length
        self.as_expected = True  # the last read continued the one before, without a gap
        self._expected = -1  # first frame of the next read if all goes well; -1: unknown
        self._fade_s = RAMP_S
        self._gate = 0.0
        self._wet = np.ones(1)
        self._delay = self._dry = 0  # frames: of the module's answer, and of the sound without it
        self._presence = 0.0  # of the module's sound: 0 it is late or gone, 1 it is there
        self._entry = 1.0 / (RAMP_S * rate)
        self._tail: npt.NDArray[np.float64] = np.cos(np.linspace(0, np.pi / 2, round(TAIL_S * rate))) ** 2
        self._silent_for = len(self._tail)  # frames since the module's sound ended
        self._last, self._left = np.zeros(2), 0.0  # its last sample, and its presence by then
        self._block = np.zeros((MAX_BLOCK, 2), np.float32)

    @property
    def settled(self) -> bool:
        """Whether no fade is running, so that the parameters alone describe its state."""
        return self.idle or (self.live and self._gate == self.open and self._wet[0] == self.wet)

    @property
    def continuous(self) -> bool:
        """Whether the last read was complete, so that the next one is expected right after it."""
        return self._expected >= 0

    @property
    def delay(self) -> int:
        """Frames by which it delays the sound that it is given."""
        return self._dry if self.live and self.open else 0

    def use(self, row: npt.NDArray[np.float64], wet: float, *, started: bool) -> None:
        """Follow its row of the lane table; a new mixer (not `started`) finds an open gate open already."""
        self.open, self._fade_s, self.wet = float(row[LANE["gate"]]), float(row[LANE["fade"]]), wet
        live = bool(row[LANE["live"]])
        if live:
            self._delay = round(row[LANE["delay"]] * self._rate)
            self._dry = self._delay + round(row[LANE["dry"]] * self._rate)
        if live and not self.live:
            self._gate = 0.0 if started else self.open
            self._wet = np.array([wet])
            self._presence, self._silent_for = 0.0, len(self._tail)
        self.live, idle = live, not live and not self._gate
        if idle and not self.idle:
            self._end((self._expected, 0))
        self.idle = idle

    def waits(self, n: int) -> bool:
        """Whether the module's sound for the next n frames is still to come."""
        begins = self.live and self.open and self._meters[LANE_METER["frames"]]
        return bool(begins) and self.ring.written < self._place(self._input.written) + n

    def _place(self, at: int) -> int:
        """The place in the ring buffer of the sound that plays with frame `at` of the input."""
        return at - self._delay - int(self._meters[LANE_METER["begin"]])

    def __call__(self, x: Signal, step: Signal) -> Signal:
        """[audio] Process a block, (n, 2) -> (n, 2).

        step : (n, 1) how far a gain may have moved after each frame
        """
        n, at = len(x), self._input.written
        self._input.write(np.clip(x, -OVERLOAD, OVERLOAD).astype(np.float32))
        y, presence = self._read(n, at)
        dry, _ = self._input.read(at - self._dry, n)
        if self._wet[0] == self.wet:
            amount: Signal | float = float(self._wet[0])
        else:
            amount = ramp(self._wet, np.array([self.wet]), step)
            self._wet = amount[-1].copy()
        inserted = dry * (1.0 - amount * presence) + y * amount
        if self._gate == self.open == 1.0:
            return inserted
        reach = np.arange(1, n + 1) / (max(self._fade_s, RAMP_S) * self._rate)
        gate = np.clip(self.open - self._gate, -reach, reach) + self._gate
        self._gate = float(gate[-1])
        self.idle = not self.live and not self._gate
        if self.idle:
            self._end(self.last_read)
        gate = gate[:, None]
        mixed: Signal = x * (1.0 - gate) + inserted * gate
        return mixed

    def _read(self, n: int, at: int) -> tuple[Signal, Signal | float]:
        """The sound that plays with frame `at` of the input, (n, 2), and how much of it is there, 0..1."""
        ring, expected = self.ring, self._expected
        begins, wanted = bool(self._meters[LANE_METER["frames"]]), self._place(at)
        if begins and ring.position < wanted:
            ring.skip(wanted - ring.position)
        there = begins and ring.position == wanted
        first = ring.position
        got = ring.read(self._block[:n]) if there else 0
        self._expected = first + n if got == n else -1
        self.last_read = (first, got)
        self.as_expected = expected == first if got == n else not got and expected < 0
        if got < n and self.open and self._gate:
            self._meters[LANE_METER["late"]] += 1
        x = self._block[:got]
        head: Signal = np.clip(np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0), -OVERLOAD, OVERLOAD)
        return self._faded(head.astype(np.float64), n)

    def _end(self, last_read: tuple[int, int]) -> None:
        """Log that nothing is read from now on: a replay would read on, into the sound of the next module."""
        if self.continuous:
            self.last_read, self.as_expected, self._expected = last_read, False, -1

    def _faded(self, head: Signal, n: int) -> tuple[Signal, Signal | float]:
        """Fade the sound in where it begins; where it ends, fade out from its last sample: as a `Strip`."""
        got = len(head)
        if got == n and self._presence == 1.0:
            self._last, self._left, self._silent_for = head[-1].copy(), 1.0, 0
            return head, 1.0
        presence = np.zeros((n, 1))
        if got:
            line = np.minimum(self._presence + self._entry * np.arange(1, got + 1), 1.0)[:, None]
            head, presence[:got] = head * line, line
            self._presence = self._left = float(line[-1, 0])
            self._last, self._silent_for = head[-1].copy(), 0
        if got == n:
            return head, presence
        y = np.zeros((n, 2))
        y[:got] = head
        tail = self._tail[self._silent_for : self._silent_for + n - got][:, None]
        y[got : got + len(tail)] = tail * self._last
        presence[got : got + len(tail)] = tail * self._left
        self._silent_for += n - got
        self._presence = 0.0
        return y, presence

"""One lane's strip in the mixer: reads the ring buffer, fades the lane in and out, applies fader and gate."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perform.audio.guard import MAX_BLOCK, Signal, largest
from perform.core.arena_layout import DECK_METER, Meters
from perform.core.ring_buffers import Audio, RingBuffer

RAMP_S = 0.010  #: full scale to silence, for every fader, mute and entry
TAIL_S = 0.005  #: fade-out from the last sample when a lane runs dry
OVERLOAD = 4.0  #: a lane is clipped here (+12 dBFS)


class Strip:
    """[audio] One lane's path into the mix.

    lane, deck : their numbers
    ring       : the lane's ring buffer
    meters     : the deck's meters
    rate       : frames per second
    """

    def __init__(self, lane: int, deck: int, ring: RingBuffer, meters: Meters, rate: float) -> None:
        self.lane, self.deck, self.ring, self.meters = lane, deck, ring, meters
        self.live = False  # the stage has put a voice on this lane
        self.last_read = (0, 0)  # first frame of the last read in the ring, and its length
        self.as_expected = True  # the last read continued the one before, without a gap
        self._expected = -1  # first frame of the next read if all goes well; -1: unknown
        self.trim = 1.0  # gain that brings the model to the common loudness
        self.held = False  # the fader keeps its gain
        self.open = 0.0  # position that the gate moves to
        self.fade_s = RAMP_S  # seconds from closed to open, or back
        self._gain = self._target = np.zeros(2)  # left, right: of the fader now, and where it moves to
        self._moves = False  # the fader has not reached its target
        self._gate = 0.0  # 0 closed .. 1 open
        self.gate_gain: Signal | float = 0.0  # of the gate in the last block, (n, 1) while it moves
        self._presence = 0.0  # 0 silent .. 1 fully entered
        self._last: Signal | Audio = np.zeros(2)  # the last sample that sounded
        self._silent_for = 0  # frames since the lane fell silent
        self._rate = rate
        self._entry = 1.0 / (RAMP_S * rate)
        self._tail: npt.NDArray[np.float64] = np.cos(np.linspace(0, np.pi / 2, round(TAIL_S * rate))) ** 2
        self._block = np.zeros((MAX_BLOCK, 2), np.float32)

    @property
    def idle(self) -> bool:
        """Whether it plays nothing and fades nothing out, so that the mixer may skip it."""
        return not self.live and not self._presence and self._silent_for >= len(self._tail)

    def begin(self, gate: float) -> None:
        """Start a new voice on the lane, with the fader at its target and the gate at `gate`."""
        self._gain, self._moves, self._gate = self._target, False, gate

    def aim(self, target: npt.NDArray[np.float64]) -> None:
        """Move the fader to a gain (left, right); the array must not change."""
        self._target, self._moves = target, True

    @property
    def settled(self) -> bool:
        """Whether no fade is running, so that the parameters alone describe its state."""
        return not self.live or (self._gate == self.open and not self.held)

    @property
    def rests(self) -> bool:
        """Whether none of its gains moves, so that it gives the same samples in blocks of any length."""
        if self.idle:
            return True
        return self.live and self._presence == 1.0 and not self._moves and self._gate == self.open

    @property
    def continuous(self) -> bool:
        """Whether the last read was complete, so that the next one is expected right after it."""
        return self._expected >= 0

    def read(self, n: int) -> Signal | Audio:
        """[audio] The lane's next n frames, faded to silence if its host is late: (n, 2).

        They are valid until the next read.
        """
        at = self.ring.position
        x = self._read(n)
        got = self.ring.position - at
        expected = self._expected
        self._expected = at + n if got == n else -1
        self.last_read = (at, got)
        self.as_expected = expected == at if got == n else not got and expected < 0
        return x

    def _read(self, n: int) -> Signal | Audio:
        x = self._block[:n]
        if not self.live:
            return self._fade_out(np.zeros((0, 2)), n)
        available = self.ring.fill  # read once: the host may be writing now
        if available >= n:
            self.ring.read(x)
            if self._presence == 1.0 and largest(x) <= OVERLOAD:  # so there is no NaN
                self._last, self._silent_for = x[-1].copy(), 0
                return x
            if np.isfinite(x).all():
                return self._fade_in(np.clip(x, -OVERLOAD, OVERLOAD).astype(np.float64))
            self.meters[DECK_METER["bad"]] += 1
            return self._fade_out(np.zeros((0, 2)), n)
        if self.open:
            self.meters[DECK_METER["late"]] += 1
        if not self._presence:
            return self._fade_out(np.zeros((0, 2)), n)
        rest = self.ring.read(x[:available])
        head = np.nan_to_num(x[:rest], nan=0.0, posinf=0.0, neginf=0.0)
        return self._fade_out(self._fade_in(np.clip(head, -OVERLOAD, OVERLOAD).astype(np.float64)), n)

    def _fade_in(self, x: Signal) -> Signal:
        """Ramp up over RAMP_S if the lane was silent."""
        if self._presence < 1.0 and len(x):
            ramp = np.minimum(self._presence + self._entry * np.arange(1, len(x) + 1), 1.0)
            x = x * ramp[:, None]
            self._presence = float(ramp[-1])
        if len(x):
            self._last, self._silent_for = x[-1].copy(), 0
        return x

    def _fade_out(self, head: Signal, n: int) -> Signal:
        """`head`, then its last sample fading over TAIL_S, then silence: (n, 2)."""
        x = np.zeros((n, 2))
        x[: len(head)] = head
        tail = self._tail[self._silent_for : self._silent_for + n - len(head)]
        x[len(head) : len(head) + len(tail)] = tail[:, None] * self._last
        self._silent_for += n - len(head)
        self._presence = 0.0
        return x

    def fade(self, x: Signal | Audio, step: Signal) -> Signal:
        """[audio] Apply the fader (full scale in RAMP_S) and the gate (`fade_s`, a quarter sine): (n, 2).

        step : (n, 1) how far a gain may have moved after each frame
        """
        gain = self._next_gain(step)
        if self._move_gate(len(x)):
            return x * (gain * self.gate_gain)
        return x * gain if self._gate else np.zeros((len(x), 2))

    def before_fader(self, x: Signal | Audio, step: Signal) -> Signal:
        """[audio] Apply trim and gate alone, for an insert: (n, 2). The fader moves on, unheard."""
        self._next_gain(step)
        self._move_gate(len(x))
        return x.astype(np.float64) * (self.gate_gain * self.trim)

    @property
    def level(self) -> npt.NDArray[np.float64]:
        """Gain of the fader now, without the trim: left, right."""
        return self._gain / self.trim

    def _next_gain(self, step: Signal) -> Signal | npt.NDArray[np.float64]:
        """Move the fader; its gain in this block."""
        if self._moves and not np.array_equal(self._gain, self._target):
            gain = ramp(self._gain, self._target, step)
            self._gain = gain[-1].copy()
            return gain
        self._moves = False
        return self._gain

    def _move_gate(self, n: int) -> bool:
        """Set `gate_gain` for n frames; whether it moves."""
        if self._gate != self.open:
            reach = np.arange(1, n + 1) / (max(self.fade_s, RAMP_S) * self._rate)
            gate = np.clip(self.open - self._gate, -reach, reach) + self._gate
            self._gate = float(gate[-1])
            # a crossfade keeps its power
            self.gate_gain = np.sin(np.clip(gate, 0.0, 1.0) * np.pi / 2)[:, None]
            return True
        self.gate_gain = math.sin(self._gate * math.pi / 2) if self._gate else 0.0
        return False


class Fader:
    """[audio] The fader of a deck with an insert."""

    def __init__(self) -> None:
        self._gain = self._target = np.zeros(2)

    def begin(self, gain: npt.NDArray[np.float64]) -> None:
        """Continue from a gain (left, right)."""
        self._gain = gain

    def aim(self, target: npt.NDArray[np.float64]) -> None:
        """Move to a gain (left, right); the array must not change."""
        self._target = target

    def __call__(self, x: Signal, step: Signal) -> Signal:
        """[audio] Apply it to (n, 2); full scale in RAMP_S."""
        if np.array_equal(self._gain, self._target):
            return x * self._gain
        gain = ramp(self._gain, self._target, step)
        self._gain = gain[-1].copy()
        return x * gain


def ramp(start: npt.NDArray[np.float64], target: npt.NDArray[np.float64], step: Signal) -> Signal:
    """A gain ramp from start (c,) towards target (c,), at most `step` (n, 1) from start: (n, c)."""
    # a gain above 1 moves faster, so that it reaches silence as soon as a gain of 1 would
    steps = step * np.maximum(1.0, np.maximum(start, target))
    return start + np.clip(target - start, -steps, steps)

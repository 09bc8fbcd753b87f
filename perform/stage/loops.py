"""Loops: the player's gesture on one parameter is recorded, then repeats.

The player wins: moving a parameter while it loops stops its loop. A loop whose recording began and ended on a
beat is so many beats long, and follows the tempo.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import SPEC_AT, Table
from perform.library.song import LoopGesture
from perform.stage.status import LoopStatus

State = Literal["recording", "looping", "stopped"]
SHORTEST_S = 0.05
LONGEST_S = 600.0  #: a gesture loops by itself after this much recording
STILL_S = 0.1  #: a parameter stands still when it has not moved for this long
EDGE_S = 0.02  #: the first move after that takes this long
NEAR_BEAT = 0.001  #: beats by which a quantised press may miss its beat
SNAP_BEAT = 0.1  #: a loop that starts so close to a beat starts on it
STEPS = 128  #: resolution of a stored gesture, over its range: most controllers send 128 values


@dataclass(slots=True)
class RunningLoop:
    """One gesture and its state.

    began   : of the recording, or of a turn of the loop; monotonic seconds
    beat    : the beat at this time; of a recording None if it began on none
    times, values : its points;  last : the value that the table had last
    gesture : as a song stores it; None while it is recorded
    """

    state: State
    began: float
    beat: float | None
    times: list[float]
    values: list[float]
    last: float
    gesture: LoopGesture | None = None

    def record(self, value: float, now: float) -> None:
        """Add a point where the value has changed; another one before it, where it stood still until now."""
        at = now - self.began
        if value != self.values[-1] and at > self.times[-1]:
            if at - self.times[-1] > STILL_S:
                self.times.append(at - EDGE_S)
                self.values.append(self.values[-1])
            self.times.append(at)
            self.values.append(value)
        self.last = value


class Loops:
    """The loops of the song that plays."""

    def __init__(self, table: Table, beat_at: Callable[[float], float]) -> None:
        """beat_at : the beat at a monotonic time."""
        self._table, self._beat_at = table, beat_at
        self._loops: dict[int, RunningLoop] = {}

    @property
    def slots(self) -> Iterable[int]:
        """The slots that loops move now."""
        return [slot for slot, loop in self._loops.items() if loop.state == "looping"]

    def toggle(self, address: str, now: float) -> str:
        """Record; the next time loop, then stop, then loop again. Returns the new state."""
        self.check(address)
        slot = params.slot(address)
        loop = self._loops.get(slot)
        if loop is None:
            value = float(self._table[slot])
            loop = self._loops[slot] = RunningLoop("recording", now, self._beat(now), [0.0], [value], value)
        elif loop.state == "recording":
            self._close(slot, loop, now)
        elif loop.state == "looping":
            loop.state = "stopped"
        else:
            self._start(slot, loop, now)
        return loop.state

    @staticmethod
    def check(address: str) -> None:
        """WrongUse: this parameter cannot loop."""
        if not params.can_loop(address):
            raise WrongUse(f"{address} cannot be looped", hint="loop a parameter of a deck or the master")

    def forget(self, address: str) -> None:
        """Remove a loop."""
        if self._loops.pop(params.slot(address), None) is None:
            raise WrongUse(f"{address} has no loop", hint="record one first")

    def _close(self, slot: int, loop: RunningLoop, now: float) -> None:
        """End the recording. The loop plays the thinned gesture, which is what the song stores."""
        seconds = max(now - loop.began, SHORTEST_S)
        points = list(zip(loop.times, loop.values, strict=True))
        if not SPEC_AT[slot].jumps(*loop.values):
            points = thinned(points)
        points = [(round(min(t, seconds), 4), round(v, 6)) for t, v in points]
        end = self._beat(now)
        beats = None if loop.beat is None or end is None or end <= loop.beat else end - loop.beat
        loop.gesture = LoopGesture(params.ADDRESSES[slot], round(seconds, 4), points, beats)
        loop.times, loop.values = [t for t, _ in points], [v for _, v in points]
        loop.state, loop.began, loop.beat = "looping", loop.began + seconds, end

    def _start(self, slot: int, loop: RunningLoop, now: float) -> None:
        loop.state, loop.began, loop.last = "looping", now, float(self._table[slot])
        loop.beat = self._start_beat(now)

    def replace(self, gestures: Sequence[LoopGesture], now: float) -> None:
        """Replace all loops by another song's, which all play."""
        self._loops = {}
        self.follow(gestures, now)

    def follow(self, gestures: Sequence[LoopGesture], now: float) -> None:
        """Follow an edit of the song: changed gestures begin to play, the others and recordings go on."""
        before = self._loops
        self._loops = {}
        for gesture in gestures:
            slot = params.slot(gesture.address)
            loop = before.pop(slot, None)
            if loop is None or loop.gesture != gesture:
                times, values = (list(part) for part in zip(*gesture.points, strict=True))
                value, beat = float(self._table[slot]), self._start_beat(now)
                loop = RunningLoop("looping", now, beat, times, values, value, gesture)
            self._loops[slot] = loop
        self._loops |= {slot: loop for slot, loop in before.items() if loop.state == "recording"}

    def gestures(self) -> list[LoopGesture]:
        """The gestures as a song stores them, without those that are still recorded."""
        return [loop.gesture for loop in self._loops.values() if loop.gesture]

    def status(self) -> tuple[LoopStatus, ...]:
        """The loops' part of a `Status`."""
        return tuple(
            LoopStatus(params.ADDRESSES[slot], loop.state, loop.gesture.seconds if loop.gesture else 0.0)
            for slot, loop in self._loops.items()
        )

    def tick(self, now: float) -> bool:
        """[main, about every 15 ms] Record values, and write those of the loops that play.

        True where a recording has reached LONGEST_S, so that it loops now.
        """
        closed = False
        for slot, loop in self._loops.items():
            value = float(self._table[slot])
            if loop.state == "recording":
                loop.record(value, now)
                if now - loop.began > LONGEST_S:
                    self._close(slot, loop, now)
                    closed = True
            elif loop.state == "looping":
                if value != loop.last:
                    loop.state = "stopped"
                else:
                    loop.last = self._table[slot] = self._at(slot, loop, now)
        return closed

    def _beat(self, now: float) -> float | None:
        """The beat at a time, if there is one."""
        beat = self._beat_at(now)
        return float(round(beat)) if abs(beat - round(beat)) < NEAR_BEAT else None

    def _start_beat(self, now: float) -> float:
        beat = self._beat_at(now)
        return float(round(beat)) if abs(beat - round(beat)) < SNAP_BEAT else beat

    def _at(self, slot: int, loop: RunningLoop, now: float) -> float:
        assert loop.gesture
        at = (now - loop.began) % loop.gesture.seconds
        if loop.gesture.beats and loop.beat is not None:
            turns = (self._beat_at(now) - loop.beat) / loop.gesture.beats
            at = turns % 1.0 * loop.gesture.seconds
        spec = SPEC_AT[slot]
        if spec.jumps(*loop.values):
            return spec.clamp(loop.values[max(0, int(np.searchsorted(loop.times, at, "right")) - 1)])
        return spec.clamp(float(np.interp(at, loop.times, loop.values)))


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The fewest points of a gesture whose connecting lines pass within a step of all its points.

    points : (second, value), the seconds growing

    A line from the last kept point goes on as long as some slope passes all points since within a step. This
    is the swinging door algorithm of E. H. Bristol (US patent 4,669,097, 1987), with recorded points only.
    """
    values = [value for _, value in points]
    step = (max(values) - min(values)) / STEPS
    kept, low, high = [points[0]], -np.inf, np.inf
    for before, (t, v) in itertools.pairwise(points):
        t0, v0 = kept[-1]
        if not low <= (v - v0) / (t - t0) <= high:
            kept.append(before)
            t0, v0 = before
            low, high = -np.inf, np.inf
        low, high = max(low, (v - step - v0) / (t - t0)), min(high, (v + step - v0) / (t - t0))
    return [*kept, points[-1]] if len(points) > 1 else kept

"""Hands: the position of each control, what it last wrote, and how it takes over a parameter without a jump.

A song, a scene, undo, the mouse or a change of focus moves a parameter away from its knob. A hand notices it,
because the table then differs from the value that it wrote. The knob has to take over the parameter again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

from perform.core.params import Table
from perform.core.spec import Curve, Spec, curve_position, curve_value

Takeover = Literal["scale", "pickup", "jump"]
CurvePoints = tuple[float, ...]  #: heights 0..1 of a curve at equal distances, rising

STEEPEST = 3.0  #: `scale` moves the parameter at most this many times as far as the knob
NEAR = 2 / 127  #: `pickup` takes over within this distance
MEET = 0.5 / 127  #: closer than this, knob and parameter count as equal
SLOW, FAST = 15.0, 100.0  #: steps a second of an encoder: `accel` begins; `accel` is complete


class Span:
    """The range of values of a control, by position 0..1.

    low, high : values at positions 0 and 1, in the parameter's unit; low > high inverts
    dead      : (first, last, at): the positions between first and last count as `at`
    step      : the value moves from `low` in steps of this size; 0: without steps
    """

    def __init__(
        self,
        spec: Spec,
        low: float,
        high: float,
        curve: Curve | CurvePoints,
        dead: tuple[float, float, float] | None = None,
        step: float = 0.0,
    ) -> None:
        self._spec, self.low, self.high, self._curve = spec, low, high, curve
        self._dead, self._step = dead, step if high > low else -step

    def value(self, position: float) -> float:
        """Return the value at a position; the ends are exact. Positions may lie outside 0..1."""
        if self._dead and 0.0 <= position <= 1.0:
            position = _without_zone(position, *self._dead)
        if position in (0.0, 1.0):
            return self.low if position == 0.0 else self.high
        value = self._along_curve(position)
        if self._step and 0.0 < position < 1.0:
            value = self.low + round((value - self.low) / self._step) * self._step
            value = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        return self._spec.clamp(value)

    def _along_curve(self, position: float) -> float:
        if self._curve == "exp":
            return float(self.low * (self.high / self.low) ** position)
        if 0.0 < position < 1.0:
            if self._curve == "s":
                return curve_value(position, self.low, self.high, "s")
            if isinstance(self._curve, tuple):
                position = _height(self._curve, position)
        return self.low + (self.high - self.low) * position

    def position(self, value: float) -> float:
        """Return the position of a value; below 0 or above 1 for a value outside the span."""
        if self.low == self.high:
            return 0.0
        value = self._spec.clamp(value)
        position = (value - self.low) / (self.high - self.low)
        inside = 0.0 <= position <= 1.0
        if isinstance(self._curve, tuple):
            position = _place(self._curve, position) if inside else position
        elif self._curve == "exp" or (self._curve == "s" and inside):
            position = curve_position(value, self.low, self.high, self._curve)
        return _with_zone(position, *self._dead) if self._dead and inside else position


def _without_zone(position: float, first: float, last: float, at: float) -> float:
    if position <= first:
        return position / first * at if first > 0.0 else at
    return at if position <= last else at + (position - last) / (1.0 - last) * (1.0 - at)


def _with_zone(position: float, first: float, last: float, at: float) -> float:
    """The inverse of `_without_zone`; `at` becomes the middle of the zone."""
    if position == at:
        return 0.5 * (first + last)
    return position / at * first if position < at else last + (position - at) / (1.0 - at) * (1.0 - last)


def _height(points: Sequence[float], position: float) -> float:
    """The height of a curve, 0..1, at a position."""
    at = position * (len(points) - 1)
    left = min(int(at), len(points) - 2)
    return points[left] + (points[left + 1] - points[left]) * (at - left)


def _place(points: Sequence[float], height: float) -> float:
    """The inverse of `_height`; the right end of a flat part."""
    left = min(bisect_right(points, height), len(points) - 1) - 1
    rise = points[left + 1] - points[left]
    return (left + ((height - points[left]) / rise if rise > 0.0 else 1.0)) / (len(points) - 1)


def take_over(takeover: Takeover, before: float | None, now: float, parameter: float) -> float | None:
    """Return the parameter's new position when its knob moves; None if the parameter stays.

    before    : position 0..1 of the knob before; None if it has sent no message since it was connected
    now       : position 0..1 of the knob
    parameter : position of the parameter, which may lie outside 0..1
    """
    if takeover == "jump" or before == parameter or abs(now - parameter) <= MEET:
        return now
    if before is None:
        return None
    if takeover == "pickup":
        crossed = min(before, now) <= parameter <= max(before, now)
        return now if crossed or abs(now - parameter) <= NEAR else None
    return _scale(before, now, parameter)


def _scale(before: float, now: float, parameter: float) -> float | None:
    """Move the parameter so that it reaches the end of the range together with the knob."""
    if now == before:
        return None
    slope = (1.0 - parameter) / (1.0 - before) if now > before else parameter / before
    moved = parameter + (now - before) * min(max(slope, 0.0), STEEPEST)
    met = abs(now - moved) <= MEET or (before - parameter) * (now - moved) < 0
    return now if met else moved


class WrittenValue(NamedTuple):
    """A value that a hand has written, with its position in the range that the control had then."""

    value: float
    position: float
    low: float
    high: float


class Hand:
    """[control] One control of one device; a change of mapping keeps it.

    position : the control's position, 0..1; None: no message since it was connected
    down     : whether it is pressed
    """

    def __init__(self, position: float | None = None) -> None:
        self.position = position
        self.down = False
        self._rate, self._turned_at, self._last = 0.0, -math.inf, 0
        self._written: dict[int, WrittenValue] = {}  # by slot

    def move(self, slot: int, span: Span, position: float, takeover: Takeover, table: Table) -> bool:
        """Move a parameter with the control, which is now at `position`; False if the parameter stays."""
        value = float(table[slot])
        parameter = self._written_position(slot, span, value)
        if parameter is None:
            here = self.position
            synced = here is not None and span.value(here) == value  # choices: anywhere within one step
            parameter = here if synced and here is not None else span.position(value)
        to = take_over(takeover, self.position, position, parameter)
        if to is None:
            return False
        table[slot] = value = span.value(to)
        self._written[slot] = WrittenValue(value, to, span.low, span.high)
        return True

    def turn(self, slot: int, span: Span, by: float, table: Table) -> None:
        """Move a parameter from its own value: an encoder turned `by` of the whole range.

        The part of a step that a choice or a stepped value cannot show is kept for the next turn.
        """
        value = float(table[slot])
        written = self._written_position(slot, span, value)
        at = span.position(value) if written is None else written
        to = max(at, min(at + by, 1.0)) if by > 0.0 else min(at, max(at + by, 0.0))
        table[slot] = value = span.value(to)
        self._written[slot] = WrittenValue(value, to, span.low, span.high)

    def _written_position(self, slot: int, span: Span, value: float) -> float | None:
        """Where it put the parameter; None if something else has moved it, or the range has changed since."""
        written = self._written.get(slot)
        if written is None or written.value != value or (written.low, written.high) != (span.low, span.high):
            return None
        return written.position

    def speed(self, steps: int, now: float) -> float:
        """Return how fast an encoder turns, 0 (single steps) to 1, after `steps` more at the time `now`.

        Changing the direction, or a fifth of a second without a step, ends a quick turn.
        """
        pause = now - self._turned_at
        rate = abs(steps) / max(pause, 0.001)
        keeps_on = pause < 0.2 and steps * self._last > 0
        self._rate = self._rate + 0.3 * (rate - self._rate) if keeps_on else 0.0
        self._turned_at, self._last = now, steps
        return min(max((self._rate - SLOW) / (FAST - SLOW), 0.0), 1.0)


class Presses:
    """[control] The parameters that pressed controls hold, and the values to which they return."""

    def __init__(self) -> None:
        self._rest: dict[int, float | None] = {}  # slot -> value after the last release; None: it stays
        # slot -> value of each control that holds it; the last one counts
        self._pressed: dict[int, dict[Hashable, float]] = {}

    def play(self, control: Hashable, slot: int, value: float, table: Table) -> None:
        """Set a parameter to a key's value. A release goes back to the key that is still held, if any."""
        self.press(control, slot, value, None, table)

    def press(self, control: Hashable, slot: int, value: float, rest: float | None, table: Table) -> None:
        """Set a parameter until its control is released.

        rest : the value after the release, if no other control holds the parameter; None: it stays
        """
        pressed = self._pressed.setdefault(slot, {})
        if not pressed or table[slot] != next(reversed(pressed.values())):
            pressed.clear()  # something else has moved the parameter since
            self._rest[slot] = rest
        pressed.pop(control, None)
        table[slot] = pressed[control] = value

    def release(self, control: Hashable, table: Table) -> list[int]:
        """Release a control on all parameters that it holds; return the slots that moved.

        A parameter that something else has moved since keeps its value.
        """
        moved = []
        for slot in [slot for slot, pressed in self._pressed.items() if control in pressed]:
            pressed = self._pressed[slot]
            value, last = pressed[control], control == next(reversed(pressed))
            del pressed[control]
            if last and table[slot] == value:
                rest = self._rest[slot]
                table[slot] = next(reversed(pressed.values()), value if rest is None else rest)
                moved.append(slot)
            if not pressed:
                del self._pressed[slot], self._rest[slot]
        return moved

    def release_all(self, table: Table) -> None:
        """Release every control."""
        for control in {control for pressed in self._pressed.values() for control in pressed}:
            self.release(control, table)

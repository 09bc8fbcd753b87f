"""Recognises, while learning, which control moves and what it sends: 7 or 14 bits, NRPN, an encoder...

A control is offered after three steps one way within two seconds, or a press. So a fader that jitters steals
nothing. What a control is, its first 200 ms show:

- CC n and CC n + 32 within 5 ms of each other, twice: one control of 14 bits
- CC 99 and 98, then 6: an NRPN; 101 and 100, then 6: an RPN
- only 1 and 127, only 63 and 65, or only 15 and 17, repeated: an encoder. The player is asked to turn it
  left, because 1 and 65 each mean right in one notation and left in another
- a note beside a moving CC or bend: the touch of a fader, not a pad
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from perform.control.control_names import ControlId, Encoding, cc_pair, ccs_of_pair
from perform.control.control_values import ControlEvent, value_event
from perform.control.midi_parser import MidiParser

WATCH_S = 0.2  #: a control is watched for this long before it is offered
HELD_S = 1.0  #: a note that is not released for this long is a pad, not the touch of a fader
STEPS = 3  #: as many steps one way are a movement
STEPS_S = 2.0  #: they come within this time
PAIR_S = 0.005  #: the two halves of a 14-bit value come within this time
PAUSE_S = 0.4  #: after this pause, an encoder turns because the player was asked to
TURN_LEFT = "now turn it slowly to the left"
_MOST = 256  #: controls watched at once; the oldest is dropped
_REPEATS = 2  #: an encoder repeats a value; a knob never does
_KNOBS = ("cc", "nrpn", "rpn")

#: value of one step right, of one step left -> notation, and whether right is left
_NOTATIONS: dict[tuple[int, int], tuple[Encoding, bool]] = {
    (1, 127): ("twos", False),
    (127, 1): ("twos", True),
    (1, 65): ("sign", False),
    (65, 1): ("sign", True),
    (65, 63): ("offset", False),
    (63, 65): ("offset", True),
    (17, 15): ("offset16", False),
    (15, 17): ("offset16", True),
}
_RIGHT_OF = {127: 1, 63: 65, 15: 17, 65: 1, 1: 127, 17: 15}  #: value left -> likely value right
#: value -> one step the same way; quick turns of most encoders send larger steps
_UNITS = {
    value: unit
    for unit, values in (
        (1, range(1, 8)),
        (127, range(121, 128)),
        (63, range(57, 64)),
        (65, range(65, 72)),
        (15, range(9, 16)),
        (17, range(17, 24)),
    )
    for value in values
}
_NEUTRAL = (0, 16, 64)  #: some encoders send this between two steps


class MovedControl(NamedTuple):
    """A control that the player moved.

    invert : an encoder that counts up to the left
    """

    port: str
    control: ControlId
    encoding: Encoding = "absolute"
    invert: bool = False


class WatchedControl:
    """What one control has sent since learning began."""

    def __init__(self, event: ControlEvent, at: float) -> None:
        self.first = self.last_at = at
        self.last = event
        self.pressed = self.released = False
        self.counted = 0  # increments and decrements
        self._steps: list[float] = []  # times of the steps one way
        self._way = 0
        self._unit = self._left = 0  # what an encoder sends for one step; for one step left
        self._repeats = 0
        self._other_values = False  # it has sent values that no encoder sends
        self._see(event, self.last_at, asked=False)

    def add(self, event: ControlEvent, at: float, *, asked: bool) -> None:
        """Watch another message of the control; asked: the player was asked to turn left."""
        change = event.position - self.last.position
        way = (change > 0) - (change < 0)
        if way and event.size == self.last.size:
            if way == self._way and at - self._steps[0] <= STEPS_S:
                self._steps.append(at)
            else:
                self._steps, self._way = [at], way
            self.pressed |= abs(change) >= 0.5 and 0 in (event.value, self.last.value)
        self._see(event, at, asked=asked)
        self.last, self.last_at = event, at

    def _see(self, event: ControlEvent, at: float, *, asked: bool) -> None:
        self.counted += abs(event.step)
        if event.source.kind == "note":
            self.pressed |= event.down
            self.released |= event.release
        elif event.source.kind == "program":
            self.pressed = True
        elif event.source.kind in _KNOBS and event.value not in _NEUTRAL:
            self._see_encoder(event, at, asked=asked)

    def _see_encoder(self, event: ControlEvent, at: float, *, asked: bool) -> None:
        unit = _UNITS.get(event.value, 0) if event.size == 128 else 0
        self._repeats += event.value == self.last.value and at > self.first
        if not unit or (self._unit and unit != self._unit and (self._unit, unit) not in _NOTATIONS):
            self._other_values = True
        elif not self._unit:
            self._unit = unit
        elif unit != self._unit and asked:
            self._left = unit
        elif asked and at - self.last_at >= PAUSE_S:  # it went left before, too
            self._unit, self._left = _RIGHT_OF[unit], unit

    @property
    def has_moved(self) -> bool:
        """Whether it went three steps one way."""
        return len(self._steps) >= STEPS

    @property
    def is_encoder(self) -> bool:
        """Whether it repeats the values of an encoder."""
        return self._repeats >= _REPEATS and not self._other_values

    @property
    def notation(self) -> tuple[Encoding, bool] | None:
        """An encoder's notation, and whether it is inverted; None until it has turned left."""
        return _NOTATIONS[self._unit, self._left] if self._left else None


class LearnClassifier:
    """[main] Watches the messages of all ports while learning; `found` offers the controls that were moved.

    question : what the player must do so that an encoder is understood, or ""
    """

    def __init__(self) -> None:
        self.question = ""
        self._parsers: dict[str, MidiParser] = {}
        self._watched: dict[tuple[str, ControlId], WatchedControl] = {}
        self._halves: dict[tuple[str, ControlId], tuple[int, float]] = {}  # CC -> value, time, until paired
        self._pairs: Counter[tuple[str, ControlId]] = Counter()  # how often both CCs came together

    def watch(self, port: str, data: Sequence[int], at: float) -> None:
        """Watch one message that came at a time."""
        for event in self._parsers.setdefault(port, MidiParser()).parse(data, at):
            self._watch(port, event, at)

    def _watch(self, port: str, event: ControlEvent, at: float) -> None:
        source = event.source
        if source.kind == "program":
            source = source._replace(number=event.value + 1)
        watched = self._watched.get((port, source))
        if watched:
            watched.add(event, at, asked=bool(self.question))
        else:
            if len(self._watched) >= _MOST:
                del self._watched[next(iter(self._watched))]
            self._watched[port, source] = WatchedControl(event, at)
        if source.kind == "cc" and source.number < 64:
            self._watch_half(port, source, event.value, at)

    def _watch_half(self, port: str, source: ControlId, value: int, at: float) -> None:
        """Watch both CCs of a possible pair as one control, too."""
        other = self._halves.pop((port, source._replace(number=(source.number + 32) % 64)), None)
        if other is None or at - other[1] > PAIR_S:
            self._halves[port, source] = value, at
            return
        msb, lsb = (value, other[0]) if source.number < 32 else (other[0], value)
        self._pairs[port, _pair(source)] += 1
        self._watch(port, value_event(_pair(source), 128 * msb + lsb, 16384), at)

    def found(self, now: float) -> list[MovedControl]:
        """Return the controls that the player has moved; only another movement offers them again."""
        for port, parser in self._parsers.items():
            for event in parser.overdue(now):
                self._watch(port, event, now)
        self.question = ""
        ripe = [(key, it) for key, it in self._watched.items() if now - it.first >= WATCH_S]
        offers = [self._offer(port, control, watched, now) for (port, control), watched in ripe]
        found = [moved for moved in offers if moved]
        for moved in found:
            self._forget(moved)
        return found

    def _offer(
        self, port: str, control: ControlId, watched: WatchedControl, now: float
    ) -> MovedControl | None:
        kind, number, _ = control
        if watched.counted:
            return MovedControl(port, control, "incdec") if watched.counted >= STEPS else None
        if kind == "cc" and number < 64 and self._pairs[port, _pair(control)] > 1:
            return None  # one half of the pair that is offered
        if kind == "cc" and ccs_of_pair(number) and self._pairs[port, control] < 2:
            return None
        if kind in _KNOBS and watched.is_encoder:
            if notation := watched.notation:
                return MovedControl(port, control, *notation)
            self.question = TURN_LEFT
            return None
        if kind == "note":
            over = watched.released or now - watched.first >= HELD_S
            if watched.pressed and over and not self._is_touch(port, watched):
                return MovedControl(port, control)
            return None
        # a single CC 0 is a bank select, which no player touches
        pressed = watched.pressed and (kind == "program" or (kind in _KNOBS and control[:2] != ("cc", 0)))
        return MovedControl(port, control) if watched.has_moved or pressed else None

    def _is_touch(self, port: str, note: WatchedControl) -> bool:
        """Return whether a fader of the port has moved since the note came."""
        return any(
            other[0] == port and other[1].kind in ("cc", "bend") and it.has_moved and it.last_at >= note.first
            for other, it in self._watched.items()
        )

    def _forget(self, moved: MovedControl) -> None:
        """Forget a control, and the notes beside a fader, which were touches."""
        kind, number, channel = moved.control
        gone = [ControlId("cc", cc, channel) for cc in ccs_of_pair(number) or ()] if kind == "cc" else []
        for port, control in list(self._watched):
            touch = control.kind == "note" and kind in ("cc", "bend")
            if port == moved.port and (control == moved.control or control in gone or touch):
                del self._watched[port, control]
                self._pairs.pop((port, control), None)


def _pair(cc: ControlId) -> ControlId:
    return cc._replace(number=cc_pair(cc.number % 32, cc.number % 32 + 32))

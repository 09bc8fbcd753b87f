"""From a MIDI message to a parameter: parse it, look up its bindings, move the parameter.

One `ControlRouter` handles the messages of all ports, on the [control] thread. It raises for no message, and
sets only finite values within a parameter's range. A knob takes over its parameter without a jump. A pedal
releases the parameter that it pressed, even if the focus has changed. See `perform.control.hand`.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

from perform.control.control_names import ControlId, Kind, control_label, is_pressed
from perform.control.control_route import ControlRoute
from perform.control.control_values import ControlEvent, centred
from perform.control.hand import Hand, Presses
from perform.control.midi_parser import MidiParser
from perform.control.mpe_zones import SLIDE_CC
from perform.control.one_channel import OneChannel
from perform.control.played_notes import SUSTAIN_CC, PlayedNotes
from perform.control.port_routes import RoutedPorts, Routes, routes_of
from perform.core import params
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.knob_ranges import KnobRanges
from perform.core.params import Table

_FOCUS, _PANIC = params.slot("focus"), params.slot("panic")
_FINGERS = params.finger_slots()
_FINGERS_AT_REST = params.defaults()[_FINGERS]
MOVED = 1024  #: messages that wait to be learnt; the oldest are dropped
_RELEASED = centred(48)  #: a pressed cc (64 or more) is released below this, so jitter at 64 is no new press
REPORT_S = 1.0  #: a held control sends its state within this time after it was connected
_HANDS = 4096  #: controls whose positions are remembered; the mapped ones always are
_COUNT, _UNMAPPED = METER_SLOTS["control/count"], METER_SLOTS["control/unmapped"]


class TouchedControl(NamedTuple):
    """The last control that moved.

    slot : slot of the parameter that it is mapped to; -1: none
    turn : how far to turn the knob to meet the parameter, in 127ths, positive to the right
    """

    port: str
    event: ControlEvent
    slot: int
    turn: int = 0

    @property
    def sends(self) -> str:
        """Channel and control: `1:CC16`."""
        kind, number, channel = self.event.source
        return f"{channel}:{control_label(kind, number)}"

    def text(self) -> str:
        """Return port, channel, control and value: `nanoKONTROL2 1:CC16=22`."""
        return f"{self.port} {self.sends}={self.event.value}"


class ControlRouter:
    """All bindings of the mapping in use, by port and control.

    table    : (len(ADDRESSES),) the parameters
    meters   : (len(METER_SLOTS),)
    hardware : (len(ADDRESSES),) the value at each parameter's control, in its unit; NaN: unknown
    knobs    : the range of each parameter's knob; None: the full range
    touch    : the last control that moved
    moved_at : port and control -> when it moved last; the reader removes what it has used
    moved    : while `learning`, each channel message: port, bytes, time
    song_has_fingers : the song lets fingers modulate
    """

    def __init__(
        self,
        table: Table,
        meters: Meters,
        hardware: Table,
        clock: Callable[[], float] = time.monotonic,
        knobs: KnobRanges | None = None,
    ) -> None:
        self._table, self._meters, self._hardware = table, meters, hardware
        self._knobs = knobs or KnobRanges.full()
        self._knobs_seen = self._knobs.changes
        self._routes: dict[str, Routes] = {}
        self._clock = clock
        self._one_channel = OneChannel(clock)
        self._parsers: dict[str, MidiParser] = {}
        self._connected_at: dict[str, float] = {}
        self._hands: dict[tuple[str, ControlId], Hand] = {}
        self._presses, self._notes = Presses(), PlayedNotes(table, hardware)
        self._keyboards: dict[str, list[ControlRoute]] = {}  # the routes of each port that keys play
        self._panics, self._focus = float(table[_PANIC]), float(table[_FOCUS])
        self._rerouted = False
        self._disconnected: SimpleQueue[str] = SimpleQueue()
        self.touch: TouchedControl | None = None
        self.moved_at: dict[tuple[str, Kind, int], float] = {}
        self.learning = self.song_has_fingers = False
        table[_FINGERS] = _FINGERS_AT_REST  # of a process that died
        self.moved: deque[tuple[str, tuple[int, ...], float]] = deque(maxlen=MOVED)

    def use(self, ports: RoutedPorts) -> None:
        """[main] Route these ports by their layers, from the next message on.

        A layer hides the controls that it binds from the layers before it.
        """
        routes = {port: routes_of(layers, self._knobs) for port, layers in ports.items()}
        keyboards: dict[str, list[ControlRoute]] = {}
        for port, controls in routes.items():
            found = {id(route): route for bound in controls.values() for route in bound if route.plays_keys}
            keyboards[port] = list(found.values())
            updown = [
                it for it, bound in controls.items() if any(route.counts_up_and_down for route in bound)
            ]
            keys = bool(keyboards[port])
            self._parsers.setdefault(port, MidiParser()).use(controls, updown, keys=keys)
        self._routes, self._keyboards = routes, keyboards
        self._rerouted = True

    def connect(self, port: str) -> None:
        """[main] A port was connected; call it before its first message is handled."""
        self._connected_at[port] = self._clock()

    def disconnect(self, port: str) -> None:
        """[main] Release what is pressed on a port that is gone, and forget the positions of its knobs."""
        self._disconnected.put(port)

    def tick(self) -> None:
        """[control] React to a change of focus, a panic, vanished ports and late messages; call it often."""
        table, now = self._table, self._clock()
        while not self._disconnected.empty():
            port = self._disconnected.get()
            if port in self._parsers:
                self._parsers[port].reset()
            self._notes.disconnect(port)
            for control, hand in self._hands.items():
                if control[0] == port:
                    self._presses.release(control, table)
                    if control[1].kind == "finger":
                        _rest_finger(control[1], table)
                    hand.position = _rest(control[1])  # its next message only gives its position
            self._rerouted = True
        for port, parser in list(self._parsers.items()):
            for event in parser.overdue(now):
                self._play(port, event, now)
        if table[_PANIC] != self._panics:
            self._panics = float(table[_PANIC])
            self._presses.release_all(table)
            self._notes.panic()
            table[_FINGERS] = _FINGERS_AT_REST
        if self._knobs.changes != self._knobs_seen:
            self._knobs_seen, self._rerouted = self._knobs.changes, True
        if table[_FOCUS] != self._focus or self._rerouted:
            self._focus, self._rerouted = float(table[_FOCUS]), False
            self._show_hardware()

    def _show_hardware(self) -> None:
        self._hardware[:] = math.nan
        self._notes.mark()
        for (port, source), hand in self._hands.items():
            for route in self._routes.get(port, {}).get(source, ()):
                slot = route.slot(self._table)
                if slot >= 0 and route.has_position and hand.position is not None:
                    self._hardware[slot] = route.value_at(hand.position, slot)

    def handle(self, port: str, data: Sequence[int]) -> None:
        """[control] Handle one message of one port."""
        if (parser := self._parsers.get(port)) is None:
            parser = self._parsers.setdefault(port, MidiParser())
        now, parser.song_has_fingers = self._clock(), self.song_has_fingers
        for event in parser.parse(data, now):
            self._play(port, event, now)
        if self.learning and data and 0x80 <= data[0] < 0xF0:
            self.moved.append((port, tuple(data), now))

    @property
    def is_waiting(self) -> bool:
        """[control] Whether half of a value waits for the other half, so that `tick` must be called soon."""
        return any(parser.is_waiting for parser in list(self._parsers.values()))

    def _play(self, port: str, event: ControlEvent, now: float) -> None:
        control, table = (port, event.source), self._table
        self.moved_at[port, event.source.kind, event.source.number] = now
        routes: Sequence[ControlRoute] = self._routes.get(port, {}).get(event.source, ())
        hand = self._hands.get(control) or self._new_hand(control, bool(routes))
        if hand.down and hand.position is None and now - self._connected_at.get(port, now) > REPORT_S:
            hand.down = False  # it was unplugged while it was down, and let go since: this is a press
        pressed, released = _press(event, hand)
        slot, turn = -1, 0
        if released:
            slot = self._release(control)
        if (moved := self._move_notes(port, event, pressed, released)) >= 0:
            slot, routes = moved, ()
        if routes and not self._admits(port, event, routes[0]):
            routes = ()
        for route in routes:
            if route.plays_keys:
                at = self._play_key(control, event, route, pressed, hand, now)
            else:
                at = route.play(control, event, pressed, hand, self._presses, table, now)
            if at >= 0 and route.has_position and not event.step:
                self._hardware[at] = route.value_at(event.position, at)
            if at > slot:  # the slot and the turn are those of one parameter
                slot = at
                turn = route.turn(event.position, at, table) if route.has_position and not event.step else 0
        if not event.step:  # a step says nothing about a position
            hand.position = event.position
        if event.source.kind == "finger":
            finger = _move_finger(event, table)
            slot = slot if slot >= 0 else finger
        if slot >= 0:
            self._meters[_COUNT] += 1
        elif not routes:
            self._meters[_UNMAPPED] += 1
        if slot >= 0 or not event.release:
            self.touch = TouchedControl(port, event, slot, turn)

    def _admits(self, port: str, event: ControlEvent, route: ControlRoute) -> bool:
        """Whether this channel may play a route; chords of an MPE keyboard need them all."""
        limited = route.one_channel and not route.plays_keys
        return not limited or self._one_channel.admits(port, event.source.channel)

    def _play_key(
        self,
        control: tuple[str, ControlId],
        event: ControlEvent,
        route: ControlRoute,
        pressed: bool,
        hand: Hand,
        now: float,
    ) -> int:
        """Play a key: a note on a deck with several voices, else the parameter itself."""
        slot = route.slot(self._table)
        if deck := self._notes.deck(slot):
            if not pressed:
                return -1
            return self._notes.press(control[0], event, deck, route.semitones(event.source.number))
        at = route.play(control, event, pressed, hand, self._presses, self._table, now)
        if at >= 0:
            self._notes.remember(at)
        return at

    def _move_notes(self, port: str, event: ControlEvent, pressed: bool, released: bool) -> int:
        """Let a sustain pedal or a finger move notes, and nothing else; a slot, -1 without notes."""
        kind, number, channel = event.source
        if (kind, number) == ("cc", SUSTAIN_CC):
            if pressed or released:
                self._notes.pedal(port, channel, down=pressed)
            slots = [route.slot(self._table) for route in self._keyboards.get(port, ())]
            return next((slot for slot in slots if self._notes.deck(slot)), -1)
        if kind not in ("finger", "bend", "pressure") and (kind, number) != ("cc", SLIDE_CC):
            return -1
        member = event.member or channel
        if kind == "finger":
            self._notes.bend(port, member, event.bend)
        return self._notes.finger(port, member)

    def _release(self, control: tuple[str, ControlId]) -> int:
        """Release a control; return the last slot that moved, -1 for none."""
        moved = self._presses.release(control, self._table)
        for slot in moved:
            self._notes.remember(slot, again=True)
        return max([*moved, self._notes.release(*control)])

    def place(self, port: str, source: ControlId, position: float) -> None:
        """[control] A control goes on from this position, which was sent to it."""
        control = port, source
        hand = self._hands.get(control) or self._new_hand(control, mapped=True)
        hand.position = position

    def _new_hand(self, control: tuple[str, ControlId], mapped: bool) -> Hand:
        hand = Hand(_rest(control[1]))
        if mapped or len(self._hands) < _HANDS:
            self._hands[control] = hand
        return hand


def _move_finger(event: ControlEvent, table: Table) -> int:
    """Write what a finger does, for modulation; return the slot."""
    slot = _FINGERS.start + event.source.number
    table[slot] = event.position
    if event.release:
        _rest_finger(event.source, table)
    return int(slot)


def _rest_finger(control: ControlId, table: Table) -> None:
    table[_FINGERS.start + control.number] = _FINGERS_AT_REST[control.number]


def _rest(control: ControlId) -> float | None:
    """The position of a control that has sent nothing: not pressed; a knob may be anywhere."""
    return 0.0 if control.kind in ("pressure", "poly") else None


def _press(event: ControlEvent, hand: Hand) -> tuple[bool, bool]:
    """Return whether an event presses the control, and whether it releases it. Each note-on is a press."""
    if event.source.kind in ("note", "finger"):
        hand.down = event.down
        return event.down, event.release
    if event.source.kind == "program" or not is_pressed(event.source.kind, event.source.number):
        return True, False
    was, hand.down = hand.down, event.down or (hand.down and event.position >= _RELEASED)
    return hand.down and not was, was and not hand.down

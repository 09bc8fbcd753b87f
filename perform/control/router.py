"""From a MIDI message to a parameter: decode it, look up its bindings, move the parameter.

One `ControlRouter` handles the messages of all ports, on the [control] thread. It raises for no message, and
sets only finite values within a parameter's range. A knob takes over its parameter without a jump. A pedal
releases the parameter that it pressed, even if the focus has changed. See `perform.control.hand`.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from queue import SimpleQueue
from typing import NamedTuple

import mido

from perform.control.binding import NOTHING, Binding, Kind, control_label
from perform.control.hand import Hand, Presses, Span, Takeover
from perform.control.one_channel import OneChannel
from perform.core import params
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.params import Table

_FOCUS, _FOCUS_SPEC, _PANIC = params.slot("focus"), params.SPECS["focus"], params.slot("panic")
MOVED = 256  #: controls that wait to be learnt; the oldest are dropped
_RELEASED = 48  #: a pressed cc (64 or more) is released below this, so that jitter at 64 is no new press
_COUNT, _UNMAPPED = METER_SLOTS["control/count"], METER_SLOTS["control/unmapped"]


class RoutedLayer(NamedTuple):
    """Bindings of one mapping for one port."""

    bindings: Sequence[Binding]
    takeover: Takeover
    one_channel: bool = False  #: only one channel of the port plays at a time


RoutedPorts = Mapping[str, Sequence[RoutedLayer]]  #: the layers of each port; a later one hides controls


class ControlId(NamedTuple):
    """A control on a MIDI channel (1..16)."""

    kind: Kind
    number: int
    channel: int


class ControlEvent(NamedTuple):
    """One decoded MIDI message."""

    source: ControlId
    value: int  #: as sent: 0..127, pitch bend -8192..8191
    position: float  #: 0..1; pitch bend 0 is exactly 0.5
    down: bool  #: a note that begins, or a cc of 64 or more
    release: bool = False  #: a note that ends


class TouchedControl(NamedTuple):
    """The last control that moved.

    slot : slot of the parameter that it is mapped to; -1: none
    turn : how far to turn the knob to meet the parameter, in 127ths, positive to the right
    """

    port: str
    event: ControlEvent
    slot: int
    turn: int = 0

    def text(self) -> str:
        """Return port, channel, control and value: `nanoKONTROL2 1:CC16=22`."""
        kind, number, channel = self.event.source
        return f"{self.port} {channel}:{control_label(kind, number)}={self.event.value}"


def decode(data: Sequence[int]) -> ControlEvent | None:
    """[control] Decode one MIDI message; None for clock, sysex, channel mode and invalid bytes."""
    try:
        message = mido.Message.from_bytes(data)
    except (ValueError, IndexError, TypeError):  # mido raises these for invalid bytes
        return None
    match message.type:
        case "control_change" if message.control < 120:
            source = ControlId("cc", message.control, message.channel + 1)
            return ControlEvent(source, message.value, message.value / 127, message.value >= 64)
        case "pitchwheel":
            pitch = message.pitch
            position = 0.5 + pitch / (16384 if pitch <= 0 else 16382)
            return ControlEvent(ControlId("bend", 0, message.channel + 1), pitch, position, pitch > 0)
        case "note_on" | "note_off":
            velocity = message.velocity if message.type == "note_on" else 0
            source = ControlId("note", message.note, message.channel + 1)
            return ControlEvent(source, velocity, velocity / 127, velocity > 0, velocity == 0)
        case "program_change":
            return ControlEvent(ControlId("program", 0, message.channel + 1), message.program, 0.0, True)
    return None


class ControlRoute:
    """One binding, with the slots and the range looked up."""

    def __init__(self, binding: Binding, takeover: Takeover, *, one_channel: bool = False) -> None:
        self.one_channel = one_channel
        self._slots = tuple(params.slot(address) for address in binding.addresses)
        self._spec, self._mode = binding.spec, binding.effective_mode
        self._low, self._high = (self._spec.clamp(end) for end in binding.ends)
        self._takeover: Takeover = binding.takeover or takeover
        curve = binding.curve or binding.spec.curve
        self._span = Span(self._spec, self._low, self._high, curve)
        kind = binding.kind
        self.continuous = self._mode in ("absolute", "momentary") and kind in ("cc", "bend")
        self.continuous &= not (self._mode == "momentary" and bool(self._spec.choices))

    def slot(self, table: Table) -> int:
        """Return the slot of the parameter; for `focus/...` on the deck that has the focus now."""
        if len(self._slots) == 1:
            return self._slots[0]
        return self._slots[round(_FOCUS_SPEC.clamp(float(table[_FOCUS]))) - 1]

    def value_at(self, position: float) -> float:
        """Return the value at a position of the control."""
        return self._span.value(position)

    def turn(self, position: float, table: Table) -> int:
        """Return the way from a position of the control to the parameter in 127ths, positive to the right."""
        if self._span.value(position) == table[self.slot(table)]:
            return 0
        return round(127 * (self._span.position(float(table[self.slot(table)])) - position))

    def play(
        self,
        control: Hashable,
        event: ControlEvent,
        pressed: bool,
        hand: Hand,
        presses: Presses,
        table: Table,
    ) -> int:
        """[control] Move the parameter; return its slot, or -1 if the message does not affect it."""
        slot = self.slot(table)
        if self.continuous:
            hand.move(slot, self._span, event.position, self._takeover, table)
            return slot
        if event.source.kind == "program":
            table[slot] = self._spec.clamp(event.value + 1.0)
            return slot
        if not pressed:
            return -1
        match self._mode:
            case "trigger":
                table[slot] += 1
            case "set":
                table[slot] = self._low
            case "toggle":
                table[slot] = self._toggled(float(table[slot]))
            case "momentary" if self._spec.choices:
                presses.press(control, slot, self._high, self._low, table)
            case "momentary":
                presses.press(control, slot, self._span.value(event.position), float(table[slot]), table)
            case "absolute":
                table[slot] = self._span.value(event.position)
        return slot

    def _toggled(self, value: float) -> float:
        value = self._spec.clamp(value)
        if self._spec.choices:
            step = 1.0 if self._high >= self._low else -1.0
            inside = min(self._low, self._high) <= value + step <= max(self._low, self._high)
            return value + step if inside else self._low
        return self._low if abs(value - self._high) < abs(value - self._low) else self._high


Routes = dict[ControlId, list[ControlRoute]]  #: an empty list: the control moves nothing


class ControlRouter:
    """All bindings of the mapping in use, by port and control.

    table    : (len(ADDRESSES),) the parameters
    meters   : (len(METER_SLOTS),)
    hardware : (len(ADDRESSES),) the value at each parameter's control, in its unit; NaN: unknown
    touch    : the last control that moved
    moved    : while `learning`, the port and control of each message that can be learnt
    """

    def __init__(
        self, table: Table, meters: Meters, hardware: Table, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table, self._meters, self._hardware = table, meters, hardware
        self._routes: dict[str, Routes] = {}
        self._one_channel = OneChannel(clock)
        self._hands: dict[tuple[str, ControlId], Hand] = {}
        self._presses = Presses()
        self._panics, self._focus = float(table[_PANIC]), float(table[_FOCUS])
        self._rerouted = False
        self._disconnected: SimpleQueue[str] = SimpleQueue()
        self.touch: TouchedControl | None = None
        self.learning = False
        self.moved: deque[tuple[str, ControlId]] = deque(maxlen=MOVED)

    def use(self, ports: RoutedPorts) -> None:
        """[main] Route these ports by their layers, from the next message on.

        A layer hides the controls that it binds from the layers before it.
        """
        self._routes = {port: _routes(layers) for port, layers in ports.items()}
        self._rerouted = True

    def disconnect(self, port: str) -> None:
        """[main] Release what is pressed on a port that is gone, and forget the positions of its knobs."""
        self._disconnected.put(port)

    def tick(self) -> None:
        """[control] React to a change of focus, a panic and vanished ports; call it between messages."""
        table = self._table
        while not self._disconnected.empty():
            port = self._disconnected.get()
            for control, hand in self._hands.items():
                if control[0] == port:
                    self._presses.release(control, table)
                    hand.position = None  # its next message only tells its position
            self._rerouted = True
        if table[_PANIC] != self._panics:
            self._panics = float(table[_PANIC])
            self._presses.release_all(table)
        if table[_FOCUS] != self._focus or self._rerouted:
            self._focus, self._rerouted = float(table[_FOCUS]), False
            self._show_hardware()

    def _show_hardware(self) -> None:
        self._hardware[:] = math.nan
        for (port, source), hand in self._hands.items():
            for route in self._routes.get(port, {}).get(source, ()):
                if route.continuous and hand.position is not None:
                    self._hardware[route.slot(self._table)] = route.value_at(hand.position)

    def handle(self, port: str, data: Sequence[int]) -> None:
        """[control] Handle one message of one port."""
        event = decode(data)
        if event is None:
            return
        control, table = (port, event.source), self._table
        hand = self._hands.get(control) or self._hands.setdefault(control, Hand())
        pressed, released = _press(event, hand)
        slot, turn = -1, 0
        if released:
            slot = max(self._presses.release(control, table), default=-1)
        routes = self._routes.get(port, {}).get(event.source, ())
        if routes and routes[0].one_channel and not self._one_channel.admits(port, event.source.channel):
            routes = ()
        for route in routes:
            at = route.play(control, event, pressed, hand, self._presses, table)
            if at >= 0 and route.continuous:
                self._hardware[at] = route.value_at(event.position)
            if at > slot:  # the slot and the turn are those of one parameter
                slot, turn = at, route.turn(event.position, table) if route.continuous else 0
        hand.position = event.position
        if slot >= 0:
            self._meters[_COUNT] += 1
        elif not routes:
            self._meters[_UNMAPPED] += 1
        if slot >= 0 or not event.release:
            self.touch = TouchedControl(port, event, slot, turn)
        if self.learning and learnable(event):
            self.moved.append(control)


def _press(event: ControlEvent, hand: Hand) -> tuple[bool, bool]:
    """Return whether an event presses the control, and whether it releases it. Each note-on is a press."""
    if event.source.kind == "note":
        hand.down = event.down
        return event.down, event.release
    if event.source.kind != "cc":
        return True, False
    was, hand.down = hand.down, event.down or (hand.down and event.value >= _RELEASED)
    return hand.down and not was, was and not hand.down


def learnable(event: ControlEvent) -> bool:
    """Return whether an event can be learnt: not cc 0 (bank select), a note's release or a program change."""
    return not event.release and event.source[:2] != ("cc", 0) and event.source.kind != "program"


def _routes(layers: Sequence[RoutedLayer]) -> Routes:
    routes: Routes = {}
    for layer in layers:
        own: Routes = {}
        for binding in layer.bindings:
            for channel in (binding.channel,) if binding.channel else range(1, 17):
                bound = own.setdefault(ControlId(binding.kind, binding.number, channel), [])
                if binding.to != NOTHING:
                    bound.append(ControlRoute(binding, layer.takeover, one_channel=layer.one_channel))
        routes |= own
    return routes

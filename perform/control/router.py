"""From a MIDI message to a parameter: decode it, look up its bindings, apply range and curve, set the value.

One `ControlRouter` handles the messages of all ports, on the [control] thread. It raises for no message, and
sets only finite values within a parameter's range.
"""

from __future__ import annotations

from collections.abc import Sequence
from queue import SimpleQueue
from typing import NamedTuple

import mido

from perform.control.binding import Binding, Kind, control_label
from perform.control.mapping import Mapping
from perform.core import params
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.params import Table

_FOCUS, _FOCUS_SPEC = params.slot("focus"), params.SPECS["focus"]
_SLOT, _COUNT, _UNMAPPED = (METER_SLOTS[f"control/{name}"] for name in ("slot", "count", "unmapped"))


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
    """The last control that moved, and the slot of the parameter that it moved (-1: none)."""

    port: str
    event: ControlEvent
    slot: int

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

    def __init__(self, binding: Binding) -> None:
        self._slots = tuple(params.slot(address) for address in binding.addresses)
        self._spec, self._mode = binding.spec, binding.effective_mode
        self._low, self._high = (self._spec.clamp(end) for end in binding.ends)
        self._curve = binding.curve or binding.spec.curve
        self._down = False

    def play(self, event: ControlEvent, table: Table) -> int:
        """[control] Set the parameter; return its slot, or -1 if the message sets nothing."""
        pressed, self._down = event.down and not self._down, event.down
        if event.source.kind == "note":
            pressed = event.down  # a second note-on without a release is a press
        slot = self._slots[0]
        if len(self._slots) > 1:
            slot = self._slots[round(_FOCUS_SPEC.clamp(float(table[_FOCUS]))) - 1]
        match self._mode:
            case "trigger":
                if not pressed:
                    return -1
                table[slot] += 1
            case "toggle":
                if not pressed:
                    return -1
                table[slot] = self._toggled(float(table[slot]))
            case "momentary" if self._spec.choices:
                table[slot] = self._value(1.0 if event.down else 0.0)
            case "absolute" if event.release:
                return -1
            case "absolute" if event.source.kind == "program":
                table[slot] = self._spec.clamp(event.value + 1.0)
            case _:
                table[slot] = self._value(event.position)
        return slot

    def _value(self, position: float) -> float:
        if position <= 0.0:
            return self._low  # exactly, without the curve's rounding
        if position >= 1.0:
            return self._high
        return self._spec.clamp(params.curve_value(position, self._low, self._high, self._curve))

    def _toggled(self, value: float) -> float:
        value = self._spec.clamp(value)
        if self._spec.choices:
            step = 1.0 if self._high >= self._low else -1.0
            inside = min(self._low, self._high) <= value + step <= max(self._low, self._high)
            return value + step if inside else self._low
        return self._low if abs(value - self._high) < abs(value - self._low) else self._high


class ControlRouter:
    """All bindings of the mapping in use, by port and control.

    touch : the last control that moved
    moved : while `learning`, the port and control of each message that can be learnt
    """

    def __init__(self, table: Table, meters: Meters) -> None:
        self._table, self._meters = table, meters
        self._routes: dict[str, dict[ControlId, list[ControlRoute]]] = {}
        self.touch: TouchedControl | None = None
        self.learning = False
        self.moved: SimpleQueue[tuple[str, ControlId]] = SimpleQueue()

    def use(self, mapping: Mapping, ports: Sequence[str]) -> None:
        """[main] Route these ports by a mapping, from the next message on."""
        self._routes = {port: _routes(mapping, port, ports) for port in ports}

    def handle(self, port: str, data: Sequence[int]) -> None:
        """[control] Handle one message of one port."""
        event = decode(data)
        if event is None:
            return
        routes = self._routes.get(port, {}).get(event.source)
        moved = max((route.play(event, self._table) for route in routes or ()), default=-1)
        if moved >= 0:
            self._meters[_SLOT] = moved
            self._meters[_COUNT] += 1
        elif not routes:
            self._meters[_UNMAPPED] += 1
        if moved >= 0 or not event.release:
            self.touch = TouchedControl(port, event, moved)
        if self.learning and learnable(event):
            self.moved.put((port, event.source))


def learnable(event: ControlEvent) -> bool:
    """Return whether an event can be learnt: not cc 0 (bank select), a note's release or a program change."""
    return not event.release and event.source[:2] != ("cc", 0) and event.source.kind != "program"


def _routes(mapping: Mapping, port: str, known: Sequence[str]) -> dict[ControlId, list[ControlRoute]]:
    routes: dict[ControlId, list[ControlRoute]] = {}
    for binding in mapping.bindings:
        if mapping.responds_to(port, binding, known):
            for channel in (binding.channel,) if binding.channel else range(1, 17):
                routes.setdefault(ControlId(binding.kind, binding.number, channel), []).append(
                    ControlRoute(binding)
                )
    return routes

"""Lamps: LEDs, rings and motor faders show the parameters of their controls.

Fifty times a second the table is compared with what was sent, and differences are sent: eight messages at a
time, none to a control that moved within the last 150 ms. A control that moved is always sent its value
afterwards, because some devices change their own lamps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.control.binding import NOTHING, Binding
from perform.control.control_names import ControlId, Kind, parse_control
from perform.control.control_route import ControlRoute
from perform.control.control_values import centred
from perform.control.controller_device import ControllerDevice, DeviceControl, Lamp
from perform.core import params
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.knob_ranges import KnobRanges
from perform.core.params import DECKS, Table

TICK_S = 0.02  #: time between two comparisons
QUIET_S = 0.15  #: a control that moved gets no message for this long
MOST = 8  #: messages to one device at one comparison

#: actions and values that return at once, and the meter that shows whether or which one is on
_SHOWN = {
    "take/record": METER_SLOTS["take/on"],
    "scene/recall": METER_SLOTS["scene"],
    "song/jump": METER_SLOTS["song"],
    "song/arm": METER_SLOTS["song/armed"],
}
_FOCUS, _FOCUS_SPEC = params.slot("focus"), params.SPECS["focus"]
_NEVER = -1  #: nothing was sent

Send = Callable[[bytes], None]
MovedControls = dict[tuple[str, Kind, int], float]  #: port and control -> time at which it moved
Place = Callable[[str, ControlId, float], None]


class _ShownLamp(NamedTuple):
    """A lamp and what it shows; without a binding it shows off."""

    head: bytes
    lamp: Lamp
    control: ControlId
    route: ControlRoute | None
    meter: int  #: its slot; -1: the parameter

    def value(self, shown: float, slot: int) -> int:
        """The value to send, 0..127, for a value of the parameter or meter.

        slot : of the parameter; -1: the model has no such latent
        """
        lamp, route = self.lamp, self.route
        if route is None or slot < 0:
            return lamp.steps[0] if lamp.steps else lamp.off
        if route.is_action:
            return lamp.on if self.meter >= 0 and shown else lamp.off
        if route.sets is not None:
            return lamp.on if shown == route.sets else lamp.off
        position = min(max(route.position_of(shown, slot), 0.0), 1.0)
        if not lamp.steps:
            return lamp.on if position >= 0.5 else lamp.off
        if len(lamp.steps) == 2:
            return round(lamp.steps[0] + (lamp.steps[1] - lamp.steps[0]) * position)
        return lamp.steps[min(int(position * len(lamp.steps)), len(lamp.steps) - 1)]


class PortLamps:
    """The lamps of one port.

    bindings : those of the port that no later layer hides
    knobs    : ranges of the models' latents
    send     : sends one message to the device; OSError and RuntimeError: it is gone
    """

    def __init__(
        self, port: str, device: ControllerDevice, bindings: Sequence[Binding], knobs: KnobRanges, send: Send
    ) -> None:
        self._port, self._send, self._announce = port, send, device.announce
        dark = {
            control.name
            for binding in bindings
            if not binding.lamp
            for control in device.controls_of(binding)
        }
        bound = {
            control.name: binding
            for binding in reversed(bindings)  # the first of several is shown
            if binding.to != NOTHING
            for control in device.controls_of(binding)
        }
        self._lamps = [
            _shown(control, control.lamp, bound.get(control.name), knobs)
            for control in device.controls.values()
            if control.lamp and control.name not in dark
        ]
        self._index: dict[tuple[str, Kind, int], list[int]] = {}
        for i, lamp in enumerate(self._lamps):
            self._index.setdefault((port, lamp.control.kind, lamp.control.number), []).append(i)
        slots = [lamp.route.slots if lamp.route else (0,) for lamp in self._lamps]
        self._slots = np.array([at * DECKS if len(at) == 1 else at for at in slots], np.intp).reshape(
            -1, DECKS
        )
        meters = np.array([lamp.meter for lamp in self._lamps], np.intp)
        self._metered = np.flatnonzero(meters >= 0)
        self._meters = meters[self._metered]
        self._seen: npt.NDArray[np.float64] = np.full(len(self._lamps), np.nan)
        self._sent = [_NEVER] * len(self._lamps)
        self._due: dict[int, None] = {}  # lamps to send, the longest waiting first
        self._focus = 0

    def send_all(self) -> None:
        """[control] Send every lamp again, whatever was sent."""
        self._sent = [_NEVER] * len(self._lamps)
        self._due = dict.fromkeys(range(len(self._lamps)))

    def hear(self, data: Sequence[int]) -> None:
        """[control] Send all lamps again if the device says that it shows others now."""
        if self._announce and bytes(data).startswith(self._announce):
            self.send_all()

    def tick(
        self, table: Table, meters: Meters, moved: Mapping[tuple[str, Kind, int], float], place: Place
    ) -> None:
        """[control] Send what changed.

        moved : the controls that moved lately
        place : is told the position of a control that goes on from what it was sent
        """
        if not self._lamps:
            return
        focus = round(_FOCUS_SPEC.clamp(float(table[_FOCUS])))
        if focus != self._focus:
            self._focus = focus
            self.send_all()
        shown = table[self._slots[:, focus - 1]]
        shown[self._metered] = meters[self._meters]
        for i in np.flatnonzero(shown != self._seen).tolist():
            self._due[i] = None
        self._seen = shown
        waiting = {i for key in moved for i in self._index.get(key, ())}
        for i in waiting:
            self._sent[i] = _NEVER
            self._due[i] = None
        left = MOST
        for i in list(self._due):
            if i in waiting:
                continue
            del self._due[i]
            lamp = self._lamps[i]
            value = lamp.value(float(shown[i]), int(self._slots[i, focus - 1]))
            if value == self._sent[i]:
                continue
            self._send(lamp.head + bytes((value,)))
            self._sent[i] = value
            if lamp.lamp.follows and lamp.route is not None:
                place(self._port, lamp.control, centred(value))
            left -= 1
            if not left:
                return


def _shown(control: DeviceControl, lamp: Lamp, binding: Binding | None, knobs: KnobRanges) -> _ShownLamp:
    kind, number = parse_control(lamp.send or control.binding["control"])
    channel = lamp.channel or control.channel or 1
    status = {"note": 0x90, "bend": 0xE0}.get(kind, 0xB0)
    head = bytes((status + channel - 1, number))
    moves = ControlId(*parse_control(control.binding["control"]), control.channel or 1)
    route = ControlRoute(binding, "jump", knobs) if binding else None
    return _ShownLamp(head, lamp, moves, route, _SHOWN.get(binding.to, -1) if binding else -1)


class ControlLamps:
    """[control] The lamps of all ports."""

    def __init__(self, table: Table, meters: Meters, place: Place) -> None:
        self._table, self._meters, self._place = table, meters, place
        self._ports: dict[str, PortLamps] = {}
        self._next = 0.0

    def use(self, ports: dict[str, PortLamps]) -> None:
        """[main] Use these lamps from now on; all of them are sent."""
        self._ports = ports

    def hear(self, port: str, data: Sequence[int]) -> None:
        """[control] Look at a message of a port for what the device says about its lamps."""
        if lamps := self._ports.get(port):
            lamps.hear(data)

    def tick(self, now: float, moved: MovedControls) -> None:
        """[control] Send what changed, fifty times a second; forget controls that rest.

        moved : when each control moved last
        """
        if now < self._next:
            return
        self._next = now + TICK_S
        for port, lamps in list(self._ports.items()):
            try:
                lamps.tick(self._table, self._meters, moved, self._place)
            except (OSError, RuntimeError):  # unplugged: [main] notices it
                self._ports.pop(port, None)
        for key in [key for key, at in moved.items() if now - at >= QUIET_S]:
            del moved[key]

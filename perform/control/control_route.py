"""One binding at work: how an event of its control moves its parameter."""

from __future__ import annotations

from collections.abc import Hashable

from perform.control.binding import Binding
from perform.control.control_names import clicks
from perform.control.hand import Hand, Presses, Span, Takeover
from perform.control.midi_parser import ControlEvent
from perform.core import params
from perform.core.params import Table

_FOCUS, _FOCUS_SPEC = params.slot("focus"), params.SPECS["focus"]


class ControlRoute:
    """One binding, with the slots and the range looked up."""

    def __init__(self, binding: Binding, takeover: Takeover, *, one_channel: bool = False) -> None:
        self.one_channel = one_channel
        self._slots = tuple(params.slot(address) for address in binding.addresses)
        self._spec, self._mode = binding.spec, binding.effective_mode
        self._low, self._high = (self._spec.clamp(end) for end in binding.ends)
        self._takeover: Takeover = binding.takeover or takeover
        self._encoding, self._accel = binding.encoding, binding.accel
        self._steps = binding.steps_over_range
        self._span = Span(
            self._spec,
            self._low,
            self._high,
            binding.curve or binding.spec.curve,
            _dead_zone(binding),
            binding.step or 0.0,
        )
        self._relative = binding.encoding != "absolute"
        self._continuous = binding.is_continuous
        self.has_position = self._continuous and not self._relative
        self.counts_up_and_down = binding.encoding == "incdec"

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
        now: float,
    ) -> int:
        """[control] Move the parameter; return its slot, or -1 if the message does not affect it."""
        slot = self.slot(table)
        if self._relative:
            self._turn(slot, event, hand, table, now)
            return slot
        if self._continuous:
            hand.move(slot, self._span, event.position, self._takeover, table)
            return slot
        if event.source.kind == "program" and self._mode == "absolute":
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

    def _turn(self, slot: int, event: ControlEvent, hand: Hand, table: Table, now: float) -> None:
        steps = event.step or clicks(self._encoding, event.value, event.size)
        if steps:
            faster = 1.0 if self._accel == 1.0 else 1.0 + (self._accel - 1.0) * hand.speed(steps, now)
            hand.turn(slot, self._span, steps * faster / self._steps, table)

    def _toggled(self, value: float) -> float:
        value = self._spec.clamp(value)
        if self._spec.choices:
            step = 1.0 if self._high >= self._low else -1.0
            inside = min(self._low, self._high) <= value + step <= max(self._low, self._high)
            return value + step if inside else self._low
        return self._low if abs(value - self._high) < abs(value - self._low) else self._high


def _dead_zone(binding: Binding) -> tuple[float, float, float] | None:
    """The zone for `Span`: at the low end for pressure, else around the middle."""
    if not binding.deadzone:
        return None
    if binding.kind in ("pressure", "poly"):
        return 0.0, binding.deadzone, 0.0
    return 0.5 - binding.deadzone / 2, 0.5 + binding.deadzone / 2, 0.5

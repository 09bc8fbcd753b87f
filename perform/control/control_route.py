"""One binding at work: how an event of its control moves its parameter."""

from __future__ import annotations

from collections.abc import Hashable

from perform.control.binding import Binding
from perform.control.control_names import clicks
from perform.control.control_values import ControlEvent
from perform.control.hand import CurvePoints, Hand, Presses, Span, Takeover
from perform.core import params
from perform.core.knob_ranges import KnobRanges
from perform.core.params import Table
from perform.core.spec import Curve

_FOCUS, _FOCUS_SPEC = params.slot("focus"), params.SPECS["focus"]


class ControlRoute:
    """One binding, with the slots and the range looked up.

    knobs : the range of a latent's knob, where the binding gives none
    """

    def __init__(
        self, binding: Binding, takeover: Takeover, knobs: KnobRanges, *, one_channel: bool = False
    ) -> None:
        self.one_channel = one_channel
        self._binding, self._knobs = binding, knobs
        self._latent_slots: tuple[int, ...] = ()  # where the binding counts audible latents
        self._counted_at = -1.0
        self._slots = tuple(params.slot(address) for address in binding.addresses)
        self._spec, self._mode = binding.spec, binding.effective_mode
        self._low, self._high = (self._spec.clamp(end) for end in binding.ends)
        self._takeover: Takeover = binding.takeover or ("jump" if binding.kind == "finger" else takeover)
        self._encoding, self._accel = binding.encoding, binding.accel
        self._steps = binding.steps_over_range
        self._span = self._new_span(self._low, self._high, binding.curve or binding.spec.curve)
        self.plays_keys = binding.kind == "keys"
        self._plays_only_chords = self.plays_keys and binding.to.endswith("/voices")
        self.is_action = binding.spec.action
        self.sets = self._low if self._mode == "set" else None  #: the value that each press sets
        self._relative = binding.encoding != "absolute"
        self._continuous = binding.is_continuous
        self.has_position = self._continuous and not self._relative
        self.counts_up_and_down = binding.encoding == "incdec"

    def slot(self, table: Table) -> int:
        """Return the slot of the parameter, -1 for none; for `focus/...` on the deck that has the focus."""
        slots = self.slots
        if len(slots) == 1:
            return slots[0]
        return slots[round(_FOCUS_SPEC.clamp(float(table[_FOCUS]))) - 1]

    @property
    def slots(self) -> tuple[int, ...]:
        """The slot of the parameter, for `focus/...` one per deck; -1 where a deck has no such latent."""
        if not self._binding.audible:
            return self._slots
        if self._counted_at != self._knobs.changes:
            self._counted_at = self._knobs.changes
            self._latent_slots = tuple(
                self._knobs.audible_slot(address) for address in self._binding.addresses
            )
        return self._latent_slots

    def _new_span(self, low: float, high: float, curve: Curve | CurvePoints) -> Span:
        binding = self._binding
        return Span(self._spec, low, high, curve, _dead_zone(binding), binding.step or 0.0)

    def _span_at(self, slot: int) -> Span:
        """The range on a slot. The middle of a latent's knob is 0, however its corpus lies around it."""
        if not self._binding.covers_model:
            return self._span
        low, high = self._knobs.of(slot)
        if self._binding.invert:
            low, high = high, low
        if (low, high) != (self._span.low, self._span.high):
            curve = self._binding.curve
            if curve is None and low * high < 0:
                curve = (0.0, -low / (high - low), 1.0)
            self._span = self._new_span(low, high, curve or self._spec.curve)
        return self._span

    def semitones(self, key: int) -> float:
        """Return the semitones from the root to a key, if it plays keys."""
        return self._binding.key_semitones(key)

    def position_of(self, value: float, slot: int) -> float:
        """Return the position of a value of a slot; it lies outside 0..1 for a value outside the range."""
        return self._span_at(slot).position(value)

    def value_at(self, position: float, slot: int) -> float:
        """Return the value of a slot at a position of the control."""
        return self._span_at(slot).value(position)

    def turn(self, position: float, slot: int, table: Table) -> int:
        """Return the way from a position of the control to the parameter in 127ths, positive to the right."""
        span = self._span_at(slot)
        if span.value(position) == table[slot]:
            return 0
        return round(127 * (span.position(float(table[slot])) - position))

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
        if slot < 0:
            return -1
        span = self._span_at(slot)
        if self._relative or (event.step and self._continuous):  # CC 96 and 97 step any data entry
            self._turn(slot, span, event, hand, table, now)
            return slot
        if self._continuous:
            hand.move(slot, span, event.position, self._takeover, table)
            return slot
        if event.source.kind == "program" and self._mode == "absolute":
            table[slot] = self._spec.clamp(event.value + 1.0)
            return slot
        if not pressed:
            return -1
        if self._plays_only_chords:
            return -1
        if self.plays_keys:
            presses.play(control, slot, self._binding.key_value(event.source.number), table)
            return slot
        match self._mode:
            case "trigger":
                table[slot] += 1
            case "set":
                table[slot] = self._low
            case "toggle":
                table[slot] = self._toggled(float(table[slot]), span)
            case "momentary" if self._spec.choices:
                presses.press(control, slot, self._high, self._low, table)
            case "momentary":
                presses.press(control, slot, span.value(event.position), float(table[slot]), table)
            case "absolute":
                table[slot] = span.value(event.position)
        return slot

    def _turn(self, slot: int, span: Span, event: ControlEvent, hand: Hand, table: Table, now: float) -> None:
        steps = event.step or clicks(self._encoding, event.value, event.size)
        if steps:
            faster = 1.0 if self._accel == 1.0 else 1.0 + (self._accel - 1.0) * hand.speed(steps, now)
            hand.turn(slot, span, steps * faster / self._steps, table)

    def _toggled(self, value: float, span: Span) -> float:
        value = self._spec.clamp(value)
        if self._spec.choices:
            step = 1.0 if self._high >= self._low else -1.0
            inside = min(self._low, self._high) <= value + step <= max(self._low, self._high)
            return value + step if inside else self._low
        return span.low if abs(value - span.high) < abs(value - span.low) else span.high


def _dead_zone(binding: Binding) -> tuple[float, float, float] | None:
    """The zone for `Span`: at the low end for pressure, else around the middle."""
    if not binding.deadzone:
        return None
    if binding.kind in ("pressure", "poly") or binding.control.endswith(" press"):
        return 0.0, binding.deadzone, 0.0
    return 0.5 - binding.deadzone / 2, 0.5 + binding.deadzone / 2, 0.5

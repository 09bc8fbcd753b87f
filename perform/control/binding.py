"""A binding: one control that moves one parameter, how, and over which range.

The constructor checks every field and raises WrongUse, so a `Binding` is always valid.
"""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

from perform.control.hand import Takeover
from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import Curve, Spec

Kind = Literal["cc", "note", "bend", "program"]
Mode = Literal["absolute", "momentary", "toggle", "trigger", "set"]
FOCUS = "focus/"  #: prefix of an address on the deck that has the focus
NOTHING = "nothing"  #: `to` of a control that moves nothing, whatever the mapping beneath says

_UNPRESSED = ("bend", "program")  #: kinds of control that are not pressed and released
_CONTROL = re.compile(r"(cc|note) (0|[1-9]\d{0,2})|bend|program")


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One control that moves one address.

    mode: `absolute`  the control's position sets the value. A note's velocity sets it; its release changes
                      nothing. A program change sets its number, counted from 1.
          `momentary` like `absolute` while it is pressed. After the release, a parameter with choices goes to
                      the low end of the range, any other to its former value
          `toggle`    each press jumps to the other end of the range, or to the next of several choices
          `trigger`   each press fires an action
          `set`       each press sets `value`
          None        the default for the address and the control, see `effective_mode`
    """

    control: str
    to: str
    channel: int | None = None  #: 1..16; None: any
    port: str = ""  #: the port's name or a part of it, see `matching_ports`; "": the mapping's ports
    range: tuple[float, float] | None = None  #: in the parameter's unit; None: its range. [high, low] inverts
    curve: Curve | None = None  #: None: the parameter's curve
    invert: bool = False
    mode: Mode | None = None
    value: float | str | None = None  #: set by each press: in the parameter's unit, or the name of a choice
    takeover: Takeover | None = None  #: None: the mapping's, see `perform.control.hand`

    def __post_init__(self) -> None:
        _check(self)

    @property
    def kind(self) -> Kind:
        """The kind of control."""
        kinds: tuple[Kind, ...] = ("cc", "note", "bend", "program")
        return next(kind for kind in kinds if kind == self.control.partition(" ")[0])

    @property
    def number(self) -> int:
        """The number of the control or note; 0 for pitch bend and program change."""
        return int(self.control.partition(" ")[2] or 0)

    @property
    def addresses(self) -> tuple[str, ...]:
        """One address, or for `focus/...` one address per deck, deck 1 first; none for NOTHING."""
        if self.to == NOTHING:
            return ()
        if not self.to.startswith(FOCUS):
            return (self.to,)
        return tuple(f"deck/{d}/{self.to.removeprefix(FOCUS)}" for d in range(1, params.DECKS + 1))

    @property
    def spec(self) -> Spec:
        """The range, curve and unit of the parameter."""
        return params.SPECS[self.addresses[0]]

    @property
    def effective_mode(self) -> Mode:
        """`mode`, or its default.

        An action is triggered. With `value`, or a range of equal ends, each press sets the value. A note
        toggles a parameter with choices and is momentary on any other. A cc is momentary on a switch.
        Everything else is absolute.
        """
        if self.spec.action:
            return self.mode or "trigger"
        equal = self.kind in ("cc", "note") and self.ends[0] == self.ends[1]
        if self.value is not None or (equal and self.mode in (None, "absolute", "momentary")):
            return "set"
        if self.mode is not None:
            return self.mode
        if self.kind == "note":
            return "toggle" if self.spec.choices else "momentary"
        return "momentary" if self.kind == "cc" and len(self.spec.choices) == 2 else "absolute"

    @property
    def ends(self) -> tuple[float, float]:
        """The values at the control's low and high end, in the parameter's unit."""
        if self.value is not None:
            set_to = self._number(self.value)
            return set_to, set_to
        low, high = self.range or (self.spec.low, self.spec.high)
        return (high, low) if self.invert else (low, high)

    def _number(self, value: float | str) -> float:
        """Return `value` as a number; WrongUse if it names no choice."""
        if not isinstance(value, str):
            return float(value)
        if value in self.spec.choices:
            return float(self.spec.choices.index(value))
        hint = f"use {', '.join(self.spec.choices)}" if self.spec.choices else "write a number"
        raise WrongUse(f"{self.to} has no value {value!r}", hint=hint)

    def label(self, ports: tuple[str, ...]) -> str:
        """Port, channel and control: `nanoKONTROL2 1:CC16`, or `nanoKONTROL2 CC16` for any channel."""
        port = self.port or (ports[0] if ports else "")
        channel = f"{self.channel}:" if self.channel else ""
        return f"{port} {channel}{control_label(self.kind, self.number)}".lstrip()


def control_label(kind: Kind, number: int) -> str:
    """`CC16`, `note36`, `bend`, `program`."""
    return kind if kind in ("bend", "program") else f"{'CC' if kind == 'cc' else kind}{number}"


def _check(binding: Binding) -> None:
    """Raise WrongUse for an invalid binding."""
    match = _CONTROL.fullmatch(binding.control)
    if not match:
        raise WrongUse(
            f"unknown control {binding.control!r}", hint='write "cc 16", "note 36", "bend" or "program"'
        )
    if binding.kind == "cc" and binding.number >= 120:
        raise WrongUse(f"{binding.control!r} is a channel mode message", hint="use cc 0 to cc 119")
    if binding.number > 127:
        raise WrongUse(f"unknown control {binding.control!r}", hint="notes go from 0 to 127")
    if binding.channel is not None and not 1 <= binding.channel <= 16:
        raise WrongUse(
            f"there is no MIDI channel {binding.channel}", hint="use 1 to 16, or leave it out for any channel"
        )
    if binding.to == NOTHING:
        return
    for address in binding.addresses:
        try:
            params.slot(address)
        except WrongUse as error:
            raise WrongUse(f"no parameter is called {binding.to!r}", hint=error.hint) from None
    spec, mode = binding.spec, binding.effective_mode
    if spec.action != (mode == "trigger"):
        what = "is an action and can only be triggered" if spec.action else "is not an action"
        hint = 'write mode = "trigger", or leave mode out' if spec.action else "use a mode other than trigger"
        raise WrongUse(f"{binding.to} {what}", hint=hint)
    if binding.kind in _UNPRESSED and mode != "absolute":
        what = "pitch bend" if binding.kind == "bend" else "a program change"
        raise WrongUse(f"{what} cannot {mode}", hint="bind a note or a cc")
    if binding.kind == "program" and (binding.range or binding.curve or binding.invert):
        hint = "leave out range, curve and invert"
        raise WrongUse("a program change always sets the parameter to its number", hint=hint)
    shaped = binding.range is not None or binding.curve is not None or binding.invert
    if spec.action:
        if shaped or binding.value is not None:
            raise WrongUse(f"{binding.to} is an action", hint="leave out range, curve, invert and value")
        return
    if binding.value is not None and (
        shaped or binding.mode not in (None, "set") or binding.kind in _UNPRESSED
    ):
        hint = "bind a note or a cc, and leave out range, curve, invert and mode"
        raise WrongUse("only a press can set a value", hint=hint)
    low, high = binding.ends
    if mode == "set" and low != high:
        raise WrongUse('mode = "set" needs a value', hint="write value = and the value, and leave out range")
    if spec.low == params.MODULE_DEFAULT and binding.range is None and binding.value is None:
        raise WrongUse(f"{binding.to} has no default range", hint="give one, for example range = [0.0, 1.0]")
    if not all(math.isfinite(end) and spec.low <= end <= spec.high for end in (low, high)):
        raise WrongUse(
            f"the range [{low:g}, {high:g}] goes beyond the range of {binding.to}",
            hint=f"use values from {spec.low:g} to {spec.high:g}",
        )
    if (binding.curve or spec.curve) == "exp" and low * high <= 0:
        raise WrongUse(
            f"an exp curve needs a range without zero, not [{low:g}, {high:g}]", hint='use curve = "lin"'
        )

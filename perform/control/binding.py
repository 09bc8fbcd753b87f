"""A binding: one control that moves one parameter, how, and over which range.

A `Binding` that exists is legal: making one that is not raises WrongUse.
"""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import Curve, Spec

Kind = Literal["cc", "note", "bend", "program"]
Mode = Literal["absolute", "momentary", "toggle", "trigger"]
FOCUS = "focus/"  #: prefix of an address on the deck that has the focus

_CONTROL = re.compile(r"(cc|note) (0|[1-9]\d{0,2})|bend|program")


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One control that moves one address.

    mode: `absolute`  the control's position is the value (a note's velocity; its release changes nothing);
                      a program change sets its number, counted from 1
          `momentary` the same, and releasing a note returns to the low end of the range
          `toggle`    each press jumps to the other end of the range; choices step to the next
          `trigger`   each press fires an action
          None        chosen by address and control: see `effective_mode`
    """

    control: str
    to: str
    channel: int | None = None  #: 1..16; None: any
    port: str = ""  #: the port's name or a fragment of it, see `chosen`; "": the mapping's ports
    range: tuple[float, float] | None = None  #: plain units; None: the parameter's range. [high, low] inverts
    curve: Curve | None = None  #: None: the parameter's curve
    invert: bool = False
    mode: Mode | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def kind(self) -> Kind:
        """Kind of the control: the first word."""
        kinds: tuple[Kind, ...] = ("cc", "note", "bend", "program")
        return next(kind for kind in kinds if kind == self.control.partition(" ")[0])

    @property
    def number(self) -> int:
        """Number of the control or note; 0 for pitch bend and program change."""
        return int(self.control.partition(" ")[2] or 0)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address alone, or for `focus/...` one address per deck, deck 1 first."""
        if not self.to.startswith(FOCUS):
            return (self.to,)
        return tuple(f"deck/{d}/{self.to.removeprefix(FOCUS)}" for d in range(1, params.DECKS + 1))

    @property
    def spec(self) -> Spec:
        """Spec of the address."""
        return params.SPECS[self.addresses[0]]

    @property
    def effective_mode(self) -> Mode:
        """`mode`, or the default: actions trigger; a note toggles choices and is momentary on values;
        everything else is absolute."""
        if self.mode is not None:
            return self.mode
        if self.spec.action:
            return "trigger"
        if self.kind == "note":
            return "toggle" if self.spec.choices else "momentary"
        return "absolute"

    @property
    def ends(self) -> tuple[float, float]:
        """Values at the control's low and high end, plain units."""
        low, high = self.range or (self.spec.low, self.spec.high)
        return (high, low) if self.invert else (low, high)

    def label(self, ports: tuple[str, ...]) -> str:
        """Name of the control on the screen: `nanoKONTROL2 1:CC16`; the channel only if the bind has one."""
        port = self.port or (ports[0] if ports else "")
        channel = f"{self.channel}:" if self.channel else ""
        return f"{port} {channel}{control_label(self.kind, self.number)}".lstrip()


def control_label(kind: Kind, number: int) -> str:
    """`CC16`, `note36`, `bend`, `program`."""
    return kind if kind in ("bend", "program") else f"{'CC' if kind == 'cc' else kind}{number}"


def _check(bind: Binding) -> None:
    """WrongUse if the bind is not legal."""
    match = _CONTROL.fullmatch(bind.control)
    if not match:
        raise WrongUse(f"no control {bind.control!r}", hint='write "cc 16", "note 36", "bend" or "program"')
    if bind.kind == "cc" and bind.number >= 120:
        raise WrongUse(f"{bind.control!r} is a channel mode message", hint="use cc 0 to cc 119")
    if bind.number > 127:
        raise WrongUse(f"no control {bind.control!r}", hint="notes go from 0 to 127")
    if bind.channel is not None and not 1 <= bind.channel <= 16:
        raise WrongUse(f"no MIDI channel {bind.channel}", hint="use 1 to 16, or leave it out for any")
    for address in bind.addresses:
        try:
            params.slot(address)
        except WrongUse as error:
            raise WrongUse(f"no parameter is called {bind.to!r}", hint=error.hint) from None
    spec, mode = bind.spec, bind.effective_mode
    if spec.action != (mode == "trigger"):
        does = "can only be triggered" if spec.action else "has nothing to trigger"
        hint = 'mode = "trigger", or leave mode out' if spec.action else "use another mode"
        raise WrongUse(f"{bind.to} {does}", hint=hint)
    if bind.kind in ("bend", "program") and mode != "absolute":
        what = "pitch bend" if bind.kind == "bend" else "a program change"
        raise WrongUse(f"{what} cannot {mode}", hint="bind a note or a cc")
    if bind.kind == "program" and (bind.range or bind.curve or bind.invert):
        raise WrongUse("a program change sets its own number", hint="leave out range, curve and invert")
    if spec.action:
        if bind.range or bind.curve or bind.invert:
            raise WrongUse(f"{bind.to} is an action", hint="it has no range, curve or invert")
        return
    low, high = bind.ends
    if spec.low == params.MODULE_DEFAULT and bind.range is None:
        raise WrongUse(f"{bind.to} has no range of its own", hint="give one: range = [0.0, 1.0]")
    if not all(math.isfinite(end) and spec.low <= end <= spec.high for end in (low, high)):
        raise WrongUse(
            f"range [{low:g}, {high:g}] is outside that of {bind.to}",
            hint=f"stay in {spec.low:g} to {spec.high:g}",
        )
    if (bind.curve or spec.curve) == "exp" and low * high <= 0:
        raise WrongUse(f"an exp curve cannot reach zero in [{low:g}, {high:g}]", hint='use curve = "lin"')

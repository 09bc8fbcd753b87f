"""A binding: one control that moves one parameter, how, and over which range.

The constructor checks every field and raises WrongUse, so a `Binding` is always valid.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal

import msgspec

from perform.control.control_names import Encoding, Kind, control_label, is_pressed, parse_control
from perform.control.hand import CurvePoints, Takeover
from perform.core import params
from perform.core.errors import WrongUse
from perform.core.spec import MODULE_DEFAULT, Curve, Spec

Mode = Literal["absolute", "momentary", "toggle", "trigger", "set"]
FOCUS = "focus/"  #: prefix of an address on the deck that has the focus
NOTHING = "nothing"  #: `to` of a control that moves nothing, whatever the mapping beneath says

LATENT_ENDS = ("/bias", "/silence")  #: parameters of a latent that are latents themselves
_KNOBS = ("cc", "nrpn", "rpn", "bend", "pressure", "poly")  #: kinds whose position a parameter can follow
_NAMES = {"bend": "pitch bend", "program": "a program change", "pressure": "pressure", "poly": "key pressure"}
_NAMES |= {"finger": "a finger"}
SEMITONES, SIGMA = "st", "σ"  #: units of the parameters that keys can play
STEPS = 128  #: steps of an encoder over the whole range, if a binding names no other number


class Binding(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"encoding": "as"}
):
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
    curve: Curve | CurvePoints | None = None  #: a list: heights at equal distances; None: the parameter's
    invert: bool = False
    mode: Mode | None = None
    value: float | str | None = None  #: set by each press: in the parameter's unit, or the name of a choice
    takeover: Takeover | None = None  #: None: the mapping's, see `perform.control.hand`
    encoding: Encoding = "absolute"  #: a position; or how an endless encoder writes its steps
    steps: int | None = None  #: of an encoder over the whole range; None: 128, or one for each choice
    accel: float = 1.0  #: a quick turn of an encoder moves this many times as far as a slow one
    deadzone: float = 0.0  #: part of the way that counts as the middle; of pressure, as its low end
    step: float | None = None  #: the value moves in steps of this size, in the parameter's unit
    audible: bool = False  #: the number of the latent counts only latents that can be heard
    root: int | None = None  #: of "keys": the key that plays 0; None: for tune 60 (C4), else 57 (A3)
    lamp: bool = True  #: False: the lamp of the control is left alone

    def __post_init__(self) -> None:
        _check(self)

    @property
    def kind(self) -> Kind:
        """The kind of control."""
        return parse_control(self.control)[0]

    @property
    def number(self) -> int:
        """The number of the control, see `perform.control.control_names`."""
        return parse_control(self.control)[1]

    def key_semitones(self, key: int) -> float:
        """Return the semitones from the root of "keys" to a key (0..127)."""
        root = 60 if self.spec.unit == SEMITONES else 57
        return float(key - (root if self.root is None else self.root))

    def key_value(self, key: int) -> float:
        """Return the value of a key (0..127) of "keys": semitones, or for a latent octaves."""
        semitones = self.key_semitones(key)
        return self.spec.clamp(semitones if self.spec.unit == SEMITONES else semitones / 12.0)

    @property
    def is_pressed(self) -> bool:
        """Whether the control can be pressed like a button."""
        return is_pressed(self.kind, self.number) and self.encoding == "absolute"

    @property
    def is_continuous(self) -> bool:
        """Whether the parameter follows the position or the turns of the control."""
        mode = self.effective_mode
        if self.kind == "finger":
            return mode == "absolute"
        if self.kind not in _KNOBS or mode not in ("absolute", "momentary"):
            return False
        return not (mode == "momentary" and bool(self.spec.choices))

    @property
    def steps_over_range(self) -> int:
        """`steps`, or its default: one for each choice, 128 for any other parameter."""
        return self.steps or (max(1, round(abs(self.ends[1] - self.ends[0]))) if self.spec.choices else STEPS)

    @property
    def addresses(self) -> tuple[str, ...]:
        """One address, or for `focus/...` one address per deck, deck 1 first; none for NOTHING."""
        if self.to == NOTHING:
            return ()
        if not self.to.startswith(FOCUS):
            return (self.to,)
        return tuple(f"deck/{d}/{self.to.removeprefix(FOCUS)}" for d in range(1, params.DECKS + 1))

    @property
    def covers_model(self) -> bool:
        """Whether it moves a latent over the range of the model, because it gives none itself."""
        is_latent = self.to.endswith(LATENT_ENDS) and "/z/" in self.to
        return is_latent and self.range is None and self.value is None

    @property
    def spec(self) -> Spec:
        """The range, curve and unit of the parameter."""
        return params.SPECS[self.addresses[0]]

    @property
    def effective_mode(self) -> Mode:
        """`mode`, or its default.

        An action is triggered. With `value`, or a range of equal ends, each press sets the value. A note
        toggles a parameter with choices and is momentary on any other. A finger is momentary. One program
        toggles. Any other control that can be pressed is momentary on a switch. Everything else is absolute.
        """
        if self.spec.action:
            return self.mode or "trigger"
        equal = self.is_pressed and self.ends[0] == self.ends[1]
        if self.value is not None or (equal and self.mode in (None, "absolute", "momentary")):
            return "set"
        if self.mode is not None:
            return self.mode
        if self.kind == "keys":
            return "absolute"
        if self.kind == "note":
            return "toggle" if self.spec.choices else "momentary"
        if self.kind == "finger":
            return "momentary"
        if self.kind == "program" and self.is_pressed:
            return "toggle"
        return "momentary" if self.is_pressed and len(self.spec.choices) == 2 else "absolute"

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


def _check(binding: Binding) -> None:
    """Raise WrongUse for an invalid binding."""
    parse_control(binding.control)
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
    if binding.audible and "/z/" not in binding.to:
        hint = "leave audible out"
        raise WrongUse(f"{binding.to} is not a parameter of a latent", hint=hint)
    _check_keys(binding)
    _check_encoding(binding)
    _check_mode(binding)
    _check_range(binding)


def _check_keys(binding: Binding) -> None:
    if binding.kind != "keys":
        if binding.root is not None:
            raise WrongUse("only keys have a root", hint='write control = "keys", or leave root out')
        return
    if binding.spec.unit not in (SEMITONES, SIGMA) and not binding.to.endswith("/voices"):
        hint = "they play voices, tune, or a latent such as focus/z/0/bias"
        raise WrongUse(f"keys cannot play {binding.to}", hint=hint)
    shaped = binding.range or binding.curve or binding.invert or binding.takeover
    if shaped or binding.mode or binding.value is not None:
        hint = "leave out range, curve, invert, mode, value and takeover"
        raise WrongUse("a key always plays its own pitch", hint=hint)
    if binding.root is not None and not 0 <= binding.root <= 127:
        raise WrongUse(f"root cannot be {binding.root}", hint="keys go from 0 to 127; 60 is C4")


def _check_mode(binding: Binding) -> None:
    spec, mode = binding.spec, binding.effective_mode
    if spec.action != (mode == "trigger"):
        what = "is an action and can only be triggered" if spec.action else "is not an action"
        hint = 'write mode = "trigger", or leave mode out' if spec.action else "use a mode other than trigger"
        raise WrongUse(f"{binding.to} {what}", hint=hint)
    finger = binding.kind == "finger" and mode == "momentary"
    if not binding.is_pressed and mode != "absolute" and not finger:
        what = "an encoder" if binding.encoding != "absolute" else _NAMES[binding.kind]
        raise WrongUse(f"{what} cannot {mode}", hint="bind a note or a cc")
    if binding.kind == "program" and binding.is_pressed and mode in ("absolute", "momentary"):
        raise WrongUse(f"{binding.control!r} is a press without a release", hint="use toggle or a value")


def _check_encoding(binding: Binding) -> None:
    relative = binding.encoding != "absolute"
    if relative and binding.kind not in ("cc", "nrpn", "rpn"):
        raise WrongUse(f"{binding.control!r} cannot be an encoder", hint="bind a cc, nrpn or rpn")
    if not relative and (binding.steps is not None or binding.accel != 1.0):
        raise WrongUse("steps and accel are for encoders", hint='write as = "twos", or leave them out')
    if relative and (binding.takeover or binding.deadzone):
        raise WrongUse("an encoder has no position", hint="leave out takeover and deadzone")
    if binding.steps is not None and not 1 <= binding.steps <= 16384:
        raise WrongUse(f"an encoder cannot have {binding.steps} steps", hint="use 1 to 16384")
    if not 1.0 <= binding.accel <= 100.0:
        raise WrongUse(f"accel cannot be {binding.accel:g}", hint="use 1 (none) to 100")


def _check_range(binding: Binding) -> None:
    spec, mode = binding.spec, binding.effective_mode
    any_program = binding.kind == "program" and not binding.is_pressed
    shaped = binding.range is not None or binding.curve is not None or binding.invert
    if any_program and shaped:
        hint = "leave out range, curve and invert"
        raise WrongUse("a program change always sets the parameter to its number", hint=hint)
    if spec.action:
        if shaped or binding.value is not None:
            raise WrongUse(f"{binding.to} is an action", hint="leave out range, curve, invert and value")
    elif binding.value is not None and (
        shaped or binding.mode not in (None, "set") or not binding.is_pressed
    ):
        hint = "bind a note or a cc, and leave out range, curve, invert and mode"
        raise WrongUse("only a press can set a value", hint=hint)
    follows = binding.is_continuous or binding.kind == "finger"
    if (binding.deadzone or binding.step is not None) and not follows:
        raise WrongUse("deadzone and step are for knobs and pressure", hint="leave them out")
    if not 0.0 <= binding.deadzone <= 0.9:
        raise WrongUse(f"deadzone cannot be {binding.deadzone:g}", hint="use 0 (none) to 0.9")
    if spec.action:
        return
    low, high = binding.ends
    if mode == "set" and low != high:
        raise WrongUse('mode = "set" needs a value', hint="write value = and the value, and leave out range")
    if spec.low == MODULE_DEFAULT and binding.range is None and binding.value is None:
        raise WrongUse(f"{binding.to} has no default range", hint="give one, for example range = [0.0, 1.0]")
    if not all(math.isfinite(end) and spec.low <= end <= spec.high for end in (low, high)):
        raise WrongUse(
            f"the range [{low:g}, {high:g}] goes beyond the range of {binding.to}",
            hint=f"use values from {spec.low:g} to {spec.high:g}",
        )
    if binding.step is not None and not 0.0 < binding.step <= abs(high - low):
        raise WrongUse(
            f"step cannot be {binding.step:g}", hint="use more than 0, and not more than the range"
        )
    if (binding.curve or spec.curve) == "exp" and low * high <= 0:
        raise WrongUse(
            f"an exp curve needs a range without zero, not [{low:g}, {high:g}]", hint='use curve = "lin"'
        )
    if isinstance(binding.curve, tuple):
        _check_points(binding.curve)


def _check_points(points: CurvePoints) -> None:
    rising = all(a <= b for a, b in itertools.pairwise(points))
    if not (2 <= len(points) <= 128 and points[0] == 0.0 and points[-1] == 1.0 and rising):
        raise WrongUse(
            "a curve is a list of 2 to 128 numbers that rise from 0 to 1",
            hint="for example curve = [0.0, 0.1, 0.4, 1.0]",
        )

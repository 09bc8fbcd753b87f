"""The range, curve and unit of a parameter, and the curves from a knob's position to a value.

The standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

MODULE_DEFAULT = -1e9  #: value of an attribute that the player has not set; the module then uses its own
SILENCE_DB = -60.0  #: a fader at or below this value is silent

Curve = Literal["lin", "exp", "s"]


@dataclass(frozen=True, slots=True)
class Spec:
    """Range, curve and unit of one parameter.

    choices : names of the values 0, 1, 2... of a discrete parameter
    action  : a counter that only grows; its reader acts when it has grown
    whole   : integers without names
    """

    low: float
    high: float
    default: float
    unit: str = ""
    curve: Curve = "lin"
    choices: tuple[str, ...] = ()
    action: bool = False
    whole: bool = False

    def clamp(self, value: float) -> float:
        """Return the nearest legal value; NaN and infinity become the default."""
        if self.action or not math.isfinite(value):
            return value if self.action and math.isfinite(value) else self.default
        value = min(max(value, self.low), self.high)
        return float(round(value)) if self.choices or self.whole else value

    def value(self, position: float) -> float:
        """Convert a knob position, 0..1, to a value in plain units."""
        return self.clamp(curve_value(position, self.low, self.high, self.curve))

    def position(self, value: float) -> float:
        """Convert a value in plain units to a knob position, 0..1."""
        return curve_position(self.clamp(value), self.low, self.high, self.curve)

    def jumps(self, *values: float) -> bool:
        """Return whether a parameter jumps between these values, because it cannot glide."""
        return bool(self.choices) or min(values) <= MODULE_DEFAULT

    @property
    def decimals(self) -> int:
        """Digits after the point that the player reads; semitones have cents."""
        return 2 if self.high - self.low < 20 or self.unit == "st" else 1

    def text(self, value: float) -> str:
        """Return the text that the player reads: `-3.0 dB`, `hand`, `on`."""
        if self.choices:
            return self.choices[int(self.clamp(value))]
        if value <= MODULE_DEFAULT:
            return "default"
        if self.unit == "dB" and value <= SILENCE_DB:
            return "-inf dB"
        sign = "+" if self.low < 0 else ""
        return f"{value:{sign}.{self.decimals}f} {self.unit}".rstrip()


def curve_value(position: float, low: float, high: float, curve: Curve) -> float:
    """Convert a position, 0..1, to a value from low to high along a curve; low > high inverts the range.

    `exp` needs both ends of the same sign, neither zero; `s` is the smoothstep 3p^2 - 2p^3.
    """
    p = min(max(position, 0.0), 1.0)
    if curve == "exp":
        return float(low * (high / low) ** p)
    if curve == "s":
        p = p * p * (3.0 - 2.0 * p)
    return low + (high - low) * p


def curve_position(value: float, low: float, high: float, curve: Curve) -> float:
    """Convert a value to a position, 0..1: the inverse of `curve_value`."""
    if curve == "exp":
        return math.log(value / low) / math.log(high / low)
    p = min(max((value - low) / (high - low), 0.0), 1.0)
    if curve == "s":  # the root of 3p^2 - 2p^3 = y in 0..1
        return 0.5 - math.sin(math.asin(1.0 - 2.0 * p) / 3.0)
    return p

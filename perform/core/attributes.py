"""Attributes of a third-party module: its settings other than latents.

The n-th attribute of a deck's model is the parameter `deck/N/attribute/n`. A switch is 0 or 1. A number is
itself. For a text, or a tensor with several values, the parameter is an index from 0: it selects one of the
*texts* that the song or the player gave for this attribute. MODULE_DEFAULT leaves the attribute as the module
has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from perform.core.spec import MODULE_DEFAULT, Spec

Kind = Literal["bool", "int", "float", "str", "tensor", "buffer"]
Texts = Mapping[str, Sequence[str]]  #: number of an attribute, as text -> its texts
SWITCH = ("off", "on")


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attribute. An attribute with several values is listed once for each: `gain/0`, `gain/1`.

    default   : the module's own value; for a buffer or a tensor with several values, a description
    low, high : range of a knob. A module states none, so values outside are accepted
    """

    name: str
    kind: Kind
    default: float | str = msgspec.field(name="own")
    low: float = 0.0
    high: float = 1.0

    @property
    def is_text(self) -> bool:
        """True if the parameter is an index into texts."""
        return isinstance(self.default, str)

    def spec(self, texts: Sequence[str]) -> Spec:
        """Return the spec of the parameter for a knob, without MODULE_DEFAULT."""
        if isinstance(self.default, str):
            return Spec(0, max(len(texts) - 1, 0), 0, choices=tuple(texts) or (self.default,))
        if self.kind == "bool":
            return Spec(0, 1, self.default, choices=SWITCH)
        return Spec(self.low, self.high, self.default, whole=self.kind == "int")

    def text(self, value: float, texts: Sequence[str]) -> str:
        """Return the text that the player reads for a value of the parameter."""
        if isinstance(self.default, str):
            chosen = value > MODULE_DEFAULT and texts
            return texts[min(int(value), len(texts) - 1)] if chosen else self.default
        if self.kind == "bool":
            return SWITCH[self.shown(value) >= 0.5]
        return f"{self.shown(value):.0f}" if self.kind == "int" else f"{self.shown(value):.4g}"

    def shown(self, value: float) -> float:
        """Return the value that applies: at MODULE_DEFAULT, the module's own."""
        return self.default if value <= MODULE_DEFAULT and not isinstance(self.default, str) else value


def names_a_sound(text: str) -> bool:
    """Return whether a text of a buffer is the name of a sound file; otherwise it lists values: "0 0.5 1"."""
    try:
        [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        return True
    return False


def buffer_texts(attributes: Sequence[Attribute], texts: Texts) -> list[str]:
    """Return the names of sound files among a song's texts for a model's buffers."""
    numbers = [str(i + 1) for i, attribute in enumerate(attributes) if attribute.kind == "buffer"]
    return [text for number in numbers for text in texts.get(number, ()) if names_a_sound(text)]


def knob_range(default: float, whole: bool) -> tuple[float, float]:
    """Return a range around the default, because a module states none."""
    reach = max(2 * abs(default), 10.0 if whole else 1.0) if whole or not 0 <= default <= 1 else 1.0
    return (-reach if default < 0 else 0.0), reach

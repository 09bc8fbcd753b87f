"""What a stranger's module has besides its latents, as table, screen and songs know it.

The n-th attribute of a deck's model is the number `deck/N/attribute/n`: a switch's 0 or 1, a number, or for
text and for several values at once which of the *words* that the song or the player has given for it, the
first being 0. OWN, where every attribute begins, leaves it as the module has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from perform.core.params import OWN, Spec

Kind = Literal["bool", "int", "float", "str", "tensor", "buffer"]
Words = Mapping[str, Sequence[str]]  #: number of an attribute, as text -> its words
SWITCH = ("off", "on")


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attribute; of one with several values each is one, `gain/0`, `gain/1`.

    own : as the module has it by itself; of a tensor with several values and of a buffer what that is
    low, high : of a knob. A module says no range, and a number beyond this one is not refused for it
    """

    name: str
    kind: Kind
    own: float | str
    low: float = 0.0
    high: float = 1.0

    @property
    def worded(self) -> bool:
        """Its number says which of its words it is."""
        return isinstance(self.own, str)

    def spec(self, words: Sequence[str]) -> Spec:
        """Of its number, for a knob; OWN is not within it."""
        if isinstance(self.own, str):
            return Spec(0, max(len(words) - 1, 0), 0, choices=tuple(words) or (self.own,))
        if self.kind == "bool":
            return Spec(0, 1, self.own, choices=SWITCH)
        return Spec(self.low, self.high, self.own, whole=self.kind == "int")

    def text(self, number: float, words: Sequence[str]) -> str:
        """What a player reads."""
        if isinstance(self.own, str):
            return words[min(int(number), len(words) - 1)] if number > OWN and words else self.own
        if self.kind == "bool":
            return SWITCH[self.shown(number) >= 0.5]
        return f"{self.shown(number):.0f}" if self.kind == "int" else f"{self.shown(number):.4g}"

    def shown(self, number: float) -> float:
        """The number that is in force."""
        return self.own if number <= OWN and not isinstance(self.own, str) else number


def knob(own: float, whole: bool) -> tuple[float, float]:
    """A range for a number that says none: around where it is."""
    reach = max(2 * abs(own), 10.0 if whole else 1.0) if whole or not 0 <= own <= 1 else 1.0
    return (-reach if own < 0 else 0.0), reach

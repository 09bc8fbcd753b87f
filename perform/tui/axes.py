"""The two latents or macros on the axes of a deck's pad, and their ranges."""

from __future__ import annotations

from dataclasses import dataclass

from perform.core import params
from perform.core.params import LATENTS
from perform.tui.screen_frame import ScreenFrame

_WHOLE = params.SPECS["deck/1/z/0/bias"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One latent from `low` at the left or lower end to `high`, sigma."""

    latent: int
    low: float
    high: float

    def position(self, value: float) -> float:
        """Position of a value, 0..1, clamped to the ends."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def value(self, position: float) -> float:
        """Value at a position 0..1."""
        return self.low + position * (self.high - self.low)

    def address(self, deck: int) -> str:
        """Address of the bias that the handle sets."""
        return f"deck/{deck}/z/{self.latent}/bias"


@dataclass(frozen=True, slots=True)
class MacroAxis:
    """One macro, numbered from 1, on an axis of the pad."""

    macro: int
    low: float = 0.0
    high: float = 1.0

    def value(self, position: float) -> float:
        """Value at a position 0..1."""
        return position

    def address(self, deck: int) -> str:
        """Address of the macro, which belongs to no deck."""
        return f"macro/{self.macro}"

    def shown(self, frame: ScreenFrame) -> float:
        """The macro's value."""
        return frame.table[params.SLOTS[f"macro/{self.macro}"]]


def macro_axes(frame: ScreenFrame) -> tuple[MacroAxis, MacroAxis]:
    """The two macros of the pad."""
    x, y = frame.view.macro_axes
    return MacroAxis(x + 1), MacroAxis(y + 1)


def pad_axes(frame: ScreenFrame, deck: int) -> tuple[Axis | MacroAxis | None, Axis | MacroAxis | None]:
    """What the pad of a deck moves: two macros or two latents."""
    return macro_axes(frame) if frame.view.macro_pad else axes(frame, deck)


def latents(frame: ScreenFrame, deck: int) -> int:
    """Number of latents of a deck that have parameters."""
    return min(frame.deck(deck).latents, LATENTS)


def axes(frame: ScreenFrame, deck: int) -> tuple[Axis | None, Axis | None]:
    """The x and y axes chosen for this deck; None where the model has too few latents."""
    count = latents(frame, deck)
    x, y = chosen(frame, deck)
    return (
        _axis(frame, deck, x) if count else None,
        _axis(frame, deck, y) if count > 1 else None,
    )


def chosen(frame: ScreenFrame, deck: int) -> tuple[int, int]:
    """Numbers of the two latents, limited to those of the model now loaded."""
    last = max(latents(frame, deck) - 1, 0)
    x, y = (min(one, last) for one in frame.view.axes.get(deck, (0, 1)))
    return (x, y) if x != y or not last else (x, (x + 1) % (last + 1))


def corpus_range(frame: ScreenFrame, deck: int, latent: int) -> tuple[float, float] | None:
    """5th and 95th percentile of a latent in the corpus; None where the card has none."""
    low, high = frame.deck(deck).latent_low, frame.deck(deck).latent_high
    if len(low) > latent < len(high) and low[latent] < high[latent]:
        return low[latent], high[latent]
    return None


def _axis(frame: ScreenFrame, deck: int, latent: int) -> Axis:
    """The range of the bias's knob, or the other range: the full one.

    Where the knob has the full range, the other is the corpus range plus a quarter of it on either side.
    """
    whole = Axis(latent, _WHOLE.low, _WHOLE.high)
    knob = Axis(latent, *frame.knobs.of(params.slot(whole.address(deck))))
    if not frame.view.zoomed:
        return knob
    near = corpus_range(frame, deck, latent)
    if knob != whole or near is None:
        return whole
    low, high = near
    beside = (high - low) / 4
    low, high = max(low - beside, _WHOLE.low), min(high + beside, _WHOLE.high)
    return Axis(latent, low, high) if low < high else whole

"""Which two latents of a deck its pad spans, and how much of each."""

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
        """Where a value lies, 0..1; what lies beyond an end is at that end."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def value(self, position: float) -> float:
        """What lies at a position."""
        return self.low + position * (self.high - self.low)

    def address(self, deck: int) -> str:
        """The number that its handle is."""
        return f"deck/{deck}/z/{self.latent}/bias"


def latents(frame: ScreenFrame, deck: int) -> int:
    """How many latents of a deck have numbers."""
    return min(frame.deck(deck).latents, LATENTS)


def axes(frame: ScreenFrame, deck: int) -> tuple[Axis | None, Axis | None]:
    """Across and up, as they were chosen for this deck; there may be one latent only, or none."""
    count = latents(frame, deck)
    x, y = chosen(frame, deck)
    return (
        _axis(frame, deck, x) if count else None,
        _axis(frame, deck, y) if count > 1 else None,
    )


def chosen(frame: ScreenFrame, deck: int) -> tuple[int, int]:
    """Numbers of the two latents; another model may have fewer than there were when they were chosen."""
    last = max(latents(frame, deck) - 1, 0)
    x, y = (min(one, last) for one in frame.view.axes.get(deck, (0, 1)))
    return (x, y) if x != y or not last else (x, (x + 1) % (last + 1))


def corpus_range(frame: ScreenFrame, deck: int, latent: int) -> tuple[float, float] | None:
    """5th and 95th percentile of a latent, where the card says any."""
    low, high = frame.deck(deck).latent_low, frame.deck(deck).latent_high
    if len(low) > latent < len(high) and low[latent] < high[latent]:
        return low[latent], high[latent]
    return None


def _axis(frame: ScreenFrame, deck: int, latent: int) -> Axis:
    """All of a bias's range; near, what the corpus fills and a quarter of it on either side."""
    near = corpus_range(frame, deck, latent)
    if not frame.view.near or near is None:
        return Axis(latent, _WHOLE.low, _WHOLE.high)
    low, high = near
    beside = (high - low) / 4
    low, high = max(low - beside, _WHOLE.low), min(high + beside, _WHOLE.high)
    return Axis(latent, low, high) if low < high else Axis(latent, _WHOLE.low, _WHOLE.high)

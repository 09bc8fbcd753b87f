"""When the pictures of a deck are drawn anew: the decks take turns, so that no frame draws all of them."""

from __future__ import annotations

from perform.core.params import DECKS


def last_redraw(now: int, every: int, deck: int) -> int:
    """The count (of samples, columns...) at which a deck's picture was drawn anew, `every` counts apart."""
    shift = deck * every // DECKS
    return (now + shift) // every * every - shift

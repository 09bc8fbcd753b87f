"""A picture of shades of a deck's hue, two points a cell; blocks where no colours can be mixed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style

from perform.tui.paint import Ink, Piece, runs

SHADES = 6  #: besides nothing, which is 0
_BLOCKS = " ░░▒▒▓█"  #: of a terminal that has no colours to mix

Shades = npt.NDArray[np.int64]  #: (rows, columns), 0..SHADES


def rows_of(lines: int, ink: Ink, deck: int) -> int:
    """Rows of points in so many lines."""
    return 2 * lines if _mixed(ink, deck)[1] else lines


def shade_lines(level: Shades, lines: int, ink: Ink, deck: int) -> list[Piece]:
    """Draw `rows_of` rows, the first on top; a cell without a shade is a dot."""
    shades, mixed = _mixed(ink, deck)
    drawn = []
    for line in range(lines):
        glyphs: list[str] = []
        styles: list[Style] = []
        for at in range(level.shape[1]):
            upper, lower = int(level[2 * line if mixed else line, at]), 0
            if mixed:
                lower = int(level[2 * line + 1, at])
            if not (upper or lower):
                glyphs.append("·")
                styles.append(ink.rail)
            else:
                glyphs.append("▀" if mixed else _BLOCKS[upper])
                styles.append(shades[upper][lower] if mixed else shades[0][0])
        drawn.append(runs(glyphs, styles))
    return drawn


@lru_cache(32)
def _mixed(ink: Ink, deck: int) -> tuple[list[list[Style]], bool]:
    """Styles [upper][lower] of two shades of a deck's hue; False where the colours cannot be mixed."""
    hue, ground = ink.hue(deck).color, ink.text.bgcolor
    if hue is None or ground is None or hue.triplet is None or ground.triplet is None:
        return [[ink.hue(deck)]], False
    ends = tuple(zip(hue.triplet, ground.triplet, strict=True))
    mixed = [
        Color.from_triplet(ColorTriplet(*(round(b + (a - b) * step / SHADES) for a, b in ends)))
        for step in range(SHADES + 1)
    ]
    return [[Style(color=upper, bgcolor=lower) for lower in mixed] for upper in mixed], True

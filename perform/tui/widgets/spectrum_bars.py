"""The master's spectrum as bars. The deck that is loudest in a band gives its bar the hue."""

from __future__ import annotations

import math
from functools import lru_cache

from rich.style import Style

from perform.tui.paint import Ink, Piece, runs
from perform.tui.screen_frame import ScreenFrame
from perform.tui.sound_meters import FLOOR_DB, HIGHEST_HZ, LOWEST_HZ, TOP_DB, SpectrumBands
from perform.tui.widgets.line_widget import LinePen

LEAST = 3  #: with fewer lines nothing is drawn
_BAND = 2  #: cells of a band
_HERTZ = ((30, "30"), (100, "100"), (300, "300"), (1000, "1k"), (3000, "3k"), (8000, "8k"))
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_FULL = _EIGHTHS[8] * _BAND


def draw_spectrum(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Draw bars and held peaks `▔` on these lines; the first line has the frequencies."""
    spectrum = frame.sound.spectrum((width - 2) // _BAND)
    for pen, piece in zip(pens, _lines(spectrum, len(pens), width, pens[0].ink), strict=True):
        pen.put(piece, 1 + _BAND * len(spectrum.level))
        pen.pad_to(width)


@lru_cache(4)
def _lines(spectrum: SpectrumBands, height: int, width: int, ink: Ink) -> list[Piece]:
    """The lines of one measurement, of which there are fewer than frames."""
    eighths = [_eighths(level, height) for level in spectrum.level.tolist()]
    held = [_eighths(level, height) for level in spectrum.held.tolist()]
    hues = [ink.hue(deck) for deck in spectrum.deck.tolist()]
    labels = _labels(width)
    lines = []
    for row in range(height):
        below = 8 * (height - 1 - row)
        glyphs, styles = [" "], [ink.text]
        for level, peak, hue in zip(eighths, held, hues, strict=True):
            if level >= below + 8:
                glyph, style = _FULL, hue
            else:
                glyph, style = _cell(level - below, peak - below, hue, ink)
            glyphs += glyph
            styles += (style,) * _BAND
        for at, text in labels if row == 0 else ():
            if all(glyph in "· " for glyph in glyphs[at : at + len(text)]):
                glyphs[at : at + len(text)] = text
                styles[at : at + len(text)] = [ink.dim] * len(text)
        lines.append(runs(glyphs, styles))
    return lines


def _cell(level: int, peak: int, hue: Style, ink: Ink) -> tuple[str, Style]:
    if level > 0:
        return _EIGHTHS[level] * _BAND, hue
    if 0 < peak <= 8:
        return "▔" * _BAND if peak > 4 else "▁" * _BAND, hue
    return "· ", ink.rail


def _eighths(db: float, height: int) -> int:
    return int(min(max((db - FLOOR_DB) / (TOP_DB - FLOOR_DB), 0.0), 1.0) * 8 * height)


def _labels(width: int) -> list[tuple[int, str]]:
    span = math.log(HIGHEST_HZ / LOWEST_HZ)
    places = [(1 + int(math.log(hertz / LOWEST_HZ) / span * (width - 2)), text) for hertz, text in _HERTZ]
    return [(at, text) for at, text in places if at + len(text) < width]

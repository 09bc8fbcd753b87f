"""Drawing primitives of the screen: styles, bars, meters, fitted text; pure functions with a cache.

A drawn piece is a tuple of segments with a known width. For the same picture the cache returns the same
tuple, so most lines of two frames compare equal by identity, which is fast.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from perform.core.params import DECKS
from perform.core.printable import printable
from perform.core.spec import SILENCE_DB, Spec

Piece = tuple[Segment, ...]

#: component classes of a drawing widget, see app.tcss
INKS = (
    "text",
    "dim",
    "bright",
    "rail",
    "range",
    "level",
    "handle",
    "mark",
    "hot",
    "on",
    "alert",
    "frame",
    "focus",
)
HUES = tuple(f"hue{deck}" for deck in range(1, DECKS + 1))  #: component classes of the decks' hues
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, eq=False)
class Ink:
    """The styles of one theme. Compared by identity, so that a new theme invalidates cached pieces."""

    text: Style
    dim: Style
    bright: Style
    rail: Style  #: empty part of a bar
    range: Style  #: range of the corpus on a bar
    level: Style
    handle: Style
    mark: Style  #: the latent as decoded
    hot: Style  #: near the limit
    on: Style  #: a switch that is on
    alert: Style
    frame: Style
    focus: Style
    hues: tuple[Style, ...]  #: of each deck, deck 1 first

    def hue(self, deck: int) -> Style:
        """The hue of a deck (1..DECKS); 0: the hue of a level."""
        return self.hues[deck - 1] if deck else self.level


GHOST = "▹"  #: the position of a control, if its parameter has another value


@lru_cache(8192)
def label(text: str, width: int, style: Style, right: bool = False) -> Piece:
    """Text in exactly `width` cells, cut with an ellipsis."""
    text = printable(text)
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1) + "…" if width > 1 else text[:width]
    pad = " " * (width - cell_len(text))
    return (Segment(pad + text if right else text + pad, style),)


@lru_cache(16384)
def bar(
    width: int,
    handle: int,
    ink: Ink,
    *,
    deck: int = 0,
    mark: int = -1,
    source: int = -1,
    low: int = -1,
    high: int = -1,
    centre: int = -1,
    ghost: int = -1,
) -> Piece:
    """A rail with the handle `●`, `◆` decoded or modulated, `◇` source (`◈` in one cell), low..high thick.

    ghost : `▹`, where the hardware stands
    deck  : the range has its hue; 0: the hue of a corpus

    All arguments are cells; -1 draws none.
    """
    glyphs = ["─"] * width
    styles = [ink.rail] * width
    for x in range(max(low, 0), min(high + 1, width)) if low >= 0 else ():
        glyphs[x], styles[x] = "━", ink.hue(deck) if deck else ink.range
    if 0 <= centre < width:
        glyphs[centre] = "┿" if glyphs[centre] == "━" else "┼"
    if 0 <= ghost < width:
        glyphs[ghost], styles[ghost] = GHOST, ink.text
    if 0 <= source < width:
        glyphs[source], styles[source] = "◇", ink.text
    if 0 <= mark < width:
        glyphs[mark], styles[mark] = "◈" if mark == source else "◆", ink.mark
    if 0 <= handle < width:
        glyphs[handle], styles[handle] = "●", ink.handle
    return runs(glyphs, styles)


@lru_cache(4096)
def fader(width: int, handle: int, ink: Ink, ghost: int = -1, mark: int = -1, deck: int = 0) -> Piece:
    """A rail that is filled up to its handle; `▹` shows the hardware, `◆` the value with modulation."""
    glyphs = ["━"] * handle + ["●"] + ["─"] * (width - handle - 1)
    styles = [ink.hue(deck)] * handle + [ink.handle] + [ink.rail] * (width - handle - 1)
    if 0 <= ghost < width and ghost != handle:
        glyphs[ghost], styles[ghost] = GHOST, ink.text
    if 0 <= mark < width and mark != handle:
        glyphs[mark], styles[mark] = "◆", ink.mark
    return runs(glyphs, styles)


@lru_cache(8192)
def meter(width: int, eighths: int, ink: Ink, hold: int = -1, deck: int = 0) -> Piece:
    """A level of `eighths` of a cell; the part above -6 dB is hot.

    hold : cell of the peak held, `┃`
    deck : the meter has its hue
    """
    hot, level = width * 54 // 60, ink.hue(deck)
    full, rest = divmod(eighths, 8)
    glyphs = ["█"] * full + ([_EIGHTHS[rest]] if rest else [])
    glyphs += ["·"] * (width - len(glyphs))
    styles = [(ink.hot if x >= hot else level) if g != "·" else ink.rail for x, g in enumerate(glyphs)]
    if len(glyphs) > hold > full:
        glyphs[hold], styles[hold] = "┃", ink.handle
    return runs(glyphs, styles)


@lru_cache(8192)
def stereo_meter(width: int, left: int, right: int, ink: Ink, deck: int = 0) -> Piece:
    """Two levels in one line: `left` in the upper half, `right` in the lower half, in whole cells.

    deck : the meter has its hue
    """
    hot = width * 54 // 60
    glyphs = [
        "█" if x < min(left, right) else "▀" if x < left else "▄" if x < right else "·" for x in range(width)
    ]
    level = ink.hue(deck)
    styles = [(ink.hot if x >= hot else level) if g != "·" else ink.rail for x, g in enumerate(glyphs)]
    return runs(glyphs, styles)


def runs(glyphs: list[str], styles: list[Style]) -> Piece:
    """Join cells to a piece; neighbours with the same style become one segment."""
    out: list[Segment] = []
    start = 0
    for x in range(1, len(glyphs) + 1):
        if x == len(glyphs) or styles[x] is not styles[start]:
            out.append(Segment("".join(glyphs[start:x]), styles[start]))
            start = x
    return tuple(out)


def cell(position: float, width: int) -> int:
    """Cell of a bar for a position 0..1."""
    return min(max(int(position * (width - 1) + 0.5), 0), width - 1)


def eighths(db: float, width: int) -> int:
    """Length of a meter of this width in eighths of a cell, for -60..0 dB."""
    return int(min(max(1.0 + db / 60.0, 0.0), 1.0) * width * 8)


def short(spec: Spec, value: float) -> str:
    """A value without its unit, for the panels."""
    if spec.choices:
        return spec.text(value)
    if spec.whole:
        return f"{value:.0f}"
    if spec.unit == "dB" and value <= SILENCE_DB:
        return "-inf"
    value = 0.0 if abs(value) < 0.005 else value
    sign = "+" if spec.low < 0 and value else ""
    return f"{value:{sign}.{spec.decimals}f}"


def long(spec: Spec, value: float) -> str:
    """A value with its unit."""
    return short(spec, value) if spec.choices or spec.whole else f"{short(spec, value)} {spec.unit}".rstrip()


def decibel(db: float) -> str:
    """A level in dB, for the meters."""
    return "-inf" if db <= SILENCE_DB else f"{0.0 if abs(db) < 0.05 else db:.1f}"


@lru_cache(256)
def wrapped(text: str, width: int, indent: str = "") -> tuple[str, ...]:
    """A text in lines of at most `width` characters; indent: begins all but the first."""
    return tuple(textwrap.wrap(text, width, subsequent_indent=indent))


def time(seconds: float) -> str:
    """`00:41:07`."""
    s = max(0, int(seconds))
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}"


def clock(seconds: float) -> str:
    """`06:12`, for times that rarely exceed an hour."""
    s = max(0, int(seconds))
    return f"{s // 60:02d}:{s % 60:02d}"


def span(seconds: float) -> str:
    """A rough duration: `9 h`, `42 min`, `12 s`."""
    if seconds >= 7200:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{max(0, seconds):.0f} s"

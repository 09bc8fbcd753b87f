"""The pad: a plane of two latents of a deck, with the model's corpus behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from perform.core.arena_layout import LIVE
from perform.tui import braille
from perform.tui.axes import Axis, axes, corpus_range
from perform.tui.corpus_clouds import CorpusCloud
from perform.tui.paint import Ink, Piece, cell, runs
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen, MouseTarget

Range = tuple[float, float]


def draw_pad(
    pens: list[LinePen],
    frame: ScreenFrame,
    deck: int,
    width: int,
    hits: list[MouseTarget] | None,
) -> None:
    """Draw the pad at the right end of these lines; its point can be dragged in both directions."""
    x, y = axes(frame, deck)
    if x is None or len(pens) < 3 or width < 8:
        for pen in pens:
            pen.pad_to(pen.x + width)
        return
    ink, left, inner, body = pens[0].ink, pens[0].x, width - 2, pens[1:-1]
    here, there = x.address(deck), y.address(deck) if y else ""
    if hits is not None:
        hits.append(
            MouseTarget(body[0].y, left + 1, left + 1 + inner, deck, here, lines=len(body), y_address=there)
        )
    corpus = frame.clouds.of(frame.deck(deck))
    known = tuple(corpus_range(frame, deck, axis.latent) if axis else None for axis in (x, y))
    background = _background(corpus, x, y, known, inner, len(body), ink)
    marks = _marks(frame, deck, x, y, inner, len(body), ink)
    _edge(pens[0], frame, "┌┐", "↑", y, "y", inner)
    for row, pen in enumerate(body):
        pen.text("│", ink.frame)
        spots = tuple(sorted((at, *mark) for (at, line), mark in marks.items() if line == row))
        pen.put(_row(background, row, spots), inner)
        pen.text("│", ink.frame)
    behind = "corpus" if len(corpus.z) else "5…95 %" if known[0] else ""
    _edge(pens[-1], frame, "└┘", "→", x, "x", inner, behind)


def _edge(
    pen: LinePen,
    frame: ScreenFrame,
    corners: str,
    arrow: str,
    axis: Axis | None,
    name: str,
    inner: int,
    note: str = "",
) -> None:
    """A border with the latent of its axis, the latent's bias, and the range."""
    ink, end = pen.ink, pen.x + inner + 1
    pen.text(corners[0] + "─", ink.frame)
    if axis:
        bias = frame.value(frame.focus, f"z/{axis.latent}/bias")
        pen.target(5, action=f"axis({name!r}, 1)")
        pen.text(f" {arrow} z{axis.latent} ", ink.focus)
        pen.text(f"● {bias:+z.2f}  ", ink.text)
        pen.text(f"{axis.low:+.3g}…{axis.high:+.3g} ", ink.dim)
    note = f" {note} " if note and pen.x + len(note) + 3 <= end else ""
    pen.text("─" * (end - pen.x - len(note)), ink.frame)
    pen.text(note, ink.range)
    pen.text(corners[1], ink.frame)


def _marks(
    frame: ScreenFrame, deck: int, x: Axis, y: Axis | None, width: int, height: int, ink: Ink
) -> dict[tuple[int, int], tuple[str, Style]]:
    """Cell -> glyph of the source, the decoded latent, the bias; in one cell the last of these is drawn."""

    def at(right: float, up: float) -> tuple[int, int]:
        return cell(x.position(right), width), cell(1 - y.position(up) if y else 0.5, height)

    marks = {}
    up = y.latent if y else x.latent
    right_in, up_in = frame.source_value(deck, x.latent), frame.source_value(deck, up)
    if right_in is not None and up_in is not None:
        marks[at(right_in, up_in)] = ("◇", ink.bright)
    if frame.meter(deck, "state") == LIVE:
        result = at(frame.meter(deck, f"z/{x.latent}"), frame.meter(deck, f"z/{up}"))
        marks[result] = ("◈" if result in marks else "◆", ink.mark)
    handle = at(frame.value(deck, f"z/{x.latent}/bias"), frame.value(deck, f"z/{up}/bias"))
    return marks | {handle: ("●", ink.handle)}


@dataclass(frozen=True, eq=False)
class _PadBackground:
    """A pad without its marks: each line as cells and as a drawn piece."""

    glyphs: list[list[str]]
    styles: list[list[Style]]
    pieces: list[Piece]


@lru_cache(16)
def _background(
    corpus: CorpusCloud,
    x: Axis,
    y: Axis | None,
    known: tuple[Range | None, Range | None],
    width: int,
    height: int,
    ink: Ink,
) -> _PadBackground:
    """The corpus as dots, or a frame of the card's ranges if the file has no corpus; and the zero lines."""
    dots = braille.blank(height, width)
    last = max(x.latent, y.latent if y else 0)
    if len(corpus.z) and last < corpus.z.shape[1]:
        z = corpus.z[:, [x.latent, y.latent if y else x.latent]]
        inside = (z[:, 0] >= x.low) & (z[:, 0] <= x.high)
        if y:
            inside &= (z[:, 1] >= y.low) & (z[:, 1] <= y.high)
        for right, up in z[inside]:
            dots[_down(y, up, height), _across(x, right, width)] = True
    elif known[0] and (known[1] or not y):
        left, right = (_across(x, value, width) for value in known[0])
        bottom, top = (_down(y, value, height) for value in known[1] or (0.0, 0.0))
        dots[[top, bottom], left : right + 1 : 2] = True
        dots[top : bottom + 1 : 2, [left, right]] = True
    glyphs = [list(line) for line in braille.text(dots)]
    styles = [[ink.range if glyph != " " else ink.rail for glyph in line] for line in glyphs]
    column = cell(x.position(0), width) if x.low <= 0 <= x.high else -1
    line = cell(1 - y.position(0), height) if y and y.low <= 0 <= y.high else -1
    for row, cells in enumerate(glyphs):
        for i, glyph in enumerate(cells):
            if glyph == " " and (row == line or i == column):
                cells[i] = "┼" if row == line and i == column else "─" if row == line else "│"
    return _PadBackground(glyphs, styles, [runs(g, s) for g, s in zip(glyphs, styles, strict=True)])


def _across(x: Axis, value: float, width: int) -> int:
    """Column of dots of a value, within the cell of a mark at that value."""
    return _dot(x.position(value), width, braille.ACROSS)


def _down(y: Axis | None, value: float, height: int) -> int:
    return _dot(1 - y.position(value) if y else 0.5, height, braille.DOWN)


def _dot(position: float, cells: int, dots: int) -> int:
    return min(max(int((position * (cells - 1) + 0.5) * dots), 0), cells * dots - 1)


@lru_cache(1024)
def _row(background: _PadBackground, row: int, spots: tuple[tuple[int, str, Style], ...]) -> Piece:
    """A line of the pad with its marks."""
    if not spots:
        return background.pieces[row]
    glyphs, styles = list(background.glyphs[row]), list(background.styles[row])
    for at, glyph, style in spots:
        glyphs[at], styles[at] = glyph, style
    return runs(glyphs, styles)

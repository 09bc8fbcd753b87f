"""Traces of a deck's latents in its panel: the decoded values of the last twelve seconds."""

from __future__ import annotations

from functools import lru_cache

from perform.tui import braille
from perform.tui.axes import chosen, latents
from perform.tui.paint import Ink, Piece, runs
from perform.tui.redraws import last_redraw
from perform.tui.screen_frame import ScreenFrame
from perform.tui.trace_history import RATE, RESULT, SAMPLES, TraceHistory
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.trace_dots import column_ranges, corpus_edge, line_dots, upper_edge

SECONDS = 12  #: shortest time that a trace shows
TALL = 2  #: lines of a trace
_ZERO = "⣀"  #: the line of zero, below the upper half of a trace
_HEAD = 6  #: cells before a trace
_EVERY = RATE // 2  #: samples between two drawings: each costs bytes to the terminal


def draw_deck_traces(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int) -> None:
    """Draw as many traces as fit at the right end of these lines: the two of the pad, then the others."""
    ends, cells = pens[0].x + width, min(width - _HEAD, SAMPLES // 4)
    step = -(-SECONDS * RATE // (braille.ACROSS * cells))
    every = max(1, _EVERY // step)
    # the oldest samples are gone before the traces are drawn anew
    cells = min(cells, (SAMPLES // step - every) // braille.ACROSS)
    dots = braille.ACROSS * cells
    x, y = chosen(frame, deck)
    order = [x, *([y] if y != x else []), *(i for i in range(latents(frame, deck)) if i not in (x, y))]
    shown = tuple(order[: len(pens) // TALL])
    edges = tuple(corpus_edge(frame, deck, latent) for latent in shown)
    end = last_redraw(frame.traces.now // step, every, deck)
    lines = _traces(frame.traces, end, deck, step, dots, shown, edges, pens[0].ink)
    selected = frame.selected.address if deck == frame.focus else ""
    for number, (pen, piece) in enumerate(zip(pens, lines, strict=False)):
        latent, row = shown[number // TALL], number % TALL
        address = f"deck/{deck}/z/{latent}/bias"
        pen.target(width, action=f"select('{address}')")
        name = f" z{latent}" if row == 0 else f" {dots * step / RATE:.0f} s" if number == 1 else ""
        pen.text(name, pen.ink.focus if address == selected and row == 0 else pen.ink.dim, _HEAD)
        pen.put(piece, cells)
    for pen in pens:
        pen.pad_to(ends)


@lru_cache(32)
def _traces(
    history: TraceHistory,
    end: int,
    deck: int,
    step: int,
    dots: int,
    shown: tuple[int, ...],
    least: tuple[float, ...],
    ink: Ink,
) -> list[Piece]:
    """The lines of all traces; end: number of the column of dots (`step` samples) that is not yet full."""
    low, high = column_ranges(history.window(deck, (end - dots) * step, dots * step)[:, RESULT], step)
    lines = []
    for latent, least_edge in zip(shown, least, strict=True):
        edge = upper_edge(low[:, latent], high[:, latent], least_edge)
        for row, line in enumerate(braille.text(line_dots(low[:, latent], high[:, latent], edge, TALL))):
            glyphs, styles = list(line), [ink.hue(deck)] * len(line)
            for at, glyph in enumerate(glyphs):
                if glyph == " " and row == TALL // 2 - 1:
                    glyphs[at], styles[at] = _ZERO, ink.rail
            lines.append(runs(glyphs, styles))
    return lines

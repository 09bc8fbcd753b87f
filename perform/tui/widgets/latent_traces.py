"""Traces of a deck's latents over the last seconds: a line for the decoded value, dots for the source."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from perform.core.arena_layout import LIVE
from perform.core.params import SOURCES
from perform.tui import braille
from perform.tui.axes import chosen, latents
from perform.tui.paint import Ink, Piece, runs
from perform.tui.screen_frame import ScreenFrame
from perform.tui.trace_history import RATE, RESULT, SAMPLES, SOURCE, TraceHistory
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.trace_dots import column_ranges, corpus_edge, line_dots, range_dots, upper_edge

SECONDS = 10  #: shortest time that a trace shows, for any width
_HEAD = 14  #: cells before a trace
_TALL = 3  #: preferred lines of a trace
_PAIR = 5  #: fewest lines for both traces of the pad together


def draw_traces(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int) -> None:
    """Draw a legend and the traces on these lines: the pad's two latents on top, then as many as fit."""
    count = latents(frame, deck)
    if not count or not pens or width < _HEAD + 8:
        return
    left, cells = pens[0].x, min(width - _HEAD, SAMPLES // 4)
    dots = braille.ACROSS * cells
    step = -(-SECONDS * RATE // dots)
    _legend(pens[0], frame, deck, width, dots * step / RATE)
    x, y = chosen(frame, deck)
    heights = split(len(pens) - 1, count)
    order = [x, y, *(i for i in range(count) if i not in (x, y))] if count > 1 else [0]
    shown = tuple(zip(order, heights, strict=False))
    ends = tuple(corpus_edge(frame, deck, latent) for latent, _ in shown)
    traces = _traces(frame.traces, frame.traces.now // step, deck, step, dots, shown, ends, pens[0].ink)
    lines = iter(pens[1:])
    for (latent, tall), trace in zip(shown, traces, strict=True):
        end, pieces = trace
        for row in range(tall):
            pen = next(lines)
            _head(pen, frame, deck, latent, row, end)
            pen.put(pieces[row], cells)
    for pen in lines if len(shown) < count else ():
        pen.text(f"{count - len(shown)} more: ] and }} show them", pen.ink.dim)
    for pen in pens:
        pen.pad_to(left + width)


def split(lines: int, count: int) -> list[int]:
    """Lines of each trace. The first two share what is left. One line stays free if not all traces fit."""
    if count < 2:
        return [lines]
    each = min(_TALL, max(1, lines // count))
    if lines < (count - 2) * each + _PAIR:
        lines -= 1
    others = max(0, min(count - 2, (lines - _PAIR) // each))
    rest = lines - others * each
    return [h for h in (rest - rest // 2, rest // 2, *[each] * others) if h > 0]


def _legend(pen: LinePen, frame: ScreenFrame, deck: int, width: int, seconds: float) -> None:
    ink, end = pen.ink, pen.x + width
    source = SOURCES[int(frame.value(deck, "source"))]
    pen.button(source, ink.bright, action="source")
    for glyph, style, meaning in (
        ("●", ink.handle, "bias"),
        ("◆━", ink.mark, "decoded"),
        ("◇┅", ink.text, "source"),
    ):
        pen.text(f"  {glyph}", style)
        pen.text(f" {meaning}", ink.dim)
    text = f"{seconds:.0f} s"
    if pen.x + len(text) + 2 <= end:
        pen.text(text, ink.dim, end - pen.x, right=True)


def _head(pen: LinePen, frame: ScreenFrame, deck: int, latent: int, row: int, end: float) -> None:
    """The head of a line of a trace: on the first line its name, on the others values."""
    ink, after = pen.ink, pen.x + _HEAD
    if row == 0:
        x, y = chosen(frame, deck)
        for name, here in (("x", latent == x), ("y", latent == y != x)):
            pen.button(
                name.upper() if here else name,
                ink.focus if here else ink.rail,
                action=f"span({name!r}, {latent})",
            )
        address = f"deck/{deck}/z/{latent}/bias"
        pen.target(5, action=f"select('{address}')")
        pen.text(f" z{latent}", ink.focus if frame.selected.address == address else ink.text, 5)
        if frame.meter(deck, "state") == LIVE:
            pen.text("◆", ink.mark)
            pen.text(f"{frame.printed_meter(deck, f'z/{latent}'):+z.2f}", ink.text, 5)
    elif row == 1:
        pen.text(f" ±{end:g}", ink.dim, 7)
        if frame.source_value(deck, latent) is not None:
            pen.text("◇", ink.text)
            pen.text(f"{frame.printed_meter(deck, f'in/{latent}'):+z.2f}", ink.dim, 5)
    elif row == 2:
        pen.pad_to(after - 7)
        pen.text("●", ink.handle)
        pen.text(f"{frame.value(deck, f'z/{latent}/bias'):+z.2f}", ink.dim, 5)
    pen.pad_to(after)


@lru_cache(4)
def _traces(
    history: TraceHistory,
    end: int,
    deck: int,
    step: int,
    dots: int,
    shown: tuple[tuple[int, int], ...],
    least: tuple[float, ...],
    ink: Ink,
) -> list[tuple[float, list[Piece]]]:
    """Upper edge and lines of each trace. Cached until the next column of dots (`step` samples) is full.

    end : number of the column that is not yet full
    """
    low, high = column_ranges(history.window(deck, (end - dots) * step, dots * step), step)
    odd = np.arange(end - dots, end) % 2 == 1  # every second column: dots keep their places while they scroll
    traces = []
    for (latent, tall), least_end in zip(shown, least, strict=True):
        edge = upper_edge(low[:, :, latent], high[:, :, latent], least_end)
        result = line_dots(low[:, RESULT, latent], high[:, RESULT, latent], edge, tall)
        middle = (low[:, SOURCE, latent] + high[:, SOURCE, latent]) / 2
        source = range_dots(middle, middle, edge, tall) & odd
        traces.append((edge, _pieces(result, source, ink)))
    return traces


def _pieces(result: braille.Dots, source: braille.Dots, ink: Ink) -> list[Piece]:
    both, alone = braille.text(result | source), braille.text(result)
    return [
        runs(list(line), [ink.level if cell != " " else ink.text for cell in cells])
        for line, cells in zip(both, alone, strict=True)
    ]

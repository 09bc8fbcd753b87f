"""The picture of a deck: the cloud of its corpus with the way of the latents, and a waterfall of all."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.style import Style

from perform.core.arena_layout import LIVE
from perform.tui import braille
from perform.tui.axes import Axis, axes, corpus_range, latents
from perform.tui.corpus_clouds import CorpusCloud
from perform.tui.paint import Ink, Piece, cell, runs
from perform.tui.redraws import last_redraw
from perform.tui.screen_frame import ScreenFrame
from perform.tui.trace_history import RATE, RESULT, SAMPLES, TraceHistory
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.shade_map import SHADES, rows_of, shade_lines
from perform.tui.widgets.spectrogram import draw_spectrogram

LEAST = 3  #: with fewer lines nothing is drawn
_TAIL = 2 * RATE  #: samples of the comet's tail: two seconds
_TAIL_EVERY = 5  #: samples between two drawings of the tail: every change costs bytes to the terminal
_COLUMN = RATE // 2  #: samples of a column of the waterfall
_EVERY = 2 * _COLUMN  #: samples between two drawings of the waterfall
_COLUMNS = (SAMPLES - _EVERY) // _COLUMN  #: most columns: the oldest samples are gone before it is drawn anew

Values = npt.NDArray[np.floating]  #: (points,), sigma


def draw_picture(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int, sound: bool = False) -> None:
    """Draw cloud and waterfall side by side at the right end of these lines; `sound`: its spectrogram."""
    ends = pens[0].x + width if pens else 0
    count = latents(frame, deck)
    if len(pens) >= LEAST and count and width >= 16:
        left = min(max(12, width // 3), 3 * len(pens) + 4) if width >= 28 else 0
        if left:
            draw_cloud(pens, frame, deck, left)
            for pen in pens:
                pen.text(" ", pen.ink.text)
        if sound:
            draw_spectrogram(pens, frame, deck, ends - pens[0].x - 1)
        else:
            _waterfall(pens, frame, deck, ends - pens[0].x - 1, count)
    for pen in pens:
        pen.pad_to(ends)


# -- the cloud


def draw_cloud(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int) -> None:
    """The corpus as dots, the last two seconds of the decoded latents as a tail, its head, the bias."""
    x, y = axes(frame, deck)
    ink, lines = pens[0].ink, len(pens)
    if x is None or y is None:
        for pen in pens:
            pen.pad_to(pen.x + width)
        return
    known = corpus_range(frame, deck, x.latent), corpus_range(frame, deck, y.latent)
    x, y = (_near(axis, near) for axis, near in zip((x, y), known, strict=True))
    dots = _corpus(frame.clouds.of(frame.deck(deck)), x, y, known, width, lines)
    live = frame.meter(deck, "state") == LIVE
    now = last_redraw(frame.traces.now, _TAIL_EVERY, deck)
    tail = _tail(frame.traces, now, deck, x, y, width, lines) if live else braille.blank(lines, width)
    marks: dict[tuple[int, int], tuple[str, Style]] = {}
    bias = [frame.value(deck, f"z/{axis.latent}/bias") for axis in (x, y)]
    marks[_at(x, y, bias, width, lines)] = ("●", ink.handle)
    if live:
        head = [frame.meter(deck, f"z/{axis.latent}") for axis in (x, y)]
        marks[_at(x, y, head, width, lines)] = ("◆", ink.mark)
    spots = tuple(sorted((line, at, *mark) for (at, line), mark in marks.items()))
    for pen, piece in zip(pens, _cloud_lines(_Dots(dots, tail), spots, ink, deck), strict=True):
        pen.put(piece, width)


def _near(axis: Axis, known: tuple[float, float] | None) -> Axis:
    """The range of the corpus and an eighth more at either end."""
    if known is None:
        return axis
    beside = (known[1] - known[0]) / 8
    return Axis(axis.latent, known[0] - beside, known[1] + beside)


def _at(x: Axis, y: Axis, values: list[float], width: int, lines: int) -> tuple[int, int]:
    return cell(x.position(values[0]), width), cell(1 - y.position(values[1]), lines)


@lru_cache(16)
def _corpus(
    cloud: CorpusCloud,
    x: Axis,
    y: Axis,
    known: tuple[tuple[float, float] | None, tuple[float, float] | None],
    width: int,
    lines: int,
) -> braille.Dots:
    """The corpus as dots; a frame of the card's ranges if the file has no corpus."""
    dots = braille.blank(lines, width)
    if len(cloud.z) and max(x.latent, y.latent) < cloud.z.shape[1]:
        _plot(dots, x, y, cloud.z[:, x.latent], cloud.z[:, y.latent])
    elif known[0] and known[1]:
        for share in np.linspace(0, 1, 2 * width):
            right = known[0][0] + share * (known[0][1] - known[0][0])
            up = known[1][0] + share * (known[1][1] - known[1][0])
            _plot(dots, x, y, np.array([right, right]), np.array(known[1]))
            _plot(dots, x, y, np.array(known[0]), np.array([up, up]))
    return dots


@lru_cache(16)
def _tail(
    history: TraceHistory, now: int, deck: int, x: Axis, y: Axis, width: int, lines: int
) -> braille.Dots:
    """The way of the decoded latents, drawn anew five times a second."""
    dots = braille.blank(lines, width)
    way = history.window(deck, now - _TAIL, _TAIL)[:, RESULT]
    way = way[np.isfinite(way[:, [x.latent, y.latent]]).all(axis=1)]
    if len(way) > 1:
        fine = np.linspace(0, len(way) - 1, 4 * len(way))
        _plot(dots, x, y, *(np.interp(fine, np.arange(len(way)), way[:, a.latent]) for a in (x, y)))
    return dots


def _plot(dots: braille.Dots, x: Axis, y: Axis, right: Values, up: Values) -> None:
    rows, columns = dots.shape
    across = (right - x.low) / (x.high - x.low) * (columns - 1) + 0.5
    down = (y.high - up) / (y.high - y.low) * (rows - 1) + 0.5
    inside = (across >= 0) & (across < columns) & (down >= 0) & (down < rows)
    dots[down[inside].astype(int), across[inside].astype(int)] = True


class _Dots:
    """The dots of corpus and tail. Equal if they are the same arrays: the key of a cache."""

    def __init__(self, corpus: braille.Dots, tail: braille.Dots) -> None:
        self.corpus, self.tail = corpus, tail

    def __hash__(self) -> int:
        return hash((id(self.corpus), id(self.tail)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Dots) and other.corpus is self.corpus and other.tail is self.tail


@lru_cache(64)
def _cloud_lines(
    dots: _Dots, spots: tuple[tuple[int, int, str, Style], ...], ink: Ink, deck: int
) -> list[Piece]:
    cells = _cloud_cells(dots, ink, deck)
    lines = [piece for _, _, piece in cells]
    for row in {line for line, *_ in spots}:
        glyphs, styles = list(cells[row][0]), list(cells[row][1])
        for line, at, glyph, style in spots:
            if line == row:
                glyphs[at], styles[at] = glyph, style
        lines[row] = runs(glyphs, styles)
    return lines


@lru_cache(16)
def _cloud_cells(dots: _Dots, ink: Ink, deck: int) -> list[tuple[list[str], list[Style], Piece]]:
    """The dots without the spots, which move more often: characters, styles and piece of each line."""
    both, tail = braille.text(dots.corpus | dots.tail), braille.text(dots.tail)
    styles = [[ink.bright if b != " " else ink.hue(deck) for b in bright] for bright in tail]
    return [(list(g), s, runs(list(g), s)) for g, s in zip(both, styles, strict=True)]


# -- the waterfall


def _waterfall(pens: list[LinePen], frame: ScreenFrame, deck: int, width: int, count: int) -> None:
    """All latents over the last seconds: a column each half second, the newest on the right.

    The colour is the place in the corpus, from its low end (dark) to its high end.
    """
    status, lines = frame.deck(deck), len(pens)
    low, high = status.latent_low[:count], status.latent_high[:count]
    if len(low) < count or len(high) < count:
        low, high = (-2.0,) * count, (2.0,) * count
    end = last_redraw(frame.traces.now, _EVERY, deck)
    live = frame.meter(deck, "state") == LIVE
    pieces = _waterfall_lines(frame.traces, end if live else -1, deck, width, lines, low, high, pens[0].ink)
    for pen, piece in zip(pens, pieces, strict=True):
        pen.put(piece, width)


@lru_cache(32)
def _waterfall_lines(
    history: TraceHistory,
    end: int,
    deck: int,
    width: int,
    lines: int,
    low: tuple[float, ...],
    high: tuple[float, ...],
    ink: Ink,
) -> list[Piece]:
    if end < 0:
        return [runs(["·"] * width, [ink.rail] * width)] * lines
    rows = rows_of(lines, ink, deck)
    columns = min(width, _COLUMNS)
    samples = history.window(deck, end - columns * _COLUMN, columns * _COLUMN)[:, RESULT, : len(low)]
    seen = np.isfinite(samples).reshape(columns, _COLUMN, -1)
    sums = np.nan_to_num(samples).reshape(columns, _COLUMN, -1).sum(axis=1)
    mean = sums / np.maximum(seen.sum(axis=1), 1)  # -> (columns, latents)
    place = (mean - np.array(low)) / np.maximum(np.array(high) - np.array(low), 1e-6)
    level = np.clip(place * (SHADES - 1) + 1, 1, SHADES).astype(int)
    level[~seen.any(axis=1)] = 0
    picked = np.arange(rows) * len(low) // rows if rows > len(low) else np.arange(rows)
    picture = np.zeros((rows, width), int)
    picture[:, width - columns :] = level[:, picked].T
    return shade_lines(picture, lines, ink, deck)

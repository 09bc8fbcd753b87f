"""Below a deck's level: the rows of parameters, and pictures of its latents and sound if there is room."""

from __future__ import annotations

from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_picture import LEAST as PICTURE
from perform.tui.widgets.deck_picture import draw_cloud, draw_picture
from perform.tui.widgets.deck_traces import TALL, draw_deck_traces
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.row_bar import control_width, draw_row
from perform.tui.widgets.spectrogram import draw_spectrogram

_SIDE_BY_SIDE = 76  #: with so many cells the picture stands beside the rows
_CLOUD_BESIDE = 50  #: with so many, and lines below for traces, the cloud does
_LATENT_ROWS, _SOURCE_ROWS = 16, 5  #: rows of latents, and below them, that come before the pictures
_ROWS = 38  #: cells of the rows beside a cloud, with 20 for a bar
_SPECTROGRAM = 3, 6  #: fewest and most lines of a spectrogram
_TRACES = 2 * TALL  #: fewest lines of traces


def scroll(frame: ScreenFrame, deck: int, room: int) -> int:
    """First row shown; it changes only when the cursor leaves the visible rows."""
    count, at = len(frame.rows(deck)), frame.cursor(deck)
    top = frame.view.top.get(deck, 0)
    if at < count:
        top = min(max(top, at - room + 1), at)
    top = min(max(top, 0), max(0, count - room))
    frame.view.top[deck] = top
    return top


def draw_content(pens: list[LinePen], frame: ScreenFrame, deck: int, inner: int, focused: bool) -> str:
    """Draw the rows and as many pictures as there is room for; return the text of the lower border."""
    latents = frame.deck(deck).latents
    first = 2 + min(latents, _LATENT_ROWS) + bool(frame.source_file(deck))  # gain, pan, latents
    if len(pens) >= first + _SOURCE_ROWS + 2 * PICTURE:
        first += _SOURCE_ROWS
    below = len(pens) - first if latents else 0
    if inner >= _CLOUD_BESIDE and below >= _SPECTROGRAM[0] + _TRACES:
        return _wide(pens, first, frame, deck, inner, focused)
    if inner >= _SIDE_BY_SIDE:
        rows = max(_SIDE_BY_SIDE // 2, inner * 2 // 5)
        hint = _rows(pens, frame, deck, rows, focused)
        for pen in pens:
            pen.pad_to(pen.x + 1)
        draw_picture(pens, frame, deck, inner - rows - 1)
        return hint
    if below >= PICTURE:
        hint = _rows(pens[:first], frame, deck, inner, focused)
        traces = _traces(below // 2) if below >= 2 * _TRACES else 0
        for pen in pens[first:]:
            pen.text(" ", pen.ink.text)
        end = len(pens) - traces
        draw_picture(pens[first:end], frame, deck, inner - 1, sound=traces > 0)
        if traces:
            draw_deck_traces(pens[end:], frame, deck, inner - 1)
        return hint
    return _rows(pens, frame, deck, inner, focused)


def _traces(lines: int) -> int:
    """Lines of as many whole traces as fit."""
    return lines // TALL * TALL


def _wide(pens: list[LinePen], first: int, frame: ScreenFrame, deck: int, inner: int, focused: bool) -> str:
    """The cloud beside the rows, traces and spectrogram below both."""
    rows = max(_ROWS, inner * 2 // 5)
    beside, below = pens[:first], pens[first:]
    hint = _rows(beside, frame, deck, rows, focused)
    for pen in beside:
        pen.pad_to(below[0].x + rows + 1)
    draw_cloud(beside, frame, deck, inner - rows - 2)
    fewest, most = _SPECTROGRAM
    traces = _traces(min(len(below) - fewest, TALL * frame.deck(deck).latents))
    traces -= _traces(max(0, min(most - (len(below) - traces), traces - _TRACES)))
    for pen in below:
        pen.text(" ", pen.ink.text)
    draw_deck_traces(below[:traces], frame, deck, inner - 2)
    draw_spectrogram(below[traces:], frame, deck, inner - 2)
    return hint


def _rows(pens: list[LinePen], frame: ScreenFrame, deck: int, inner: int, focused: bool) -> str:
    rows = frame.rows(deck)
    if not pens:
        return ""
    top = scroll(frame, deck, len(pens))
    at = frame.cursor(deck) if focused else -1
    controls = control_width(frame, deck)
    for pen, i in zip(pens, range(top, len(rows)), strict=False):
        draw_row(pen, frame, rows[i], inner, here=i == at, controls=controls)
    above, below = top, len(rows) - top - len(pens)
    return (f" [ {above} above " if above else "") + (f" ] {below} more " if below > 0 else "")

"""The master: level with held peak, in big letters where there is room, loudness, its parameters; macros."""

from __future__ import annotations

import math

from rich.cells import cell_len

from perform.core import params
from perform.tui.paint import Piece, cell, decibel, eighths, fader, meter, short
from perform.tui.parameter_rows import STAGE_ROWS
from perform.tui.screen_frame import ScreenFrame, level
from perform.tui.widgets.big_letters import draw_big
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.row_bar import draw_head, draw_marks

ROWS = STAGE_ROWS[-4:]
_GAIN = ROWS[0]
_MACROS = tuple(row for row in STAGE_ROWS if row.address.startswith("macro/"))
_BIG = 20  #: cells of the level in big letters
_PEAKS = 17  #: cells of "  -6.2 pk  -3.9 "


def draw_master(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Draw the master on one line, or on three with the level in big letters."""
    if len(pens) == 1:
        _short(pens[0], frame, width)
        return
    ink, room = pens[0].ink, width - 9 - 2 - _PEAKS - _BIG
    for number, (pen, side) in enumerate(zip(pens, "lr", strict=False)):
        if number:
            pen.pad_to(9)
        else:
            draw_head(pen, "MASTER", frame.selected in ROWS)
        pen.text(f"{side.upper()} ", ink.dim)
        pen.put(_bar(frame, side, number, room, pen), room)
        peak, held = level(frame.printed_stage_meter(f"peak/{side}")), frame.sound.peaks[number]
        pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 7, right=True)
        pen.text(" pk", ink.dim)
        pen.text(decibel(held), ink.hot if held > -3 else ink.text, 6, right=True)
        pen.text(" ", ink.text)
    last = pens[-1]
    _parameters(last, frame, 9 + 2 + room + _PEAKS - 26)
    text = loudness(frame)
    last.pad_to(9 + 2 + room + _PEAKS - len(text) - 1)
    last.text(text, ink.text)
    for pen in pens:
        pen.pad_to(width - _BIG)
    peak = max(level(frame.printed_stage_meter(f"peak/{side}")) for side in "lr")
    draw_big(pens, decibel(peak), ink.hot if peak > -3 else ink.bright, _BIG)


def loudness(frame: ScreenFrame) -> str:
    """`S -14.2  I -15.0 LUFS`: of the last 3 s, and integrated since the song began."""
    short_term, integrated = (_lufs(value) for value in (frame.sound.short_term, frame.sound.integrated))
    return f"S {short_term}  I {integrated} LUFS"


def _lufs(value: float) -> str:
    return f"{value:5.1f}" if math.isfinite(value) else " -inf"


def _bar(frame: ScreenFrame, side: str, number: int, room: int, pen: LinePen) -> Piece:
    held = frame.sound.peaks[number]
    hold = eighths(held, room) // 8 if math.isfinite(held) else -1
    return meter(room, eighths(level(frame.stage_meter(f"peak/{side}")), room), pen.ink, min(hold, room - 1))


def _short(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    ink = pen.ink
    draw_head(pen, "MASTER", frame.selected in ROWS)
    room = (width - 76) // 3 if width >= 112 else 8
    for number, side in enumerate("lr"):
        pen.text(f"{side.upper()} ", ink.dim)
        pen.put(_bar(frame, side, number, room, pen), room)
        peak = level(frame.printed_stage_meter(f"peak/{side}"))
        pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 6, right=True)
        pen.text("  ", ink.text)
    _parameters(pen, frame, width, room)


def _parameters(pen: LinePen, frame: ScreenFrame, width: int, bar: int = 10) -> None:
    """Gain with a bar of so many cells, ceiling, margin, reference: as many as fit."""
    ink, selected = pen.ink, frame.selected
    pen.pad_to(9)
    for row in ROWS:
        here, value = selected is row, frame.table[row.slot]
        text, marks = short(row.spec, value), frame.marks.get(row.address, "")
        room = bar if row is _GAIN else 0
        if pen.x + len(row.label) + len(marks) + room + len(text) + 4 > width:
            return
        pen.target(len(row.label) + len(text) + room + 2, action=f"select('{row.address}')")
        pen.text(f"{'▸' if here else ' '}{row.label} ", ink.focus if here else ink.dim)
        draw_marks(pen, row.address, marks)
        if room:
            pen.target(room, address=row.address)
            pen.put(fader(room, cell(row.spec.position(value), room), ink), room)
            pen.text(" ", ink.text)
        pen.text(text, ink.bright if here else ink.text, max(5, len(text)))
    _insert(pen, frame, width)


def _insert(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """The module of the master's insert, if there is room."""
    text, ink = frame.insert_text(0), pen.ink
    if not text or pen.x + 8 > width:
        return
    here = frame.selected.address.startswith(params.insert_head(0))
    cells = min(cell_len(text), width - pen.x - 2)
    pen.target(cells + 2, action="app.insert_master")
    pen.text(f"{'▸' if here else ' '}", ink.focus)
    pen.text(text, ink.mark if "▲" in text else ink.text, cells)
    pen.text(" ", ink.text)


def draw_macros(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Draw the eight macros as faders."""
    selected = frame.selected
    draw_head(pen, "MACROS", selected in _MACROS)
    cells = (width - pen.x) // len(_MACROS)
    for row in _MACROS:
        ink, here, value, end = pen.ink, selected is row, frame.table[row.slot], pen.x + cells
        pen.target(3, action=f"select('{row.address}')")
        pen.text(f"{'▸' if here else ' '}{row.label} ", ink.focus if here else ink.dim, 3)
        room = max(1, cells - 8)
        pen.target(room, address=row.address)
        ghost = cell(frame.hardware[row.slot], room) if row.slot in frame.hardware else -1
        pen.put(fader(room, cell(value, room), ink, ghost), room)
        pen.text(f" {value:.2f}", ink.bright if here else ink.text, end - pen.x)

"""The lines SCENES and MORPH: the scenes of the song, and the morph between two of them."""

from __future__ import annotations

from rich.cells import cell_len

from perform.core.params import SCENES
from perform.tui.paint import bar, cell, short
from perform.tui.parameter_rows import STAGE_ROWS, ParameterRow
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.row_bar import brief, draw_marks

_MORPH, _A, _B, _TEMPO = STAGE_ROWS[1:5]
_HEADS = {"": " SCENES", "store": "▸STORE", "forget": "▸DELETE", "a": "▸A IS", "b": "▸B IS"}
_HEADED = 60  #: with so many cells the line has a title
_NAMED = 40  #: with so many cells the ends of the morph have names
_UNUSED = 5  #: cells of a scene that is not stored: "F4 – "


def draw_scenes(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """F2 to F9 in `width` cells with their names; ◀ marks the one recalled last."""
    ink, what = pen.ink, frame.prefix
    end = pen.x + width
    if width >= _HEADED:
        pen.text(_HEADS[what], ink.alert if what else ink.dim, 8)
    pen.text(" ", ink.text)
    stored = frame.scenes
    share = (end - pen.x - _UNUSED * (SCENES - len(stored))) // max(1, len(stored))
    for number in range(1, SCENES + 1):
        action, here = f"app.scene({number})", number == frame.status.scene
        if number not in stored:
            pen.target(_UNUSED, action=action)
            pen.text(f"F{number + 1} –", ink.dim, _UNUSED)
            continue
        name, tail = stored[number].name or "●", "◀" if here else ""
        cells = max(1, min(cell_len(name), share - 4 - len(tail)))
        pen.target(3 + cells + len(tail), action=action)
        pen.text(f"F{number + 1} ", ink.dim)
        pen.text(name, ink.focus if here else ink.text, cells)
        pen.text(f"{tail} ", ink.focus)
    pen.pad_to(end)


def draw_morph(pen: LinePen, frame: ScreenFrame, width: int, tempo: bool) -> None:
    """The scene at each end, the bar between them, and the tempo of glides if `tempo`."""
    ink, end = pen.ink, pen.x + width
    here, value = frame.selected is _MORPH, frame.table[_MORPH.slot]
    marks = frame.marks.get(_MORPH.address, "")
    pen.target(9, action=f"select('{_MORPH.address}')")
    pen.text("▸" if here else " ", ink.focus)
    pen.text(_MORPH.label, ink.focus if here else ink.dim, 8 - len(marks))
    draw_marks(pen, _MORPH.address, marks)
    control = brief(frame.control(_MORPH.address))
    names = min(14, width // 5) if width >= _NAMED else 2  # "F3"
    tail = 8 + (len(control) + 1 if control else 0) + (15 if tempo else 0)
    _end(pen, frame, _A, names)
    pen.text(" ", ink.text)
    right = _end_text(frame, _B, names)
    room = max(3, end - pen.x - tail - cell_len(right) - 2)
    pen.target(room, address=_MORPH.address)
    between = all(frame.table[row.slot] for row in (_A, _B))
    pen.put(bar(room, cell(value, room) if between else -1, ink), room)
    pen.text(" ", ink.text)
    _end(pen, frame, _B, names)
    pen.text(f"{100 * value:.0f} %", ink.bright if here else ink.text, 6, right=True)
    if control:
        pen.text(f" {control}", ink.dim)
    if tempo:
        _tempo(pen, frame)
    pen.pad_to(end)


def _end_text(frame: ScreenFrame, row: ParameterRow, width: int) -> str:
    number = int(row.spec.clamp(frame.table[row.slot]))
    return frame.scene(number)[:width] if number else "–"


def _end(pen: LinePen, frame: ScreenFrame, row: ParameterRow, width: int) -> None:
    """An end of the morph; a click chooses the next stored scene."""
    text, here = _end_text(frame, row, width), frame.selected is row
    pen.target(cell_len(text), action=f"app.morph_end('{row.label}')")
    pen.text(text, pen.ink.focus if here else pen.ink.bright, cell_len(text))


def _tempo(pen: LinePen, frame: ScreenFrame) -> None:
    here = frame.selected is _TEMPO
    pen.text(" ", pen.ink.text)
    pen.target(13, action=f"select('{_TEMPO.address}')")
    pen.text("▸tempo " if here else " tempo ", pen.ink.focus if here else pen.ink.dim)
    pen.text(short(_TEMPO.spec, frame.table[_TEMPO.slot]), pen.ink.bright if here else pen.ink.text, 6)

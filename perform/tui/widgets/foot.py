"""The lines below the decks: crossfader, scenes, master, selected parameter, last control, log, keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.cells import cell_len

from perform.core.params import DECKS
from perform.tui.paint import Ink, bar, cell, short
from perform.tui.parameter_rows import CUE_ROWS, STAGE_ROWS
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.deck_grid import deck_rows_of, panelled
from perform.tui.widgets.kept_lines import SELDOM, KeptLines
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.master_lines import draw_macros, draw_master
from perform.tui.widgets.row_bar import brief, draw_head
from perform.tui.widgets.scene_line import draw_morph, draw_scenes
from perform.tui.widgets.selected_lines import draw_selected, draw_touched
from perform.tui.widgets.side_column import side_width

_CUE = 28  #: cells of the cue beside the crossfader
_XFADE = STAGE_ROWS[0]
_MACRO_LINE = 28  #: with so many lines the macros get a line
#: with so many lines MORPH gets a separate line: beside the strips of a small screen; with two rows of panels
_TALL_STRIPS, _TALL_PANELS = 18, 48
_TWO_LOGS = 160  #: with so many cells the log has two columns, and keys stand beside a notice
_BIG = 38  #: with so many lines and one row of panels, songs and master have big letters

#: key as shown, text, action; a narrow screen leaves out the last ones
HINTS = (
    ("!", "panic", "app.panic"),
    ("r", "rec", "app.record"),
    ("n", "next", "app.arm(1)"),
    ("⏎", "go", "app.go"),
    ("j", "songs", "app.set_list"),
    ("o", "load", "app.browse"),
    ("l", "learn", "app.learn"),
    ("?", "help", "app.help"),
    ("^q", "leave", "app.quit"),
    ("u", "undo", "app.undo"),
    ("w", "scene", "app.prefix('store')"),
    ("k", "mark", "app.mark"),
    ("^s", "save", "app.save"),
    ("z", "latents", "app.latents"),
    ("a", "source", "source"),
    ("^p", "palette", "app.command_palette"),
    ("=", "value", "app.value"),
    ("C", "mapping", "app.mapping"),
)


def foot_height(width: int, height: int, frame: ScreenFrame) -> int:
    """Number of lines; the log gets more of them if few decks are in use, and none beside the side column."""
    fixed = (6 if shared(width, height, frame) else 7) + _has_macros(height, frame)
    if not panelled(width, height):
        return fixed + 1 if width >= 80 and height >= 24 else 0
    fixed += master_height(width, height, frame) - 1
    if side_width(width):  # it has the events
        return fixed
    if _two_rows(frame, width):
        return fixed + (1 if height < _TALL_PANELS else 4)
    return fixed + (1 if height < _TALL_PANELS else 3)


def _has_macros(height: int, frame: ScreenFrame) -> bool:
    """Whether the macros have a line: the song uses them, and there is room."""
    return frame.uses_macros and height >= _MACRO_LINE


def shared(width: int, height: int, frame: ScreenFrame) -> bool:
    """Whether SCENES and MORPH share a line, because it is long or the decks need the other line."""
    if panelled(width, height):
        return height < _TALL_PANELS or side_width(width) > 0
    return height - len({*frame.used, frame.focus}) < _TALL_STRIPS


def _two_rows(frame: ScreenFrame, width: int) -> bool:
    return len(deck_rows_of(frame, width)) > 1


def master_height(width: int, height: int, frame: ScreenFrame) -> int:
    """Lines of the master: three where the level has big letters."""
    return 3 if has_heading(width, height, frame) else 1


def has_heading(width: int, height: int, frame: ScreenFrame) -> bool:
    """Whether songs and master have big letters: there is room for them beside the decks."""
    return panelled(width, height) and height >= (_TALL_PANELS if _two_rows(frame, width) else _BIG)


class FootBar(LineWidget):
    """The lines below the decks. `hints` are the keys on its last line, see HINTS."""

    def __init__(self, name: str, hints: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(name)
        self._hints = hints
        self._kept = KeptLines()

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Crossfader, scenes, morph, master, macros, selected, touched, log, keys."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(height)]
        if height < 6:
            return pens
        if hits is None:
            self._kept.begin_frame()
        size = self.app.size
        joined, tall = shared(*size, frame), master_height(*size, frame)
        upper, rest = pens[: 3 - joined], pens[3 - joined :]
        self._kept.draw(0, upper, width, frame, partial(_mix, upper, frame, width), True, SELDOM)
        master, lower = rest[:tall], rest[tall:]
        self._kept.draw(1, master, width, frame, partial(draw_master, master, frame, width), True)
        macros = _has_macros(size.height, frame)
        below = partial(_below, lower, frame, width, macros, self._hints)
        self._kept.draw(2, lower, width, frame, below, True, SELDOM)
        for pen in pens:
            pen.pad_to(width)
        return pens


def _mix(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """Crossfader, scenes and morph; on two lines scenes and morph share one."""
    _xfade(pens[0], frame, width)
    if len(pens) == 2:
        draw_scenes(pens[1], frame, width * 2 // 3 if width >= _TWO_LOGS else width * 21 // 32)
        draw_morph(pens[1], frame, width - pens[1].x, tempo=False)
    else:
        draw_scenes(pens[1], frame, width)
        draw_morph(pens[2], frame, width, tempo=True)


def _below(
    pens: list[LinePen], frame: ScreenFrame, width: int, macros: bool, hints: Sequence[tuple[str, str, str]]
) -> None:
    """Macros, the selected parameter, the touched control, the log; the keys on the last line."""
    lines = iter(pens[:-1])
    draws = [*([draw_macros] if macros else []), draw_selected, draw_touched]
    for draw, pen in zip(draws, lines, strict=False):
        draw(pen, frame, width)
    _log(list(lines), frame, width)
    for pen in pens[-1:]:
        _keys(pen, frame, width, hints)


def _xfade(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    ink, value, here = pen.ink, frame.table[_XFADE.slot], frame.selected is _XFADE
    pen.target(9, action="select('xfade')")
    draw_head(pen, "X-FADE", here, frame.marks.get("xfade", ""), "xfade")
    control = frame.control("xfade")
    room = width - 9 - 4 - 8 - (len(brief(control)) + 2 if control else 0) - (_CUE if frame.has_cue else 0)
    pen.button("A ", ink.bright, "xfade", 0.0)
    pen.target(room, address="xfade")
    ghost = cell(frame.hardware[_XFADE.slot], room) if _XFADE.slot in frame.hardware else -1
    pen.put(bar(room, cell(value, room), ink, centre=cell(0.5, room), ghost=ghost), room)
    pen.button(" B", ink.bright, "xfade", 1.0)
    pen.text(f"{100 * value:.0f} % ", ink.bright if here else ink.text, 7, right=True)
    if control:
        pen.text(brief(control), ink.dim)
    if frame.has_cue:
        pen.pad_to(width - _CUE)
        _cue(pen, frame)


def _cue(pen: LinePen, frame: ScreenFrame) -> None:
    """The mix of cue and master in the headphones, and their level."""
    ink = pen.ink
    pen.text("CUE", ink.on if any(frame.value(deck, "cue") for deck in range(1, DECKS + 1)) else ink.dim)
    selected = frame.selected
    for row in CUE_ROWS:
        here = selected is row
        pen.target(len(row.label) + 8, action=f"select('{row.address}')")
        pen.text(f"{'▸' if here else ' '}{row.label}", ink.focus if here else ink.dim)
        pen.text(short(row.spec, frame.table[row.slot]), ink.bright if here else ink.text, 6, right=True)


def _log(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    if pens:
        draw_head(pens[0], "LOG")
    columns = 2 if width >= _TWO_LOGS else 1
    events = frame.status.log[-columns * len(pens) :][::-1] if pens else ()
    for i, event in enumerate(events):
        pen, column = pens[i % len(pens)], i // len(pens)
        room = (width - 9) // columns
        pen.pad_to(9 + column * room)
        pen.text(event, pen.ink.dim if i else pen.ink.text, room - 1)


def _keys(pen: LinePen, frame: ScreenFrame, width: int, hints: Sequence[tuple[str, str, str]]) -> None:
    ink = pen.ink
    if notice := frame.notice:
        long = width if width < _TWO_LOGS else min(cell_len(notice) + 3, width)
        pen.text(f" {notice}", ink.mark, long)
    for key, text, action in hints:
        if pen.x + len(key) + len(text) + 4 > width:
            return
        pen.target(len(key) + len(text) + 3, action=action)
        pen.text(f" {key}", ink.focus)
        pen.text(f" {text} ", ink.dim)

"""The lines below the decks: crossfader, scenes, master, selected parameter, last control, log, keys."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from perform.core.knob_ranges import is_audible
from perform.core.messages.control_messages import BindingOptions
from perform.core.params import DECKS
from perform.tui.paint import Ink, bar, cell, decibel, eighths, fader, meter, short
from perform.tui.parameter_rows import CUE_ROWS, STAGE_ROWS, ParameterRow
from perform.tui.screen_frame import EXCLUDED, MODULATED, ScreenFrame, level, loop_text
from perform.tui.widgets.deck_grid import SPARE, panelled, row_heights
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.locate_line import draw_locate
from perform.tui.widgets.row_bar import UNHEARD, brief, draw_marks
from perform.tui.widgets.scene_line import draw_morph, draw_scenes

_MASTER = STAGE_ROWS[-4:]
_CUE = 28  #: cells of the cue beside the crossfader
_MACRO_ROWS = tuple(row for row in STAGE_ROWS if row.address.startswith("macro/"))
_XFADE, _GAIN = STAGE_ROWS[0], _MASTER[0]
_MACRO_LINE = 28  #: with so many lines the macros get a line
#: with so many lines MORPH gets a separate line: beside the strips of a small screen; with two rows of panels
_TALL_STRIPS, _TALL_PANELS = 18, 48

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
    """Number of lines; the log gets more of them if few decks are in use."""
    fixed = (6 if shared(width, height, frame) else 7) + _has_macros(height, frame)
    if not panelled(width, height):
        return fixed + 1 if width >= 80 and height >= 24 else 0
    if _two_rows(frame, height):
        return fixed + (1 if height < _TALL_PANELS else 5)
    return fixed + min(max(1, height - 37), 5)


def _has_macros(height: int, frame: ScreenFrame) -> bool:
    """Whether the macros have a line: the song uses them, and there is room."""
    return frame.uses_macros and height >= _MACRO_LINE


def shared(width: int, height: int, frame: ScreenFrame) -> bool:
    """Whether SCENES and MORPH share a line, because the decks need the other line."""
    if panelled(width, height):
        return height < (_TALL_PANELS if _two_rows(frame, height) else 37)
    return height - sum(frame.in_use(d) or d == frame.focus for d in range(1, DECKS + 1)) < _TALL_STRIPS


def _two_rows(frame: ScreenFrame, height: int) -> bool:
    return len([tall for tall in row_heights(frame, height) if tall > SPARE]) > 1


class FootBar(LineWidget):
    """The lines below the decks. `hints` are the keys on its last line, see HINTS."""

    def __init__(self, name: str, hints: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(name)
        self._hints = hints

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Crossfader, scenes, morph, master, macros, selected, touched, log, keys."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(height)]
        if height < 7:
            return pens
        lines = iter(pens[:-1])
        _xfade(next(lines), frame, width)
        pen = next(lines)
        if shared(*self.app.size, frame):
            draw_scenes(pen, frame, width * 5 // 8)
            draw_morph(pen, frame, width - pen.x, tempo=False)
        else:
            draw_scenes(pen, frame, width)
            draw_morph(next(lines), frame, width, tempo=True)
        _master(next(lines), frame, width)
        if _has_macros(self.app.size.height, frame):
            _macros(next(lines), frame, width)
        _selected(next(lines), frame, width)
        _touched(next(lines), frame, width)
        _log(list(lines), frame, width)
        _keys(pens[-1], frame, width, self._hints)
        for pen in pens:
            pen.pad_to(width)
        return pens


def _head(pen: LinePen, text: str, here: bool = False, marks: str = "", address: str = "") -> None:
    pen.text("▸" if here else " ", pen.ink.focus)
    pen.text(text, pen.ink.focus if here else pen.ink.dim, 8 - len(marks))
    draw_marks(pen, address, marks)


def _xfade(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    ink, value, here = pen.ink, frame.table[_XFADE.slot], frame.selected is _XFADE
    pen.target(9, action="select('xfade')")
    _head(pen, "X-FADE", here, frame.marks.get("xfade", ""), "xfade")
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
    for row in CUE_ROWS:
        here = frame.selected is row
        pen.target(len(row.label) + 8, action=f"select('{row.address}')")
        pen.text(f"{'▸' if here else ' '}{row.label}", ink.focus if here else ink.dim)
        pen.text(short(row.spec, frame.table[row.slot]), ink.bright if here else ink.text, 6, right=True)


def _master(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    ink = pen.ink
    _head(pen, "MASTER", frame.selected in _MASTER)
    room = max(8, (width - 76) // 3 if width >= 112 else 8)
    for side in ("l", "r"):
        pen.text(f"{side.upper()} ", ink.dim)
        pen.put(meter(room, eighths(level(frame.stage_meter(f"peak/{side}")), room), ink), room)
        peak = level(frame.printed_stage_meter(f"peak/{side}"))
        pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 6, right=True)
        pen.text("  ", ink.text)
    for row in _MASTER:
        here, value = frame.selected is row, frame.table[row.slot]
        text, marks = short(row.spec, value), frame.marks.get(row.address, "")
        bar_room = room if row is _GAIN else 0
        if pen.x + len(row.label) + len(marks) + bar_room + len(text) + 4 > width:
            return
        pen.target(len(row.label) + len(text) + bar_room + 2, action=f"select('{row.address}')")
        pen.text(f"{'▸' if here else ' '}{row.label} ", ink.focus if here else ink.dim)
        draw_marks(pen, row.address, marks)
        if bar_room:
            pen.target(bar_room, address=row.address)
            pen.put(fader(bar_room, cell(row.spec.position(value), bar_room), ink), bar_room)
            pen.text(" ", ink.text)
        pen.text(text, ink.bright if here else ink.text, max(5, len(text)))


def _wanted(options: BindingOptions) -> str:
    """The options of the control that is being learnt."""
    chosen = msgspec.to_builtins(options)
    return f" ({', '.join(f'{key} {value}' for key, value in chosen.items())})" if chosen else ""


def _macros(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    _head(pen, "MACROS", frame.selected in _MACRO_ROWS)
    cells = (width - pen.x) // len(_MACRO_ROWS)
    for row in _MACRO_ROWS:
        ink, here, value, end = pen.ink, frame.selected is row, frame.table[row.slot], pen.x + cells
        pen.target(3, action=f"select('{row.address}')")
        pen.text(f"{'▸' if here else ' '}{row.label} ", ink.focus if here else ink.dim, 3)
        room = max(1, cells - 8)
        pen.target(room, address=row.address)
        ghost = cell(frame.hardware[row.slot], room) if row.slot in frame.hardware else -1
        pen.put(fader(room, cell(value, room), ink, ghost), room)
        pen.text(f" {value:.2f}", ink.bright if here else ink.text, end - pen.x)


def _selected(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    ink, row, view = pen.ink, frame.selected, frame.view
    if view.learning:
        address, control = view.learning, frame.control(view.learning)
        note, wanted = frame.status.learn_note, _wanted(view.learn_options)
        text = f"LEARN  move a control to map it to {address}{wanted}, esc to stop"
        if control and view.learn_confirmed and not frame.status.learning:
            text = f"LEARNED  {address} ← {control}; select another, esc to stop"
        text += f"   {note}" if note else "   = value, range, curve  u undo"
        pen.target(width, action="app.stop_learning")
        pen.text(f" ◉ {text}", ink.alert, width)
        return
    if view.locate:
        draw_locate(pen, frame, view.locate, width)
        return
    _head(pen, "SELECT")
    pen.text(row.name, ink.bright)
    pen.target(20, action="app.value")
    pen.text(f"  {row.long(frame.table[row.slot])}", ink.bright)
    for text in (
        loop_text(frame, row.address),
        f"{EXCLUDED} excluded" if EXCLUDED in frame.marks.get(row.address, "") else "",
    ):
        if text:
            pen.text(f"   {text}", ink.mark)
    parts = [*_modulated(row, frame), *_latent(row, frame)]
    if row.address == f"deck/{frame.focus}/source" and (file := frame.source_file(frame.focus)):
        parts.append(f"{file} (O)")
    control = frame.control(row.address)
    parts.append(control or "not mapped")
    text = "   ".join(parts)
    loop, alone = ("g ↻ loop  ", "E ⊘ exclude ") if width >= 112 else ("g↻ ", "E⊘ ")
    pen.text(f"   {text}", ink.dim, max(0, min(len(text) + 3, width - len(loop) - len(alone) - 1 - pen.x)))
    pen.pad_to(width - len(loop) - len(alone))
    pen.button(loop, ink.dim, action="app.loop")
    pen.button(alone, ink.dim, action="app.exclude")


def _modulated(row: ParameterRow, frame: ScreenFrame) -> list[str]:
    """The value with modulation, and the modulators that move it."""
    if row.slot not in frame.modulated:
        return []
    by = ", ".join(frame.modulators_of(row.address))
    return [f"{MODULATED} {short(row.spec, frame.modulated[row.slot])} by {by}"]


def _latent(row: ParameterRow, frame: ScreenFrame) -> list[str]:
    """Current values of a latent and the range of the corpus."""
    if row.latent < 0:
        return []
    status = frame.deck(frame.focus)
    parts = [f"decoded {frame.printed_meter(frame.focus, f'z/{row.latent}'):+.2f}"]
    if frame.source_value(frame.focus, row.latent) is not None:
        parts.append(f"source {frame.printed_meter(frame.focus, f'in/{row.latent}'):+.2f}")
    if len(status.latent_low) > row.latent < len(status.latent_high):
        parts.append(f"corpus {status.latent_low[row.latent]:+.2f}..{status.latent_high[row.latent]:+.2f}")
    effect = frame.effect(frame.focus, row.latent)
    if not math.isnan(effect):
        what = "effect" if is_audible(effect) else f"{UNHEARD} hardly heard,"
        parts.insert(0, f"{what} {effect:.1f} dB")
    return parts


def _touched(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    _head(pen, "TOUCHED")
    ink, touch = pen.ink, frame.status.touched
    if not touch.control:
        pen.text("no control has moved yet", ink.dim)
        return
    pen.text(touch.control, ink.text, min(len(touch.control), 40))
    if touch.address:
        moved = frame.row(touch.address)
        text = f" → {moved.name}  {moved.long(frame.table[moved.slot])}"
        pen.text(text, ink.bright, min(len(text), width - pen.x))
        if touch.turn and moved.slot in frame.hardware:
            text = f"   turn {'right' if touch.turn > 0 else 'left'} {abs(touch.turn)}"
            pen.text(text, ink.mark, max(0, min(len(text), width - pen.x)))


def _log(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    if pens:
        _head(pens[0], "LOG")
    events = frame.status.log[-len(pens) :][::-1] if pens else ()
    for i, pen in enumerate(pens):
        pen.pad_to(9)
        if i < len(events):
            pen.text(events[i], pen.ink.dim if i else pen.ink.text, width - 10)


def _keys(pen: LinePen, frame: ScreenFrame, width: int, hints: Sequence[tuple[str, str, str]]) -> None:
    ink, view = pen.ink, frame.view
    if view.notice and frame.now < view.notice_until:
        pen.text(f" {view.notice}", ink.mark, width)
        return
    for key, text, action in hints:
        if pen.x + len(key) + len(text) + 4 > width:
            return
        pen.target(len(key) + len(text) + 3, action=action)
        pen.text(f" {key}", ink.focus)
        pen.text(f" {text} ", ink.dim)

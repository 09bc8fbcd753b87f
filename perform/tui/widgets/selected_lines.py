"""The lines SELECT and TOUCHED: the selected parameter, and the control that moved last."""

from __future__ import annotations

import math

import msgspec

from perform.core.knob_ranges import is_audible
from perform.core.messages.control_messages import BindingOptions
from perform.core.printable import printable
from perform.tui.paint import short
from perform.tui.parameter_rows import ParameterRow
from perform.tui.screen_frame import EXCLUDED, MODULATED, ScreenFrame, loop_text
from perform.tui.widgets.line_widget import LinePen
from perform.tui.widgets.locate_line import draw_locate
from perform.tui.widgets.row_bar import UNHEARD, draw_head


def _wanted(options: BindingOptions) -> str:
    """The options of the control that is being learnt."""
    chosen = msgspec.to_builtins(options)
    return f" ({', '.join(f'{key} {value}' for key, value in chosen.items())})" if chosen else ""


def draw_selected(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Draw the selected parameter; while learning, what to do."""
    ink, row, view = pen.ink, frame.selected, frame.view
    if view.learning:
        address, control = view.learning, frame.control(view.learning)
        note, wanted = frame.status.learn_note, _wanted(view.learn_options)
        if not note and not frame.status.midi and not frame.status.osc:
            note = "no MIDI device is connected: plug one in"
        text = f"LEARN  move a control to map it to {address}{wanted}, esc to stop"
        if view.learn_confirmed and frame.status.learnt == address:
            text = f"LEARNED  {address}{f' ← {control}' if control else ''}; select another, esc to stop"
        elif view.learn_confirmed and frame.status.learning != address:
            text = "LEARN  has ended: select a parameter to learn it, esc to stop"
        text += f"   {note}" if note else "   = value, range, curve  u undo  m, ⏎...: learn it"
        pen.target(width, action="app.stop_learning")
        pen.text(f" ◉ {text}", ink.alert, width)
        return
    if view.locate:
        draw_locate(pen, frame, view.locate, width)
        return
    draw_head(pen, "SELECT")
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
    if row.address in (f"deck/{frame.focus}/gain", f"deck/{frame.focus}/source"):
        parts += _licence(frame.deck(frame.focus).licence)
        parts += [text] if (text := frame.deck(frame.focus).plays_with) else []
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


def _licence(licence: str) -> list[str]:
    """The licence of the deck's model, if it is known."""
    return [] if licence in ("", "unknown") else [f"licence {printable(licence)}"]


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


def draw_touched(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Draw the control that moved last, what it moves, and how far it is from it."""
    draw_head(pen, "TOUCHED")
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

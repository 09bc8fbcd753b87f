"""The line that shows, while the player locates, what a control does and which controls a parameter has."""

from __future__ import annotations

from perform.tui.located import Located, control_name, controls_of, moved_by
from perform.tui.parameter_rows import name
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen


def draw_locate(pen: LinePen, frame: ScreenFrame, located: Located, width: int) -> None:
    """Draw the line, in place of the line of the selected parameter."""
    pen.target(width, action="app.stop_learning")
    pen.text(" ◎ ", pen.ink.mark)
    text = _of_touch(frame, located) if located.touch else _of_parameter(frame)
    pen.text(text, pen.ink.bright, max(0, width - pen.x))


def _of_parameter(frame: ScreenFrame) -> str:
    row = frame.selected
    controls = controls_of(row.address, frame.focus, frame.status.bindings, frame.view.control_rows)
    return f"{row.name} ← {', '.join(controls) or 'no control'}   touch a control to locate it, esc to stop"


def _of_touch(frame: ScreenFrame, located: Located) -> str:
    """`nanoKONTROL2 knob 1 (CC16) → deck 1 z0 bias +0.20 σ   absolute, scale   device nanoKONTROL2`."""
    touch, rows = located.touch, located.of_touch(frame.view.control_rows)
    assert touch is not None
    control = control_name(rows[0]) if rows else f"{touch.port} {touch.sends}"
    if not touch.address:
        hides = [row.why for row in rows if row.to == "nothing" and not row.hidden_by]
        return f"{control} → nothing{f', by {hides[0]}' if hides else ''}   l learns it"
    moved = frame.row(touch.address)
    parts = [f"{control} → {moved.name}  {moved.long(frame.table[moved.slot])}"]
    if touch.turn and moved.slot in frame.hardware:
        parts.append(f"turn {'right' if touch.turn > 0 else 'left'} {abs(touch.turn)}")
    moving = dict.fromkeys(moved_by(row, frame.focus, frame.knobs) for row in rows if not row.hidden_by)
    if more := [name(to) for to in moving if to not in ("", touch.address)]:
        parts.append(f"and {', '.join(more)}")
    parts += [f"{row.how}   {row.why}" for row in rows[:1]]
    parts += [f"{row.to} is {row.why}" for row in rows if row.hidden_by]
    return "   ".join(parts)

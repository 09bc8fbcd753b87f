"""A picture of the controller that was touched last: where each of its controls stands, and what waits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.style import Style

from perform.core.messages.control_messages import BindingRow
from perform.tui.located import moved_by
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

_HEAD, _CELLS, _ROW = 7, 3, 8  #: cells of a name, of a control; controls in a line
_HIGH = 30  #: with so many lines of the column the faders are longer
_BARS = "▁▂▃▄▅▆▇█"
_PRESSED = {"toggle", "momentary", "trigger", "set", ""}  #: modes of buttons; a knob has a takeover too


@dataclass(frozen=True, slots=True)
class PlacedControl:
    """A control of the device.

    number   : on the device; 0 for a control without one
    address  : what it moves
    pressed  : it is a button: its position is whether its parameter is on
    position : 0..1 where it stands; -1: it has not moved yet
    turn     : 1 or -1: turned so, it meets its parameter; 0: it is there
    waits    : it moves nothing until it meets its parameter
    """

    name: str
    number: int
    address: str
    pressed: bool = False
    position: float = -1.0
    turn: int = 0
    waits: bool = False


ControlGroups = dict[str, list[PlacedControl]]  #: by their names without the number


def shown_port(frame: ScreenFrame) -> str:
    """The device that was touched last, else the first that moves something; "" for none."""
    ports = dict.fromkeys(row.port for row in frame.view.control_rows)
    return frame.status.touched.port if frame.status.touched.port in ports else next(iter(ports), "")


def controller_lines(groups: ControlGroups, height: int) -> int:
    """Lines of the picture in a column of so many lines."""
    return max(1, sum(_lines(name, group, height) for name, group in groups.items()) + 2 * bool(groups))


def _lines(name: str, group: list[PlacedControl], height: int) -> int:
    return (fader_lines(height) if _is_fader(name) else 1) * -(-len(group) // _ROW)


def fader_lines(height: int) -> int:
    """Lines of a fader in a column of so many lines."""
    return 5 if height >= _HIGH else 3


def _is_fader(name: str) -> bool:
    return "fader" in name.lower()


def placed_controls(frame: ScreenFrame) -> ControlGroups:
    """The controls that have numbers, by the name before it; continuous ones first, as they come."""
    port, groups = shown_port(frame), dict[str, list[PlacedControl]]()
    buttons, seen = dict[str, list[PlacedControl]](), set[str]()
    for row in frame.view.control_rows:
        match = re.fullmatch(r"(.*?)\s*(\d+)", row.control)
        if row.port != port or row.hidden_by or row.control in seen or match is None:
            continue
        seen.add(row.control)
        name, number = match[1] or "cc", int(match[2])
        control = _placed(frame, row, name, number)
        (buttons if control.pressed else groups).setdefault(name, []).append(control)
    return groups | buttons


def _placed(frame: ScreenFrame, row: BindingRow, name: str, number: int) -> PlacedControl:
    address = moved_by(row, frame.focus, frame.knobs)
    if not address:
        return PlacedControl(name, number, "")
    shown = frame.row(address)
    spec, value, stands = frame.knob(shown), frame.table[shown.slot], frame.placed.get(shown.slot)
    if row.mode in _PRESSED and not row.takeover:
        on = value > 0 and row.mode in ("toggle", "momentary")
        return PlacedControl(name, number, address, pressed=True, position=float(on))
    if row.takeover and stands is None:
        return PlacedControl(name, number, address)
    at = value if stands is None or not row.takeover else stands
    turn = 0 if at == value else 1 if value > at else -1
    return PlacedControl(
        name,
        number,
        address,
        position=min(max(spec.position(at), 0.0), 1.0),
        turn=turn,
        waits=bool(turn) and row.takeover == "pickup",
    )


def draw_controller(
    pens: list[LinePen], frame: ScreenFrame, groups: ControlGroups, width: int, height: int
) -> None:
    """Draw the controls in lines of eight; faders upright, knobs as bars, buttons as squares."""
    ends = [pen.x + width for pen in pens]
    lines = iter(pens)
    if not groups:
        none = "no control is mapped" if frame.status.midi else "no MIDI device"
        pens[0].text(f" {none}", pens[0].ink.dim, width)
    else:
        _numbers(next(lines), min(_ROW, max(map(len, groups.values()))))
        for name, group in groups.items():
            for start in range(0, len(group), _ROW):
                part = group[start : start + _ROW]
                tall = fader_lines(height) if _is_fader(name) else 1
                for line in range(tall):
                    pen = next(lines, None)
                    if pen is not None:
                        _draw_part(pen, frame, name if line == 0 and start == 0 else "", part, line, tall)
        if (pen := next(lines, None)) is not None:
            _waiting(pen, frame, groups, width)
    for pen, end in zip(pens, ends, strict=True):
        pen.pad_to(end)
        pen.text("│", pen.ink.frame)


def _numbers(pen: LinePen, count: int) -> None:
    pen.text("", pen.ink.dim, _HEAD)
    for number in range(1, count + 1):
        pen.text(f"{number} ", pen.ink.dim, _CELLS)


def _draw_part(
    pen: LinePen, frame: ScreenFrame, name: str, part: list[PlacedControl], line: int, tall: int
) -> None:
    ink = pen.ink
    pen.text(f" {name}", ink.dim, _HEAD)
    for control in part:
        if control.address:
            pen.target(_CELLS, action=f"select('{control.address}')")
        glyph, style = _glyph(control, line, tall, _hue(pen, control.address))
        pen.text(glyph, style)
        if control.turn and line == tall - 1:
            pen.text("▹" if control.turn > 0 else "◃", ink.mark if control.waits else ink.text, _CELLS - 1)
        else:
            pen.text("", ink.text, _CELLS - 1)


def _hue(pen: LinePen, address: str) -> Style:
    """The hue of the deck whose parameter a control moves."""
    deck = int(address.split("/")[1]) if address.startswith("deck/") else 0
    return pen.ink.hue(deck)


def _glyph(control: PlacedControl, line: int, tall: int, hue: Style) -> tuple[str, Style]:
    """One line of a control: part of a fader, the bar of a knob, `■` or `□` of a button."""
    at = control.position
    if not control.address:
        return "·", hue
    if control.pressed:
        return ("■" if at else "□"), hue
    if at < 0:
        return "┆" if tall > 1 else "·", hue
    if tall == 1:
        return _BARS[min(int(at * len(_BARS)), len(_BARS) - 1)], hue
    here = min(int((1 - at) * tall), tall - 1)
    return ("█" if line == here else "┃" if line > here else "│"), hue


def _waiting(pen: LinePen, frame: ScreenFrame, groups: ControlGroups, width: int) -> None:
    """`▹ knob 2 waits: turn right 20`: the touched control, else the first that waits."""
    touch = frame.status.touched
    waiting = [control for group in groups.values() for control in group if control.waits]
    waiting.sort(key=lambda control: control.address != touch.address)
    if not waiting:
        pen.text(" all controls act at once", pen.ink.dim, width)
        return
    control, more = waiting[0], len(waiting) - 1
    steps = f" {abs(touch.turn)}" if control.address == touch.address and touch.turn else ""
    way = "right" if control.turn > 0 else "left"
    tail = f", {more} more" if more else ""
    text = f" ▹ {control.name} {control.number} waits: turn {way}{steps}{tail}"
    pen.text(text, pen.ink.mark, min(len(text), width))

"""A picture of the controller that was touched last: where each of its controls stands, and what waits."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from rich.style import Style

from perform.core.messages.control_messages import BindingRow
from perform.tui.located import moved_by
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.line_widget import LinePen

_SHORT = 6  #: cells of a name that begins at the edge
_CELLS, _ROW = 3, 8  #: cells of a control; controls in a line
_HIGH = 30  #: with so many lines of the column the faders are longer
_BARS = "▁▂▃▄▅▆▇█"
_PRESSED = {"toggle", "momentary", "trigger", "set", ""}  #: modes of buttons; a knob has a takeover too


@dataclass(frozen=True, slots=True)
class PlacedControl:
    """A control of the device.

    number   : on the device
    place    : from 0: eight stand in a line
    address  : what it moves
    pressed  : it is a button: its position is whether its parameter is on
    position : 0..1 where it stands; -1: it has not moved yet
    turn     : 1 or -1: turned so, it meets its parameter; 0: it is there
    waits    : it moves nothing until it meets its parameter
    """

    name: str
    number: int
    place: int
    address: str
    pressed: bool = False
    position: float = -1.0
    turn: int = 0
    waits: bool = False


#: by what they are, whether buttons, and their names without the number; continuous ones first
ControlGroups = dict[tuple[bool, str], list[PlacedControl]]


def shown_port(frame: ScreenFrame) -> str:
    """The device that was touched last, else the first that moves something; "" for none."""
    ports = dict.fromkeys(row.port for row in frame.view.control_rows)
    return frame.status.touched.port if frame.status.touched.port in ports else next(iter(ports), "")


def controller_lines(groups: ControlGroups, height: int) -> int:
    """Lines of the picture in a column of so many lines."""
    lines = sum(_tall(*kind, height) * len(_rows(group)) for kind, group in groups.items())
    return lines + 2 if groups else 1


def _tall(pressed: bool, name: str, height: int) -> int:
    return fader_lines(height) if "fader" in name.lower() and not pressed else 1


def _rows(group: list[PlacedControl]) -> list[list[PlacedControl | None]]:
    """The lines of eight controls, each at its place; None: it moves nothing."""
    rows: dict[int, list[PlacedControl | None]] = {}
    for control in group:
        rows.setdefault(control.place // _ROW, [None] * _ROW)[control.place % _ROW] = control
    return list(rows.values())


def fader_lines(height: int) -> int:
    """Lines of a fader in a column of so many lines."""
    return 5 if height >= _HIGH else 3


def placed_controls(frame: ScreenFrame) -> ControlGroups:
    """The controls that have numbers. One that the device has no name for stands where there is room."""
    port, groups, seen = shown_port(frame), ControlGroups(), set[str]()
    for row in frame.view.control_rows:
        if row.port != port or row.hidden_by or row.control in seen or (named := _named(row.control)) is None:
            continue
        seen.add(row.control)
        name, number = named
        address = moved_by(row, frame.focus, frame.knobs)
        pressed = bool(address) and row.mode in _PRESSED and not row.takeover
        group = groups.setdefault((pressed, name), [])
        place = number - 1 if row.control != row.sends else len(group)
        placed = PlacedControl(name, number, place, address, pressed)
        group.append(_at_its_position(frame, row, placed) if address else placed)
    return dict(sorted(groups.items(), key=lambda item: item[0][0]))


@lru_cache(1024)
def _named(control: str) -> tuple[str, int] | None:
    """Name and number of a control on the device, `knob 3`; None for one without a number."""
    match = re.fullmatch(r"([^,]*?)\s*(\d+)", control)
    return (match[1] or "cc", int(match[2])) if match else None


def _at_its_position(frame: ScreenFrame, row: BindingRow, control: PlacedControl) -> PlacedControl:
    shown = frame.row(control.address)
    value, stands = frame.table[shown.slot], frame.placed.get(shown.slot)
    if control.pressed:
        on = value > 0 and row.mode in ("toggle", "momentary")
        return replace(control, position=float(on))
    if row.takeover and stands is None:
        return control
    at = value if stands is None or not row.takeover else stands
    turn = 0 if at == value else 1 if (value > at) != row.inverted else -1
    position = min(max(frame.knob(shown).position(at), 0.0), 1.0)
    return replace(
        control,
        position=1 - position if row.inverted else position,
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
        head = width - _ROW * _CELLS + 1  # the last control has no gap
        _numbers(next(lines), head, 1 + max(it.place % _ROW for group in groups.values() for it in group))
        for (pressed, name), group in groups.items():
            tall = _tall(pressed, name, height)
            for number, row in enumerate(_rows(group)):
                for line in range(tall):
                    pen = next(lines, None)
                    if pen is not None:
                        shown = name if line == number == 0 else ""
                        pen.text(shown if head <= _SHORT else f" {shown}", pen.ink.dim, head - 1)
                        pen.pad_to(pen.x + 1)
                        _draw_row(pen, row, line, tall)
        if (pen := next(lines, None)) is not None:
            _waiting(pen, frame, groups, width)
    for pen, end in zip(pens, ends, strict=True):
        pen.pad_to(end)
        pen.text("│", pen.ink.frame)


def _numbers(pen: LinePen, head: int, count: int) -> None:
    numbers = "".join(f"{number:<{_CELLS}}" for number in range(1, count + 1))
    pen.text(" " * head + numbers.rstrip(), pen.ink.dim)


def _draw_row(pen: LinePen, row: list[PlacedControl | None], line: int, tall: int) -> None:
    ink, start = pen.ink, pen.x
    for place, control in enumerate(row):
        pen.pad_to(start + place * _CELLS)
        if control is None:
            continue
        if control.address:
            pen.target(_CELLS - 1, action=f"select('{control.address}')")
        pen.text(*_glyph(control, line, tall, _hue(pen, control.address)))
        if control.turn and line == tall - 1:
            pen.text("▹" if control.turn > 0 else "◃", ink.mark if control.waits else ink.text)


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

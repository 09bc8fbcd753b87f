"""One parameter as a line: cursor, label, bar, value, and its MIDI control."""

from __future__ import annotations

from pathlib import PurePath

from perform.core.arena_layout import LIVE
from perform.core.knob_ranges import is_audible
from perform.tui.paint import bar, cell, fader
from perform.tui.parameter_rows import ParameterRow
from perform.tui.screen_frame import EXCLUDED, MODULATED, ScreenFrame
from perform.tui.widgets.line_widget import LinePen

UNHEARD = "≈"  #: behind a latent that hardly moves the sound
_LABEL, _VALUE = 6, 5


def brief(control: str) -> str:
    """A control without its controller: "nanoKONTROL2 1:CC16" -> "1:16", "note36" -> "n36"."""
    last = control.rsplit(" ", 1)[-1]
    return last.replace("CC", "", 1) if ":" in last else last.replace("note", "n", 1)


def control_width(frame: ScreenFrame, deck: int) -> int:
    """Cells for the controls of a deck's rows; 0 if nothing is mapped."""
    head = f"deck/{deck}/"
    return min(6, max((len(brief(c)) for a, c in frame.controls.items() if a.startswith(head)), default=0))


def draw_head(pen: LinePen, text: str, here: bool = False, marks: str = "", address: str = "") -> None:
    """The title of a line of the foot; here: its parameter is selected."""
    pen.text("▸" if here else " ", pen.ink.focus)
    pen.text(text, pen.ink.focus if here else pen.ink.dim, 8 - len(marks))
    draw_marks(pen, address, marks)


def draw_row(
    pen: LinePen, frame: ScreenFrame, row: ParameterRow, width: int, *, here: bool, controls: int
) -> None:
    """Append one row of a deck in `width` cells."""
    ink, end = pen.ink, pen.x + width
    value = frame.table[row.slot]
    pen.target(width, action=f"select('{row.address}')")
    marks = frame.marks.get(row.address, "")
    label = max(_LABEL, min(len(row.label), width // 2) + max(1, len(marks)))
    pen.text("▸" if here else " ", ink.focus)
    deck = int(row.address.split("/")[1]) if row.address.startswith("deck/") else 0
    unheard = bool(deck) and row.latent >= 0 and not is_audible(frame.effect(deck, row.latent))
    name = f"{row.label} {UNHEARD}" if unheard else row.label
    pen.text(name, ink.focus if here else ink.rail if unheard else ink.dim, label - len(marks))
    draw_marks(pen, row.address, marks)
    room = width - 1 - label - 1 - _VALUE - (controls + 1 if controls else 1)
    if row.spec.action:
        pen.button("run", ink.bright if here else ink.text, action=f"fire('{row.address}')")
    elif row.attribute and row.attribute.is_text:
        pen.text(row.short(value), ink.bright if here else ink.text, room + 1 + _VALUE, right=True)
    elif row.spec.choices:
        missing = "prior" if deck and not frame.deck(deck).has_prior else ""
        file = frame.source_file(deck) if row.address.endswith("/source") else ""
        need = len(file) + 1 if file else 0
        _choices(pen, row, int(row.spec.clamp(row.shown(value))), missing, end - pen.x - need)
        if file:
            room = max(0, end - pen.x - (controls if frame.control(row.address) else 0))
            pen.target(room, action=f"app.deck_file({deck})")
            pen.text(PurePath(file).name, ink.text, room)
    elif (row.spec.whole and not row.attribute) or room < 3:
        pen.text(row.short(value), ink.bright if here else ink.text, room + 1 + _VALUE, right=True)
    else:
        pen.target(room, address=row.address)
        _bar(pen, frame, row, room)
        text = _fine(value) if _is_narrow(row, frame) and abs(value) < 1 else row.short(value)
        pen.text(text, ink.bright if here else ink.text, 1 + _VALUE, right=True)
    if controls and (control := frame.control(row.address)):
        pen.pad_to(end - controls)
        pen.text(brief(control), ink.dim, controls)
    pen.pad_to(end)


def _is_narrow(row: ParameterRow, frame: ScreenFrame) -> bool:
    """Whether 1 % of the range of a latent would not change a value with two digits."""
    knob = frame.knob(row)
    return row.latent >= 0 and knob is not row.spec and knob.high - knob.low < 1


def _fine(value: float) -> str:
    """A value below 1 with three digits in five cells: `+.012`."""
    return f"{value:+.3f}".replace("0.", ".", 1) if round(value, 3) else ".000"


def draw_marks(pen: LinePen, address: str, marks: str) -> None:
    """The glyphs of a loop, an exclusion and modulation; a click does the same as the key."""
    for glyph in marks:
        action = {EXCLUDED: "app.exclude", MODULATED: "app.modulate"}.get(glyph, "app.loop")
        pen.button(glyph, pen.ink.mark, action=f"{action}({address!r})")


def _choices(pen: LinePen, row: ParameterRow, chosen: int, missing: str, width: int) -> None:
    """The current choice in capitals, and the others, except `missing`, if there is room."""
    offered = [word for i, word in enumerate(row.spec.choices) if word != missing or i == chosen]
    wide = sum(len(choice) + 1 for choice in offered) <= width + 1
    for i, word in enumerate(row.spec.choices):
        if i == chosen:
            pen.button(
                word.upper(), pen.ink.bright, row.address, i if wide else (i + 1) % len(row.spec.choices)
            )
        elif not wide or word == missing:
            continue
        else:
            pen.button(word, pen.ink.dim, row.address, i)
        pen.text(" ", pen.ink.text)


def _bar(pen: LinePen, frame: ScreenFrame, row: ParameterRow, width: int) -> None:
    """A fader, or a rail with a centre, and the modulated value; for a bias range, source, decoded value."""
    spec = frame.knob(row)
    at = cell(spec.position(row.shown(frame.table[row.slot])), width)
    ghost = cell(spec.position(frame.hardware[row.slot]), width) if row.slot in frame.hardware else -1
    mark = cell(spec.position(frame.modulated[row.slot]), width) if row.slot in frame.modulated else -1
    if spec.low >= 0 or spec.unit == "dB":
        pen.put(fader(width, at, pen.ink, ghost, mark, pen.deck), width)
        return
    source = low = high = -1
    if row.latent >= 0 and row.address.endswith("bias"):
        deck = int(row.address.split("/")[1])
        status = frame.deck(deck)
        if len(status.latent_low) > row.latent < len(status.latent_high):
            low = cell(spec.position(status.latent_low[row.latent]), width)
            high = cell(spec.position(status.latent_high[row.latent]), width)
        if (value := frame.source_value(deck, row.latent)) is not None:
            source = cell(spec.position(value), width)
        if frame.meter(deck, "state") == LIVE:
            mark = cell(spec.position(frame.meter(deck, f"z/{row.latent}")), width)
    centre = cell(spec.position(0.0), width)
    rail = bar(
        width,
        at,
        pen.ink,
        deck=pen.deck,
        mark=mark,
        source=source,
        low=low,
        high=high,
        centre=centre,
        ghost=ghost,
    )
    pen.put(rail, width)

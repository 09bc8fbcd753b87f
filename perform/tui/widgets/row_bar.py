"""One parameter as a line: cursor, label, bar, value, and its MIDI control."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

from perform.core.arena_layout import LIVE
from perform.core.knob_ranges import is_audible
from perform.core.spec import Spec
from perform.stage.status import Status
from perform.tui.paint import Piece, bar, cell, fader
from perform.tui.parameter_rows import ParameterRow
from perform.tui.screen_frame import EXCLUDED, MODULATED, ScreenFrame
from perform.tui.widgets.line_widget import LinePen

UNHEARD = "≈"  #: behind a latent that hardly moves the sound
_LABEL, _VALUE = 6, 5


class Rail(NamedTuple):
    """A bar with a centre: the cells of all that does not move while a deck plays; -1: it has none."""

    spec: Spec
    width: int
    handle: int
    low: int
    high: int
    centre: int
    ghost: int
    mark: int

    def piece(self, frame: ScreenFrame, row: ParameterRow, deck: int, pen: LinePen) -> Piece:
        """The rail now; that of a bias with the latent's source and decoded value."""
        source, mark = -1, self.mark
        if row.latent >= 0 and row.address.endswith("bias"):
            if (value := frame.source_value(deck, row.latent)) is not None:
                source = cell(self.spec.position(value), self.width)
            if frame.meter(deck, "state") == LIVE:
                mark = cell(self.spec.position(frame.meter(deck, f"z/{row.latent}")), self.width)
        return bar(
            self.width,
            self.handle,
            pen.ink,
            deck=pen.deck,
            mark=mark,
            source=source,
            low=self.low,
            high=self.high,
            centre=self.centre,
            ghost=self.ghost,
        )


class KeptRow(NamedTuple):
    """A row as it was drawn last: for which status and values; its pieces, number `at` a rail that moves."""

    status: Status
    shown_as: tuple[object, ...]
    pieces: list[Piece]
    ends: list[int]
    rail: Rail | None
    at: int


_kept: dict[int, KeptRow] = {}  #: by slot


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
    """Append one row of a deck in `width` cells; of one that did not change only what plays is drawn."""
    deck = int(row.address.split("/")[1]) if row.address.startswith("deck/") else 0
    if pen.hits is not None:
        _draw(pen, frame, row, deck, width, here, controls)
        return
    plays = row.latent >= 0 and row.address.endswith("bias") and frame.meter(deck, "state") == LIVE
    shown_as = (
        *(pen.x, pen.ink, pen.deck, width, here, controls, plays),
        *(row, frame.knob(row), frame.table[row.slot], _is_unheard(frame, row, deck)),
        *(frame.hardware.get(row.slot), frame.modulated.get(row.slot), frame.control(row.address)),
    )
    kept = _kept.get(row.slot)
    if kept is None or kept.status is not frame.status or kept.shown_as != shown_as:
        start = len(pen.pieces)
        rail, at = _draw(pen, frame, row, deck, width, here, controls)
        moving = rail if plays else None
        pieces, ends = pen.pieces[start:], pen.ends[start:]
        _kept[row.slot] = KeptRow(frame.status, shown_as, pieces, ends, moving, at - start)
        return
    if kept.rail is not None:
        kept.pieces[kept.at] = kept.rail.piece(frame, row, deck, pen)
    pen.repeat(kept.pieces, kept.ends)


def _draw(
    pen: LinePen, frame: ScreenFrame, row: ParameterRow, deck: int, width: int, here: bool, controls: int
) -> tuple[Rail | None, int]:
    """Draw the row; return its rail, and the number of the rail's piece."""
    rail, at = None, 0
    ink, end = pen.ink, pen.x + width
    value = frame.table[row.slot]
    pen.target(width, action=f"select('{row.address}')")
    marks = frame.marks.get(row.address, "")
    label = max(_LABEL, min(len(row.label), width // 2) + max(1, len(marks)))
    pen.text("▸" if here else " ", ink.focus)
    unheard = _is_unheard(frame, row, deck)
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
        rail, at = _rail(frame, row, deck, room), len(pen.pieces)
        pen.put(rail.piece(frame, row, deck, pen) if rail else _fader(pen, frame, row, room), room)
        text = _fine(value) if _is_narrow(row, frame) and abs(value) < 1 else row.short(value)
        pen.text(text, ink.bright if here else ink.text, 1 + _VALUE, right=True)
    if controls and (control := frame.control(row.address)):
        pen.pad_to(end - controls)
        pen.text(brief(control), ink.dim, controls)
    pen.pad_to(end)
    return rail, at


def _is_unheard(frame: ScreenFrame, row: ParameterRow, deck: int) -> bool:
    return bool(deck) and row.latent >= 0 and not is_audible(frame.effect(deck, row.latent))


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


def _fader(pen: LinePen, frame: ScreenFrame, row: ParameterRow, width: int) -> Piece:
    spec = frame.knob(row)
    at = cell(spec.position(row.shown(frame.table[row.slot])), width)
    ghost, mark = _cell_of(spec, frame.hardware, row, width), _cell_of(spec, frame.modulated, row, width)
    return fader(width, at, pen.ink, ghost, mark, pen.deck)


def _cell_of(spec: Spec, values: Mapping[int, float], row: ParameterRow, width: int) -> int:
    return cell(spec.position(values[row.slot]), width) if row.slot in values else -1


def _rail(frame: ScreenFrame, row: ParameterRow, deck: int, width: int) -> Rail | None:
    """The rail of a parameter with a centre; None for one that has a fader."""
    spec = frame.knob(row)
    if spec.low >= 0 or spec.unit == "dB":
        return None
    low = high = -1
    if row.latent >= 0 and row.address.endswith("bias"):
        status = frame.deck(deck)
        if len(status.latent_low) > row.latent < len(status.latent_high):
            low = cell(spec.position(status.latent_low[row.latent]), width)
            high = cell(spec.position(status.latent_high[row.latent]), width)
    return Rail(
        spec,
        width,
        cell(spec.position(row.shown(frame.table[row.slot])), width),
        low,
        high,
        cell(spec.position(0.0), width),
        _cell_of(spec, frame.hardware, row, width),
        _cell_of(spec, frame.modulated, row, width),
    )

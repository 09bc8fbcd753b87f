"""The first line of the screen: take, level, tempo, load, dropouts, MIDI, input, minutes in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.style import Style

from perform.core.arena_layout import METER_SLOTS
from perform.core.params import DECKS, slot
from perform.tui.paint import clock, decibel, eighths, meter, span, time
from perform.tui.screen_frame import ScreenFrame, level
from perform.tui.widgets.beat_field import draw_beat
from perform.tui.widgets.line_widget import LinePen

_INPUT_OPEN = slot("input/open")
_LOADS = [METER_SLOTS[f"deck/{d}/load"] for d in range(1, DECKS + 1)]
_OUT = 6  #: cells of the master's level
_WIDE = 112  #: columns for fuller texts


@dataclass(frozen=True, slots=True)
class Detail:
    """How much the first line says; what it leaves out is said elsewhere too, or matters less on stage.

    named   : the take's name, which the log has
    words   : whether real-time priority was granted; `left` behind the room on the disk
    bar     : the master's level as a bar, which is in the line MASTER too
    history : the load of the last minute
    wide    : decimals, and spaces around the separators
    retro   : the minutes kept in memory
    """

    named: bool = True
    words: bool = True
    bar: bool = True
    history: bool = True
    wide: bool = True
    retro: bool = True


_ALL = Detail()
_FEWER = replace(_ALL, named=False, words=False)
#: from all to least: the first that fits is drawn
_DETAILS = (
    _ALL,
    replace(_ALL, named=False),
    _FEWER,
    replace(_FEWER, bar=False),
    replace(_FEWER, bar=False, history=False),
)
_SMALL = (
    replace(_FEWER, bar=False, history=False),
    replace(_FEWER, bar=False, history=False, wide=False),
    replace(_FEWER, bar=False, history=False, wide=False, retro=False),
)


def draw_meter_line(pen: LinePen, frame: ScreenFrame, width: int, first: int = 0) -> int:
    """Draw as much as fits; the end of the least is cut off. Return the number of the detail that fitted.

    first : number of the detail to begin with; 0: the most
    """
    details = (*(_DETAILS if width >= _WIDE else ()), *_SMALL)
    number, trial = first, _trial(pen, frame, details[first])
    while trial.x > width and number < len(details) - 1:
        number += 1
        trial = _trial(pen, frame, details[number])
    pen.repeat(trial.pieces, trial.ends)
    if pen.hits is not None and trial.hits:
        pen.hits += trial.hits
    return number


def _trial(pen: LinePen, frame: ScreenFrame, detail: Detail) -> LinePen:
    trial = LinePen(pen.ink, pen.y, 0, None if pen.hits is None else [])
    _fields(trial, frame, detail)
    return trial


def _fields(pen: LinePen, frame: ScreenFrame, detail: Detail) -> None:
    ink, wide = pen.ink, detail.wide
    pen.text(" " if wide else "", ink.text)
    _take(pen, frame, detail)
    _output(pen, frame, detail)
    _gap(pen, detail)
    draw_beat(pen, frame, wide)
    load = max(frame.printed_stage_meter("load"), *(frame.printed[i] for i in _LOADS))
    number = f"{100 * load:3.0f} %" if wide else f"{100 * load:2.0f}%"
    _field(pen, detail, "DSP", f"{number}{' ▲' if load > 0.8 else ''}", ink.hot if load > 0.8 else ink.text)
    if detail.history:
        pen.text(f" {frame.loads.text()}", ink.level)
    view, count = frame.view, frame.dropouts
    dropped = view.dropout_at >= 0 and not view.gone
    age = f" {span(frame.now - view.dropout_at)} ago" if dropped else ""
    recent = dropped and frame.now - view.dropout_at < 10
    text = f"{'▲ ' if recent else ''}{count:.0f}{age if detail.history or (recent and wide) else ''}"
    _field(pen, detail, "XRUN", text, ink.hot if recent else ink.text)
    _midi(pen, frame, detail)
    if missed := frame.stage_meter("missed"):
        _field(pen, detail, "GAPS", span(missed / max(1.0, frame.stage_meter("rate"))), ink.hot)
    if frame.shows_input:
        _input(pen, frame, detail)
    if frame.status.retro and detail.retro:
        _field(pen, detail, "RETRO", clock(60 * frame.status.retro), ink.text)
    if detail.words:
        granted = frame.stage_meter("realtime") > 0
        _field(pen, detail, "RT", "yes" if granted else "no", ink.text if granted else ink.dim)


def _gap(pen: LinePen, detail: Detail) -> None:
    pen.text(" │ " if detail.wide else "│", pen.ink.frame)


def _field(pen: LinePen, detail: Detail, name: str, text: str, style: Style) -> None:
    _gap(pen, detail)
    pen.text(f"{name} ", pen.ink.dim)
    pen.text(text, style)


def _take(pen: LinePen, frame: ScreenFrame, detail: Detail) -> None:
    ink = pen.ink
    rate, left = max(1.0, frame.stage_meter("rate")), frame.stage_meter("take/left")
    if frame.recording:
        pen.target(14, action="app.record")
        pen.text(" ● REC ", ink.alert)
        passed = frame.stage_meter("take/frames") / rate
        pen.text(f" {time(passed) if detail.wide or passed >= 3600 else clock(passed)}", ink.bright)
        if detail.named and frame.status.take:
            pen.text(" ", ink.text)
            stem = Path(frame.status.take).stem
            pen.text(stem, ink.text, min(len(stem), 16))
        if frame.status.stems:
            pen.text(f" +{frame.status.stems}{' ' if detail.wide else ''}st", ink.text)
        missed = frame.stage_meter("take/missed")
        if missed:
            pen.text(f" ▲ lost {missed / rate:.2f} s", ink.hot)
    else:
        pen.button("○ rec off", ink.dim, action="app.record")
    if left > 0:
        low = left < 600
        tail = " left" if detail.words or low else ""
        pen.text(f" {'▲ ' if low else ''}{span(left)}{tail}", ink.hot if low else ink.dim)


def _output(pen: LinePen, frame: ScreenFrame, detail: Detail) -> None:
    """The master's level, and how far the limiter lowers it; no dialog covers it."""
    ink = pen.ink
    peak = max(level(frame.printed_stage_meter(f"peak/{side}")) for side in "lr")
    _gap(pen, detail)
    pen.text("OUT ", ink.dim)
    if detail.bar:
        both = max(level(frame.stage_meter(f"peak/{side}")) for side in "lr")
        pen.put(meter(_OUT, eighths(both, _OUT), ink), _OUT)
        pen.text(" ", ink.text)
    pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 5)
    reduction = frame.printed_stage_meter("reduction")
    hot = reduction >= 0.05
    pen.text(" LIM ", ink.dim)
    text = f"{-reduction:.1f}" if hot else "0.0"
    pen.text(text, ink.hot if hot else ink.text, 5 if detail.wide else 4)


def _midi(pen: LinePen, frame: ScreenFrame, detail: Detail) -> None:
    """A dot for each device: `●` while it sends; the last line of the bar has their names."""
    if frame.status.midi_error and frame.controllers_wanted:
        _field(pen, detail, "MIDI", "▲ none", pen.ink.hot)
        return
    dots = "".join("●" if frame.is_active(port) else "○" for port in frame.status.midi)
    _field(pen, detail, "MIDI", dots or "none", pen.ink.text if dots else pen.ink.dim)


def _input(pen: LinePen, frame: ScreenFrame, detail: Detail) -> None:
    """Level of the live input, and whether it is open."""
    ink, is_open = pen.ink, frame.table[_INPUT_OPEN] > 0
    peak = level(10 ** (frame.stage_meter("input/peak") / 20))
    howls = frame.stage_meter("input/howls")
    _gap(pen, detail)
    pen.text("IN ", ink.dim)
    if detail.bar:
        pen.put(meter(6, eighths(peak, 6), ink), 6)
    pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 6, right=True)
    gate = "" if frame.stage_meter("input/gate") or not is_open else " gated"
    pen.button(f" open{gate}" if is_open else " closed", ink.on if is_open else ink.dim, action="app.input")
    if howls:
        pen.text(f" ▲ feedback {howls:.0f}", ink.hot)

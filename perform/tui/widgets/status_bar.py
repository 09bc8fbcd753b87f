"""The status bar: what a player must know at any moment, under every dialog too."""

from __future__ import annotations

from pathlib import Path

from rich.style import Style

from perform.core.arena_layout import METER_SLOTS, NO_MIXER
from perform.core.params import DECKS, slot
from perform.tui.paint import Ink, decibel, eighths, meter, span, time
from perform.tui.screen_frame import ScreenFrame, level
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.song_line import draw_songs

_MUTE, _INPUT_OPEN = slot("master/mute"), slot("input/open")
_LOADS = [METER_SLOTS[f"deck/{d}/load"] for d in range(1, DECKS + 1)]
_STALLED = 1.0  #: seconds without a block after which the mixer is said to stand still
_SILENT = 2.0  #: seconds without an answer after which the stage is said to be silent


class StatusBar(LineWidget):
    """The figures; NOW and NEXT; then the device, or the one thing that is wrong."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Three lines, or two without NOW and NEXT."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(max(2, height))]
        _figures(pens[0], frame, wide=width >= 112)
        if height > 2:
            draw_songs(pens[1], frame, width)
        last = pens[-1]
        alarm, action = _alarm(frame)
        if alarm:
            last.spot(width, action=action)
            last.text(alarm.center(width), ink.alert, width)
        else:
            _places(last, frame, width)
        return pens


def status_height(height: int) -> int:
    """Lines of the status bar on a screen of this height."""
    return 3 if height >= 8 else 2


def _alarm(frame: ScreenFrame) -> tuple[str, str]:
    """What is wrong, loudest first, and the action a click on it means."""
    view = frame.view
    if view.gone:
        return "▲ the stage has ended: ctrl+q to leave", "app.quit"
    if frame.table[_MUTE] > 0:
        return "■ ■ ■   MASTER MUTED: press M to sound again   ■ ■ ■", "app.master_mute"
    if frame.master("owner") == NO_MIXER and frame.status.set:
        return "▲ no mixer is running: a new one is on its way", ""
    if frame.now - view.frames_at > _STALLED and frame.master("frames") > 0:
        return "▲ the mixer stands still", ""
    if view.silence > _SILENT:
        return f"▲ the stage owes an answer for {view.silence:.0f} s; the knobs still work", ""
    return "", ""


def _figures(pen: LinePen, frame: ScreenFrame, wide: bool) -> None:
    """What matters most comes first: a line too long for the terminal loses its end."""
    ink = pen.ink
    pen.text(" ", ink.text)
    _take(pen, frame, wide)
    load = max(frame.steady_master("load"), *(frame.calm[i] for i in _LOADS))
    _field(
        pen,
        "DSP worst" if wide else "DSP",
        f"{100 * load:3.0f} %{' ▲' if load > 0.8 else ''}",
        ink.hot if load > 0.8 else ink.text,
    )
    view, count = frame.view, frame.dropouts
    age = f" {span(frame.now - view.xrun_at)} ago" if view.xrun_at >= 0 else ""
    recent = view.xrun_at >= 0 and frame.now - view.xrun_at < 10
    _field(
        pen,
        "XRUN",
        f"{'▲ ' if recent else ''}{count:.0f}{age if wide or recent else ''}",
        ink.hot if recent else ink.text,
    )
    ports = len(frame.status.midi)
    if frame.status.midi_error:
        _field(pen, "MIDI", "▲ none", ink.hot)
    else:
        plural = "" if ports == 1 else "s"
        _field(pen, "MIDI", f"{ports} port{plural}" if wide else f"{ports}", ink.text)
    missed = frame.master("missed")
    if missed:
        _field(pen, "GAPS", span(missed / max(1.0, frame.master("rate"))), ink.hot)
    reduction = frame.steady_master("reduction")
    _field(
        pen,
        "LIM",
        f"{-reduction:4.1f}" if reduction >= 0.05 else " 0.0",
        ink.hot if reduction >= 0.05 else ink.text,
    )
    if frame.listening:
        _input(pen, frame)
    granted = frame.master("realtime") > 0
    _field(pen, "realtime" if wide else "RT", "yes" if granted else "no", ink.text if granted else ink.dim)


def _input(pen: LinePen, frame: ScreenFrame) -> None:
    """How loud it is, and whether anybody hears it."""
    ink, is_open = pen.ink, frame.table[_INPUT_OPEN] > 0
    peak = level(10 ** (frame.master("input/peak") / 20))
    howls = frame.master("input/howls")
    pen.text(" │ ", ink.frame)
    pen.text("IN ", ink.dim)
    pen.put(meter(6, eighths(peak, 6), ink), 6)
    pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 6, right=True)
    gate = "" if frame.master("input/gate") or not is_open else " shut"
    pen.button(f" open{gate}" if is_open else " closed", ink.on if is_open else ink.dim, action="app.input")
    if howls:
        pen.text(f" ▲ howled {howls:.0f}", ink.hot)


def _field(pen: LinePen, name: str, text: str, style: Style) -> None:
    pen.text(" │ ", pen.ink.frame)
    pen.text(f"{name} ", pen.ink.dim)
    pen.text(text, style)


def _take(pen: LinePen, frame: ScreenFrame, wide: bool) -> None:
    ink = pen.ink
    rate, left = max(1.0, frame.master("rate")), frame.master("take/left")
    if frame.recording:
        pen.spot(14, action="app.record")
        pen.text(" ● REC ", ink.alert)
        pen.text(f" {time(frame.master('take/frames') / rate)}", ink.bright)
        if wide and frame.status.take:
            pen.text(" ", ink.text)
            stem = Path(frame.status.take).stem
            pen.text(stem, ink.text, min(len(stem), 24))
        missed = frame.master("take/missed")
        if missed:
            pen.text(f" ▲ lost {missed / rate:.2f} s", ink.hot)
    else:
        pen.button("○ rec off", ink.dim, action="app.record")
    if left > 0:
        low = left < 600
        pen.text(f" {'▲ ' if low else ''}{span(left)} left", ink.hot if low else ink.dim)


def _places(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    status, ink = frame.status, pen.ink
    device = status.device or "waiting for the stage…"
    missing = device.startswith("no ")
    if missing and "perform devices" not in device:
        device += "; see `perform devices`"
    midi = f"MIDI: {status.midi_error}" if status.midi_error else ", ".join(status.midi)
    parts = [(f"{'▲ ' if missing else ''}{device}", ink.mark if missing else ink.dim)]
    if midi:
        parts.append((midi, ink.mark if status.midi_error else ink.dim))
    if status.mapping:
        parts.append((f"mapping {status.mapping}", ink.dim))
    if status.set:
        parts.append((f"set {status.set}", ink.dim))
    for i, (text, style) in enumerate(parts):
        gap = " " if i == 0 else " │ "
        room = width - pen.x - len(gap)
        if room < 4:
            return
        pen.text(gap, ink.frame)
        pen.text(text, style, min(len(text), room))

"""The status bar: recording, load, dropouts, songs and problems; visible under every dialog."""

from __future__ import annotations

from pathlib import Path

from rich.style import Style

from perform.core.arena_layout import METER_SLOTS, NO_MIXER
from perform.core.params import DECKS, slot
from perform.tui.paint import Ink, clock, decibel, eighths, meter, span, time
from perform.tui.screen_frame import ScreenFrame, level
from perform.tui.widgets.beat_field import draw_beat
from perform.tui.widgets.foot import has_heading
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.song_heading import LINES, draw_heading
from perform.tui.widgets.song_line import draw_songs

_MUTE, _INPUT_OPEN = slot("master/mute"), slot("input/open")
_LOADS = [METER_SLOTS[f"deck/{d}/load"] for d in range(1, DECKS + 1)]
_OUT = 6  #: cells of the master's level
_WIDE, _NAMED = 112, 140  #: columns for fuller texts; for the take's name too, which the log has anyway
_STALLED = 1.0  #: seconds without a block after which the mixer counts as stopped
_SILENT = 2.0  #: seconds without an answer after which the stage counts as not answering


class StatusBar(LineWidget):
    """Meters; current and armed song; devices, or an alarm; the songs in big letters."""

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw six lines, three without big letters, two without the songs."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(max(2, height))]
        _meters(pens[0], frame, width)
        if height > 2:
            draw_songs(pens[1], frame, width)
        last = pens[min(2, len(pens) - 1)]
        if height > 2 + LINES:
            draw_heading(pens[3 : 3 + LINES], frame, width)
        alarm, action = _alarm(frame)
        if alarm:
            last.target(width, action=action)
            last.text(alarm.center(width), ink.alert, width)
        else:
            _devices(last, frame, width)
        return pens


def status_height(width: int, height: int, frame: ScreenFrame) -> int:
    """Lines of the status bar on a screen of this size."""
    return 3 + LINES if has_heading(width, height, frame) else 3 if height >= 8 else 2


def _alarm(frame: ScreenFrame) -> tuple[str, str]:
    """The most urgent problem, and the action of a click on it."""
    view = frame.view
    if view.gone:
        return "▲ the stage has ended: press ctrl+q to leave", "app.quit"
    if waiting := frame.stage_meter("take/waiting"):
        rate = max(1.0, frame.stage_meter("rate"))
        lost = frame.stage_meter("take/missed") / rate
        held = f"{lost:.0f} s LOST" if lost else f"{waiting / rate:.0f} s wait in memory"
        return f"■ ■ ■   THE TAKE CANNOT BE WRITTEN: free disk space; {held}   ■ ■ ■", ""
    if frame.table[_MUTE] > 0:
        return "■ ■ ■   MASTER MUTED: press M to unmute   ■ ■ ■", "app.master_mute"
    if frame.stage_meter("owner") == NO_MIXER and frame.status.set:
        return "▲ no mixer is running: a new one is starting", ""
    if frame.now - view.frames_at > _STALLED and frame.stage_meter("frames") > 0:
        return "▲ the mixer has stopped", ""
    if view.silence > _SILENT:
        return f"▲ the stage has not answered for {view.silence:.0f} s; the knobs still work", ""
    return "", ""


def _meters(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Recording, master level, load, dropouts, the most important first; a narrow screen cuts off the end."""
    ink, wide = pen.ink, width >= _WIDE
    pen.text(" ", ink.text)
    _take(pen, frame, wide, named=width >= _NAMED)
    _output(pen, frame, wide)
    draw_beat(pen, frame, wide)
    load = max(frame.printed_stage_meter("load"), *(frame.printed[i] for i in _LOADS))
    number = f"{100 * load:3.0f} %" if wide else f"{100 * load:.0f} %"
    _field(pen, "DSP", f"{number}{' ▲' if load > 0.8 else ''}", ink.hot if load > 0.8 else ink.text)
    if wide:
        pen.text(f" {frame.loads.text()}", ink.level)
    view, count = frame.view, frame.dropouts
    age = f" {span(frame.now - view.dropout_at)} ago" if view.dropout_at >= 0 else ""
    recent = view.dropout_at >= 0 and frame.now - view.dropout_at < 10
    _field(
        pen,
        "XRUN",
        f"{'▲ ' if recent else ''}{count:.0f}{age if wide or recent else ''}",
        ink.hot if recent else ink.text,
    )
    _midi(pen, frame)
    missed = frame.stage_meter("missed")
    if missed:
        _field(pen, "GAPS", span(missed / max(1.0, frame.stage_meter("rate"))), ink.hot)
    if frame.status.retro:
        _field(pen, "RETRO", clock(60 * frame.status.retro), ink.text)
    if frame.shows_input:
        _input(pen, frame)
    granted = frame.stage_meter("realtime") > 0
    _field(pen, "RT", "yes" if granted else "no", ink.text if granted else ink.dim)


def _output(pen: LinePen, frame: ScreenFrame, wide: bool) -> None:
    """The master's level, and how far the limiter lowers it; no dialog covers it."""
    ink = pen.ink
    peak = max(level(frame.printed_stage_meter(f"peak/{side}")) for side in "lr")
    pen.text(" │ ", ink.frame)
    pen.text("OUT ", ink.dim)
    if wide:
        both = max(level(frame.stage_meter(f"peak/{side}")) for side in "lr")
        pen.put(meter(_OUT, eighths(both, _OUT), ink), _OUT)
        pen.text(" ", ink.text)
    pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 5)
    reduction = frame.printed_stage_meter("reduction")
    hot = reduction >= 0.05
    pen.text(" LIM ", ink.dim)
    pen.text(f"{-reduction:.1f}" if hot else "0.0", ink.hot if hot else ink.text, 5)


def _midi(pen: LinePen, frame: ScreenFrame) -> None:
    """A dot for each device: `●` while it sends; the last line of the bar has their names."""
    if frame.status.midi_error and frame.controllers_wanted:
        _field(pen, "MIDI", "▲ none", pen.ink.hot)
        return
    dots = "".join("●" if frame.is_active(port) else "○" for port in frame.status.midi)
    _field(pen, "MIDI", dots or "none", pen.ink.text if dots else pen.ink.dim)


def _input(pen: LinePen, frame: ScreenFrame) -> None:
    """Level of the live input, and whether it is open."""
    ink, is_open = pen.ink, frame.table[_INPUT_OPEN] > 0
    peak = level(10 ** (frame.stage_meter("input/peak") / 20))
    howls = frame.stage_meter("input/howls")
    pen.text(" │ ", ink.frame)
    pen.text("IN ", ink.dim)
    pen.put(meter(6, eighths(peak, 6), ink), 6)
    pen.text(decibel(peak), ink.hot if peak > -3 else ink.text, 6, right=True)
    gate = "" if frame.stage_meter("input/gate") or not is_open else " gated"
    pen.button(f" open{gate}" if is_open else " closed", ink.on if is_open else ink.dim, action="app.input")
    if howls:
        pen.text(f" ▲ feedback {howls:.0f}", ink.hot)


def _field(pen: LinePen, name: str, text: str, style: Style) -> None:
    pen.text(" │ ", pen.ink.frame)
    pen.text(f"{name} ", pen.ink.dim)
    pen.text(text, style)


def _take(pen: LinePen, frame: ScreenFrame, wide: bool, named: bool) -> None:
    ink = pen.ink
    rate, left = max(1.0, frame.stage_meter("rate")), frame.stage_meter("take/left")
    if frame.recording:
        pen.target(14, action="app.record")
        pen.text(" ● REC ", ink.alert)
        pen.text(f" {time(frame.stage_meter('take/frames') / rate)}", ink.bright)
        if named and frame.status.take:
            pen.text(" ", ink.text)
            stem = Path(frame.status.take).stem
            pen.text(stem, ink.text, min(len(stem), 16))
        if frame.status.stems:
            pen.text(f" +{frame.status.stems} st", ink.text)
        missed = frame.stage_meter("take/missed")
        if missed:
            pen.text(f" ▲ lost {missed / rate:.2f} s", ink.hot)
    else:
        pen.button("○ rec off", ink.dim, action="app.record")
    if left > 0:
        low = left < 600
        tail = " left" if wide or low else ""
        pen.text(f" {'▲ ' if low else ''}{span(left)}{tail}", ink.hot if low else ink.dim)


def _devices(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Audio device, MIDI devices by name with their activity, OSC, clock, mapping, set."""
    status, ink = frame.status, pen.ink
    device = status.device or "waiting for the stage…"
    missing = device.startswith("no ")
    if missing and "perform devices" not in device:
        device += "; see `perform devices`"
    parts = [(device, ink.dim)]
    if status.midi_error and not status.midi:
        parts.append((f"MIDI: {status.midi_error}", ink.mark if frame.controllers_wanted else ink.dim))
    parts += [
        (f"{'●' if frame.is_active(port) else '○'} {port}", ink.text if frame.is_active(port) else ink.dim)
        for port in status.midi
    ]
    if status.osc:
        parts.append((f"OSC {status.osc}", ink.dim))
    if status.clock_out:
        plays = "▶" if frame.stage_meter("clock/plays") else "■"
        parts.append((f"{plays} clock to {status.clock_out}", ink.dim))
    if status.mapping:
        others = f" +{status.other_mappings}" if status.other_mappings else ""
        parts.append((f"mapping {status.mapping}{others}", ink.dim))
    if status.set:
        parts.append((f"set {status.set}", ink.dim))
    for i, (text, style) in enumerate(parts):
        gap = " " if i == 0 else " │ "
        room = width - pen.x - len(gap)
        if room < 4:
            return
        pen.text(gap, ink.frame)
        pen.text(text, style, min(len(text), room))
